"""A tiny HTTP server that answers like Rasa, or as badly as a test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Answer = tuple[int, bytes]


def parsed(intent: str, model: str = "m1", **more: Any) -> Answer:
    """What Rasa answers when all is well."""
    ranking = [{"name": intent, "confidence": 0.9}, {"name": "other", "confidence": 0.1}]
    return 200, json.dumps({"intent_ranking": ranking, "entities": [], "model_id": model, **more}).encode()


@dataclass
class FakeRasa:
    """``answer`` gives status and body of each parse; ``None`` keeps silent."""

    answer: Callable[[str], Answer | None] = lambda _text: parsed("greet")
    status: Answer = (200, b'{"model_id": "m1", "model_file": "m1.tar.gz"}')
    texts: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    pause: float = 0.0
    url: str = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                await self._reply(lines[0].split()[1], body, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _reply(self, path: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        self.paths.append(path)
        answer: Answer | None = self.status
        if path.startswith("/model/parse"):
            text = json.loads(body)["text"]
            self.texts.append(text)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            await asyncio.sleep(self.pause)
            self.at_once -= 1
            answer = self.answer(text)
        if answer is None:
            await asyncio.Event().wait()
            return
        writer.write(b"HTTP/1.1 %d x\r\ncontent-length: %d\r\n\r\n" % (answer[0], len(answer[1])) + answer[1])
        await writer.drain()


@asynccontextmanager
async def fake_rasa(**settings: Any) -> AsyncIterator[FakeRasa]:
    """A server on a free port; whoever still waits for an answer is let go at the end."""
    fake = FakeRasa(**settings)
    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        await fake.handle(reader, writer)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    fake.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield fake
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
