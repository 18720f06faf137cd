"""A whole Guichet of real processes, with Slack's stand-in on one side and web visitors on the other."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp
import websockets

from tests.servers import free_port, running, valkey_binary

ROOT = Path(__file__).resolve().parents[3]
TOKEN = "a-token-for-tests"
EVERYTHING = ("web", "worker,scheduler,archiver", "sender", "ingest")
"""Enough processes for a story: each part apart from its neighbour."""


async def until(done: Callable[[], Any], what: str, seconds: float = 15.0) -> Any:
    """Wait until something is true (and give it back), with a deadline that says what was awaited."""
    deadline = time.time() + seconds
    while not (found := done()):
        if time.time() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what}")
        await asyncio.sleep(0.05)
    return found


@dataclass
class Customer:
    """A visitor of the web chat who keeps everything they were shown."""

    url: str
    name: str = "c"
    frames: list[dict[str, Any]] = field(default_factory=list)
    at: dict[str, float] = field(default_factory=dict)
    count: int = 0
    session: str | None = None
    _socket: Any = None
    _listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._socket = await websockets.connect(self.url, max_size=None, open_timeout=15)
        await self._socket.send(json.dumps({"type": "hello", "session": self.session, "after": None}))
        self._listening = asyncio.create_task(self._listen())
        await until(lambda: self.session, "a welcome")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._listening is not None
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        await self._socket.close()

    async def _listen(self) -> None:
        async for raw in self._socket:
            frame = json.loads(raw)
            if frame["type"] == "welcome":
                self.session = frame["session"]
                continue
            self.frames.append(frame)
            if "id" in frame:
                self.at.setdefault(frame["id"], time.time())

    def _new_id(self) -> str:
        self.count += 1
        return f"{self.name}-{self.count}"

    async def send(self, **frame: Any) -> str:
        """A frame with an id of its own, acked before this returns."""
        frame.setdefault("id", self._new_id())
        await self._socket.send(json.dumps(frame))
        await until(lambda: self.acked(frame["id"]), f"an ack of {frame}")
        return str(frame["id"])

    async def says(self, text: str, **more: Any) -> str:
        return await self.send(type="message", text=text, **more)

    async def presses(self, button: str) -> str:
        return await self.send(type="press", button=button)

    async def sees(self, message_id: str) -> None:
        """It is on their screen: nobody acks that."""
        await self._socket.send(json.dumps({"type": "seen", "id": message_id}))

    def acked(self, message_id: str) -> bool:
        return any(frame["type"] == "ack" and frame["id"] == message_id for frame in self.frames)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What was said to them, as it stands after edits and deletions."""
        shown: dict[str, dict[str, Any]] = {}
        for frame in self.frames:
            match frame["type"]:
                case "message" if frame["author"] != "customer":
                    shown[frame["id"]] = dict(frame)
                case "edit" if frame["message"] in shown:
                    shown[frame["message"]]["text"] = frame["text"]
                case "delete":
                    shown.pop(frame["message"], None)
        return list(shown.values())

    def texts(self, author: str | None = None) -> list[str]:
        return [one["text"] for one in self.messages if author in (None, one["author"])]

    async def hears(self, part: str, author: str | None = None, seconds: float = 15.0) -> dict[str, Any]:
        """Wait for a message that holds some words."""

        def found() -> dict[str, Any] | None:
            wanted = (one for one in self.messages if author in (None, one["author"]))
            return next((one for one in wanted if part.lower() in one["text"].lower()), None)

        try:
            return dict(await until(found, f"the customer hears {part!r}", seconds))
        except AssertionError as error:
            raise AssertionError(f"{error}; heard: {self.texts()}") from None

    async def upload(self, name: str, mime: str, content: bytes) -> str:
        """A file, ready to be attached."""
        http = self.url.replace("ws://", "http://").replace("/ws", "/files")
        form = aiohttp.FormData()
        form.add_field("file", content, filename=name, content_type=mime)
        async with aiohttp.ClientSession() as client:
            headers = {"Authorization": f"Bearer {self.session}"}
            async with client.post(http, data=form, headers=headers) as response:
                assert response.status == 200 or response.status == 201, await response.text()
                return str((await response.json())["id"])


@dataclass
class Whole:
    """The processes, and how to reach them."""

    folder: Path
    port: int
    environment: dict[str, str]
    processes: list[tuple[str, subprocess.Popen[bytes]]] = field(default_factory=list)

    def start(self, roles: str, **more: str) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{len(self.processes)}-{roles.replace(',', '-')}.log").open("ab")
        with log:
            process = subprocess.Popen(
                [sys.executable, "-m", "bot.cli", "run", "--role", roles],
                cwd=ROOT, env={**self.environment, **more}, stdout=log, stderr=log,
            )  # fmt: skip
        self.processes.append((roles, process))
        return process

    async def ready(self) -> None:
        """The web chat answers, and no role has ended."""
        url = f"http://127.0.0.1:{self.port}/healthz"
        async with aiohttp.ClientSession() as client:
            deadline = time.time() + 40
            while True:
                for roles, process in self.processes:
                    assert process.poll() is None, f"{roles} ended:\n{self.logs()}"
                with contextlib.suppress(aiohttp.ClientError):
                    async with client.get(url) as response:
                        if response.status == 200:
                            return
                assert time.time() < deadline, f"not ready:\n{self.logs()}"
                await asyncio.sleep(0.1)

    def customer(self, name: str = "c", session: str | None = None) -> Customer:
        return Customer(f"ws://127.0.0.1:{self.port}/chat/ws", name, session=session)

    def logs(self) -> str:
        return "\n".join(f"--- {path.name}\n{path.read_text()[-3000:]}" for path in self.folder.glob("*.log"))

    def stop(self) -> None:
        for _, process in self.processes:
            if process.poll() is None:
                process.terminate()
        for _, process in self.processes:
            try:
                process.wait(12)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)


CONFIG = """
default_language = "fr"
[web]
brand = "Maison Alba"
[hours]
time_zone = "Europe/Paris"
holidays = ""
{more}
[slack]
mode = "{mode}"
api_base = "{api_base}"
admins = ["U0ADMIN"]
{slack}
[teams.care]
channels = {channels}
agents = ["U0LEA", "U0OMAR"]
leads = ["U0LEAD"]
language = "fr"
{care}
[teams.care.hours]
monday = "00:00-23:59"
tuesday = "00:00-23:59"
wednesday = "00:00-23:59"
thursday = "00:00-23:59"
friday = "00:00-23:59"
saturday = "00:00-23:59"
sunday = "00:00-23:59"
"""


@contextlib.asynccontextmanager
async def whole(
    folder: Path,
    slack: Any,
    nlu_url: str,
    *,
    roles: Sequence[str] = EVERYTHING,
    mode: str = "socket",
    nlu_token: str = TOKEN,
    channels: Sequence[str] = ("C0CARE",),
    config: dict[str, str] | None = None,
    **environment: str,
) -> AsyncIterator[Whole]:
    """Start it all against a stand-in of Slack that runs in the test; stopped by pid at the end.

    It is there once Slack has a socket, too: a button pressed before that reaches nobody, and Slack does not
    send it again.
    """
    with running(valkey_binary(), folder / "valkey") as server:
        port = free_port()
        parts = {"more": "", "slack": "", "care": "", **(config or {})}
        file = folder / "guichet.toml"
        listed = json.dumps(list(channels))
        file.write_text(CONFIG.format(mode=mode, api_base=slack.api_url, channels=listed, **parts))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GUICHET_")}
        made = Whole(
            folder,
            port,
            {
                **kept,
                "GUICHET_CONFIG": str(file),
                "GUICHET_DATA_DIR": str(folder),
                "GUICHET_REDIS__URL": server.url,
                "GUICHET_DATABASE__URL": f"sqlite:///{folder / 'guichet.db'}",
                "GUICHET_WEB__PORT": str(port),
                "GUICHET_WEB__SECRET": "only-for-this-test-0123456789",
                "GUICHET_NLU__URLS": nlu_url,
                "GUICHET_NLU__TOKEN": nlu_token,
                "GUICHET_LOG__LEVEL": "warning",
                "GUICHET_SLACK__BOT_TOKEN": slack.bot_token,
                "GUICHET_SLACK__APP_TOKEN": slack.app_token,
                "GUICHET_SLACK__SIGNING_SECRET": slack.signing_secret,
                **environment,
            },
        )
        try:
            for name in roles:
                made.start(name)
            await made.ready()
            if mode == "socket" and any("ingest" in name for name in roles):
                await until(lambda: slack.sockets.sockets, "a socket", 40)
            yield made
        finally:
            await asyncio.to_thread(made.stop)
