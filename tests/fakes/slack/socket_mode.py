"""Socket Mode: tickets, sockets, envelopes and their confirmations, disconnects.

https://docs.slack.dev/apis/events-api/using-socket-mode
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from tests.fakes.slack.events import Delivery

if TYPE_CHECKING:
    from tests.fakes.slack.stand_in import SlackStandIn

Json = dict[str, Any]
MAX_SOCKETS = 10


@dataclass(eq=False)
class Socket:
    """One open connection. ``silent``: it looks open, but nothing goes through any more."""

    number: int
    ws: web.WebSocketResponse
    request: web.Request
    opened: float = field(default_factory=time.time)
    leaving: bool = False
    silent: bool = False
    sent: list[str] = field(default_factory=list)


class SocketMode:
    """The app's sockets. ``sockets`` are the open ones, oldest first."""

    def __init__(self, slack: SlackStandIn) -> None:
        self._slack = slack
        self.sockets: list[Socket] = []
        self.opened = 0
        self._tickets: dict[str, float] = {}
        self._waiting: dict[str, tuple[Delivery, asyncio.Event]] = {}
        self._turn = 0
        self._refused_until = 0.0

    def add_to(self, app: web.Application) -> None:
        """The route."""
        app.router.add_get("/link/", self.handle)

    def new_url(self) -> str:
        """For one connection, to be made within ``ticket_seconds``."""
        ticket = str(uuid.uuid4())
        self._tickets[ticket] = time.monotonic() + self._slack.ticket_seconds
        base = self._slack.url.replace("http://", "ws://")
        return f"{base}/link/?ticket={ticket}&app_id={self._slack.workspace.app_id}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """A connection from its beginning to its end."""
        if time.monotonic() < self._refused_until:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=503)
        valid_until = self._tickets.pop(request.query.get("ticket", ""), 0.0)
        if time.monotonic() > valid_until:
            return web.Response(status=408)
        ws = web.WebSocketResponse(autoping=False)
        await ws.prepare(request)
        self.opened += 1
        socket = Socket(self.opened, ws, request)
        if len(self.sockets) >= MAX_SOCKETS:
            await ws.send_json(
                {"type": "disconnect", "reason": "too_many_websockets", "debug_info": self._debug()}
            )
            await ws.close()
            return ws
        self.sockets.append(socket)
        try:
            await self._serve(socket)
        except ConnectionError:
            pass
        finally:
            self._forget(socket)
        return ws

    async def _serve(self, socket: Socket) -> None:
        hello = {
            "type": "hello",
            "num_connections": len(self.sockets),
            "debug_info": {**self._debug(), "build_number": 999, "approximate_connection_time": 18060},
            "connection_info": {"app_id": self._slack.workspace.app_id},
        }
        await socket.ws.send_json(hello)
        async for message in socket.ws:
            if socket.silent:
                continue
            if message.type == WSMsgType.PING:
                await socket.ws.pong(message.data)
            elif message.type == WSMsgType.TEXT:
                self._received(message.data)

    def _received(self, text: str) -> None:
        try:
            message = json.loads(text)
        except ValueError:
            return
        found = self._waiting.pop(message.get("envelope_id", ""), None) if isinstance(message, dict) else None
        if found is None:
            return
        delivery, confirmed = found
        self._slack.events.took(delivery, message["envelope_id"], message.get("payload"))
        confirmed.set()

    def _debug(self) -> Json:
        return {"host": "applink-stand-in"}

    def _forget(self, socket: Socket) -> None:
        if socket in self.sockets:
            self.sockets.remove(socket)

    # Sending

    async def attempt(self, delivery: Delivery, number: int, reason: str) -> str | None:
        """One envelope on one open socket; confirmed within three seconds, or why not."""
        delivery.attempts.append(time.time())
        socket = self._next()
        if socket is None:
            return "timeout"
        envelope_id = str(uuid.uuid4())
        confirmed = asyncio.Event()
        self._waiting[envelope_id] = (delivery, confirmed)
        try:
            if not socket.silent:
                await socket.ws.send_str(json.dumps(self._envelope(delivery, envelope_id, number, reason)))
            socket.sent.append(envelope_id)
            await asyncio.wait_for(confirmed.wait(), self._slack.ack_timeout)
        except (TimeoutError, ConnectionError):
            return "timeout"
        return None

    def _envelope(self, delivery: Delivery, envelope_id: str, number: int, reason: str) -> Json:
        envelope: Json = {"envelope_id": envelope_id, "payload": delivery.payload, "type": delivery.kind}
        envelope["accepts_response_payload"] = delivery.kind != "events_api" and (
            delivery.kind == "slash_commands" or delivery.payload["type"] == "view_submission"
        )
        if delivery.kind == "events_api":
            envelope |= {"retry_attempt": number, "retry_reason": reason}
        return envelope

    def _next(self) -> Socket | None:
        """Sockets take turns; one that was asked to leave only when there is no other."""
        usable = [each for each in self.sockets if not each.leaving] or self.sockets
        if not usable:
            return None
        self._turn += 1
        return usable[self._turn % len(usable)]

    # To order

    async def disconnect(
        self, reason: str = "refresh_requested", *, which: int | None = None, after: float = 1.0
    ) -> None:
        """Ask sockets (all, or the one at an index) to leave, and close them ``after`` seconds.

        Reasons: ``warning``, ``refresh_requested``, ``link_disabled``.
        """
        for each in list(self.sockets) if which is None else [self.sockets[which]]:
            each.leaving = True
            await each.ws.send_json({"type": "disconnect", "reason": reason, "debug_info": self._debug()})
            self._slack.later(after, lambda socket=each: self._slack.spawn(self._close(socket)))  # type: ignore[misc]

    async def _close(self, socket: Socket) -> None:
        await socket.ws.close()

    async def drop(self, seconds: float = 0.0) -> None:
        """Cut every socket without a word, and refuse new ones for some seconds."""
        self._refused_until = time.monotonic() + seconds
        for each in list(self.sockets):
            self._forget(each)
            if each.request.transport is not None:
                each.request.transport.abort()

    def silence(self) -> None:
        """Every open socket stays open, and is deaf and dumb from here on."""
        for each in self.sockets:
            each.silent = True

    async def close(self) -> None:
        """The end of the test."""
        for each in list(self.sockets):
            await each.ws.close()
