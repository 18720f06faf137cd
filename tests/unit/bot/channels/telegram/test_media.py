"""Fetching a customer's file."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from bot.channels.telegram.client import make_bot
from bot.channels.telegram.limits import DOWNLOAD_BYTES
from bot.channels.telegram.media import TelegramFiles
from bot.domain.errors import DeliveryDelayed, DeliveryFailed, MediaTooLarge, MediaUnavailable
from bot.domain.message import Attachment
from tests.fakes.telegram import TOKEN, ScriptedApi, ok, refusal

FILE = Attachment("f1", "photo.jpg", "image/jpeg", source="AgAD")
FOUND = {"file_id": "AgAD", "file_unique_id": "u", "file_path": "photos/1.jpg"}


@pytest.fixture
def api() -> ScriptedApi:
    return ScriptedApi()


@pytest.fixture
async def files(api: ScriptedApi) -> AsyncIterator[TelegramFiles]:
    files = TelegramFiles(make_bot(TOKEN, transport=api), transport=api)
    yield files
    await files.close()


async def fetched(files: TelegramFiles, attachment: Attachment = FILE) -> bytes:
    return b"".join([chunk async for chunk in files.open(attachment)])


async def test_a_file_is_asked_for_and_streamed(api: ScriptedApi, files: TelegramFiles) -> None:
    api.next("getFile", ok(FOUND))
    api.serve("photos/1.jpg", lambda: httpx.Response(200, content=b"jpeg"))
    assert await fetched(files) == b"jpeg"
    assert api.of("getFile") == [{"file_id": "AgAD"}]


async def test_a_file_said_to_be_over_the_limit_is_not_asked_for(
    api: ScriptedApi, files: TelegramFiles
) -> None:
    with pytest.raises(MediaTooLarge):
        await fetched(files, Attachment("f", "film.mp4", "video/mp4", DOWNLOAD_BYTES + 1, source="B"))
    assert api.calls == []


async def test_a_file_that_turns_out_to_be_over_the_limit_is_given_up(
    api: ScriptedApi, files: TelegramFiles
) -> None:
    api.next("getFile", ok(FOUND))
    api.serve("photos/1.jpg", lambda: httpx.Response(200, content=b"x" * (DOWNLOAD_BYTES + 1)))
    with pytest.raises(MediaTooLarge):
        await fetched(files)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal(400, "Bad Request: file is too big"), MediaTooLarge),
        (refusal(400, "Bad Request: wrong file_id or the file is temporarily unavailable"), MediaUnavailable),
        (ok({"file_id": "A", "file_unique_id": "u"}), MediaUnavailable),
        (ok({**FOUND, "file_path": "/etc/hostname"}), MediaUnavailable),
        (refusal(429, "Too Many Requests", retry_after=2), DeliveryDelayed),
        (httpx.ConnectError("no"), DeliveryFailed),
    ],
)
async def test_what_telegram_says_against_it_is_told_in_our_words(
    api: ScriptedApi, files: TelegramFiles, answer: httpx.Response | Exception, error: type[Exception]
) -> None:
    api.next("getFile", answer)
    with pytest.raises(error):
        await fetched(files)


@pytest.mark.parametrize(("status", "error"), [(404, MediaUnavailable), (502, DeliveryFailed)])
async def test_what_its_address_answers_too(
    api: ScriptedApi, files: TelegramFiles, status: int, error: type[Exception]
) -> None:
    api.next("getFile", ok(FOUND))
    api.serve("photos/1.jpg", lambda: httpx.Response(status))
    with pytest.raises(error):
        await fetched(files)


async def test_what_has_no_source_cannot_be_fetched(files: TelegramFiles) -> None:
    with pytest.raises(MediaUnavailable):
        await fetched(files, Attachment("f1", "sticker", "application/x-telegram-sticker"))
