"""A singleton runs in one place at a time, moves on when its holder is gone, and hides no failure."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.domain.errors import Fenced
from bot.engine.leases import Body, Singleton, pause
from bot.ports.store import Lease
from tests.fakes.engine import Unlucky, running, seconds, until
from tests.fakes.memory_store import MemoryStore

TTL = 6.0


def singleton(store: Any, owner: str = "a") -> Singleton:
    return Singleton(store, "the_one", owner, TTL)


class Work:
    """Says who works since when, until told to end."""

    def __init__(self) -> None:
        self.at_it: list[str] = []
        self.began: list[tuple[str, int]] = []

    async def __call__(self, lease: Lease, ended: asyncio.Event) -> None:
        self.at_it.append(lease.owner)
        self.began.append((lease.owner, lease.token))
        try:
            await ended.wait()
        finally:
            self.at_it.remove(lease.owner)


async def running_alone(store: Any, body: Body, owner: str = "a") -> None:
    async with asyncio.timeout(30):
        await singleton(store, owner).run(asyncio.Event(), body)


async def test_however_many_try_one_works(store: MemoryStore) -> None:
    work = Work()
    owners = [singleton(store, name) for name in "abc"]
    async with running(*(lambda stop, one=one: one.run(stop, work) for one in owners)):
        for _ in range(100):
            await asyncio.sleep(1)
            assert len(work.at_it) == 1
    assert len(work.began) == 1, "a lease that is renewed does not move"


async def test_another_takes_over_at_once_when_told_to_stop(store: MemoryStore) -> None:
    work = Work()
    async with running(lambda stop: singleton(store, "b").run(stop, _idle)):
        await until(lambda: bool(store.leases))
        async with running(lambda stop: singleton(store, "a").run(stop, work)):
            await asyncio.sleep(10)
            assert work.began == []
    async with running(lambda stop: singleton(store, "a").run(stop, work)):
        await until(lambda: work.at_it == ["a"], within=0.1)


async def _idle(_lease: Lease, ended: asyncio.Event) -> None:
    await ended.wait()


async def test_another_takes_over_within_the_lease_when_the_holder_is_dead(store: MemoryStore) -> None:
    work = Work()
    dying = Unlucky(store)
    dead = asyncio.create_task(singleton(dying, "a").run(asyncio.Event(), work))
    await until(lambda: work.at_it == ["a"])
    dying.down = True
    dead.cancel()
    async with running(lambda stop: singleton(store, "b").run(stop, work)):
        await until(lambda: work.at_it == ["b"], within=TTL + TTL / 3)
    assert work.began == [("a", 1), ("b", 2)]


async def test_who_lost_the_lease_is_told_to_end(store: MemoryStore) -> None:
    work = Work()
    async with running(lambda stop: singleton(store).run(stop, work)):
        await until(lambda: work.at_it == ["a"])
        store.leases.clear()
        assert await store.acquire("the_one", "thief", 60.0)
        await until(lambda: work.at_it == [], within=TTL)
        await asyncio.sleep(20)
        assert work.at_it == []
        await until(lambda: work.at_it == ["a"], within=90)


async def test_a_renewal_that_fails_once_changes_nothing(store: MemoryStore) -> None:
    work, unlucky = Work(), Unlucky(store)
    async with running(lambda stop: singleton(unlucky).run(stop, work)):
        await asyncio.sleep(9.5)
        unlucky.down = True
        await asyncio.sleep(TTL / 3)
        unlucky.down = False
        await asyncio.sleep(20)
    assert work.began == [("a", 1)]


async def test_a_store_that_is_away_from_the_start_is_asked_again(store: MemoryStore) -> None:
    work, unlucky = Work(), Unlucky(store)
    unlucky.down = True
    async with running(lambda stop: singleton(unlucky).run(stop, work)):
        await asyncio.sleep(30)
        unlucky.down = False
        await until(lambda: work.at_it == ["a"], within=TTL)


async def test_work_that_finds_itself_fenced_begins_again_with_a_newer_lease(store: MemoryStore) -> None:
    work = Work()

    async def fenced_at_first(lease: Lease, ended: asyncio.Event) -> None:
        if not work.began:
            work.began.append((lease.owner, lease.token))
            raise Fenced("the_one")
        await work(lease, ended)

    async with running(lambda stop: singleton(store).run(stop, fenced_at_first)):
        await until(lambda: work.at_it == ["a"], within=5)
    assert work.began == [("a", 1), ("a", 2)]


async def test_any_other_failure_of_the_work_is_loud_and_frees_the_lease(store: MemoryStore) -> None:
    async def broken(_lease: Lease, _ended: asyncio.Event) -> None:
        await asyncio.sleep(1)
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        await running_alone(store, broken)
    assert store.leases == {}


async def test_a_cancellation_from_within_is_a_failure_and_no_quiet_end(store: MemoryStore) -> None:
    async def waits_for_something_cancelled(_lease: Lease, _ended: asyncio.Event) -> None:
        shared = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(1.0, shared.cancel)
        await shared

    with pytest.raises(RuntimeError, match="cancelled from within"):
        await running_alone(store, waits_for_something_cancelled)


async def test_a_failure_to_keep_the_lease_that_nobody_foresaw_is_loud(store: MemoryStore) -> None:
    class Odd(Unlucky):
        async def renew(self, _lease: Lease, _ttl: float) -> bool:
            raise KeyError("a bug")

    with pytest.raises(KeyError):
        await running_alone(Odd(store), _idle)


async def test_cancelled_from_outside_it_ends_and_so_does_the_work(store: MemoryStore) -> None:
    work = Work()
    task = asyncio.create_task(singleton(store).run(asyncio.Event(), work))
    await until(lambda: work.at_it == ["a"])
    task.cancel()
    await asyncio.wait((task,))
    assert task.cancelled()
    assert work.at_it == []
    assert store.leases == {}


async def test_work_that_ends_on_its_own_time_is_waited_for(store: MemoryStore) -> None:
    finished = []

    async def thorough(_lease: Lease, ended: asyncio.Event) -> None:
        await ended.wait()
        await asyncio.sleep(20)
        finished.append(seconds())

    async with running(lambda stop: singleton(store).run(stop, thorough)):
        await asyncio.sleep(1)
    assert finished == pytest.approx([21], abs=0.1)


async def test_a_pause_ends_at_once_when_told_to_stop() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(2.0, stop.set)
    await pause(stop, 1.0)
    assert seconds() == pytest.approx(1.0, abs=0.01)
    await pause(stop, 3600.0)
    assert seconds() == pytest.approx(2.0, abs=0.01)
