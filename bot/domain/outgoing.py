"""What leaves: messages to customers, updates to desks, files to fetch, emails."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

from bot.domain.conversation import HandoffReason
from bot.domain.events import ReceiptStatus
from bot.domain.identity import Agent, ChatId, Profile
from bot.domain.message import Attachment, Author, Button, Line
from bot.domain.understanding import Guess


class Priority(IntEnum):
    """Who goes first when a destination is slow."""

    CUSTOMER = 0
    FAILURE = 1
    CARD = 2
    TICK = 3


# --- to the customer -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageOut:
    """A message to the customer.

    ``message_id`` and ``reply_to`` are stamped by the engine. The first message of a turn with
    ``answers`` set is the reply to the customer's message. ``topic`` is the intent it answers.
    ``lasting``: sent even if somebody else speaks by then (emergency numbers, what happens next).
    """

    text: str
    author: Author = Author.BOT
    author_name: str = ""
    author_id: str = ""
    buttons: tuple[Button, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    answers: bool = True
    topic: str | None = None
    lasting: bool = False
    message_id: str = ""
    reply_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EditOut:
    """Change a message sent before."""

    message_id: str
    author: Author
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteOut:
    """Take a message back."""

    message_id: str
    author: Author


# --- to a desk -----------------------------------------------------------------------------


class CaseState(StrEnum):
    """Where a case is."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    RELEASED = "released"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseCard:
    """The head of a conversation at a desk: shown, or changed in place.

    ``guesses`` are the bot's best intents for the customer's last message, each of its questions
    first; ``recent`` what was said last.
    """

    state: CaseState
    profile: Profile
    channel: str
    language: str
    since: datetime
    reason: HandoffReason
    team: str
    urgent: bool = False
    intent: str | None = None
    agent: Agent | None = None
    guesses: tuple[Guess, ...] = ()
    recent: tuple[Line, ...] = ()
    reopened: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseLine:
    """One message, for the conversation's thread. ``note`` marks an internal one."""

    line: Line
    note: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseEdit:
    """A message in the thread changed."""

    message_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseDelete:
    """A message in the thread was taken back."""

    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFate:
    """What became of an agent's reply."""

    message_id: str
    status: ReceiptStatus
    detail: str = ""


# --- elsewhere -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFetch:
    """Fetch an attachment from its platform into the media store."""

    message_id: str
    attachment: Attachment


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeEmail:
    """Write to a customer who left the web chat that an answer waits for them."""

    to: str
    language: str


CustomerPayload = MessageOut | EditOut | DeleteOut
DeskPayload = CaseCard | CaseLine | CaseEdit | CaseDelete | CaseFate
Payload = CustomerPayload | DeskPayload | MediaFetch | ResumeEmail


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """An outbox entry.

    ``epoch`` is the chat's when it was written: a message of the bot with an older epoch than
    the chat's is dropped. ``not_before`` delays it (undo). Entries with the same ``coalesce``
    key may be joined under a rate limit. ``receipt`` asks for a Receipt event.
    """

    id: str
    destination: str
    chat: ChatId
    conversation: str | None
    epoch: int
    at: datetime
    payload: Payload
    priority: Priority = Priority.CUSTOMER
    not_before: datetime | None = None
    coalesce: str | None = None
    receipt: bool = False

    @property
    def yields(self) -> bool:
        """Whether a change of speaker makes this obsolete: only what the bot says does, and not
        all of that."""
        said = self.payload
        return isinstance(said, MessageOut) and said.author is Author.BOT and not said.lasting
