"""Fetches what customers sent from the platform into the media store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from bot.domain.errors import (
    DeliveryFailed,
    DeliveryRefused,
    MediaTooLarge,
    MediaTypeRefused,
    MediaUnavailable,
    StoreUnavailable,
)
from bot.domain.events import Event, MediaFailed, MediaReady
from bot.domain.message import Attachment
from bot.domain.outgoing import MediaFetch, Outgoing
from bot.ports.clock import Clock
from bot.ports.delivery import Delivered, Pacing
from bot.ports.inbox import Inbox
from bot.ports.media import MediaSource, MediaStore, StoredFile

TOO_LARGE = "media_too_large"
TYPE_REFUSED = "media_type_refused"
GONE = "media_gone"


class _Gone(Exception):
    """The platform does not have it, which is not the same as our store being away."""


class MediaFetcher:
    """Delivers ``media:<channel>``: the file goes to the store, the news to the inbox.

    Args:
        channel: whose files.
        source: the platform.
        store: where they are kept.
        inbox: told when a file is there, or will never be.
        clock: stamps the news.
    """

    pacing = Pacing()

    def __init__(
        self, channel: str, source: MediaSource, store: MediaStore, inbox: Inbox, clock: Clock
    ) -> None:
        self.destination = f"media:{channel}"
        self._source = source
        self._store = store
        self._inbox = inbox
        self._clock = clock

    async def deliver(self, entry: Outgoing, *, doubtful: bool) -> Delivered:
        """Fetch a file. A fetch begun before is looked for in the store first.

        Raises:
            DeliveryFailed: the platform, our store or the inbox is away: try again.
            DeliveryDelayed: the platform asks to wait.
            DeliveryRefused: not a file to fetch.
        """
        fetch = entry.payload
        if not isinstance(fetch, MediaFetch):
            raise DeliveryRefused(f"not_a_file:{type(fetch).__name__}")
        news = await self._news(entry, fetch, doubtful=doubtful)
        try:
            await self._inbox.append(news)
        except StoreUnavailable as error:
            raise DeliveryFailed("store_unavailable", doubtful=True) from error
        return Delivered(platform_id=fetch.attachment.id)

    async def _news(self, entry: Outgoing, fetch: MediaFetch, *, doubtful: bool) -> Event:
        try:
            known = await self._store.stat(fetch.attachment.id) if doubtful else None
            return self._ready(entry, fetch, known or await self._fetched(entry, fetch.attachment))
        except MediaTooLarge:
            return self._failed(entry, fetch, TOO_LARGE)
        except MediaTypeRefused:
            return self._failed(entry, fetch, TYPE_REFUSED)
        except _Gone:
            return self._failed(entry, fetch, GONE)
        except MediaUnavailable as error:
            raise DeliveryFailed("media_store_unavailable") from error

    async def _fetched(self, entry: Outgoing, attachment: Attachment) -> StoredFile:
        content = self._content(attachment)
        return await self._store.save(attachment.id, entry.chat, attachment.name, attachment.mime, content)

    async def _content(self, attachment: Attachment) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._source.open(attachment):
                yield chunk
        except MediaUnavailable as error:
            raise _Gone from error

    def _ready(self, entry: Outgoing, fetch: MediaFetch, file: StoredFile) -> MediaReady:
        stored = replace(fetch.attachment, name=file.name, mime=file.mime, size=file.size, stored=True)
        return MediaReady(
            id=_event_id(fetch.attachment),
            chat=entry.chat,
            at=self._clock.now(),
            message_id=fetch.message_id,
            attachment=stored,
        )

    def _failed(self, entry: Outgoing, fetch: MediaFetch, reason: str) -> MediaFailed:
        return MediaFailed(
            id=_event_id(fetch.attachment),
            chat=entry.chat,
            at=self._clock.now(),
            message_id=fetch.message_id,
            attachment=fetch.attachment,
            reason=reason,
        )


def _event_id(attachment: Attachment) -> str:
    return f"media:{attachment.id}"
