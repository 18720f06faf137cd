"""The scheduler: fires timers."""

from __future__ import annotations

from contextlib import AsyncExitStack

from bot.app.core import Core
from bot.app.runner import LEASE_TTL, Runner
from bot.engine.timers import Scheduler


async def build(core: Core, _stack: AsyncExitStack) -> list[Runner]:
    """One scheduler; it works while it holds the lease."""
    return [Scheduler(core.store.timers, core.store.leases, core.owner, lease_ttl=LEASE_TTL).run]
