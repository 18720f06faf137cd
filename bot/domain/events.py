"""Everything that can move a chat.

``Event.id`` is what the inbox is idempotent on: the channel's name and the platform's own id.
``Event.at`` is when we took it in (UTC).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.identity import Agent, ChatId, Profile
from bot.domain.message import Attachment, HoldReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events."""

    id: str
    chat: ChatId
    at: datetime


# --- from the customer ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerEvent(Event):
    """Something the customer did. ``message_id`` is what an answer replies to."""

    message_id: str
    profile: Profile = Profile()


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerMessage(CustomerEvent):
    """The customer wrote, or sent files. Parts of one album share ``album``."""

    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    album: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerEdit(CustomerEvent):
    """The customer changed the message ``edited_id``."""

    edited_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerDelete(CustomerEvent):
    """The customer took back the message ``deleted_id``."""

    deleted_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ButtonPress(CustomerEvent):
    """The customer tapped a button."""

    button: str


class Command(StrEnum):
    """What a customer can ask of the channel itself, by a slash command or a fixed control."""

    START = "start"
    HELP = "help"
    HUMAN = "human"
    LANGUAGE = "language"
    PRIVACY = "privacy"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerCommand(CustomerEvent):
    """The customer used one of the commands, e.g. ``/language fr``."""

    command: Command
    argument: str = ""


# --- from an agent -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentEvent(Event):
    """Something an agent did at a desk.

    ``conversation`` is the one they did it in, where the desk knows: if the chat has gone on to another
    one, theirs is over.
    """

    agent: Agent
    conversation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentClaim(AgentEvent):
    """The agent takes the conversation. ``take_over`` takes it from a colleague on purpose, and from no other
    than ``holder`` (the id of an agent; empty for whoever has it).

    ``assigned``: it was given to them; nothing happens when it does not wait any more.
    """

    take_over: bool = False
    holder: str = ""
    assigned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReply(AgentEvent):
    """The agent writes to the customer. ``undo_seconds`` is how long it can be taken back.

    ``reopens``: it may reopen a conversation that has ended; otherwise it is held, and the agent asked.
    Files that are not stored yet are fetched first; what the agent writes meanwhile waits behind them.
    """

    message_id: str
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    undo_seconds: float = 0.0
    reopens: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDraft(AgentEvent):
    """The agent wrote what may not be meant for the customer: held until they decide."""

    message_id: str
    reason: HoldReason
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    undo_seconds: float = 0.0


class DraftChoice(StrEnum):
    """What to do with a message that is held."""

    SEND = "send"
    TAKE_OVER = "take_over"
    """Take the conversation from the colleague who has it, then send."""
    NOTE = "note"
    DISCARD = "discard"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDecides(AgentEvent):
    """The agent says what to do with the held message ``message_id``, which is their own."""

    message_id: str
    choice: DraftChoice


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentEdit(AgentEvent):
    """The agent changed a reply.

    ``internal``: as it reads now, or read before, it is not meant for the customer: it changes a note, or
    what is still to be decided on, and nothing that has gone to them.
    """

    edited_id: str
    text: str
    internal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDelete(AgentEvent):
    """The agent took a reply back."""

    deleted_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentNote(AgentEvent):
    """An internal note: never leaves the house."""

    message_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTransfer(AgentEvent):
    """The agent hands the conversation to another team."""

    team: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSnooze(AgentEvent):
    """The agent wants to hear of it again at ``until``; the customer's next message ends the snooze."""

    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentMarksSpam(AgentEvent):
    """Not a customer: closed without a word, and not counted as service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReveal(AgentEvent):
    """The agent looks at personal data that the desk had shortened. Only logged.

    ``subject`` is what they looked at: a message id, or ``customer``.
    """

    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTeach(AgentEvent):
    """The agent proposes something for the bot to learn; an admin decides.

    ``intent`` is the entry it belongs to, empty for a new one. ``question`` is an example of what
    customers ask, ``answer`` what to tell them (either may be empty, not both). ``message_id`` is the
    message it began from, if any.
    """

    intent: str = ""
    question: str = ""
    answer: str = ""
    language: str = ""
    message_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentResolve(AgentEvent):
    """The agent considers the conversation done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRelease(AgentEvent):
    """The agent gives the conversation back to the bot."""


# --- from the machine ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaReady(Event):
    """An attachment of ``message_id`` is in the media store."""

    message_id: str
    attachment: Attachment


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFailed(Event):
    """An attachment of ``message_id`` could not be fetched; ``reason`` is one of our error codes."""

    message_id: str
    attachment: Attachment
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerDue(Event):
    """A timer set by an earlier turn came due."""

    name: str


class ReceiptStatus(StrEnum):
    """What became of a message we sent."""

    DELIVERED = "delivered"
    MAYBE_DUPLICATE = "maybe_duplicate"
    SEEN = "seen"
    DROPPED = "dropped"
    FAILED = "failed"
    UNCHANGED = "unchanged"
    """It was delivered before, but the platform did not change it or take it back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt(Event):
    """The fate of an outgoing message, back from the sender or the platform."""

    message_id: str
    status: ReceiptStatus
    platform_id: str | None = None
    detail: str = ""
    letter: str = ""
    """The dead letter to resend, when it failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hushed(Event):
    """Whatever the bot had under way when its voice was taken, at ``epoch``, has been sent or dropped."""

    epoch: int
