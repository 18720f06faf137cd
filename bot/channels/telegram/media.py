"""Fetching what customers send, streamed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
from telegram import Bot
from telegram.error import BadRequest, TelegramError

from bot.channels.telegram.client import translated
from bot.channels.telegram.limits import DOWNLOAD_BYTES
from bot.domain.errors import DeliveryFailed, MediaTooLarge, MediaUnavailable
from bot.domain.message import Attachment

CHUNK = 64 * 1024
_GONE = frozenset({400, 401, 403, 404, 410})


class TelegramFiles:
    """A source of files for the media fetcher.

    Args:
        bot: the client.
        transport: how to fetch; httpx's own when None.
    """

    def __init__(self, bot: Bot, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._bot = bot
        self._http = httpx.AsyncClient(timeout=httpx.Timeout(30, connect=10), transport=transport)

    async def open(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """The file's bytes, in chunks.

        Raises:
            MediaTooLarge: over the 20 MB that the Bot API lets a bot fetch.
            MediaUnavailable: Telegram does not have it, or not any more.
            DeliveryError: Telegram cannot be reached, or asks to wait: try again later.
        """
        if attachment.size > DOWNLOAD_BYTES:
            raise MediaTooLarge(f"over {DOWNLOAD_BYTES} bytes")
        address = await self._address(attachment)
        taken = 0
        try:
            async with self._http.stream("GET", address) as answer:
                _check(answer.status_code)
                async for chunk in answer.aiter_bytes(CHUNK):
                    taken += len(chunk)
                    if taken > DOWNLOAD_BYTES:
                        raise MediaTooLarge(f"over {DOWNLOAD_BYTES} bytes")
                    yield chunk
        except httpx.HTTPError as error:
            raise DeliveryFailed(type(error).__name__) from None  # the address holds the token

    async def close(self) -> None:
        """Hang up."""
        await self._http.aclose()

    async def _address(self, attachment: Attachment) -> str:
        if attachment.source is None:
            raise MediaUnavailable("nothing to fetch it by")
        try:
            file = await self._bot.get_file(attachment.source)
        except BadRequest as error:
            if "too big" in error.message.lower():
                raise MediaTooLarge(f"over {DOWNLOAD_BYTES} bytes") from None
            raise MediaUnavailable("Telegram does not know the file") from None
        except TelegramError as error:
            raise translated(error) from None
        if not file.file_path or not file.file_path.startswith(self._bot.base_file_url):
            raise MediaUnavailable("Telegram gives no address for the file")
        return file.file_path


def _check(status: int) -> None:
    if status in _GONE:
        raise MediaUnavailable(f"HTTP {status}")
    if status != httpx.codes.OK:
        raise DeliveryFailed(f"HTTP {status}")
