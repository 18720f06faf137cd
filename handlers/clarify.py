"""Two questions are equally likely: ask which one."""

from __future__ import annotations

from bot.domain.decision import Decision
from bot.domain.turn import Turn
from handlers import fallback, reading
from handlers.care import Care
from handlers.saying import answer, button, human_button, topic_buttons


async def did_you_mean(turn: Turn, care: Care) -> Decision:
    """Did you mean this, or that?"""
    options = reading.read(turn, care).options
    buttons = topic_buttons(care, options, turn.language)
    if reading.HUMAN in options:
        buttons = (*buttons, human_button(care, turn.language))
    if len(buttons) < 2:  # an entry was removed since the model was trained
        return await fallback.unsure(turn, care)
    text = care.replies.get("clarify.which", turn.language)
    none = button(care, "none", turn.language)
    return answer(turn, care, text, buttons=(*buttons, none), unsure=turn.chat.dialogue.unsure)
