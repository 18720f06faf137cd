"""Fetching what agents put into a thread, streamed. The token is shown to Slack and to nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
import httpx
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.desk.slack.client import code_of, translated
from bot.desk.slack.messages import SOURCE
from bot.domain.errors import DeliveryDelayed, DeliveryFailed, MediaTooLarge, MediaUnavailable
from bot.domain.message import Attachment

CHUNK = 64 * 1024
REDIRECTS = 3
_GONE = frozenset({400, 401, 403, 404, 410})
_NOT_THERE = frozenset({"file_not_found", "file_deleted", "file_not_shared", "access_denied"})
_PAGE = "text/html"


class SlackFiles:
    """A source of files for the media fetcher.

    Args:
        client: asks where a file is; its token opens it.
        max_bytes: the largest file that is fetched.
        transport: how to fetch; httpx's own when None.
    """

    def __init__(
        self, client: AsyncWebClient, *, max_bytes: int, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._client = client
        self._max_bytes = max_bytes
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(30, connect=10), transport=transport, follow_redirects=False
        )

    async def open(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """The file's bytes, in chunks.

        Raises:
            MediaTooLarge: over the limit.
            MediaUnavailable: Slack does not have it, or shows us its login page instead.
            DeliveryError: Slack cannot be reached, or asks to wait: try again later.
        """
        if attachment.size > self._max_bytes:
            raise MediaTooLarge(f"over {self._max_bytes} bytes")
        address = await self._address(attachment)
        taken = 0
        try:
            async with self._answer(address) as answer:
                _check(answer)
                async for chunk in answer.aiter_bytes(CHUNK):
                    taken += len(chunk)
                    if taken > self._max_bytes:
                        raise MediaTooLarge(f"over {self._max_bytes} bytes")
                    yield chunk
        except httpx.HTTPError as error:
            raise DeliveryFailed(type(error).__name__) from None

    async def close(self) -> None:
        """Hang up."""
        await self._http.aclose()

    async def _address(self, attachment: Attachment) -> str:
        file_id = (attachment.source or "").removeprefix(SOURCE)
        if not file_id:
            raise MediaUnavailable("nothing to fetch it by")
        file = await self._info(file_id)
        if int(file.get("size") or 0) > self._max_bytes:
            raise MediaTooLarge(f"over {self._max_bytes} bytes")
        address = str(file.get("url_private_download") or file.get("url_private") or "")
        if file.get("is_external") or not self._is_slack(address):
            raise MediaUnavailable("it is not kept at Slack")
        return address

    async def _info(self, file_id: str) -> dict[str, Any]:
        try:
            answer = await self._client.files_info(file=file_id)
        except SlackApiError as error:
            if code_of(error) in _NOT_THERE:
                raise MediaUnavailable("Slack does not know the file") from None
            raise translated(error) from None
        except (SlackClientError, aiohttp.ClientError, TimeoutError, OSError) as error:
            raise translated(error) from None
        file = answer.get("file")
        if not isinstance(file, dict):
            raise MediaUnavailable("Slack says nothing of the file")
        return file

    @asynccontextmanager
    async def _answer(self, address: str) -> AsyncIterator[httpx.Response]:
        """What is at an address of Slack's; where it leads to must be Slack's too."""
        shown = {"Authorization": f"Bearer {self._client.token}"}
        for _ in range(REDIRECTS + 1):
            async with self._http.stream("GET", address, headers=shown) as answer:
                if not answer.is_redirect:
                    yield answer
                    return
                address = urljoin(address, answer.headers.get("location", ""))
            if not self._is_slack(address):
                raise MediaUnavailable("it leads away from Slack")
        raise MediaUnavailable("it leads nowhere")

    def _is_slack(self, address: str) -> bool:
        """Whether the token may be shown there: Slack's own hosts, or the server that plays its part."""
        try:
            at, api = urlsplit(address), urlsplit(self._client.base_url)
            host, port = at.hostname or "", at.port
        except ValueError:
            return False
        if at.username or at.password:
            return False
        if (at.scheme, at.netloc) == (api.scheme, api.netloc):
            return True
        return (
            at.scheme == "https"
            and port in (None, 443)
            and (host == "slack.com" or host.endswith(".slack.com"))
        )


def _check(answer: httpx.Response) -> None:
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        raise DeliveryDelayed(_seconds(answer.headers.get("retry-after", "")), everyone=False)
    if answer.status_code in _GONE:
        raise MediaUnavailable(f"HTTP {answer.status_code}")
    if answer.status_code != httpx.codes.OK:
        raise DeliveryFailed(f"HTTP {answer.status_code}")
    if answer.headers.get("content-type", "").partition(";")[0].strip().lower() == _PAGE:
        raise MediaUnavailable("Slack shows its login page: the token lacks files:read")


def _seconds(given: str) -> float:
    try:
        return min(3600.0, max(1.0, float(given)))
    except ValueError:
        return 5.0
