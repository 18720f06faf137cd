"""A file is fetched once, and the chat is told what became of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.errors import (
    DeliveryDelayed,
    DeliveryFailed,
    DeliveryRefused,
    MediaTooLarge,
    MediaUnavailable,
    StoreUnavailable,
)
from bot.domain.events import Event, MediaFailed, MediaReady
from bot.domain.message import Attachment, AttachmentKind
from bot.domain.outgoing import MediaFetch, Outgoing
from bot.media.fetcher import GONE, TOO_LARGE, TYPE_REFUSED, MediaFetcher
from bot.media.store import FolderStore
from bot.ports.inbox import Appended
from tests.builders import NOW, answer
from tests.fakes.desk import FixedClock

JPEG = b"\xff\xd8\xff\xe0" + b"pixels" * 100
PHOTO = Attachment("f_1", "photo.jpg", "image/jpeg", 0, AttachmentKind.IMAGE, source="platform-1")


class Platform:
    """Hands out one file, or fails as told."""

    def __init__(self, content: bytes = JPEG, error: Exception | None = None) -> None:
        self.content = content
        self.error = error
        self.asked = 0

    async def open(self, attachment: Attachment) -> AsyncIterator[bytes]:
        self.asked += 1
        yield self.content[:10]
        if self.error:
            raise self.error
        yield self.content[10:]


class Inbox:
    """Remembers events; away when told."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.away = False

    def clean(self, text: str) -> str:
        return text

    async def append(self, event: Event) -> Appended:
        if self.away:
            raise StoreUnavailable("away")
        self.events.append(event)
        return Appended(new=True, speaker=None)

    async def park(self, source: str, raw: str, error: str) -> None:
        raise NotImplementedError


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path, max_bytes=5_000)


def fetcher(platform: Platform, store: FolderStore, inbox: Inbox) -> MediaFetcher:
    return MediaFetcher("web", platform, store, inbox, FixedClock())


def entry(attachment: Attachment = PHOTO) -> Outgoing:
    return answer(payload=MediaFetch(message_id="m1", attachment=attachment), destination="media:web")


async def test_a_file_is_stored_and_the_chat_is_told(store: FolderStore, inbox: Inbox) -> None:
    await fetcher(Platform(), store, inbox).deliver(entry(), doubtful=False)
    (event,) = inbox.events
    assert isinstance(event, MediaReady)
    assert (event.id, event.message_id, event.at) == ("media:f_1", "m1", NOW)
    assert event.attachment.stored
    assert event.attachment.size == len(JPEG)
    assert event.attachment.kind is AttachmentKind.IMAGE
    assert await store.stat("f_1") is not None


async def test_after_doubt_a_file_that_came_is_not_fetched_again(store: FolderStore, inbox: Inbox) -> None:
    platform = Platform()
    inbox.away = True
    with pytest.raises(DeliveryFailed):
        await fetcher(platform, store, inbox).deliver(entry(), doubtful=False)
    inbox.away = False
    await fetcher(platform, store, inbox).deliver(entry(), doubtful=True)
    assert platform.asked == 1
    assert [event.id for event in inbox.events] == ["media:f_1"]


@pytest.mark.parametrize(
    ("platform", "reason"),
    [
        (Platform(error=MediaTooLarge("20 MB")), TOO_LARGE),
        (Platform(JPEG + b"x" * 5_000), TOO_LARGE),
        (Platform(b"MZ" + b"\0" * 100), TYPE_REFUSED),
        (Platform(error=MediaUnavailable("gone")), GONE),
    ],
)
async def test_a_file_that_will_never_come_is_told_with_its_reason(
    platform: Platform, reason: str, store: FolderStore, inbox: Inbox
) -> None:
    await fetcher(platform, store, inbox).deliver(entry(), doubtful=False)
    (event,) = inbox.events
    assert isinstance(event, MediaFailed)
    assert event.reason == reason
    assert await store.stat("f_1") is None


@pytest.mark.parametrize("error", [DeliveryFailed("network"), DeliveryDelayed(3)])
async def test_a_platform_that_is_away_is_tried_again(
    error: Exception, store: FolderStore, inbox: Inbox
) -> None:
    with pytest.raises(type(error)):
        await fetcher(Platform(error=error), store, inbox).deliver(entry(), doubtful=False)
    assert inbox.events == []


async def test_a_store_that_is_away_is_no_reason_to_give_up_a_file(tmp_path: Path, inbox: Inbox) -> None:
    (tmp_path / "media").write_text("not a folder")
    store = FolderStore(tmp_path / "media")
    with pytest.raises(DeliveryFailed):
        await fetcher(Platform(), store, inbox).deliver(entry(), doubtful=False)
    assert inbox.events == []


async def test_only_files_are_fetched(store: FolderStore, inbox: Inbox) -> None:
    with pytest.raises(DeliveryRefused):
        await fetcher(Platform(), store, inbox).deliver(answer(), doubtful=False)
