"""Tells one person something, as well as Slack lets us: beside what they did, or by direct message.

Nothing that was promised hangs on it: it runs behind the confirmation, and what Slack refuses is logged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.desk.slack.authority import TROUBLE, code_of
from bot.ports.clock import Clock

log = structlog.get_logger(__name__)

ATTEMPTS = 4
LONGEST_WAIT = 60.0
"""Seconds of a ``Retry-After`` that are waited for."""
UNREACHABLE = 2.0
ONCE = timedelta(hours=1)
REMEMBERED = 10_000


class Teller:
    """Speaks to people in the background; ``drain`` before the client is closed.

    Args:
        client: speaks.
        clock: tells how long ago something was said.
    """

    def __init__(self, client: AsyncWebClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._said: dict[tuple[str, ...], datetime] = {}

    def whisper(self, user: str, text: str, *, channel: str = "", thread: str = "") -> None:
        """Say it where they are, visibly to them only; by direct message where that does not work."""
        self._later(self._whisper(user, text, channel, thread))

    def direct(self, user: str, text: str) -> None:
        """Say it by direct message."""
        self._later(self._direct(user, text))

    def mark(self, channel: str, ts: str, emoji: str) -> None:
        """Put an emoji on a message."""

        async def react() -> None:
            await self._client.reactions_add(channel=channel, timestamp=ts, name=emoji)

        self._later(self._insist("reactions.add", react))

    def is_news(self, *about: str) -> bool:
        """Whether this was not said within the last hour (by this process)."""
        now = self._clock.now()
        said = self._said.get(about)
        if said is not None and now - said < ONCE:
            return False
        if len(self._said) >= REMEMBERED:
            self._said = {key: at for key, at in self._said.items() if now - at < ONCE}
        self._said[about] = now
        return True

    async def drain(self, seconds: float = 3.0) -> None:
        """Wait for what is being said, for a while."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=seconds)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _later(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _whisper(self, user: str, text: str, channel: str, thread: str) -> None:
        async def say() -> None:
            await self._client.chat_postEphemeral(
                channel=channel, user=user, text=text, thread_ts=thread or None
            )

        if not channel or not await self._insist("chat.postEphemeral", say):
            await self._direct(user, text)

    async def _direct(self, user: str, text: str) -> None:
        async def say() -> None:
            await self._client.chat_postMessage(
                channel=user, text=text, unfurl_links=False, unfurl_media=False
            )

        await self._insist("chat.postMessage", say)

    async def _insist(self, method: str, call: Callable[[], Awaitable[None]]) -> bool:
        """Make the call, again when Slack asks to wait; whether it worked."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await call()
            except TROUBLE as error:
                wait = _wait(error)
                if wait is not None and attempt < ATTEMPTS:
                    await asyncio.sleep(wait)
                    continue
                if code_of(error) != "already_reacted":
                    log.warning("slack.not_told", method=method, error=code_of(error))
                return False
            else:
                return True
        return False


def _wait(error: BaseException) -> float | None:
    """Seconds to wait before trying again; None when that is of no use."""
    if not isinstance(error, SlackApiError):
        return UNREACHABLE
    if code_of(error) == "ratelimited":
        headers: Any = getattr(error.response, "headers", {}) or {}
        try:
            return min(float(headers.get("Retry-After", 1)), LONGEST_WAIT)
        except ValueError:
            return 1.0
    status = getattr(error.response, "status_code", 200)
    return UNREACHABLE if isinstance(status, int) and status >= 500 else None
