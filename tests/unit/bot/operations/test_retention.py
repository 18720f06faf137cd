"""Time passes, and places let go of what they kept."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.domain.errors import RecordUnavailable
from bot.operations.retention import EVERY, FAILURES, RETRY, Retention
from bot.ports.store import Lease
from bot.storage.state import RedisStore
from tests.fakes.desk import FixedClock


class Place:
    """Counts its purges; fails while told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.purges = 0
        self.error = error
        self.purged = asyncio.Event()

    async def purge(self) -> int:
        self.purges += 1
        self.purged.set()
        if self.error is not None:
            raise self.error
        return 3


class OneHolder:
    """A lease that is always free."""

    async def acquire(self, name: str, owner: str, ttl: float) -> Lease | None:
        return Lease(name, owner, 1)

    async def renew(self, lease: Lease, ttl: float) -> bool:
        return True

    async def release(self, lease: Lease) -> None:
        return


def retention(clock: FixedClock, **places: Place) -> Retention:
    purges = {name: place.purge for name, place in places.items()}
    return Retention(purges, OneHolder(), "me", clock=clock, first_after=0)


async def test_every_place_is_purged_at_start_and_then_once_a_day() -> None:
    clock, media, record = FixedClock(), Place(), Place()
    keeper = retention(clock, media=media, record=record)
    assert await keeper.purge_due() == {"media": 3, "record": 3}
    clock.time += EVERY - timedelta(minutes=1)
    assert await keeper.purge_due() == {}
    clock.time += timedelta(minutes=1)
    assert await keeper.purge_due() == {"media": 3, "record": 3}


@pytest.mark.parametrize("error", [RecordUnavailable("away"), RuntimeError("a bug")])
async def test_a_place_that_fails_keeps_no_other_and_is_tried_again_in_an_hour(error: Exception) -> None:
    clock, record, media = FixedClock(), Place(error), Place()
    keeper = retention(clock, failing=record, media=media)
    before = FAILURES.labels("failing")._value.get()

    assert await keeper.purge_due() == {"media": 3}
    assert FAILURES.labels("failing")._value.get() == before + 1

    record.error = None
    clock.time += RETRY - timedelta(minutes=1)
    assert await keeper.purge_due() == {}
    clock.time += timedelta(minutes=1)
    assert await keeper.purge_due() == {"failing": 3}
    assert (record.purges, media.purges) == (2, 1)


async def test_of_several_processes_one_purges(store: RedisStore) -> None:
    stop, places = asyncio.Event(), [Place(), Place()]
    keepers = [
        Retention({"media": place.purge}, store.leases, f"host:1:{n}", lease_ttl=5, first_after=0)
        for n, place in enumerate(places)
    ]
    running = [asyncio.create_task(keeper.run(stop)) for keeper in keepers]
    async with asyncio.timeout(5):
        waits = [asyncio.create_task(place.purged.wait()) for place in places]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        await asyncio.gather(*running)
    for wait in waits:
        wait.cancel()
    assert sum(place.purges for place in places) == 1


async def test_a_long_purge_does_not_keep_a_process_from_stopping() -> None:
    begun, stop = asyncio.Event(), asyncio.Event()

    async def endless() -> int:
        begun.set()
        await asyncio.Event().wait()
        return 0

    running = asyncio.create_task(Retention({"media": endless}, OneHolder(), "me", first_after=0).run(stop))
    async with asyncio.timeout(5):
        await begun.wait()
        stop.set()
        await running
