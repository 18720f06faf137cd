"""What leaves: messages to customers, updates to desks, files to fetch, emails."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

from bot.domain.conversation import HandoffReason, Outcome, ServiceLevel
from bot.domain.events import DraftChoice, ReceiptStatus
from bot.domain.identity import Agent, ChatId, Profile
from bot.domain.message import Attachment, Author, Button, Draft, Line
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
    first; ``recent`` what was said last. ``level`` and ``due`` are the service level's, ``hushed`` whether
    the bot is known to be silent (before that, a claim is not certain), ``answered``, ``snoozed_until`` and
    ``back_at`` as in a ``Handoff``. ``outcome`` and ``rating`` are known once the case is closed.
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
    hushed: bool = False
    level: ServiceLevel = ServiceLevel.ON_TIME
    due: datetime | None = None
    answered: bool = False
    snoozed_until: datetime | None = None
    back_at: datetime | None = None
    outcome: Outcome | None = None
    rating: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseLine:
    """One message, for the conversation's thread. ``note`` marks an internal one.

    ``guesses`` are the bot's best intents for a customer's message, from which a desk suggests answers in
    the customer's ``language``. ``agent_id`` is who wrote an agent's reply.
    """

    line: Line
    note: bool = False
    guesses: tuple[Guess, ...] = ()
    language: str = ""
    agent_id: str = ""


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
    letter: str = ""
    """The dead letter to resend, when it failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """A file of a message shown before is in the media store, or (``reason``) never will be."""

    message_id: str
    attachment: Attachment
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseHeld:
    """What an agent wrote is held: ask them, and only them, what to do with it.

    ``holder`` is the colleague who has the conversation, when that is why.
    """

    draft: Draft
    holder: Agent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseUnheld:
    """A held message was decided on: ``choice``. ``draft`` as it was."""

    draft: Draft
    choice: DraftChoice


class Refusal(StrEnum):
    """Why an agent did not get what they asked for."""

    TAKEN = "taken"
    """A colleague has the conversation."""
    CLOSED = "closed"
    GONE = "gone"
    """What it was about is not there any more."""
    EMPTY = "empty"
    UNKNOWN_TEAM = "unknown_team"
    NOT_NOW = "not_now"
    """The conversation is not in a state for that, or already is as asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRefused:
    """What ``agent`` asked for did not happen: tell them, and only them.

    ``action`` is what they asked for: ``claim``, ``reply``, ``transfer``, ``resolve``, ``release``,
    ``snooze``, ``spam``, ``decide``, ``edit``, ``delete``, ``teach``. ``message_id`` is the message
    concerned, if any.
    """

    agent: Agent
    action: str
    reason: Refusal
    holder: Agent | None = None
    message_id: str = ""


class Alert(StrEnum):
    """What staff should look up for."""

    DUE_SOON = "due_soon"
    """Unclaimed or unanswered near its target: the team is told, once."""
    OVERDUE = "overdue"
    """Past it: the escalation team is told, once."""
    IDLE = "idle"
    """The agent who has it has not answered for long: told before it goes back to the queue."""
    RETURNED = "returned"
    """It went back to the queue."""
    SNOOZED = "snoozed"
    """A snooze is over."""
    ASSIGNED = "assigned"
    """It was given to ``agent``."""
    TAKEN_OVER = "taken_over"
    """``detail`` (a name) took it from ``agent``, who had it."""
    RATED = "rated"
    """The customer gave a rating (``detail``, 1 to 5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseAlert:
    """Draw somebody's attention to the case: a team, or one agent."""

    kind: Alert
    team: str
    agent: Agent | None = None
    detail: str = ""


# --- elsewhere -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Hush:
    """Never sent: when its turn comes, all that was to be said before it has been sent or dropped, and the
    chat is told so with a ``Hushed`` event."""


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
DeskPayload = (
    CaseCard
    | CaseLine
    | CaseEdit
    | CaseDelete
    | CaseFate
    | CaseFile
    | CaseHeld
    | CaseUnheld
    | CaseRefused
    | CaseAlert
)
Payload = CustomerPayload | DeskPayload | Hush | MediaFetch | ResumeEmail


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
