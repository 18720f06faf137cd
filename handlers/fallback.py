"""Not understood: rephrase with suggestions, then offer a person, then get one."""

from __future__ import annotations

from bot.domain.conversation import HandoffReason
from bot.domain.decision import Decision
from bot.domain.turn import Turn
from handlers import handoff, reading
from handlers.care import Care
from handlers.saying import answer, human_button, menu_buttons, topic_buttons


async def unsure(turn: Turn, care: Care) -> Decision:
    """We did not understand."""
    return await climb(turn, care, "fallback.rephrase", reading.read(turn, care).options)


async def out_of_scope(turn: Turn, care: Care) -> Decision:
    """We understood that it is not ours to answer."""
    return await climb(turn, care, "fallback.out_of_scope", care.menu[:3])


async def none_of_these(turn: Turn, care: Care) -> Decision:
    """None of the questions we guessed."""
    return await climb(turn, care, "fallback.none_of_these", ())


async def wordless(turn: Turn, care: Care) -> Decision:
    """Emoji, punctuation, a sticker: nothing we can read."""
    return await climb(turn, care, "fallback.wordless", care.menu[:3])


async def menu(turn: Turn, care: Care) -> Decision:
    """What can you do?"""
    text = care.replies.get("command.help", turn.language)
    return answer(turn, care, text, buttons=menu_buttons(care, turn.language))


async def climb(
    turn: Turn, care: Care, key: str, suggestions: tuple[str, ...], *, awaiting: str | None = None
) -> Decision:
    """One step up: ``key`` first, an offer the second time in a row, a person the third."""
    times = turn.chat.dialogue.unsure + 1
    if times >= 3:
        opening = care.replies.get("handoff.unsure", turn.language)
        return await handoff.to_person(turn, care, opening, reason=HandoffReason.UNSURE)
    if times == 2:
        return handoff.offer(turn, care, "fallback.offer", unsure=times)
    buttons = (*topic_buttons(care, suggestions, turn.language), human_button(care, turn.language))
    text = care.replies.get(key, turn.language)
    return answer(turn, care, text, buttons=buttons, unsure=times, awaiting=awaiting)
