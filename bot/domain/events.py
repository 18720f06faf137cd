"""Everything that can move a chat.

``Event.id`` is what the inbox is idempotent on: the channel's name and the platform's own id.
``Event.at`` is when we took it in (UTC).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.identity import Agent, ChatId, Profile
from bot.domain.message import Attachment


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
    """Something an agent did at a desk."""

    agent: Agent


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentClaim(AgentEvent):
    """The agent takes the conversation. ``take_over`` takes it from a colleague on purpose."""

    take_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReply(AgentEvent):
    """The agent writes to the customer. ``undo_seconds`` is how long it can be taken back."""

    message_id: str
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    undo_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentEdit(AgentEvent):
    """The agent changed a reply."""

    edited_id: str
    text: str


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt(Event):
    """The fate of an outgoing message, back from the sender or the platform."""

    message_id: str
    status: ReceiptStatus
    platform_id: str | None = None
    detail: str = ""
