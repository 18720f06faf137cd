"""A web chat over real uvicorn and real Valkey, with a tiny scripted bot behind its inbox."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import unicodedata
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self

import uvicorn
import websockets
from fastapi import FastAPI

from bot.channels.web.deliverer import WebDeliverer
from bot.channels.web.limits import SOCKET_BYTES, WebLimits
from bot.channels.web.server import WebChat, create_web_chat
from bot.channels.web.sessions import Sessions
from bot.domain.chat import Speaker
from bot.domain.errors import StoreUnavailable
from bot.domain.events import CustomerCommand, CustomerEvent, CustomerMessage, Event
from bot.domain.identity import ChatId
from bot.domain.ids import derived_id
from bot.domain.message import Author, Button
from bot.domain.outgoing import DeleteOut, EditOut, MessageOut, Outgoing
from bot.ports.clock import SystemClock
from bot.ports.inbox import Appended
from bot.ports.media import StoredFile
from bot.storage.transcripts import RedisTranscripts

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
PRIVACY = {"fr": "## Finalité\n\nVous répondre.", "en": "## Purpose\n\nTo answer you."}
SECRET = b"a secret for tests only"


async def until(done: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait for something, with a deadline."""
    async with asyncio.timeout(seconds):
        while not done():
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def serving(app: FastAPI, listener: socket.socket) -> AsyncIterator[str]:
    """uvicorn on a socket of ours, as ``bot.app`` runs it; gives the address."""
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, ws_max_size=SOCKET_BYTES, lifespan="off"
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve([listener]))
    await until(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


def listening(port: int = 0) -> socket.socket:
    """A socket on loopback."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener


class MemoryMedia:
    """Files in memory."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[StoredFile, bytes]] = {}

    async def save(
        self, file_id: str, chat: ChatId, name: str, mime: str, content: AsyncIterator[bytes]
    ) -> StoredFile:
        data = b"".join([chunk async for chunk in content])
        stored = StoredFile(file_id, chat, name, mime, len(data))
        self.files[file_id] = (stored, data)
        return stored

    async def stat(self, file_id: str) -> StoredFile | None:
        return self.files[file_id][0] if file_id in self.files else None

    async def read(self, file_id: str) -> AsyncIterator[bytes]:
        yield self.files[file_id][1]

    async def delete(self, file_id: str) -> bool:
        return self.files.pop(file_id, None) is not None


@dataclass
class ScriptedBot:
    """Takes events as the real inbox does, and answers each message in the same breath."""

    deliverers: dict[str, WebDeliverer]
    speaker: Speaker | None = Speaker.BOT
    down: bool = False
    delay: float = 0.0
    events: list[Event] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    answers: set[asyncio.Task[None]] = field(default_factory=set)

    def clean(self, text: str) -> str:
        kept = (c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs", "Cf"))
        return "".join(kept)

    async def append(self, event: Event) -> Appended:
        if self.down:
            raise StoreUnavailable("down, says the test")
        new = event.id not in self.known
        self.known.add(event.id)
        if new:
            self.events.append(event)
            if isinstance(event, CustomerEvent) and self.speaker is not Speaker.HUMAN:
                answer = asyncio.create_task(self._answer(event))
                self.answers.add(answer)
                answer.add_done_callback(self.answers.discard)
        return Appended(new, self.speaker)

    async def park(self, source: str, raw: str, error: str) -> None:
        raise AssertionError("the web chat parks nothing")

    async def _answer(self, event: CustomerEvent) -> None:
        await asyncio.sleep(self.delay)
        if isinstance(event, CustomerCommand):
            await self.say(event.chat, f"/{event.command}", reply_to=event.message_id)
        elif isinstance(event, CustomerMessage):
            buttons = (Button("yes:x", "Oui"),) if "bouton" in event.text else ()
            await self.say(event.chat, f"« {event.text} »", reply_to=event.message_id, buttons=buttons)

    async def say(
        self,
        chat: ChatId,
        text: str,
        *,
        reply_to: str | None = None,
        buttons: tuple[Button, ...] = (),
        **more: Any,
    ) -> str:
        message_id = derived_id("m", chat, text, reply_to)
        message = MessageOut(text=text, message_id=message_id, reply_to=reply_to, buttons=buttons)
        await self.deliver(chat, replace(message, **more))
        return message_id

    async def edit(self, chat: ChatId, message_id: str, text: str) -> None:
        await self.deliver(chat, EditOut(message_id=message_id, author=Author.AGENT, text=text))

    async def delete(self, chat: ChatId, message_id: str) -> None:
        await self.deliver(chat, DeleteOut(message_id=message_id, author=Author.AGENT))

    async def deliver(self, chat: ChatId, payload: MessageOut | EditOut | DeleteOut) -> None:
        entry = Outgoing(
            id=derived_id("o", chat, payload),
            destination=chat.destination,
            chat=chat,
            conversation=None,
            epoch=0,
            at=NOW,
            payload=payload,
        )
        await self.deliverers[chat.destination].deliver(entry, doubtful=False)

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


class Server:
    """A web process."""

    def __init__(self, chat: WebChat, port: int = 0) -> None:
        self._app = FastAPI()
        self._app.include_router(chat.router)
        self.service = chat.service
        self._socket = listening(port)
        self.port = self._socket.getsockname()[1]
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(serving(self._app, self._socket))
        await self._stack.enter_async_context(self.service)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()


@dataclass
class Setting:
    """One web process."""

    bot: ScriptedBot
    media: MemoryMedia
    sessions: Sessions
    transcripts: RedisTranscripts
    server: Server

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def chat(self, session: str) -> ChatId:
        return self.sessions.open(session, datetime.now(UTC)).chat

    @contextlib.asynccontextmanager
    async def visitor(
        self, session: str | None = None, after: str | None = None, **more: Any
    ) -> AsyncIterator[Visitor]:
        headers = more.pop("headers", {})
        async with websockets.connect(
            f"ws://{self.host}/chat/ws", max_size=None, additional_headers=headers
        ) as connection:
            visitor = Visitor(connection)
            await visitor.send(type="hello", session=session, after=after, **more)
            visitor.session = (await visitor.next("welcome"))["session"]
            yield visitor


class Visitor:
    """A client of the protocol."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.session = ""
        self.frames: list[dict[str, Any]] = []

    async def send(self, **frame: Any) -> None:
        await self.connection.send(json.dumps(frame))

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(5):
            frame: dict[str, Any] = json.loads(await self.connection.recv())
        self.frames.append(frame)
        return frame

    async def next(self, kind: str, **matching: Any) -> dict[str, Any]:
        """The next frame of that kind; others are kept in ``frames``."""
        while True:
            frame = await self.receive()
            if frame["type"] == kind and all(frame.get(name) == value for name, value in matching.items()):
                return frame

    async def say(self, client_id: str, text: str, **more: Any) -> dict[str, Any]:
        """Send a message and wait for its answer."""
        await self.send(type="message", id=client_id, text=text, **more)
        await self.next("ack", id=client_id)
        return await self.next("message", reply_to=client_id)

    async def until_quiet(self, seconds: float = 0.15) -> list[dict[str, Any]]:
        """What comes until nothing does."""
        found = []
        with contextlib.suppress(TimeoutError):
            while True:
                async with asyncio.timeout(seconds):
                    found.append(json.loads(await self.connection.recv()))
        return found

    def messages(self) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["type"] == "message"]


def make_setting(transcripts: RedisTranscripts, *, limits: WebLimits | None = None, **more: Any) -> Setting:
    """A web process over these transcripts."""
    sessions = more.pop("sessions", Sessions(SECRET, "main"))
    bot = more.pop("bot", None) or ScriptedBot({"web:main": WebDeliverer("main", transcripts)})
    media = more.pop("media", None) or MemoryMedia()
    port = more.pop("port", 0)
    options: dict[str, Any] = {
        "brand": "Maison Alba",
        "accent": "#7a4a2b",
        "privacy": PRIVACY,
        "clock": SystemClock(),
        **more,
    }
    chat = create_web_chat(
        inbox=bot, transcripts=transcripts, media=media, sessions=sessions, limits=limits, **options
    )
    return Setting(bot, media, sessions, transcripts, Server(chat, port))
