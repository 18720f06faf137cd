"""Workers share the shards evenly, and no shard is ever left unread."""

from __future__ import annotations

from bot.engine.shards import Lane, ShardHolder
from tests.builders import LEA
from tests.fakes.memory_store import MemoryStore

TTL = 10.0


async def test_a_lone_worker_takes_all() -> None:
    store = MemoryStore(shards=8)
    holder = ShardHolder(store, "w1", TTL)
    await holder.balance()
    assert sorted(holder.held) == list(range(8))


async def test_two_workers_share() -> None:
    store = MemoryStore(shards=8)
    first, second = ShardHolder(store, "w1", TTL), ShardHolder(store, "w2", TTL)
    for _ in range(3):
        await first.balance()
        await second.balance()
    assert (len(first.held), len(second.held)) == (4, 4)
    assert not set(first.held) & set(second.held)


async def test_a_shard_with_work_under_way_is_given_up_once_it_is_done() -> None:
    store = MemoryStore(shards=2)
    holder = ShardHolder(store, "w1", TTL)
    await holder.balance()
    for shard in holder.held.values():
        shard.lanes[LEA] = Lane()
    await store.announce("w2", TTL)
    await holder.balance()
    assert len(holder.held) == 2
    for shard in holder.held.values():
        shard.lanes.clear()
    await holder.balance()
    assert len(holder.held) == 1


async def test_a_shard_about_to_be_given_up_is_served_again_when_the_other_worker_dies() -> None:
    now = 0.0
    store = MemoryStore(shards=2, clock=lambda: now)
    holder = ShardHolder(store, "w1", TTL)
    await holder.balance()
    for shard in holder.held.values():
        shard.lanes[LEA] = Lane()
    await store.announce("w2", TTL / 4)
    await holder.balance()
    assert [shard.draining for shard in holder.held.values()].count(True) == 1
    now = TTL / 2
    await holder.balance()
    assert [shard.draining for shard in holder.held.values()] == [False, False]


async def test_a_shard_whose_lease_ended_is_dropped_and_taken_again() -> None:
    now = 0.0
    store = MemoryStore(shards=1, clock=lambda: now)
    holder = ShardHolder(store, "w1", TTL)
    await holder.balance()
    before = holder.held[0]
    now = TTL + 1
    await holder.balance()
    assert holder.held[0] is not before
    assert holder.held[0].lease.token > before.lease.token
