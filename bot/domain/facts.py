"""What the log keeps: one immutable record a fact. Every number shown anywhere comes from these."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.conversation import HandoffReason, Outcome
from bot.domain.events import ReceiptStatus
from bot.domain.identity import ChatId
from bot.domain.message import Attachment, Author
from bot.domain.understanding import Entity, Explanation, Guess, Question


class MessageKind(StrEnum):
    """What sort of message a logged one is."""

    TEXT = "text"
    PRESS = "press"
    COMMAND = "command"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageLogged:
    """Somebody said something. ``text`` is kept apart, in a row that can be erased."""

    message_id: str
    author: Author
    author_id: str = ""
    author_name: str = ""
    text: str = ""
    kind: MessageKind = MessageKind.TEXT
    language: str | None = None
    reply_to: str | None = None
    attachments: tuple[Attachment, ...] = ()
    topic: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEdited:
    """The text of a message changed."""

    message_id: str
    author: Author
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDeleted:
    """A message was taken back."""

    message_id: str
    author: Author


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """What the NLU made of a message. ``ms`` is 0 for a cache hit; ``handler`` is who took it.

    ``questions`` and ``explanation`` are as in an ``Understanding``, shortened.
    """

    message_id: str
    intent: str
    confidence: float
    ranking: tuple[Guess, ...]
    entities: tuple[Entity, ...]
    ms: float
    handler: str
    questions: tuple[Question, ...] = ()
    explanation: Explanation | None = None


class Episode(StrEnum):
    """What happened to a conversation."""

    OPENED = "opened"
    REOPENED = "reopened"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationChanged:
    """A conversation opened, reopened or closed. ``contact_id`` is the person it is with."""

    change: Episode
    contact_id: str
    language: str | None = None
    outcome: Outcome | None = None


class HandoffStep(StrEnum):
    """What happened on the way to, with and from a person."""

    REQUESTED = "requested"
    ESCALATED = "escalated"
    ASSIGNED = "assigned"
    CLAIMED = "claimed"
    TAKEN_OVER = "taken_over"
    REQUEUED = "requeued"
    SNOOZED = "snoozed"
    RELEASED = "released"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoffChanged:
    """One step of a handoff."""

    step: HandoffStep
    reason: HandoffReason | None = None
    team: str | None = None
    urgent: bool = False
    intent: str | None = None
    agent_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptLogged:
    """The fate of an outgoing message at a destination, after ``attempts`` tries."""

    message_id: str
    destination: str
    status: ReceiptStatus
    attempts: int = 1
    platform_id: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackGiven:
    """The customer said whether an answer helped."""

    topic: str
    helped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """The customer rated the conversation: ``score`` from 1 to 5. ``agent_id`` is who had it last.

    Why they gave it, if they say, is the message ``reason_id``: a second fact then repeats the score.
    """

    score: int
    agent_id: str | None = None
    team: str | None = None
    reason_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """A member of staff did what must be accounted for: ``action`` is ``reveal`` …, ``subject`` on what."""

    action: str
    agent_id: str
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """An agent proposed something for the bot to learn. Texts are a person's: kept apart, erasable."""

    agent_id: str
    agent_name: str = ""
    intent: str = ""
    question: str = ""
    answer: str = ""
    language: str = ""
    message_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorLogged:
    """Something failed that a person should know of. Never holds message text."""

    where: str
    error: str
    detail: str = ""


FactBody = (
    MessageLogged
    | MessageEdited
    | MessageDeleted
    | Understood
    | ConversationChanged
    | HandoffChanged
    | ReceiptLogged
    | FeedbackGiven
    | Rated
    | Audited
    | Proposed
    | ErrorLogged
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A record of the log. ``id`` is derived from what caused it, so a retry writes it once.

    ``model`` is the NLU model that understood the message this fact follows from, if any.
    """

    id: str
    at: datetime
    chat: ChatId
    conversation: str | None
    body: FactBody
    model: str | None = None
