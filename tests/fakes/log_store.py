"""A live log in memory, with the troubles a real one has."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bot.domain.errors import StoreUnavailable
from bot.domain.facts import Fact
from bot.ports.store import Cursors, Entry


class FakeLogStore:
    """Implements ``bot.ports.store.LogStore``.

    ``failing_reads`` and ``failing_drops`` count how many of the next calls fail.
    """

    def __init__(self, shards: int = 2) -> None:
        self._shards = shards
        self._entries: dict[tuple[int, int], Entry[Fact]] = {}
        self._serial = 0
        self.failing_reads = 0
        self.failing_drops = 0

    @property
    def shards(self) -> int:
        return self._shards

    @property
    def left(self) -> list[Entry[Fact]]:
        """Entries not dropped yet."""
        return list(self._entries.values())

    def add(self, *facts: Fact) -> None:
        """Log facts, a chat always in the same shard."""
        for fact in facts:
            self.add_to(len(fact.chat.user) % self._shards, fact)

    def add_to(self, shard: int, *facts: Fact) -> None:
        """Log facts in one shard."""
        for fact in facts:
            self._append(shard, fact, "")

    def add_unreadable(self, raw: str, shard: int = 0) -> None:
        """Log what no version of ours reads."""
        self._append(shard, None, raw)

    def fail_over(self) -> None:
        """The store is away, and comes back with a clock that is behind: ids begin lower."""
        self.failing_reads = 1
        self._serial = 0

    def _append(self, shard: int, value: Fact | None, raw: str) -> None:
        self._serial += 1
        self._entries[shard, self._serial] = Entry(shard, f"{self._serial}-0", value, raw)

    async def read_facts(self, cursors: Cursors, *, count: int, block: float) -> list[Entry[Fact]]:
        if self.failing_reads:
            self.failing_reads -= 1
            raise StoreUnavailable("the store is away")
        found = [
            entry
            for (shard, serial), entry in self._entries.items()
            if serial > int(cursors[shard].partition("-")[0])
        ]
        if not found:
            await asyncio.sleep(min(block, 0.01))
        taken: dict[int, list[Entry[Fact]]] = {}
        for entry in found:
            taken.setdefault(entry.shard, []).append(entry)
        return [entry for entries in taken.values() for entry in entries[:count]]

    async def drop_facts(self, entries: Sequence[Entry[Fact]]) -> None:
        if self.failing_drops:
            self.failing_drops -= 1
            raise StoreUnavailable("the store is away")
        for entry in entries:
            self._entries.pop((entry.shard, int(entry.id.partition("-")[0])), None)
