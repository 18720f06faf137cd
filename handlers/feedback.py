"""Did this help?"""

from __future__ import annotations

from dataclasses import replace

from bot.domain.chat import Chat
from bot.domain.conversation import HandoffReason
from bot.domain.decision import Decision
from bot.domain.events import ButtonPress
from bot.domain.facts import FeedbackGiven
from bot.domain.turn import Turn
from handlers import handoff
from handlers.care import Care
from handlers.saying import answer, menu_buttons

UNHELPED = "unhelped"
STUCK_AT = 2
"""That many answers of a conversation that did not help: a person takes it."""


async def helped(turn: Turn, care: Care) -> Decision:
    """It did: thank you."""
    topic = _topic(turn, care)
    text = care.replies.get("help.yes", turn.language)
    return answer(
        turn, care, text, chat=_told(turn.chat, topic), confirmed=True, facts=_facts(turn, topic, helped=True)
    )


async def not_helped(turn: Turn, care: Care) -> Decision:
    """It did not: say sorry, offer a person; the second time, get one."""
    topic = _topic(turn, care)
    facts = _facts(turn, topic, helped=False)
    chat = replace(turn.chat, dialogue=turn.chat.dialogue.with_failure(UNHELPED))
    chat = _told(chat, topic)
    if chat.dialogue.failed(UNHELPED) >= STUCK_AT:
        opening = care.replies.get("handoff.stuck", turn.language)
        return handoff.to_person(
            turn, care, opening, reason=HandoffReason.UNSURE, chat=chat, topic=topic, facts=facts
        )
    return handoff.offer(turn, care, "help.no", chat=chat, facts=facts)


async def noted(turn: Turn, care: Care) -> Decision:
    """A tap on an old button while a person is there: logged, and nothing is said."""
    topic = _topic(turn, care)
    helped = isinstance(turn.event, ButtonPress) and turn.event.button.startswith("yes:")
    return Decision(chat=_told(turn.chat, topic), facts=_facts(turn, topic, helped=helped))


async def forgotten_button(turn: Turn, care: Care) -> Decision:
    """A button nobody knows (any more)."""
    text = care.replies.get("button_gone.text", turn.language)
    return answer(turn, care, text, buttons=menu_buttons(care, turn.language))


def _topic(turn: Turn, care: Care) -> str:
    """The topic of the button or of the question asked last; empty when there is no such entry."""
    if isinstance(turn.event, ButtonPress) and ":" in turn.event.button:
        topic = turn.event.button.partition(":")[2]
    else:
        topic = turn.chat.dialogue.slot("help_topic") or ""
    return topic if care.knowledge.answer(topic, turn.language) else ""


def _facts(turn: Turn, topic: str, *, helped: bool) -> tuple[FeedbackGiven, ...]:
    # Tapping twice is one opinion.
    if not topic or topic in _voted(turn.chat):
        return ()
    return (FeedbackGiven(topic=topic, helped=helped),)


def _voted(chat: Chat) -> tuple[str, ...]:
    return tuple((chat.dialogue.slot("voted") or "").split())


def _told(chat: Chat, topic: str) -> Chat:
    if not topic or topic in _voted(chat):
        return chat
    voted = " ".join((*_voted(chat), topic))
    return replace(chat, dialogue=chat.dialogue.with_slot("voted", voted))
