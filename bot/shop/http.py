"""Orders at the shop's own system: ``GET {base}/orders/{number}``. See docs/shop-api.md."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx
import structlog

from bot.domain.errors import ConfigurationError, ShopUnavailable
from bot.ports.shop import Order
from bot.shop.records import is_number, read_order

log = structlog.get_logger(__name__)

MAX_BYTES = 64_000
MAX_SECONDS = 1.5


class HttpShop:
    """The shop over HTTP; use it as an async context manager, or call ``close``.

    Args:
        base_url: ``https://…``; plain ``http`` on this machine only.
        token: sent as ``Authorization: Bearer …`` when given.
        timeout: seconds for the whole call, at most 1.5: a customer waits.

    Raises:
        ConfigurationError: the address is not one we may send a token to.
    """

    def __init__(self, base_url: str, *, token: str | None = None, timeout: float = MAX_SECONDS) -> None:
        self._base = _checked(base_url).rstrip("/")
        self._timeout = min(timeout, MAX_SECONDS)
        headers = {"Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._client = httpx.AsyncClient(headers=headers, timeout=self._timeout, follow_redirects=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def order(self, number: str) -> Order | None:
        """The order, or None when the shop answers 404.

        Raises:
            ShopUnavailable: no answer in time, another status, or not an order.
        """
        if not is_number(number):
            return None
        try:
            async with asyncio.timeout(self._timeout):
                status, body = await self._get(f"{self._base}/orders/{number}")
        except (httpx.HTTPError, TimeoutError) as error:
            log.warning("shop_unreachable", error=type(error).__name__)
            raise ShopUnavailable("the shop did not answer") from error
        if status == httpx.codes.NOT_FOUND:
            return None
        if status != httpx.codes.OK:
            log.warning("shop_refused", status=status)
            raise ShopUnavailable(f"the shop answered {status}")
        return read_order(_json(body), number)

    async def _get(self, url: str) -> tuple[int, bytes]:
        """Status and body, of which we never read more than the limit."""
        async with self._client.stream("GET", url) as response:
            body = b""
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise ShopUnavailable("the shop's answer is too large")
            return response.status_code, body


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ShopUnavailable("the shop's answer is not JSON") from error


def _checked(base_url: str) -> str:
    try:
        parts = urlsplit(base_url)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    if not host or parts.query or parts.fragment or parts.username:
        raise ConfigurationError("shop.base_url must be an address such as https://shop.example/api.")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise ConfigurationError("shop.base_url must begin with https:// (http:// on this machine only).")
    return base_url


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
