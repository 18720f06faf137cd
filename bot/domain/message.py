"""What is said: text, attachments, buttons."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.identity import Agent


class Author(StrEnum):
    """Who wrote a message."""

    CUSTOMER = "customer"
    BOT = "bot"
    AGENT = "agent"
    SYSTEM = "system"


class AttachmentKind(StrEnum):
    """What an attachment is for the person who receives it."""

    IMAGE = "image"
    VOICE = "voice"
    AUDIO = "audio"
    VIDEO = "video"
    DOCUMENT = "document"

    @classmethod
    def of(cls, mime: str) -> AttachmentKind:
        """The kind a MIME type suggests; anything unknown is a document."""
        family = mime.partition("/")[0]
        return {"image": cls.IMAGE, "audio": cls.AUDIO, "video": cls.VIDEO}.get(family, cls.DOCUMENT)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a message.

    ``source`` is the platform's own reference, to fetch it by; ``stored`` is True once the
    media store holds it under ``id``. ``size`` is in bytes, 0 when the platform did not say.
    """

    id: str
    name: str
    mime: str
    size: int = 0
    kind: AttachmentKind = AttachmentKind.DOCUMENT
    source: str | None = None
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Button:
    """A tap instead of typing. ``id`` comes back in a ButtonPress; at most 64 bytes (Telegram)."""

    id: str
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    """One message as kept in the live state: enough to show a person what was just said."""

    message_id: str
    author: Author
    text: str
    at: datetime
    attachments: tuple[Attachment, ...] = ()
    author_name: str = ""


class HoldReason(StrEnum):
    """Why what an agent wrote has not been sent."""

    COLLEAGUE = "colleague"
    """A colleague has the conversation."""
    MENTION = "mention"
    """It mentions a colleague: it may be meant for them."""
    CLOSED = "closed"
    """The conversation has ended."""
    FILES = "files"
    """Its files, or those of the message before it, are being fetched. It is sent by itself."""


@dataclass(frozen=True, slots=True)
class Written:
    """That an agent wrote a message in this conversation: a reply, or a note."""

    message_id: str
    agent_id: str
    note: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """What an agent wrote and was not sent (yet).

    ``anyway``: the agent has said to send it though a colleague has the conversation.
    """

    message_id: str
    agent: Agent
    reason: HoldReason
    at: datetime
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    undo_seconds: float = 0.0
    anyway: bool = False

    @property
    def has_all_files(self) -> bool:
        """Whether all of its files are in the media store."""
        return all(attachment.stored for attachment in self.attachments)
