"""Frequently asked questions: the answer of the admin's file, and where to go from there."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.chat import Chat, Dialogue
from bot.domain.decision import Decision
from bot.domain.events import ButtonPress, CustomerMessage
from bot.domain.message import Button
from bot.domain.turn import Turn
from bot.ports.knowledge import Answer
from handlers import fallback, handoff, order_status, reading
from handlers.care import Care
from handlers.saying import answer, button, human_button, topic_buttons

MOST_TOPICS = 40
STUCK_AT = 3
"""The same question asked that often: our answer does not help."""


async def answer_faq(turn: Turn, care: Care) -> Decision:
    """Answer the question that was understood."""
    return await _answer(turn, care, reading.read(turn, care).intent)


async def answer_pressed(turn: Turn, care: Care) -> Decision:
    """Answer the question whose button was tapped."""
    intent = pressed_topic(turn)
    if intent == reading.ORDER:
        return await order_status.start(turn, care)
    return await _answer(turn, care, intent)


def pressed_topic(turn: Turn) -> str:
    """What stands after the colon in the button's id."""
    return turn.event.button.partition(":")[2] if isinstance(turn.event, ButtonPress) else ""


async def _answer(turn: Turn, care: Care, intent: str) -> Decision:
    entry = care.knowledge.answer(intent, turn.language)
    if entry is None:
        return await fallback.unsure(turn, care)
    if turn.chat.dialogue.topics.count(intent) >= STUCK_AT - 1:
        return handoff.offer(turn, care, "stuck.same_question")
    return _tell(turn, care, entry)


def _tell(turn: Turn, care: Care, entry: Answer) -> Decision:
    upset, asks = reading.is_upset(turn), may_ask_help(turn, entry.intent)
    text, buttons = entry.text, topic_buttons(care, entry.related, turn.language)
    if _has_files(turn):
        text += "\n\n" + care.replies.get("attachment.kept", turn.language)
    if asks:
        text += "\n\n" + care.replies.get("help.question", turn.language)
        buttons = (*_help_buttons(care, entry.intent, turn.language), *buttons)
    if upset or _has_files(turn):
        buttons = (*buttons, human_button(care, turn.language))
    return answer(
        turn,
        care,
        text,
        chat=_answered(turn.chat, entry.intent),
        buttons=buttons,
        topic=entry.intent,
        awaiting="help" if asks else None,
    )


def may_ask_help(turn: Turn, intent: str) -> bool:
    """Whether "did this help?" is in place: once a topic, not to the angry, not after a person."""
    chat = turn.chat
    met_a_person = chat.dialogue.slot("after_person") or (chat.conversation and chat.conversation.last_agent)
    return intent not in chat.dialogue.topics and not met_a_person and not reading.is_upset(turn)


def _answered(chat: Chat, intent: str) -> Chat:
    dialogue: Dialogue = chat.dialogue.with_slot("help_topic", intent)
    dialogue = replace(dialogue, topics=(*dialogue.topics, intent)[-MOST_TOPICS:])
    return replace(chat, dialogue=dialogue)


def _help_buttons(care: Care, intent: str, language: str) -> tuple[Button, ...]:
    return button(care, "yes", language, f"yes:{intent}"), button(care, "no", language, f"no:{intent}")


def _has_files(turn: Turn) -> bool:
    return isinstance(turn.event, CustomerMessage) and bool(turn.event.attachments)
