"""The web chat as one router and one service. ``bot.app`` mounts the first and enters the second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import structlog
from fastapi import APIRouter
from prometheus_client import Gauge
from starlette.websockets import WebSocket

from bot.channels.web.files import Files
from bot.channels.web.house import Gate, House
from bot.channels.web.limits import Meter, WebLimits, neighbourhood
from bot.channels.web.pages import Look, Pages, origins, same_origin
from bot.channels.web.resume import Resume
from bot.channels.web.sessions import Sessions
from bot.channels.web.tails import Tails
from bot.channels.web.visit import RESTART, Visit
from bot.ports.clock import Clock
from bot.ports.inbox import Inbox
from bot.ports.media import MediaStore
from bot.ports.transcript import Transcripts

log = structlog.get_logger(__name__)

SOCKETS = Gauge("guichet_web_sockets", "Open web chat connections")


@dataclass(frozen=True, slots=True)
class WebChat:
    """What ``create_web_chat`` makes."""

    router: APIRouter
    service: WebService


class WebService:
    """Holds the open connections; use it as ``async with`` around the server's life."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._visits: set[Visit] = set()
        self._closing = False

    async def __aenter__(self) -> Self:
        self._house.tails.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def sockets(self) -> int:
        """How many connections are open."""
        return len(self._visits)

    async def close(self) -> None:
        """Settle what is under way, then ask every visitor to come back (1012)."""
        self._closing = True
        await asyncio.gather(*(visit.close(RESTART) for visit in tuple(self._visits)))
        await self._house.tails.stop()

    async def socket(self, socket: WebSocket) -> None:
        """``/chat/ws``."""
        address = neighbourhood(socket.client.host) if socket.client else "?"
        with self._house.gate.socket(address) as allowed:
            if not (allowed and self._welcome(socket)):
                await socket.close()  # before accept: answered 403
                return
            await socket.accept()
            await self._visit(Visit(socket, self._house, address))

    async def _visit(self, visit: Visit) -> None:
        self._visits.add(visit)
        SOCKETS.inc()
        try:
            await visit.run()
        finally:
            SOCKETS.dec()
            self._visits.discard(visit)

    def _welcome(self, socket: WebSocket) -> bool:
        origin, host = socket.headers.get("origin"), socket.headers.get("host", "")
        return not self._closing and same_origin(origin, host, self._house.origins)


def create_web_chat(
    *,
    inbox: Inbox,
    transcripts: Transcripts,
    media: MediaStore,
    sessions: Sessions,
    clock: Clock,
    brand: str,
    accent: str,
    privacy: Mapping[str, str],
    allowed_origins: Sequence[str] = (),
    limits: WebLimits | None = None,
) -> WebChat:
    """The web chat of one account.

    Args:
        inbox: takes events.
        transcripts: what visitors see, shared by all web processes and senders.
        media: keeps files.
        sessions: signs for the account.
        clock: the time.
        brand: the name shown.
        accent: the brand's colour, ``#rrggbb``.
        privacy: the privacy notice by language, ``fr`` and ``en``.
        allowed_origins: sites that may embed the chat or talk to it; any may embed it when empty,
            and only our own host may talk to it.
        limits: what a visitor may do.

    Raises:
        ConfigurationError: a colour, an origin or the notice is not usable.
    """
    limits = limits or WebLimits()
    allowed = origins(allowed_origins)
    gate = Gate(
        messages=Meter(limits.messages, time.monotonic),
        signals=Meter(limits.signals, time.monotonic),
        files=Meter(limits.files, time.monotonic),
        sessions=Meter(limits.sessions, time.monotonic),
        sockets=limits.sockets,
    )
    house = House(sessions, inbox, transcripts, media, Tails(transcripts), clock, limits, gate, allowed)
    service = WebService(house)
    pages = Pages(Look(brand, accent, tuple(sorted(allowed)), privacy))
    return WebChat(_router(house, service, pages), service)


def _router(house: House, service: WebService, pages: Pages) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    files, resume = Files(house), Resume(house)
    for path, page in (
        ("/chat", pages.page),
        ("/chat/chat.js", pages.script),
        ("/chat/chat.css", pages.style),
        ("/chat/guichet.js", pages.embed),
        ("/chat/privacy", pages.privacy),
        ("/chat/files/{file_id}", files.download),
    ):
        router.add_api_route(path, page, methods=["GET"])
    router.add_api_route("/chat/files", files.upload, methods=["POST"])
    router.add_api_route("/chat/resume", resume.exchange, methods=["POST"])
    router.add_api_websocket_route("/chat/ws", service.socket)
    return router
