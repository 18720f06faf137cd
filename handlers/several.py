"""Several questions in one message: each gets its answer, in a message of its own.

They come in the order asked, save that an order comes last: it may need the customer's proof, and what
asks something back should stand where the eye rests. "Did this help?" is asked once, for all of them. A
question beside them that was not understood is named, in the customer's own words: silence would look as
if it had been answered.
"""

from __future__ import annotations

from dataclasses import replace

from bot.domain.decision import Decision, Send
from bot.domain.turn import Turn
from bot.domain.understanding import Question
from handlers import faq, order_status, reading
from handlers.care import Care
from handlers.saying import answer, human_button, topic_buttons

MOST_QUOTED = 80
"""Characters of a customer's question that are said back."""


async def answer_each(turn: Turn, care: Care) -> Decision:
    """Answer every question of the message that we have an answer to, and name the one we have none to."""
    found = reading.read(turn, care)
    known = tuple(intent for intent in found.options if care.knowledge.answer(intent, turn.language))
    order = reading.ORDER in found.options
    if found.unclear is not None and (known or order):
        return await _with_unclear(turn, care, known, found.unclear, order=order)
    *first, last = [*known, reading.ORDER] if order else known or found.options[-1:]
    sends, turn = _told(turn, care, tuple(first))
    return _after(sends, await _last(turn, care, last, tuple(first)))


async def _with_unclear(
    turn: Turn, care: Care, known: tuple[str, ...], unclear: Question, *, order: bool
) -> Decision:
    """The answers, then what was not understood, with what it may be; then the order, if one is asked for."""
    sends, answered = _told(turn, care, known)
    turn = replace(answered, chat=faq.answered(answered.chat, known))
    text = care.replies.get("several.unclear", turn.language, question=_quoted(turn, unclear))
    if not order:
        return _after(sends, _ask_again(turn, care, text, known, unclear))
    named = answer(turn, care, text)
    return _after((*sends, *named.sends), await order_status.start(replace(turn, chat=named.chat), care))


def _told(turn: Turn, care: Care, intents: tuple[str, ...]) -> tuple[tuple[Send, ...], Turn]:
    """The words of those answers, and the turn after them."""
    sends: tuple[Send, ...] = ()
    for intent in intents:
        entry = care.knowledge.answer(intent, turn.language)
        if entry is not None:
            told = faq.answer_first(turn, care, entry)
            sends, turn = (*sends, *told.sends), replace(turn, chat=told.chat)
    return sends, turn


def _ask_again(turn: Turn, care: Care, text: str, known: tuple[str, ...], unclear: Question) -> Decision:
    if faq.has_files(turn):
        text += "\n\n" + care.replies.get("attachment.kept", turn.language)
    likely = (guess for guess in unclear.ranking if guess.confidence >= care.thresholds.suggest_at)
    maybe = tuple(guess.intent for guess in likely if guess.intent not in known)
    buttons = (*topic_buttons(care, maybe, turn.language), human_button(care, turn.language))
    return answer(turn, care, text, buttons=buttons)


def _quoted(turn: Turn, asked: Question) -> str:
    words = " ".join(turn.text[asked.start : asked.end].split()).rstrip(" ?？")
    return words if len(words) <= MOST_QUOTED else words[: MOST_QUOTED - 1].rstrip() + "…"


def _after(sends: tuple[Send, ...], closing: Decision) -> Decision:
    return replace(closing, sends=(*sends, *closing.sends))


async def _last(turn: Turn, care: Care, intent: str, beside: tuple[str, ...]) -> Decision:
    if intent == reading.ORDER:
        return await order_status.start(replace(turn, chat=faq.answered(turn.chat, beside)), care)
    return await faq.answer_one(turn, care, intent, beside=beside)
