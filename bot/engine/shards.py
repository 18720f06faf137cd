"""Which shards a worker holds: its fair share, and what it knows of each."""

from __future__ import annotations

import asyncio
import math
import random
from collections import OrderedDict, deque
from dataclasses import dataclass, field

import structlog

from bot.domain.events import Event
from bot.domain.identity import ChatId
from bot.ports.store import Entry, Lease, Loaded, TurnStore

log = structlog.get_logger(__name__)

CACHED_CHATS = 2_000
"""Chats a shard keeps in memory; a commit from a stale one is refused and run again."""


@dataclass(slots=True)
class Lane:
    """The events of one chat that wait for their turn."""

    waiting: deque[Entry[Event]] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None


@dataclass(slots=True)
class HeldShard:
    """A shard while its lease is ours."""

    number: int
    lease: Lease
    cursor: str = "0"
    lanes: dict[ChatId, Lane] = field(default_factory=dict)
    chats: OrderedDict[ChatId, Loaded] = field(default_factory=OrderedDict)
    draining: bool = False
    """About to be given up: nothing new is read, and it goes once its lanes are empty."""

    def remember(self, chat: ChatId, loaded: Loaded) -> None:
        """Keep a chat's state, and forget the one longest unused when there are too many."""
        self.chats[chat] = loaded
        self.chats.move_to_end(chat)
        if len(self.chats) > CACHED_CHATS:
            self.chats.popitem(last=False)


class ShardHolder:
    """Takes, keeps and gives up shards so that workers share them evenly."""

    def __init__(self, store: TurnStore, owner: str, ttl: float) -> None:
        self._store = store
        self._owner = owner
        self._ttl = ttl
        self.held: dict[int, HeldShard] = {}

    async def balance(self) -> None:
        """One round: renew what is held, then move towards a fair share.

        Raises:
            StoreUnavailable: the store cannot be asked; nothing is given up for that.
        """
        workers = await self._store.announce(self._owner, self._ttl)
        await self._renew()
        share = math.ceil(self._store.shards / workers)
        serving = [shard for shard in self.held.values() if not shard.draining]
        for shard in serving[share:]:
            shard.draining = True
        if len(serving) < share:
            await self._take(share - len(serving))
        await self._release_drained()

    async def release_all(self) -> None:
        """Give everything up, once nothing is under way."""
        for shard in list(self.held.values()):
            await self._release(shard)
        await self._store.withdraw(self._owner)

    def drop(self, shard: HeldShard) -> None:
        """The lease was lost: whatever is under way will be refused, so stop it."""
        if self.held.get(shard.number) is shard:
            del self.held[shard.number]
        for lane in shard.lanes.values():
            lane.waiting.clear()
            if lane.task and lane.task is not asyncio.current_task():
                lane.task.cancel()

    async def _renew(self) -> None:
        leases = {number: shard.lease for number, shard in self.held.items()}
        if not leases:
            return
        for number in await self._store.renew_shards(leases, self._ttl):
            log.warning("shard.lost", shard=number)
            if number in self.held:
                self.drop(self.held[number])

    async def _take(self, wanted: int) -> None:
        for shard in [shard for shard in self.held.values() if shard.draining][:wanted]:
            shard.draining = False
            wanted -= 1
        free = [number for number in range(self._store.shards) if number not in self.held]
        random.shuffle(free)
        while wanted > 0 and free:
            tried, free = free[:wanted], free[wanted:]
            leases = await asyncio.gather(
                *(self._store.acquire_shard(number, self._owner, self._ttl) for number in tried)
            )
            for number, lease in zip(tried, leases, strict=True):
                if lease is not None:
                    self.held[number] = HeldShard(number, lease)
                    wanted -= 1

    async def _release_drained(self) -> None:
        for shard in [shard for shard in self.held.values() if shard.draining and not shard.lanes]:
            await self._release(shard)

    async def _release(self, shard: HeldShard) -> None:
        self.held.pop(shard.number, None)
        await self._store.release_shard(shard.number, shard.lease)
