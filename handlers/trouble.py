"""When something of ours went wrong, or too much comes at once: said once, honestly."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.conversation import HandoffReason
from bot.domain.decision import Decision
from bot.domain.turn import Turn
from handlers import handoff
from handlers.care import Care
from handlers.saying import answer, silent


async def sorry(turn: Turn, care: Care) -> Decision:
    """A handler of ours raised again and again: a person takes it.

    Reads as little as it can, since what it would read may be what fails.
    """
    opening = care.replies.get("handoff.error", turn.language)
    return await handoff.to_person(turn, care, opening, reason=HandoffReason.ERROR, team=care.default_team)


async def flooded(turn: Turn, care: Care) -> Decision:
    """Faster than anyone can be served: say so once, then wait for it to pass."""
    pace = turn.chat.pace
    if pace is None or pace.told:
        return silent(turn)
    chat = replace(turn.chat, pace=replace(pace, told=True))
    return answer(turn, care, care.replies.get("flood.told", turn.language), chat=chat)
