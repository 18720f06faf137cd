"""One WebSocket: hello, then what the visitor sends on one side and what their transcript says on
the other. Memory is bounded on both: nothing is read while something waits to be written.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import structlog
from prometheus_client import Counter
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from bot.channels.web import ingest
from bot.channels.web.house import House
from bot.channels.web.ingest import Customer, Incoming, Refused
from bot.channels.web.limits import HELLO_SECONDS, is_client_id
from bot.channels.web.rendering import CLIENT, SERVER, with_addresses
from bot.channels.web.sessions import BadSession, Session
from bot.channels.web.texts import error_text, language_of
from bot.domain.chat import Speaker
from bot.domain.errors import MediaUnavailable, StoreUnavailable
from bot.domain.identity import ChatId, Profile
from bot.domain.message import Attachment, AttachmentKind
from bot.ports.inbox import Appended
from bot.ports.transcript import START, Added, Frame, Item, Page

log = structlog.get_logger(__name__)

FRAMES = Counter("guichet_web_frames_total", "Frames from visitors that were taken", ["type"])
REFUSED = Counter("guichet_web_refused_total", "Frames from visitors that were refused", ["code"])

NO_HELLO = 4408
RESTART = 1012
TURNED_AWAY = {"bad_session": 4401, "rate_limited": 4429, "unavailable": 1013}
SEND_SECONDS = 20.0
HELLO_ATTEMPTS = 20
"""Frames before a hello that are answered; then whoever sends them is cut off."""
STORE_PAUSE = 0.5
BOT_ANSWERS = (Speaker.BOT, Speaker.CLOSED, None)


class Gone(Exception):
    """The visitor's connection is closed, or too slow to be kept."""


class Visit:
    """One connection of one visitor.

    Args:
        socket: accepted already.
        house: the parts.
        address: the visitor's, for the limits.
    """

    def __init__(self, socket: WebSocket, house: House, address: str) -> None:
        self._socket = socket
        self._house = house
        self._address = address
        self._language = language_of(None, socket.headers.get("accept-language", ""))
        self._profile = Profile()
        self._sending = asyncio.Lock()
        self._handling = asyncio.Lock()
        self._own: set[str] = set()
        self._unsettled: str | None = None
        self._settled = asyncio.Event()

    async def run(self) -> None:
        """Serve the connection until it ends."""
        with suppress(Gone):
            greeted = await self._greet()
            if greeted is not None:
                await self._serve(*greeted)

    async def close(self, code: int) -> None:
        """Close, once the frame being handled is settled. The visitor is expected back."""
        async with self._handling:
            await self._hang_up(code)

    # --- hello -----------------------------------------------------------------------------

    async def _greet(self) -> tuple[ChatId, str] | None:
        """Wait for a hello and answer it; the chat and where its reader stands."""
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                hello = await self._hello()
        except TimeoutError:
            await self._hang_up(NO_HELLO)
            return None
        self._speak(hello.get("language"))
        try:
            session = self._session(hello.get("session"))
            position = await self._position(session.chat, hello.get("after"))
        except Refused as refused:
            await self._refuse(refused)
            await self._hang_up(TURNED_AWAY[refused.code])
            return None
        await self._send({"type": "welcome", "session": session.token})
        return session.chat, position

    def _speak(self, wanted: object) -> None:
        """Settle the language of what the channel itself says, and pass on what the visitor asked for."""
        accepted = self._socket.headers.get("accept-language", "")
        self._language = language_of(wanted, accepted)
        self._profile = Profile(locale=self._language if wanted or accepted else "")

    async def _hello(self) -> Frame:
        for _ in range(HELLO_ATTEMPTS):
            try:
                frame = ingest.read_frame(await self._receive())
            except Refused as refused:
                await self._refuse(refused)
                continue
            if frame["type"] == "hello":
                return frame
            await self._refuse(Refused("hello_expected", ingest.known_id(frame)))
        raise Gone

    def _session(self, token: object) -> Session:
        now = self._house.clock.now()
        if token is None:
            if not self._house.gate.sessions.allows(self._address):
                raise Refused("rate_limited")
            return self._house.sessions.new(now)
        try:
            return self._house.sessions.open(token, now)
        except BadSession as error:
            raise Refused("bad_session") from error

    async def _position(self, chat: ChatId, after: object) -> str:
        if not isinstance(after, str) or not is_client_id(after):
            return START
        try:
            found = await self._house.transcripts.position_of(chat, SERVER + after, CLIENT + after)
        except StoreUnavailable as error:
            raise Refused("unavailable") from error
        return found or START

    # --- both ways -------------------------------------------------------------------------

    async def _serve(self, chat: ChatId, position: str) -> None:
        with self._house.tails.of(chat) as (wake, order):
            sides = {
                asyncio.create_task(self._tail(chat, position, wake)),
                asyncio.create_task(self._listen(chat, order)),
            }
            try:
                await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for side in sides:
                    side.cancel()
                ends = await asyncio.gather(*sides, return_exceptions=True)
            for end in ends:
                if isinstance(end, Exception) and not isinstance(end, Gone):
                    await self._hang_up(1011)
                    raise end

    async def _tail(self, chat: ChatId, position: str, wake: asyncio.Event) -> None:
        """Send what the transcript has after a position, for as long as it grows."""
        whole = position == START
        while True:
            wake.clear()
            page = await self._read(chat, position)
            await self._show(chat, page, whole=whole)
            position, whole = page.position, False
            if not page.more:
                await wake.wait()

    async def _read(self, chat: ChatId, position: str) -> Page:
        while True:
            try:
                return await self._house.transcripts.read(chat, position)
            except StoreUnavailable:
                await asyncio.sleep(STORE_PAUSE)

    async def _show(self, chat: ChatId, page: Page, *, whole: bool) -> None:
        final = {item.frame["id"] for item in page.items if item.frame["type"] == "message"}
        for item in page.items:
            changed = item.frame.get("message")
            if item.key in self._own:
                self._own.discard(item.key)
            elif changed is None or not (changed in final or (whole and item.frame["type"] == "delete")):
                await self._show_item(chat, item)

    async def _show_item(self, chat: ChatId, item: Item) -> None:
        if item.frame.get("reply_to") is not None and item.frame["reply_to"] == self._unsettled:
            await self._settled.wait()
        now = self._house.clock.now()
        sessions = self._house.sessions
        await self._send(with_addresses(item.frame, lambda file_id: sessions.file_pass(chat, file_id, now)))

    async def _listen(self, chat: ChatId, order: asyncio.Lock) -> None:
        """Take what the visitor sends, one frame at a time."""
        while True:
            raw = await self._receive()
            async with self._handling:
                try:
                    await self._take(self._readable(raw, chat), chat, order)
                except Refused as refused:
                    await self._refuse(refused, chat)

    # --- one frame -------------------------------------------------------------------------

    def _readable(self, raw: str | None, chat: ChatId) -> Frame:
        """The frame; whoever sends nothing but rubbish is cut off."""
        try:
            return ingest.read_frame(raw)
        except Refused as refused:
            if self._house.gate.signals.allows(chat.user):
                raise
            raise Gone from refused

    async def _take(self, frame: Frame, chat: ChatId, order: asyncio.Lock) -> None:
        kind = frame["type"]
        if kind not in ("message", "press", "edit", "delete", "seen"):
            code = "bad_frame" if kind == "hello" else "unknown_type"
            raise Refused(code, ingest.known_id(frame))
        customer = Customer(chat, self._profile, self._house.clock.now(), self._house.inbox.clean)
        if kind == "seen":
            await self._seen(frame, customer)
        else:
            if not self._house.gate.messages.allows(chat.user):
                raise Refused("rate_limited", ingest.known_id(frame))
            async with order:
                await self._keep(await self._incoming(kind, frame, customer), chat)
        FRAMES.labels(kind).inc()

    async def _incoming(self, kind: str, frame: Frame, customer: Customer) -> Incoming:
        if kind == "message":
            files = ingest.file_ids(frame)
            client_id = ingest.known_id(frame)
            return ingest.message(
                frame, customer, [await self._file(customer.chat, one, client_id) for one in files]
            )
        return {"press": ingest.press, "edit": ingest.edit, "delete": ingest.delete}[kind](frame, customer)

    async def _file(self, chat: ChatId, file_id: str, client_id: str | None) -> Attachment:
        try:
            file = await self._house.media.stat(file_id)
        except MediaUnavailable as error:
            raise Refused("unavailable", client_id) from error
        if file is None or file.chat != chat:
            raise Refused("unknown_file", client_id)
        kind = AttachmentKind.of(file.mime)
        return Attachment(file.id, file.name, file.mime, file.size, kind, stored=True)

    async def _keep(self, incoming: Incoming, chat: ChatId) -> None:
        """Transcript, then inbox, then ack: what is acked is in both, once."""
        self._unsettled = incoming.client_id
        self._settled.clear()
        try:
            await self._write_down(incoming, chat)
            appended = await self._house.inbox.append(incoming.event)
            await self._send({"type": "ack", "id": incoming.client_id})
        except StoreUnavailable as error:
            raise Refused("unavailable", incoming.client_id) from error
        finally:
            self._unsettled = None
            self._settled.set()
        await self._show_typing(incoming, appended)

    async def _write_down(self, incoming: Incoming, chat: ChatId) -> None:
        if incoming.frame is None:
            return
        key = CLIENT + incoming.client_id
        self._own.add(key)
        transcripts = self._house.transcripts
        if incoming.target is None:
            added = await transcripts.append(chat, key, incoming.frame)
        else:
            change = transcripts.edit if incoming.frame["type"] == "edit" else transcripts.delete
            added = await change(chat, key, CLIENT + incoming.target, incoming.frame)
        if added is not Added.NEW:
            self._own.discard(key)
        if added is Added.NO_SUCH_MESSAGE:
            raise Refused("unknown_message", incoming.client_id)

    async def _show_typing(self, incoming: Incoming, appended: Appended) -> None:
        if appended.new and incoming.target is None and appended.speaker in BOT_ANSWERS:
            await self._send({"type": "typing", "author": "bot"})

    async def _seen(self, frame: Frame, customer: Customer) -> None:
        """Note that a message of ours was seen. Not acked: losing one changes nothing."""
        receipt = ingest.seen(frame, customer)
        if not self._house.gate.signals.allows(customer.chat.user):
            return
        with suppress(StoreUnavailable):
            if await self._house.transcripts.position_of(customer.chat, SERVER + receipt.message_id):
                await self._house.inbox.append(receipt)

    # --- the wire --------------------------------------------------------------------------

    async def _receive(self) -> str | None:
        try:
            received = await self._socket.receive()
        except (WebSocketDisconnect, RuntimeError) as error:
            raise Gone from error
        if received["type"] == "websocket.disconnect":
            raise Gone
        text: str | None = received.get("text")
        return text

    async def _refuse(self, refused: Refused, chat: ChatId | None = None) -> None:
        """Say why. A flood is told so once, though each refused message gets its error."""
        REFUSED.labels(refused.code).inc()
        quiet = (
            refused.code == "rate_limited"
            and chat is not None
            and not self._house.gate.messages.tell(chat.user)
        )
        text = "" if quiet else error_text(refused.code, self._language, limit=refused.limit)
        frame: Frame = {"type": "error", "code": refused.code, "message": text}
        await self._send({**frame, "id": refused.client_id} if refused.client_id else frame)

    async def _send(self, frame: Frame) -> None:
        text = json.dumps(frame, separators=(",", ":"))
        try:
            async with asyncio.timeout(SEND_SECONDS), self._sending:
                await self._socket.send_text(text)
        except (WebSocketDisconnect, RuntimeError, OSError) as error:
            raise Gone from error

    async def _hang_up(self, code: int) -> None:
        if self._socket.application_state is not WebSocketState.CONNECTED:
            return
        with suppress(WebSocketDisconnect, RuntimeError, OSError):
            await self._socket.close(code)
