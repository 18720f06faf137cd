"""Socket Mode: events come over a socket that we open. One process at a time holds it (the caller's lease).

The library keeps a socket alive and answers ``disconnect``; but when it cannot connect it tries the same
address again for ever, and an address is good once. So a socket that is lost is replaced by a whole new one.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable
from contextlib import suppress

import structlog
from prometheus_client import Counter, Gauge
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot.desk.slack.authority import TROUBLE, code_of

log = structlog.get_logger(__name__)

CONNECTED = Gauge("guichet_slack_connected", "1 while the socket to Slack is open here")
RECONNECTS = Counter("guichet_slack_reconnects", "Sockets that were opened anew")

PING_SECONDS = 6.0
"""A socket that does not answer that often is taken for dead, after one and a half of it."""
CONNECT_SECONDS = 6.0
"""For one attempt: the library would make the next after another ``PING_SECONDS``, at an address that is used
up by then."""
SWITCH_SECONDS = 10.0
"""How long Slack's own request to move to another socket may take."""
LOOK_SECONDS = 0.2
UNHEARD_SECONDS = 240.0
"""Who starts does not know how long nobody listened; after a longer silence all threads are read anyway."""
MARGIN_SECONDS = 30.0
"""For as long a socket may have been deaf before that was noticed."""
DRAIN_SECONDS = 3.0
CLOSE_SECONDS = 2.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
TOKEN_PAUSE = 15.0
_TOKEN_REFUSED = frozenset(
    {
        "invalid_auth",
        "not_authed",
        "token_revoked",
        "account_inactive",
        "not_allowed_token_type",
        "missing_scope",
    }
)


class _Handler(AsyncSocketModeHandler):
    """Bolt's, which knows what is under way. Once it leaves it takes nothing new: Slack sends it again."""

    def __init__(self, app: AsyncApp, app_token: str, web_client: AsyncWebClient) -> None:
        super().__init__(app, app_token, app.logger, web_client, ping_interval=PING_SECONDS)
        self.client.default_auto_reconnect_enabled = False
        self.client.auto_reconnect_enabled = False
        self.under_way = 0
        self.is_leaving = False

    async def handle(self, client: SocketModeClient, req: SocketModeRequest) -> None:  # type: ignore[override]
        if self.is_leaving:
            return
        self.under_way += 1
        try:
            await super().handle(client, req)
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            log.error("slack.envelope_unreadable", kind=req.type, error=type(error).__name__)  # noqa: TRY400
        finally:
            self.under_way -= 1

    async def is_well(self) -> bool:
        """Whether the socket is open, or just being exchanged for another."""
        return await self.client.is_connected() or self.client.connect_operation_lock.locked()

    async def leave(self) -> None:
        """Finish what is under way, so that it is confirmed."""
        self.is_leaving = True
        until = time.monotonic() + DRAIN_SECONDS
        while self.under_way and time.monotonic() < until:
            await asyncio.sleep(0.02)

    async def close(self) -> None:
        """Hang up, also on a socket that does not answer."""
        tasks = (
            self.client.message_processor,
            self.client.current_session_monitor,
            self.client.message_receiver,
        )
        with suppress(TimeoutError, OSError, *TROUBLE):
            await asyncio.wait_for(self.close_async(), CLOSE_SECONDS)  # type: ignore[no-untyped-call]
        for task in tasks:
            if task is not None:
                task.cancel()
        if not self.client.aiohttp_client_session.closed:
            await self.client.aiohttp_client_session.close()


class SlackSocket:
    """Keeps a socket open.

    Args:
        app: takes what comes.
        app_token: opens sockets, ``xapp-…``.
        client: asks for their addresses.
        report: told ``connected`` or ``connecting``.
        back: told, of each socket that is open, from when on (Unix seconds) something may not have come.
    """

    def __init__(
        self,
        app: AsyncApp,
        app_token: str,
        client: AsyncWebClient,
        report: Callable[[str], None] = lambda _state: None,
        back: Callable[[float], None] = lambda _since: None,
    ) -> None:
        self._app = app
        self._token = app_token
        self._client = client
        self._report = report
        self._back = back
        self._well_at = math.inf
        self._failures = 0
        self.is_open = False

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``, through every failure of the network and of Slack. Safe to cancel: what was not
        confirmed comes again."""
        try:
            while not stop.is_set():
                self._report("connecting")
                await self._one_socket(stop)
                self._is_now(open_=False)
                if self._failures:
                    await _pause(stop, _backoff(self._failures))
        finally:
            self._is_now(open_=False)
            self._report("closed")

    def _is_now(self, *, open_: bool) -> None:
        self.is_open = open_
        CONNECTED.set(int(open_))

    async def _one_socket(self, stop: asyncio.Event) -> None:
        handler = _Handler(self._app, self._token, self._client)
        try:
            if not await self._connected(handler, stop):
                self._failures += 1
                return
            self._failures = 0
            self._back(min(self._well_at, time.time() - UNHEARD_SECONDS) - MARGIN_SECONDS)
            self._is_now(open_=True)
            self._report("connected")
            log.info("slack.connected")
            await self._watch(handler, stop)
            await handler.leave()
        finally:
            await handler.close()

    async def _connected(self, handler: _Handler, stop: asyncio.Event) -> bool:
        try:
            answer = await self._client.apps_connections_open(app_token=self._token)
            handler.client.wss_uri = str(answer["url"])
            connecting = handler.connect_async()  # type: ignore[no-untyped-call]
            await asyncio.wait_for(connecting, CONNECT_SECONDS)
        except SlackApiError as error:
            await self._refused(error, stop)
            return False
        except TROUBLE as error:
            log.warning("slack.not_connected", error=code_of(error), attempt=self._failures + 1)
            return False
        return True

    async def _refused(self, error: SlackApiError, stop: asyncio.Event) -> None:
        code = code_of(error)
        if code in _TOKEN_REFUSED:
            log.error("slack.app_token_refused", error=code, hint="check GUICHET_SLACK__APP_TOKEN")
            self._report(f"refused: {code}")
            await _pause(stop, TOKEN_PAUSE)
        else:
            log.warning("slack.not_connected", error=code, attempt=self._failures + 1)

    async def _watch(self, handler: _Handler, stop: asyncio.Event) -> None:
        """Until told to stop, or the socket is lost."""
        exchanging: float | None = None
        while not stop.is_set():
            await _pause(stop, LOOK_SECONDS)
            if await handler.client.is_connected():
                exchanging, self._well_at = None, time.time()
                continue
            exchanging = exchanging or time.monotonic()
            if not await handler.is_well() or time.monotonic() - exchanging > SWITCH_SECONDS:
                RECONNECTS.inc()
                log.warning("slack.socket_lost")
                return


def _backoff(failures: int) -> float:
    longest = min(LONGEST_PAUSE, SHORTEST_PAUSE * 2.0 ** min(failures - 1, 10))
    return longest * (0.5 + random.random() / 2)  # noqa: S311 - spreads load, guards nothing


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
