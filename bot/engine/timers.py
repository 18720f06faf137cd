"""Wakes chats whose timers came due. One process at a time does it; two would do no harm."""

from __future__ import annotations

import asyncio

import structlog

from bot.domain.errors import StoreUnavailable
from bot.engine.leases import Singleton, pause
from bot.ports.clock import Clock, SystemClock
from bot.ports.store import Lease, LeaseStore, TimerStore

log = structlog.get_logger(__name__)

TICK = 0.25


class Scheduler:
    """Fires timers every ``TICK`` seconds, under the lease ``scheduler``."""

    def __init__(
        self, store: TimerStore, leases: LeaseStore, owner: str, *, lease_ttl: float = 5.0,
        clock: Clock | None = None,
    ) -> None:  # fmt: skip
        self._store = store
        self._clock = clock or SystemClock()
        self._singleton = Singleton(leases, "scheduler", owner, lease_ttl)

    async def run(self, stop: asyncio.Event) -> None:
        """Fire what is due until told to stop."""
        await self._singleton.run(stop, self._tick)

    async def _tick(self, _lease: Lease, ended: asyncio.Event) -> None:
        while not ended.is_set():
            try:
                await self._store.fire_due(self._clock.now())
            except StoreUnavailable as error:
                log.warning("scheduler.store_unavailable", error=str(error))
            await pause(ended, TICK)
