"""A shop's system over real HTTP, small and scriptable."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class ShopServer:
    """Serves ``orders``; ``status``, ``body`` or ``stall`` replace the ordinary answer."""

    orders: Mapping[str, Any]
    status: int | None = None
    body: bytes | None = None
    headers: str = ""
    stall: bool = False
    url: str = ""
    requests: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.requests.append(head)
            if self.stall:
                await asyncio.sleep(60)
            status, body = self._answer(head.split(" ")[1])
            writer.write(
                f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{self.headers}"
                "Connection: close\r\n\r\n".encode()
                + body
            )
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client gave up: that is the point of some tests
        finally:
            writer.close()

    def _answer(self, path: str) -> tuple[int, bytes]:
        found = self.orders.get(path.removeprefix("/api/orders/"))
        status = 404 if found is None else 200
        body = json.dumps(found if found is not None else {"error": "not_found"}).encode()
        return self.status or status, body if self.body is None else self.body


@asynccontextmanager
async def running_shop(orders: Mapping[str, Any]) -> AsyncIterator[ShopServer]:
    """A server on a free loopback port, gone with the block."""
    shop = ShopServer(orders)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(shop.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    shop.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api"
    try:
        yield shop
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
