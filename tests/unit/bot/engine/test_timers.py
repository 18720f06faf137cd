"""The scheduler wakes chats in time, once, whatever happens to it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from bot.domain.events import TimerDue
from bot.engine.timers import Scheduler
from tests.builders import LEA, NOW
from tests.fakes.engine import LoopClock, Unlucky, running, seconds, until
from tests.fakes.memory_store import MemoryStore


def scheduler(store: Any, owner: str = "a") -> Scheduler:
    return Scheduler(store, store, owner, lease_ttl=5.0, clock=LoopClock())


def set_timer(store: MemoryStore, name: str, after: float) -> None:
    store.timers[store.shard_of(LEA)][name, LEA] = NOW + timedelta(seconds=after)


def woken(store: MemoryStore) -> list[str]:
    events = [event for stream in store.inboxes.values() for event in stream.entries.values()]
    assert all(isinstance(event, TimerDue) and event.chat == LEA for event in events)
    return [event.name for event in events]


async def test_a_chat_is_woken_when_its_time_has_come_and_not_before(store: MemoryStore) -> None:
    set_timer(store, "later", 60)
    set_timer(store, "soon", 10)
    async with running(scheduler(store).run):
        await until(lambda: woken(store) == ["soon"])
        assert 10 <= seconds() < 10.5
        await until(lambda: woken(store) == ["soon", "later"])
        assert 60 <= seconds() < 60.5


async def test_what_came_due_while_nobody_looked_is_fired_at_once(store: MemoryStore) -> None:
    set_timer(store, "overdue", -3600)
    async with running(scheduler(store).run):
        await until(lambda: woken(store) == ["overdue"], within=0.5)


async def test_two_schedulers_wake_a_chat_once(store: MemoryStore) -> None:
    set_timer(store, "soon", 10)
    async with running(scheduler(store).run, scheduler(store, "b").run):
        await asyncio.sleep(30)
    assert woken(store) == ["soon"]


async def test_the_second_carries_on_when_the_first_has_died(store: MemoryStore) -> None:
    dying = Unlucky(store)
    dead = asyncio.create_task(scheduler(dying).run(asyncio.Event()))
    await asyncio.sleep(1)
    dying.down = True
    dead.cancel()
    set_timer(store, "soon", 3)
    async with running(scheduler(store, "b").run):
        await until(lambda: woken(store) == ["soon"], within=10)


async def test_a_store_that_is_away_only_makes_it_late(store: MemoryStore) -> None:
    unlucky = Unlucky(store)
    set_timer(store, "soon", 2)
    async with running(scheduler(unlucky).run):
        await asyncio.sleep(1)
        unlucky.down = True
        await asyncio.sleep(20)
        assert woken(store) == []
        unlucky.down = False
        await until(lambda: woken(store) == ["soon"], within=5)
