"""Did this help?"""

from __future__ import annotations

from dataclasses import replace

from bot.domain.chat import Chat
from bot.domain.conversation import HandoffReason
from bot.domain.decision import Decision
from bot.domain.events import ButtonPress
from bot.domain.facts import FeedbackGiven
from bot.domain.turn import Turn
from handlers import faq, handoff
from handlers.care import Care
from handlers.saying import answer, menu_buttons

UNHELPED = "unhelped"
STUCK_AT = 2
"""That many answers of a conversation that did not help: a person takes it."""
MOST_TOPICS = 2
"""Questions one answer can be to."""


async def helped(turn: Turn, care: Care) -> Decision:
    """It did: thank you."""
    topics = _topics(turn, care)
    text, chat = care.replies.get("help.yes", turn.language), _told(turn.chat, topics)
    return answer(turn, care, text, chat=chat, confirmed=True, facts=_facts(turn, topics, helped=True))


async def not_helped(turn: Turn, care: Care) -> Decision:
    """It did not: say sorry, offer a person; the second time, get one."""
    topics = _topics(turn, care)
    facts, topic = _facts(turn, topics, helped=False), topics[-1] if topics else None
    chat = replace(turn.chat, dialogue=turn.chat.dialogue.with_failure(UNHELPED))
    chat = _told(chat, topics)
    if chat.dialogue.failed(UNHELPED) >= STUCK_AT:
        opening = care.replies.get("handoff.stuck", turn.language)
        return await handoff.to_person(
            turn, care, opening, reason=HandoffReason.UNSURE, chat=chat, topic=topic, facts=facts
        )
    return handoff.offer(turn, care, "help.no", chat=chat, facts=facts)


async def noted(turn: Turn, care: Care) -> Decision:
    """A tap on an old button while a person is there: logged, and nothing is said."""
    topics = _topics(turn, care)
    helped = isinstance(turn.event, ButtonPress) and turn.event.button.startswith("yes:")
    return Decision(chat=_told(turn.chat, topics), facts=_facts(turn, topics, helped=helped))


async def forgotten_button(turn: Turn, care: Care) -> Decision:
    """A button nobody knows (any more)."""
    text = care.replies.get("button_gone.text", turn.language)
    return answer(turn, care, text, buttons=menu_buttons(care, turn.language))


def _topics(turn: Turn, care: Care) -> tuple[str, ...]:
    """The topics of the button, or of the question asked last, that (still) exist: two when the answer
    was to two questions."""
    if isinstance(turn.event, ButtonPress) and ":" in turn.event.button:
        about = turn.event.button.partition(":")[2]
    else:
        about = turn.chat.dialogue.slot("help_topic") or ""
    named = dict.fromkeys(about.split(faq.BOTH)[:MOST_TOPICS])
    return tuple(topic for topic in named if care.knowledge.answer(topic, turn.language))


def _facts(turn: Turn, topics: tuple[str, ...], *, helped: bool) -> tuple[FeedbackGiven, ...]:
    # Tapping twice is one opinion. "No" to two answers counts against both: which one was not said, and
    # we do not claim to have helped.
    voted = _voted(turn.chat)
    return tuple(FeedbackGiven(topic=topic, helped=helped) for topic in topics if topic not in voted)


def _voted(chat: Chat) -> tuple[str, ...]:
    return tuple((chat.dialogue.slot("voted") or "").split())


def _told(chat: Chat, topics: tuple[str, ...]) -> Chat:
    voted = " ".join(dict.fromkeys((*_voted(chat), *topics)))
    return replace(chat, dialogue=chat.dialogue.with_slot("voted", voted or None))
