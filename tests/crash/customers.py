"""Customers who speak the public protocol, remember everything, and never give up."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass, field
from typing import Any

import websockets

PATIENCE = 150.0


@dataclass
class Customer:
    """Writes, waits for the ack and the answer, reconnects when cut off, notes what is wrong."""

    url: str
    name: str
    session: str | None = None
    last: str | None = None
    written: list[str] = field(default_factory=list)
    acked: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    wrongs: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    cuts: int = 0

    async def talk(self, stop: asyncio.Event) -> None:
        """One message after the other until told to stop."""
        while not stop.is_set():
            number = f"{self.name}-{len(self.written)}"
            self.written.append(number)
            began = asyncio.get_running_loop().time()
            await self._until_answered(number)
            self.waits.append(asyncio.get_running_loop().time() - began)
            await asyncio.sleep(random.uniform(0.2, 1.5))

    async def _until_answered(self, number: str) -> None:
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while number not in self.answers:
            if asyncio.get_running_loop().time() > deadline:
                self.wrongs.append(f"{number}: no answer within {PATIENCE:.0f} s")
                return
            try:
                await self._connected(number)
            except (OSError, TimeoutError, websockets.WebSocketException):
                self.cuts += 1
                await asyncio.sleep(random.uniform(0.05, 0.4))

    async def _connected(self, number: str) -> None:
        async with websockets.connect(self.url, open_timeout=5, close_timeout=1) as socket:
            await _say(socket, {"type": "hello", "session": self.session, "after": self.last})
            welcome = await _hear(socket)
            if welcome.get("type") != "welcome":
                self.wrongs.append(f"no welcome but {welcome}")
                return
            self.session = welcome["session"]
            while True:
                if number not in self.acked:
                    await _say(socket, {"type": "message", "id": number, "text": f"question {number} ?"})
                await self._listen(socket, number)
                if number in self.answers:
                    return

    async def _listen(self, socket: Any, number: str) -> None:
        while number not in self.answers:
            self._note(await _hear(socket))

    def _note(self, frame: dict[str, Any]) -> None:
        match frame:
            case {"type": "ack", "id": acked} if acked not in self.acked:
                self.acked.append(acked)
            case {"type": "error", "code": code}:
                if code != "unavailable":
                    self.wrongs.append(f"error {code}")
                raise TimeoutError
            case {"type": "message", "id": message_id}:
                self.last = message_id
                if reply_to := frame.get("reply_to"):
                    if reply_to in self.answers:
                        self.wrongs.append(f"{reply_to} answered twice")
                    self.answers.append(reply_to)

    async def transcript(self) -> list[dict[str, Any]]:
        """Everything, from the beginning, and whatever comes after it within a moment."""
        frames: list[dict[str, Any]] = []
        async with websockets.connect(self.url, open_timeout=20) as socket:
            await _say(socket, {"type": "hello", "session": self.session, "after": None})
            while True:
                whole = sum(bool(frame.get("reply_to")) for frame in frames) >= len(self.written)
                try:
                    frame = await _hear(socket, 1.0 if whole else 20.0)
                except TimeoutError:
                    return frames
                if frame["type"] == "message":
                    frames.append(frame)

    def check(self, transcript: list[dict[str, Any]]) -> None:
        """Each message once, answered once, and in order."""
        mine = [frame["id"] for frame in transcript if frame["author"] == "customer"]
        replies = [frame["reply_to"] for frame in transcript if frame.get("reply_to")]
        if mine != self.written:
            self.wrongs.append(f"wrote {len(self.written)}, the transcript has {len(mine)} of mine")
        if replies != self.written:
            self.wrongs.append(f"wrote {self.written[-3:]}…, answered {replies[-3:]}…")
        if self.answers != self.written:
            self.wrongs.append("live, answers came in another order or number than questions")


async def _say(socket: Any, frame: dict[str, Any]) -> None:
    await socket.send(json.dumps(frame))


async def _hear(socket: Any, seconds: float = 15.0) -> dict[str, Any]:
    heard: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), seconds))
    return heard
