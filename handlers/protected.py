"""What a bot must never handle alone: fixed wording, and a named team at once."""

from __future__ import annotations

from bot.domain.chat import Speaker
from bot.domain.conversation import HandoffReason
from bot.domain.decision import Decision
from bot.domain.message import Author
from bot.domain.turn import Turn
from handlers import handoff, reading
from handlers.care import Care
from handlers.saying import notice


async def escalate(turn: Turn, care: Care) -> Decision:
    """Say the approved words and raise the alarm; never "did this help?"."""
    intent = reading.read(turn, care).intent
    wording = care.replies.get(f"protected.{intent}", turn.language)
    if turn.chat.speaker is Speaker.WAITING and not _graver(turn, intent):
        return await _repeated(turn, care, intent, wording)
    return await handoff.to_person(
        turn,
        care,
        wording,
        reason=HandoffReason.PROTECTED,
        team=care.team_of(intent, turn.language),
        urgent=True,
        intent=intent,
    )


async def _repeated(turn: Turn, care: Care, intent: str, wording: str) -> Decision:
    """The alarm rings already: say what has not been said, and otherwise only that we read it."""
    if _alarm(turn) == intent:
        return await handoff.acknowledge(turn, care)
    return notice(turn, wording, author=Author.BOT)


def _graver(turn: Turn, intent: str) -> bool:
    alarm = _alarm(turn)
    return alarm is None or reading.PROTECTED.index(intent) < reading.PROTECTED.index(alarm)


def _alarm(turn: Turn) -> str | None:
    """The protected intent this chat waits for already."""
    current = turn.chat.conversation.handoff if turn.chat.conversation else None
    if current is None or not current.urgent or current.intent not in reading.PROTECTED:
        return None
    return current.intent
