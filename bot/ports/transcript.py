"""What a customer sees on a channel that has no memory of its own, such as the web chat.

A transcript is one ordered, bounded list of *items* a chat. An item is a message, an edit or a
deletion; its key makes adding it idempotent. A position is opaque and grows with each item.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from bot.domain.identity import ChatId

Frame = dict[str, Any]
"""A JSON object as the channel's protocol shows it."""

START = "0"
"""The position before the first item."""


class Added(StrEnum):
    """What became of an item."""

    NEW = "new"
    KNOWN = "known"
    """An item with this key is there already: nothing was changed."""
    NO_SUCH_MESSAGE = "no_such_message"
    """The message to edit or delete is not, or no longer, in the transcript."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item as it stands now: an edited message shows its last text.

    ``key`` is what it was added under. A deleted message, and every edit of it, is not an item
    any more; its deletion is.
    """

    key: str
    frame: Frame


@dataclass(frozen=True, slots=True)
class Page:
    """Items in order, the position after the last of them, and whether more wait there."""

    items: tuple[Item, ...]
    position: str
    more: bool


class Transcripts(Protocol):
    """Keeps transcripts, and tells when one has grown."""

    async def append(self, chat: ChatId, key: str, frame: Frame) -> Added:
        """Add a message, once by its key.

        Raises:
            StoreUnavailable: it is not known whether it was added; add the same again.
        """
        ...

    async def edit(self, chat: ChatId, key: str, target: str, frame: Frame) -> Added:
        """Change the ``text`` of the message added under ``target`` to ``frame["text"]``, and add
        ``frame`` (without its text, which is kept once, with the message) as an item.

        Raises:
            StoreUnavailable: as for ``append``.
        """
        ...

    async def delete(self, chat: ChatId, key: str, target: str, frame: Frame) -> Added:
        """Remove what the message added under ``target`` said, for good, and add ``frame`` as an item.

        Raises:
            StoreUnavailable: as for ``append``.
        """
        ...

    async def position_of(self, chat: ChatId, *keys: str) -> str | None:
        """Where the first of these keys that is known stands, or None.

        Raises:
            StoreUnavailable: the store cannot be reached.
        """
        ...

    async def read(self, chat: ChatId, position: str) -> Page:
        """What comes after a position. Edits and deletions of messages that a reader from ``START``
        sees in their final form anyway are part of it too.

        Raises:
            StoreUnavailable: the store cannot be reached.
        """
        ...

    def watch(self) -> AsyncGenerator[ChatId | None, None]:
        """Chats whose transcript has grown, as they grow; None when any may have: at the start, and
        after an interruption. Never ends by itself."""
        ...
