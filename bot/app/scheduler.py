"""The scheduler: fires timers, and lets go of what has been kept long enough."""

from __future__ import annotations

from contextlib import AsyncExitStack

from bot.analytics.database import Database
from bot.app import people
from bot.app.core import Core
from bot.app.runner import LEASE_TTL, Runner
from bot.engine.timers import Scheduler
from bot.operations.retention import Retention


async def build(core: Core, stack: AsyncExitStack) -> list[Runner]:
    """One scheduler and one retention; each works while it holds its lease.

    Raises:
        ConfigurationError: the database's address is wrong.
    """
    database = Database.open(core.settings.database_url)
    stack.push_async_callback(database.close)
    leases, owner = core.store.leases, core.owner
    scheduler = Scheduler(core.store.timers, leases, owner, lease_ttl=LEASE_TTL)
    purges = people.purges(core, database)
    retention = Retention(purges, leases, owner, lease_ttl=LEASE_TTL, clock=core.clock)
    return [scheduler.run, retention.run]
