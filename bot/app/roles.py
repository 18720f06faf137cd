"""What each role consists of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from bot.analytics.archiver import Archiver
from bot.analytics.database import Database
from bot.analytics.record import SqlRecord
from bot.analytics.upgrade import upgrade
from bot.app import parts, web
from bot.app.core import Core
from bot.app.telegram import open_telegram
from bot.domain.errors import ConfigurationError
from bot.engine.leases import Singleton
from bot.engine.outbox import Addresser
from bot.engine.sender import Sender, SenderRules
from bot.engine.timers import Scheduler
from bot.engine.turn import TurnRules, TurnRunner
from bot.engine.worker import Worker, WorkerRules
from bot.ports.delivery import Deliverer
from bot.ports.store import Lease
from handlers import build_choose

Runner = Callable[[asyncio.Event], Awaitable[None]]
Builder = Callable[[Core, AsyncExitStack], Awaitable[list[Runner]]]
"""Makes what a role runs; what must be closed at the end goes on the stack."""

LEASE_TTL = 5.0


async def _web(core: Core, stack: AsyncExitStack) -> list[Runner]:
    return await web.build(core, stack)


async def _worker(core: Core, stack: AsyncExitStack) -> list[Runner]:
    knowledge = parts.knowledge(core.settings)
    care = await parts.care(core, knowledge, stack)
    runner = TurnRunner(
        nlu=await parts.nlu(core.settings, stack),
        choose=build_choose(care),
        detector=parts.detector(),
        addresser=Addresser(parts.DESKS),
        rules=TurnRules(reopening=timedelta(hours=core.settings.timeouts.reopen_hours)),
    )
    rules = WorkerRules(lease_ttl=LEASE_TTL, drain=core.settings.timeouts.drain_seconds)
    return [Worker(core.store.turns, runner, core.owner, rules, core.clock).run, knowledge.watch]


async def _sender(core: Core, stack: AsyncExitStack) -> list[Runner]:
    rules = SenderRules(lease_ttl=LEASE_TTL, drain=core.settings.timeouts.drain_seconds)

    def sender(deliverer: Deliverer) -> Sender:
        return Sender(core.store.outbox, core.store.leases, deliverer, core.owner, rules, core.clock)

    return [sender(deliverer).run for deliverer in await parts.deliverers(core, stack)]


async def _ingest(core: Core, stack: AsyncExitStack) -> list[Runner]:
    telegram = await stack.enter_async_context(open_telegram(core, parts.replies(core.settings)))
    if telegram is None or core.settings.telegram.mode != "polling":
        return [_idle]
    singleton = Singleton(core.store.leases, f"ingest:telegram:{telegram.account}", core.owner, LEASE_TTL)
    poller = telegram.poller()

    async def poll(_lease: Lease, ended: asyncio.Event) -> None:
        await poller.run(ended)

    async def run(stop: asyncio.Event) -> None:
        await singleton.run(stop, poll)

    return [run]


async def _archiver(core: Core, stack: AsyncExitStack) -> list[Runner]:
    await asyncio.to_thread(upgrade, core.settings.database_url)
    database = await stack.enter_async_context(_open_database(core.settings.database_url))
    return [Archiver(core.store.log, SqlRecord(database, core.clock), core.clock).run]


async def _scheduler(core: Core, _stack: AsyncExitStack) -> list[Runner]:
    return [Scheduler(core.store.timers, core.store.leases, core.owner, lease_ttl=LEASE_TTL).run]


async def _idle(stop: asyncio.Event) -> None:
    """Nothing is configured for this role; it waits, so that it is not taken for dead."""
    await stop.wait()


BUILDERS: dict[str, Builder] = {
    "web": _web,
    "ingest": _ingest,
    "worker": _worker,
    "sender": _sender,
    "archiver": _archiver,
    "scheduler": _scheduler,
}


async def build(core: Core, roles: Sequence[str], stack: AsyncExitStack) -> list[Runner]:
    """What those roles run.

    Raises:
        ConfigurationError: no such role, or what the operator set for it cannot work.
    """
    runners: list[Runner] = []
    for role in roles:
        if role not in BUILDERS:
            raise ConfigurationError(f"There is no role {role!r}: choose among {', '.join(BUILDERS)}.")
        runners += await BUILDERS[role](core, stack)
    return runners


@asynccontextmanager
async def _open_database(url: str) -> AsyncIterator[Database]:
    database = Database.open(url)
    try:
        yield database
    finally:
        await database.close()
