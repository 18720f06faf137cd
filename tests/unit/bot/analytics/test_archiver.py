"""The archiver: read, store, drop; whatever fails is done again, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from bot.analytics.archiver import Archiver
from bot.domain.errors import RecordUnavailable
from bot.domain.facts import Fact
from bot.domain.identity import ChatId
from bot.ports.clock import SystemClock
from bot.ports.store import Entry
from tests.fakes.facts import fact, said
from tests.fakes.log_store import FakeLogStore


class FakeRecord:
    """A record in memory; ``failing`` counts how many of the next calls fail."""

    def __init__(self) -> None:
        self.facts: dict[str, Fact] = {}
        self.parked: dict[tuple[int, str], str] = {}
        self.failing = 0
        self.calls = 0
        self.largest = 0

    async def store(self, facts: Sequence[Fact]) -> int:
        self._answer()
        self.largest = max(self.largest, len(facts))
        before = len(self.facts)
        self.facts |= {one.id: one for one in facts}
        return len(self.facts) - before

    async def park(self, entries: Sequence[Entry[Fact]]) -> None:
        self._answer()
        self.parked |= {(entry.shard, entry.id): entry.raw for entry in entries}

    def _answer(self) -> None:
        self.calls += 1
        if self.failing:
            self.failing -= 1
            raise RecordUnavailable("the database is away")


@pytest.fixture
def store() -> FakeLogStore:
    return FakeLogStore()


@pytest.fixture
def record() -> FakeRecord:
    return FakeRecord()


def archiver(store: FakeLogStore, record: FakeRecord, batch: int = 500) -> Archiver:
    return Archiver(store, record, SystemClock(), batch=batch, block=0.01, linger=0.001, first_pause=0.001)


def some_facts(count: int) -> list[Fact]:
    return [
        fact(said(f"message {number}", f"m{number}"), chat=ChatId("web", "main", "v" * (1 + number % 5)))
        for number in range(count)
    ]


@asynccontextmanager
async def running(*archivers: Archiver) -> AsyncIterator[None]:
    stop = asyncio.Event()
    tasks = [asyncio.create_task(one.run(stop)) for one in archivers]
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 10)


async def drained(store: FakeLogStore) -> None:
    async with asyncio.timeout(10):
        while store.left:
            await asyncio.sleep(0.002)


async def test_what_is_logged_is_stored_and_leaves_the_log(store: FakeLogStore, record: FakeRecord) -> None:
    facts = some_facts(25)
    store.add(*facts)
    async with running(archiver(store, record, batch=10)):
        await drained(store)
    assert record.facts == {one.id: one for one in facts}


async def test_nothing_leaves_the_log_before_it_is_stored(store: FakeLogStore, record: FakeRecord) -> None:
    store.add(*some_facts(5))
    record.failing = 1
    with pytest.raises(RecordUnavailable):
        await archiver(store, record).step()
    assert len(store.left) == 5


async def test_when_the_database_comes_back_so_does_everything(
    store: FakeLogStore, record: FakeRecord
) -> None:
    store.add(*some_facts(25))
    record.failing = 3
    async with running(archiver(store, record, batch=10)):
        await drained(store)
    assert len(record.facts) == 25


async def test_when_the_log_cannot_drop_it_is_read_again(store: FakeLogStore, record: FakeRecord) -> None:
    store.add(*some_facts(25))
    store.failing_reads, store.failing_drops = 2, 2
    async with running(archiver(store, record, batch=10)):
        await drained(store)
    assert len(record.facts) == 25


async def test_a_log_that_came_back_with_lower_ids_is_read_all_the_same(
    store: FakeLogStore, record: FakeRecord
) -> None:
    store.add(*some_facts(25))
    async with running(archiver(store, record)):
        await drained(store)
        store.fail_over()
        store.add(*some_facts(3))
        await drained(store)
    assert len(record.facts) == 28


async def test_what_piled_up_goes_in_many_small_transactions(record: FakeRecord) -> None:
    store = FakeLogStore(shards=64)
    for shard in range(64):
        store.add_to(shard, *some_facts(3))
    async with running(archiver(store, record, batch=8)):
        await drained(store)
    assert len(record.facts) == 64 * 3
    assert record.largest == 8


async def test_an_unreadable_entry_is_parked_and_the_rest_goes_on(
    store: FakeLogStore, record: FakeRecord
) -> None:
    store.add(*some_facts(3))
    store.add_unreadable("gibberish")
    store.add(*some_facts(3))
    async with running(archiver(store, record)):
        await drained(store)
    assert len(record.facts) == 6
    assert list(record.parked.values()) == ["gibberish"]


async def test_an_unreadable_entry_stays_while_it_cannot_be_parked(
    store: FakeLogStore, record: FakeRecord
) -> None:
    store.add_unreadable("gibberish")
    record.failing = 1
    with pytest.raises(RecordUnavailable):
        await archiver(store, record).step()
    assert len(store.left) == 1


async def test_two_archivers_at_once_are_harmless(store: FakeLogStore, record: FakeRecord) -> None:
    async with running(archiver(store, record, batch=7), archiver(store, record, batch=5)):
        for one in some_facts(40):
            store.add(one)
            await asyncio.sleep(0)
        await drained(store)
    assert len(record.facts) == 40


async def test_it_stops_at_once_while_the_database_is_away(store: FakeLogStore, record: FakeRecord) -> None:
    store.add(*some_facts(1))
    record.failing = 1_000_000
    slow = Archiver(store, record, SystemClock(), block=0.01, linger=0.001, first_pause=600)
    async with running(slow):
        async with asyncio.timeout(10):
            while not record.calls:
                await asyncio.sleep(0.002)
    assert store.left
