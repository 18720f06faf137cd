"""Several questions in one message: each gets its answer, in a message of its own.

They come in the order asked, save that an order comes last: it may need the customer's proof, and what
asks something back should stand where the eye rests. "Did this help?" is asked once, for all of them.
"""

from __future__ import annotations

from dataclasses import replace

from bot.domain.decision import Decision, Send
from bot.domain.turn import Turn
from handlers import faq, order_status, reading
from handlers.care import Care


async def answer_each(turn: Turn, care: Care) -> Decision:
    """Answer every question of the message that we have an answer to."""
    asked = reading.read(turn, care).options
    known = [intent for intent in asked if care.knowledge.answer(intent, turn.language)]
    *first, last = [*known, reading.ORDER] if reading.ORDER in asked else known or asked[-1:]
    sends: tuple[Send, ...] = ()
    for intent in first:
        entry = care.knowledge.answer(intent, turn.language)
        if entry is not None:
            told = faq.answer_first(turn, care, entry)
            sends, turn = (*sends, *told.sends), replace(turn, chat=told.chat)
    closing = await _last(turn, care, last, tuple(first))
    return replace(closing, sends=(*sends, *closing.sends))


async def _last(turn: Turn, care: Care, intent: str, beside: tuple[str, ...]) -> Decision:
    if intent == reading.ORDER:
        return await order_status.start(replace(turn, chat=faq.answered(turn.chat, beside)), care)
    return await faq.answer_one(turn, care, intent, beside=beside)
