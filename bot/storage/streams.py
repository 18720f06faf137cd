"""Reading many shards' streams at once, without consumer groups.

Nothing is consumed by reading: an entry stays until the step that handles it deletes it, so a
reader that stalls or dies loses nothing. On one server a single XREAD waits for all streams; on
Cluster, where keys of several slots cannot be read together, one blocking read a shard is kept
under way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from bot.domain.errors import NotUnderstandable
from bot.ports.store import Entry
from bot.storage.connection import Connection

T = TypeVar("T")

_Read = tuple[str, str]


class StreamReader:
    """Reads entries after given cursors."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._under_way: dict[_Read, asyncio.Task[list[Any]]] = {}

    async def read(
        self,
        keys: Mapping[int, str],
        cursors: Mapping[int, str],
        decode: Callable[[bytes], T],
        *,
        count: int,
        block: float,
    ) -> list[Entry[T]]:
        """Entries of the shards in ``cursors``, at most ``count`` a shard; [] after ``block`` s."""
        if not cursors:
            await asyncio.sleep(block)
            return []
        streams = {keys[shard]: cursor for shard, cursor in cursors.items()}
        if self._connection.is_cluster:
            batches = await self._read_apart(streams, count=count, block=block)
        else:
            batches = await self._connection.blocking_read(streams, count=count, block=block)
        shard_of = {keys[shard]: shard for shard in cursors}
        return [
            _entry(shard_of[key.decode()], entry_id.decode(), fields, decode)
            for key, entries in batches
            for entry_id, fields in entries
        ]

    async def close(self) -> None:
        """Stop reads that are under way."""
        for task in self._under_way.values():
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)
        self._under_way.clear()

    async def _read_apart(self, streams: Mapping[str, str], *, count: int, block: float) -> list[Any]:
        wanted = tuple(streams.items())
        deadline = asyncio.get_running_loop().time() + block
        while (left := deadline - asyncio.get_running_loop().time()) > 0:
            reads = [self._begun(*read, count=count, block=block) for read in wanted]
            await asyncio.wait(reads, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            found = self._taken(wanted)
            if found:
                return found
        return []

    def _begun(self, key: str, cursor: str, *, count: int, block: float) -> asyncio.Task[list[Any]]:
        if (key, cursor) not in self._under_way:
            read = self._connection.blocking_read({key: cursor}, count=count, block=block)
            self._under_way[key, cursor] = asyncio.create_task(read)
        return self._under_way[key, cursor]

    def _taken(self, wanted: tuple[_Read, ...]) -> list[Any]:
        """What reads have ended with; a read that nobody wants any more is forgotten."""
        found: list[Any] = []
        for read, task in list(self._under_way.items()):
            if task.done():
                del self._under_way[read]
                if read in wanted:
                    found.extend(task.result())
                elif not task.cancelled():
                    task.exception()
        return found


def _entry(shard: int, entry_id: str, fields: Any, decode: Callable[[bytes], T]) -> Entry[T]:
    raw = fields.get(b"d", b"") if isinstance(fields, dict) else b""
    try:
        return Entry(shard, entry_id, decode(raw))
    except NotUnderstandable:
        return Entry(shard, entry_id, None, raw.decode("utf-8", "replace"))
