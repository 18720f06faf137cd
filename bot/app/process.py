"""Runs some roles in this process until told to stop."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib import import_module

import structlog

from bot.app import teams
from bot.app.core import Core, open_core
from bot.app.runner import Runner
from bot.domain.errors import StoreUnavailable
from bot.ports.clock import Clock
from bot.ports.store import ProcessInfo, ProcessStore
from bot.settings import Settings

log = structlog.get_logger(__name__)

BEAT_SECONDS = 1.0
BEAT_TTL = 6.0
"""After that long without a beat a process is taken for gone."""
OPENING_SECONDS = 15.0
GARBAGE_AFTER = 10_000
"""Objects that are made, and not gone again, before cycles are looked for among the young ones."""
LATE_SECONDS = 1.0
"""What is given beyond the drain, before work is cut off."""


async def run_roles(settings: Settings, roles: Sequence[str], stop: asyncio.Event) -> None:
    """Run them side by side. When one ends by itself, the others are drained and its error raised.

    Raises:
        ConfigurationError: something the operator set cannot work.
        StoreUnavailable: the live state could not be reached within fifteen seconds.
    """
    teams.check(settings)
    async with AsyncExitStack() as stack:
        core = await _opened(settings, stack, stop)
        if core is None:
            return
        await _bury_the_dead(core)
        runners: list[Runner] = []
        for role in roles:
            runners += await import_module(f"bot.app.{role}").build(core, stack)
        if settings.metrics.port is not None and "web" not in roles:
            runners.append(import_module("bot.app.serving").figures(core, stack))
        _spare_the_collector()
        beats = Heartbeat(core.store.processes, core.clock, roles, detail=core.detail)
        await together([*runners, beats.run], stop, grace=settings.timeouts.drain_seconds + LATE_SECONDS)
        log.info("roles.stopped", roles=list(roles))


def _spare_the_collector() -> None:
    """What is there now stays, and a message makes many objects and hardly a cycle: looking for cycles
    seldom, and not in all that was loaded, saves a process some 6 % of its CPU."""
    gc.freeze()
    gc.set_threshold(GARBAGE_AFTER, 20, 20)


async def _opened(settings: Settings, stack: AsyncExitStack, stop: asyncio.Event) -> Core | None:
    """The core, once the live state answers; None when told to stop before."""
    deadline = asyncio.get_running_loop().time() + OPENING_SECONDS
    while not stop.is_set():
        try:
            return await stack.enter_async_context(open_core(settings))
        except StoreUnavailable:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await _pause(stop, 0.2)
    return None


async def _bury_the_dead(core: Core) -> None:
    """What we replace was perhaps killed: its leases need not run out first."""
    shards = [keys.lease for keys in core.store.layout.of]
    freed = await core.store.leases.bury(shards, socket.gethostname(), _is_alive)
    if freed:
        log.info("leases.freed", count=freed)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


async def together(runners: Sequence[Runner], stop: asyncio.Event, *, grace: float) -> None:
    """Run all until ``stop``, or until one of them ends; then the others have ``grace`` seconds."""
    ending = asyncio.Event()
    tasks = [asyncio.ensure_future(runner(ending)) for runner in runners]
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((stopping, *tasks), return_when=asyncio.FIRST_COMPLETED)
        ending.set()
        _done, late = await asyncio.wait(tasks, timeout=grace)
        if late:
            log.warning("roles.cut_off", count=len(late))
    finally:
        stopping.cancel()
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome


@dataclass(slots=True)
class Heartbeat:
    """Says every second that some roles run here, so that ``guichet status`` knows.

    ``detail`` is shown with each of them.
    """

    store: ProcessStore
    clock: Clock
    roles: Sequence[str]
    pid: int = field(default_factory=os.getpid)
    detail: dict[str, str] = field(default_factory=dict)

    async def run(self, stop: asyncio.Event) -> None:
        """Beat until told to stop, then take leave."""
        started = self.clock.now()
        while not stop.is_set():
            with suppress(StoreUnavailable):
                for info in self._infos(started):
                    await self.store.beat(info, BEAT_TTL)
            await _pause(stop, BEAT_SECONDS)
        with suppress(StoreUnavailable):
            for info in self._infos(started):
                await self.store.leave(info)

    def _infos(self, started: datetime) -> list[ProcessInfo]:
        info = ProcessInfo(
            role="",
            pid=self.pid,
            host=socket.gethostname(),
            started_at=started,
            seen_at=self.clock.now(),
            detail=dict(self.detail),
        )
        return [replace(info, role=role) for role in self.roles]


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
