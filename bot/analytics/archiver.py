"""Moves facts from the live log into SQL.

Read, store, drop. A crash between two steps repeats the ones before it, which changes nothing;
so do two archivers at once.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence

import structlog
from prometheus_client import Counter, Gauge, Histogram

from bot.domain.errors import RecordUnavailable, StoreUnavailable
from bot.domain.facts import Fact
from bot.ports.clock import Clock
from bot.ports.record import Record
from bot.ports.store import Entry, LogStore

log = structlog.get_logger(__name__)

ARCHIVED = Counter("guichet_archiver_facts_total", "Facts newly stored in SQL.")
STORE_SECONDS = Histogram("guichet_archiver_store_seconds", "Time to store one batch.")
LAG = Gauge("guichet_archiver_lag_seconds", "Age of the oldest fact of the last batch when it was stored.")

SHARE = 8
"""A shard gives this part of a batch at most in one read: there are many shards."""
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 15.0


class Archiver:
    """Drains the log. Any number may run at once.

    Args:
        batch: how many facts go into one transaction at most.
        block: seconds to wait for facts when there are none; also how long a stop may take.
        linger: seconds to let facts gather when few came, so that they share a transaction.
        first_pause: seconds to wait after a first failure; doubled up to 15 s.
    """

    def __init__(
        self,
        store: LogStore,
        record: Record,
        clock: Clock,
        *,
        batch: int = 1_000,
        block: float = 1.0,
        linger: float = 0.1,
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        self._store = store
        self._record = record
        self._clock = clock
        self._batch = batch
        self._block = block
        self._linger = linger
        self._first_pause = first_pause
        self._cursors: dict[int, str] = {}
        self._rewind()

    async def run(self, stop: asyncio.Event) -> None:
        """Archive until told to stop; what is under way is finished first."""
        pause = self._first_pause
        while not stop.is_set():
            try:
                archived = await self.step()
                pause = self._first_pause
                if archived < self._batch // SHARE:
                    await _wait(stop, self._linger)
            except (RecordUnavailable, StoreUnavailable) as error:
                log.warning("archiving_delayed", error=str(error), kind=type(error).__name__, seconds=pause)
                self._rewind()
                await _wait(stop, pause * random.uniform(0.8, 1.2))  # noqa: S311 - spreads retries
                pause = min(pause * 2, LONGEST_PAUSE)

    async def step(self) -> int:
        """Archive what one read of the log brings; returns how many entries that were.

        Raises:
            RecordUnavailable: what is not in SQL is still in the log.
            StoreUnavailable: some of it may be read again.
        """
        count = max(1, self._batch // SHARE)
        entries = await self._store.read_facts(self._cursors, count=count, block=self._block)
        for start in range(0, len(entries), self._batch):
            part = entries[start : start + self._batch]
            await self._keep(part)
            await self._store.drop_facts(part)
            self._cursors |= {entry.shard: entry.id for entry in part}
        return len(entries)

    async def _keep(self, entries: Sequence[Entry[Fact]]) -> None:
        facts = [entry.value for entry in entries if entry.value is not None]
        unreadable = [entry for entry in entries if entry.value is None]
        started = time.perf_counter()
        if facts:
            ARCHIVED.inc(await self._record.store(facts))
            LAG.set(max(0.0, (self._clock.now() - min(fact.at for fact in facts)).total_seconds()))
        if unreadable:
            await self._record.park(unreadable)
        STORE_SECONDS.observe(time.perf_counter() - started)

    def _rewind(self) -> None:
        """From the beginning, since a store that was away may have come back with another order of
        ids; what is in SQL already was dropped, or is stored again in vain."""
        self._cursors = dict.fromkeys(range(self._store.shards), "0")


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
