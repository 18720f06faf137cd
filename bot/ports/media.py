"""Files that customers and agents send."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from bot.domain.identity import ChatId
from bot.domain.message import Attachment


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in the media store; ``size`` in bytes."""

    id: str
    chat: ChatId
    name: str
    mime: str
    size: int


class MediaStore(Protocol):
    """Keeps files, streamed; ids are unguessable and say nothing of the content."""

    async def save(
        self, file_id: str, chat: ChatId, name: str, mime: str, content: AsyncIterator[bytes]
    ) -> StoredFile:
        """Store a file; saving the same id again replaces it.

        Raises:
            MediaTooLarge: more bytes than the limit; nothing is kept.
            MediaTypeRefused: a kind of file we do not take.
            MediaUnavailable: the store cannot be reached.
        """
        ...

    async def stat(self, file_id: str) -> StoredFile | None:
        """What is known of a file, or None."""
        ...

    def read(self, file_id: str) -> AsyncIterator[bytes]:
        """The file's bytes, in chunks.

        Raises:
            MediaUnavailable: no such file, or the store cannot be reached.
        """
        ...

    async def delete(self, file_id: str) -> bool:
        """Remove a file; False when there was none."""
        ...


class MediaSource(Protocol):
    """A platform that files can be fetched from."""

    def open(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """The file's bytes, in chunks.

        Raises:
            MediaTooLarge: the platform does not hand out files of that size.
            MediaUnavailable: the platform does not have it, or not any more: final.
            DeliveryError: the platform cannot be reached, or asks to wait: try again later.
        """
        ...
