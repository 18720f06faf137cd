"""How was it? Asked once, when an agent says that a conversation is done; silence is respected.

The rating, the reason a customer may add, and mere thanks belong to the conversation that ended: they open
none. A reason that is plainly something else (an emergency, a question, a greeting, the wish for a person) is
a message like any other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.chat import Chat, Speaker
from bot.domain.conversation import Conversation, Outcome
from bot.domain.decision import Decision
from bot.domain.events import ButtonPress, CustomerMessage, Event
from bot.domain.facts import Rated
from bot.domain.message import Author, Button, Line
from bot.domain.outgoing import Alert, CaseAlert, CaseLine
from bot.domain.turn import Turn
from bot.domain.understanding import Understanding
from handlers import reading
from handlers.care import Care, Thresholds
from handlers.reading import Kind
from handlers.saying import notice, silent
from handlers.service_level import LAST_TEAM

RATE, SKIP = "rate", "rate_skip"
REASON = "rating_reason"
"""What is awaited after a rating."""
RATED_AT = "rated_at"
SCORES = range(1, 6)
RATE_WITHIN = timedelta(days=3)
"""A conversation can be rated, and the rating changed, for that long after its end."""
REASON_WITHIN = timedelta(minutes=10)
THANKS_WITHIN = timedelta(hours=24)
MERE_THANKS = 2
"""Words: "merci beaucoup" gives no reason."""
THANKED, THANKED_EVERY = "thanked", timedelta(minutes=10)
_TAIL = 8


def question(turn: Turn, care: Care) -> tuple[str, tuple[Button, ...]]:
    """The question and its buttons, for the last line of whoever resolves the conversation of this turn;
    empty if it was rated before (and reopened since)."""
    conversation = turn.chat.conversation
    if conversation is None or conversation.rating is not None:
        return "", ()
    buttons = tuple(
        Button(
            id=f"{RATE}:{score}:{_tail(conversation)}",
            label=care.replies.get(f"rating.label_{score}", turn.language),
        )
        for score in reversed(SCORES)
    )
    return care.replies.get("rating.ask", turn.language), buttons


async def rate(turn: Turn, care: Care) -> Decision:
    """The customer tapped a rating after the end: thank them, and ask why."""
    conversation, score = turn.chat.conversation, _score(turn)
    if conversation is None or score is None or not _can_be_rated(turn, conversation):
        return await too_late(turn, care)
    if conversation.rating == score:
        return silent(turn)
    dialogue = turn.chat.dialogue.with_slot(RATED_AT, turn.now.isoformat())
    chat = replace(
        turn.chat,
        conversation=replace(conversation, rating=score),
        dialogue=replace(dialogue, awaiting=REASON),
    )
    key = "rating.thanks_high" if score > 3 else "rating.thanks_low"
    skip = Button(id=SKIP, label=care.replies.get("rating.skip", turn.language))
    told = notice(turn, care.replies.get(key, turn.language), chat=chat, buttons=(skip,))
    return replace(told, facts=(_rated(chat, score),), desk=(_alert(chat, care, score),))


async def skip(turn: Turn, care: Care) -> Decision:
    """No reason: that is fine."""
    if turn.chat.dialogue.awaiting != REASON:
        return silent(turn)
    chat = replace(turn.chat, dialogue=replace(turn.chat.dialogue, awaiting=None))
    return notice(turn, care.replies.get("rating.skipped", turn.language), chat=chat)


async def afterwards(turn: Turn, care: Care) -> Decision:
    """What a customer writes after the end and belongs to it: their thanks, or why they gave that rating.
    Those who served them see it."""
    event, conversation = turn.event, turn.chat.conversation
    if not isinstance(event, CustomerMessage) or conversation is None:
        return silent(turn)
    if has_closing_words(turn, care.thresholds) and not _praises(event, turn.chat):
        return _thanked(turn, care, event)
    score = conversation.rating
    if score is None:
        return silent(turn)
    chat = replace(turn.chat, dialogue=replace(turn.chat.dialogue, awaiting=None))
    told = notice(turn, care.replies.get("rating.reason_kept", turn.language), chat=chat)
    facts = (_rated(chat, score, event.message_id),)
    return replace(told, facts=facts, desk=(_shown(turn, event),))


def _praises(event: CustomerMessage, chat: Chat) -> bool:
    """Whether kind words are the reason that is awaited: "quick and friendly", not "thanks"."""
    return _is_reason_awaited(event, chat) and len(event.text.split()) > MERE_THANKS


def _thanked(turn: Turn, care: Care, event: CustomerMessage) -> Decision:
    last = turn.chat.dialogue.slot(THANKED)
    if last is not None and turn.now - datetime.fromisoformat(last) < THANKED_EVERY:
        return replace(silent(turn), desk=(_shown(turn, event),))
    chat = replace(turn.chat, dialogue=turn.chat.dialogue.with_slot(THANKED, turn.now.isoformat()))
    told = notice(turn, care.replies.get("small_talk.thanks", turn.language), chat=chat)
    return replace(told, desk=(_shown(turn, event),))


def _shown(turn: Turn, event: CustomerMessage) -> CaseLine:
    line = Line(event.message_id, Author.CUSTOMER, event.text, event.at, author_name=event.profile.name)
    return CaseLine(line=line, language=turn.language)


async def too_late(turn: Turn, care: Care) -> Decision:
    """A rating that cannot be taken (any more): of an earlier conversation, or one that goes on."""
    key = "rating.too_late" if turn.chat.speaker is Speaker.CLOSED else "rating.goes_on"
    return notice(turn, care.replies.get(key, turn.language))


# --- what belongs to the end of a conversation ---------------------------------------------


def is_aside(event: Event, chat: Chat) -> bool:
    """Whether an event after the end may belong to that end. A text may yet turn out to be more."""
    if chat.speaker is not Speaker.CLOSED:
        return False
    if isinstance(event, ButtonPress):
        return event.button.partition(":")[0] in (RATE, SKIP)
    if not isinstance(event, CustomerMessage) or event.attachments or event.album:
        return False
    return bool(event.text.strip()) and (_is_reason_awaited(event, chat) or _may_thank(event, chat))


def aside(thresholds: Thresholds) -> Callable[[Event, Chat, Understanding | None], bool]:
    """``is_aside`` for the engine, which asks again once it is known what a text means."""

    def belongs(event: Event, chat: Chat, understanding: Understanding | None) -> bool:
        if understanding is None or not is_aside(event, chat):
            return is_aside(event, chat)
        turn = Turn(event=event, chat=chat, now=event.at, understanding=understanding)
        if not isinstance(event, CustomerMessage) or has_closing_words(turn, thresholds):
            return True
        return _is_reason_awaited(event, chat) and not _is_more(reading.meaning(turn, thresholds))

    return belongs


def has_closing_words(turn: Turn, thresholds: Thresholds) -> bool:
    """Whether the customer only thanks, or says goodbye."""
    if not isinstance(turn.event, CustomerMessage) or turn.event.attachments:
        return False
    found = reading.meaning(turn, thresholds)
    return found.kind is Kind.GLAD or (found.kind is Kind.SURE and found.intent in ("thanks", "goodbye"))


def _is_more(found: reading.Reading) -> bool:
    """Whether a message is more than the reason of a rating. (A complaint is a reason like any other; who
    greets begins anew.)
    """
    if found.kind in (Kind.PROTECTED, Kind.SEVERAL):
        return True
    asking = (reading.ORDER, reading.HUMAN, reading.GREETING)
    asks = found.intent.startswith(reading.FAQ) or found.intent in asking
    return found.kind is Kind.SURE and asks


def _is_reason_awaited(event: Event, chat: Chat) -> bool:
    rated_at = chat.dialogue.slot(RATED_AT) if chat.dialogue.awaiting == REASON else None
    return rated_at is not None and event.at - datetime.fromisoformat(rated_at) <= REASON_WITHIN


def _may_thank(event: Event, chat: Chat) -> bool:
    """Whether an agent's last line is what the customer may just say thanks for."""
    last = chat.conversation
    if last is None or last.outcome is not Outcome.RESOLVED_BY_AGENT or last.closed_at is None:
        return False
    return event.at - last.closed_at <= THANKS_WITHIN


def _can_be_rated(turn: Turn, conversation: Conversation) -> bool:
    if turn.chat.speaker is not Speaker.CLOSED or conversation.outcome is not Outcome.RESOLVED_BY_AGENT:
        return False
    about = _parts(turn)[2]
    if about and about != _tail(conversation):
        return False
    return conversation.closed_at is not None and turn.now - conversation.closed_at <= RATE_WITHIN


def _score(turn: Turn) -> int | None:
    said = _parts(turn)[1]
    return int(said) if said in map(str, SCORES) else None


def _parts(turn: Turn) -> tuple[str, str, str]:
    """``rate``, the score, and the end of the conversation's id, of a button's id."""
    pressed = turn.event.button if isinstance(turn.event, ButtonPress) else ""
    name, _, rest = pressed.partition(":")
    score, _, about = rest.partition(":")
    return name, score, about


def _tail(conversation: Conversation) -> str:
    return conversation.id[-_TAIL:]


def _rated(chat: Chat, score: int, reason_id: str | None = None) -> Rated:
    agent = chat.conversation.last_agent if chat.conversation else None
    return Rated(
        score=score,
        agent_id=agent.id if agent else None,
        team=chat.mark(LAST_TEAM),
        reason_id=reason_id,
    )


def _alert(chat: Chat, care: Care, score: int) -> CaseAlert:
    agent = chat.conversation.last_agent if chat.conversation else None
    team = chat.mark(LAST_TEAM) or care.default_team
    return CaseAlert(kind=Alert.RATED, team=team, agent=agent, detail=str(score))
