"""Frequently asked questions: the answer of the admin's file, and where to go from there."""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest

from bot.domain.chat import Chat, Dialogue
from bot.domain.decision import Decision, Send
from bot.domain.events import ButtonPress, CustomerMessage
from bot.domain.message import Button
from bot.domain.outgoing import MessageOut
from bot.domain.turn import Turn
from bot.ports.knowledge import Answer
from handlers import fallback, handoff, order_status, reading
from handlers.care import Care
from handlers.saying import MAX_BUTTON_BYTES, answer, button, human_button, topic_buttons

MOST_TOPICS = 40
BOTH = "+"
"""Between two topics in the id of a button that is about both."""
STUCK_AT = 3
"""The same question asked that often: our answer does not help."""


async def answer_faq(turn: Turn, care: Care) -> Decision:
    """Answer the question that was understood."""
    return await answer_one(turn, care, reading.read(turn, care).intent)


async def answer_pressed(turn: Turn, care: Care) -> Decision:
    """Answer the question whose button was tapped."""
    intent = pressed_topic(turn)
    if intent == reading.ORDER:
        return await order_status.start(turn, care)
    return await answer_one(turn, care, intent)


def pressed_topic(turn: Turn) -> str:
    """What stands after the colon in the button's id."""
    return turn.event.button.partition(":")[2] if isinstance(turn.event, ButtonPress) else ""


async def answer_one(turn: Turn, care: Care, intent: str, *, beside: tuple[str, ...] = ()) -> Decision:
    """Answer a question; ``beside`` are those of the same message that were answered just before."""
    entry = care.knowledge.answer(intent, turn.language)
    if entry is None:
        return await fallback.unsure(turn, care)
    if turn.chat.dialogue.topics.count(intent) >= STUCK_AT - 1:
        return handoff.offer(turn, care, "stuck.same_question")
    return _tell(turn, care, entry, beside)


def answer_first(turn: Turn, care: Care, entry: Answer) -> Decision:
    """Only the words: of several questions, nothing is asked back and nothing offered before the last."""
    return answer(turn, care, entry.text, topic=entry.intent)


def _tell(turn: Turn, care: Care, entry: Answer, beside: tuple[str, ...]) -> Decision:
    topics = (*beside, entry.intent)
    upset, asks = reading.is_upset(turn, care.thresholds), may_ask_help(turn, care, topics)
    text, buttons = entry.text, topic_buttons(care, _related(care, topics, turn.language), turn.language)
    if has_files(turn):
        text += "\n\n" + care.replies.get("attachment.kept", turn.language)
    if asks:
        text += "\n\n" + care.replies.get("help.both" if beside else "help.question", turn.language)
        buttons = (*_help_buttons(care, topics, turn.language), *buttons)
    if upset or has_files(turn):
        buttons = (*buttons, human_button(care, turn.language))
    return answer(
        turn,
        care,
        text,
        chat=answered(turn.chat, topics),
        buttons=buttons,
        topic=entry.intent,
        awaiting="help" if asks else None,
    )


def may_ask_help(turn: Turn, care: Care, topics: tuple[str, ...]) -> bool:
    """Whether "did this help?" is in place: once a topic, not to the angry, not after a person."""
    chat = turn.chat
    met_a_person = chat.dialogue.slot("after_person") or (chat.conversation and chat.conversation.last_agent)
    if met_a_person or reading.is_upset(turn, care.thresholds):
        return False
    return set(topics).isdisjoint(chat.dialogue.topics) and _fits(topics)


def _fits(topics: tuple[str, ...]) -> bool:
    return len(f"yes:{BOTH.join(topics)}".encode()) <= MAX_BUTTON_BYTES


def _related(care: Care, topics: tuple[str, ...], language: str) -> tuple[str, ...]:
    """What people ask next, after each answer in turn."""
    entries = (care.knowledge.answer(topic, language) for topic in topics)
    in_turn = zip_longest(*(entry.related for entry in entries if entry))
    return tuple(intent for row in in_turn for intent in row if intent and intent not in topics)


def answered(chat: Chat, topics: tuple[str, ...]) -> Chat:
    """The chat once those were answered."""
    dialogue: Dialogue = chat.dialogue.with_slot("help_topic", BOTH.join(topics))
    dialogue = replace(dialogue, topics=(*dialogue.topics, *topics)[-MOST_TOPICS:])
    return replace(chat, dialogue=dialogue)


def _help_buttons(care: Care, topics: tuple[str, ...], language: str) -> tuple[Button, ...]:
    about = BOTH.join(topics)
    return button(care, "yes", language, f"yes:{about}"), button(care, "no", language, f"no:{about}")


def has_files(turn: Turn) -> bool:
    """Whether the customer sent files with the message."""
    return isinstance(turn.event, CustomerMessage) and bool(turn.event.attachments)


# --- while the customer waits for a person -------------------------------------------------


def may_answer_waiting(turn: Turn, care: Care) -> bool:
    """Whether all that is asked may be answered to somebody who waits: entries marked so, of a team that
    wants it, and nothing else is wrong."""
    return bool(_harmless(turn, care, _asked(turn, care)))


async def answer_waiting(turn: Turn, care: Care) -> Decision:
    """Answer, as the automatic assistant that it is; the customer keeps their place in the queue."""
    return _tell_waiting(turn, care, _harmless(turn, care, _asked(turn, care)))


async def pressed_while_waiting(turn: Turn, care: Care) -> Decision:
    """A question's button tapped while waiting: answered like one that was typed."""
    entries = _harmless(turn, care, (pressed_topic(turn),))
    return _tell_waiting(turn, care, entries) if entries else await handoff.acknowledge(turn, care)


def _asked(turn: Turn, care: Care) -> tuple[str, ...]:
    found = reading.read(turn, care)
    if found.kind is reading.Kind.SEVERAL:
        return () if found.unclear else found.options
    return (found.intent,) if found.kind is reading.Kind.SURE else ()


def _harmless(turn: Turn, care: Care, asked: tuple[str, ...]) -> tuple[Answer, ...]:
    """The entries that answer all of it, or none."""
    current = turn.chat.conversation.handoff if turn.chat.conversation else None
    if current is None or current.urgent or has_files(turn) or reading.is_upset(turn, care.thresholds):
        return ()
    if not care.teams.of(current.team).answer_while_waiting:
        return ()
    entries = tuple(care.knowledge.answer(intent, turn.language) for intent in asked)
    found = tuple(entry for entry in entries if entry is not None and entry.while_waiting)
    return found if len(found) == len(asked) else ()


def _tell_waiting(turn: Turn, care: Care, entries: tuple[Answer, ...]) -> Decision:
    text = "\n\n".join(entry.text for entry in entries)
    said = care.replies.get("waiting.answer", turn.language, answer=text)
    # The bot's own words: dropped if a person claims first.
    message = MessageOut(text=said, topic=entries[-1].intent)
    chat = answered(turn.chat, tuple(entry.intent for entry in entries))
    return Decision(chat=chat, sends=(Send(payload=message),))
