"""All of Guichet on one machine, in order: data directory, Valkey, model, Rasa, roles; and back."""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from bot.app import teams
from bot.app.core import Core, open_core
from bot.app.nlu import STARTS_BY, NluPlace, write_nlu_place
from bot.app.process import Heartbeat
from bot.domain.errors import GuichetError, StoreUnavailable
from bot.settings import Settings
from bot.storage.embedded import DataDirectoryLock, EmbeddedValkey
from bot.supervisor import nlu
from bot.supervisor.children import Listener, Process, Supervisor
from bot.supervisor.ports import check_free, free_port

log = structlog.get_logger(__name__)

GROUPS: tuple[tuple[str, ...], ...] = (
    ("web",),
    ("worker", "sender"),
    ("ingest", "archiver", "scheduler"),
)
"""Which roles share a process."""

NLU_PATIENCE = 60.0
"""Seconds that the first turns wait for Rasa to start, rather than hand customers to a person."""
POLL = 0.1
VALKEY_FIRST_PAUSE = 0.1
VALKEY_LONGEST_PAUSE = 10.0

Say = Callable[[str], None]
"""Tells the operator how far it is, a line at a time."""


@dataclass(frozen=True, slots=True)
class Rasa:
    """The servers of one model on this machine."""

    model: Path
    place: NluPlace
    processes: tuple[Process, ...]


class Machine:
    """What ``guichet demo`` and ``guichet run`` start.

    Args:
        settings: all of them.
        say: told what happens, in the operator's words.
        hear: given every line a process writes.
    """

    def __init__(self, settings: Settings, say: Say, hear: Listener) -> None:
        self._settings = settings
        self._say = say
        self._logs = settings.data_dir / "logs"
        self._supervisor = Supervisor(self._logs, hear, log_bytes=settings.log.max_mb * 1_000_000)
        self._valkey: EmbeddedValkey | None = None

    async def run(self, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """Start everything, call ``ready`` once all of it works, keep it running until ``stop``.

        Raises:
            ConfigurationError: it cannot run here; nothing is left running.
            Misconfigured: a process refuses its configuration; nothing is left running.
        """
        settings = self._settings
        teams.check(settings)
        async with AsyncExitStack() as stack:
            lock = DataDirectoryLock(settings.data_dir)
            lock.acquire()
            stack.callback(lock.release)
            check_free(settings.web.host, settings.web.port)
            await self._start_valkey(stack)
            rasa = None if settings.nlu.urls else await self._rasa(stop)
            if stop.is_set():
                return
            place = rasa.place if rasa else None
            roles = [self._role_process(group, place) for group in GROUPS]
            await self._supervise([*(rasa.processes if rasa else ()), *roles], rasa, stop, ready)

    # --- Valkey ----------------------------------------------------------------------------

    async def _start_valkey(self, stack: AsyncExitStack) -> None:
        if self._settings.redis_url is not None:
            return
        self._valkey = EmbeddedValkey(self._settings.data_dir)
        stack.push_async_callback(self._valkey.stop)
        await self._valkey.start(self._say)

    async def _keep_valkey(self, stop: asyncio.Event) -> None:
        """Start it again when it dies. Should its port be gone, the roles look for it afresh."""
        if self._valkey is None:
            return
        pause = VALKEY_FIRST_PAUSE
        while not stop.is_set():
            await _pause(stop, POLL)
            if self._valkey.alive:
                continue
            port = self._valkey.port
            log.error("valkey.died", restart_in=pause)
            await _pause(stop, pause)
            pause = min(VALKEY_LONGEST_PAUSE, pause * 2)
            if stop.is_set():
                return
            try:
                await self._valkey.start(self._say)
            except GuichetError as error:
                log.error("valkey.not_started", error=str(error))  # noqa: TRY400 - its text says all
                continue
            pause = VALKEY_FIRST_PAUSE
            if self._valkey.port != port:
                for child in self._supervisor.children.values():
                    child.bounce()

    # --- Rasa ------------------------------------------------------------------------------

    async def _rasa(self, stop: asyncio.Event) -> Rasa | None:
        """Where Rasa is to be, and the processes that put it there; None when told to stop."""
        settings = self._settings
        model = await nlu.model_of(settings, lambda step: self._say(f"NLU: {step}"), stop)
        if model is None:
            return None
        ports = [free_port() for _ in range(settings.nlu.replicas)]
        place = NluPlace(tuple(f"http://127.0.0.1:{port}" for port in ports), secrets.token_urlsafe(24))
        processes = tuple(
            nlu.process(settings, model, port, place.token, name=_numbered("nlu", index))
            for index, port in enumerate(ports)
        )
        write_nlu_place(settings, place)
        return Rasa(model, place, processes)

    # --- roles -----------------------------------------------------------------------------

    def _role_process(self, roles: Sequence[str], place: NluPlace | None) -> Process:
        env = {"GUICHET_PROCESS": "+".join(roles)}
        if place is not None:
            env |= {"GUICHET_NLU__URLS": ",".join(place.urls), "GUICHET_NLU__TOKEN": place.token}
            env[STARTS_BY] = str(time.time() + NLU_PATIENCE)
        if self._settings.metrics.port is not None:  # a port each
            env["GUICHET_METRICS__PORT"] = str(self._settings.metrics.port + GROUPS.index(tuple(roles)))
        return Process(
            name="+".join(roles),
            command=(sys.executable, "-m", "bot.cli", "run", "--role", ",".join(roles)),
            env=env,
            grace=self._settings.timeouts.drain_seconds + 1.5,
        )

    async def _supervise(
        self, processes: list[Process], rasa: Rasa | None, stop: asyncio.Event, ready: Callable[[], None]
    ) -> None:
        ending = asyncio.Event()
        children = asyncio.create_task(self._supervisor.run(processes, ending))
        stopping = asyncio.create_task(stop.wait())
        beside = [
            asyncio.create_task(self._keep_valkey(ending)),
            asyncio.create_task(self._beat(processes, ending)),
            asyncio.create_task(self._watch_start(rasa, ready, ending)),
        ]
        going: set[asyncio.Task[object]] = {children, stopping, *beside}
        try:
            while not (children.done() or stopping.done() or any(_failed(task) for task in beside)):
                _done, going = await asyncio.wait(going, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending.set()
            stopping.cancel()
            outcomes = await asyncio.gather(children, *beside, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def _watch_start(self, rasa: Rasa | None, ready: Callable[[], None], stop: asyncio.Event) -> None:
        """Wait until every role is heard of and Rasa answers, then say so."""
        if rasa is not None:
            await nlu.answering(rasa.place, rasa.model, stop)
        wanted = {role for group in GROUPS for role in group}
        async with AsyncExitStack() as stack:
            core = await _insist(self._settings, stack, stop)
            while core is not None and not stop.is_set():
                with suppress(StoreUnavailable):
                    heard = {process.role for process in await core.store.processes.processes()}
                    if wanted <= heard:
                        for child in self._supervisor.children.values():
                            child.worked = True
                        ready()
                        return
                await _pause(stop, POLL)

    # --- being seen ------------------------------------------------------------------------

    async def _beat(self, processes: list[Process], stop: asyncio.Event) -> None:
        """Show what is no role of ours in ``guichet status``: the supervisor, Valkey, Rasa."""
        async with AsyncExitStack() as stack:
            core = await _insist(self._settings, stack, stop)
            if core is None:
                return
            beats = [Heartbeat(core.store.processes, core.clock, ("supervisor",))]
            beating = [asyncio.create_task(beats[0].run(stop))]
            seen: dict[str, tuple[int, asyncio.Event]] = {}
            while not stop.is_set():
                for name, pid in self._others(processes):
                    if name in seen and seen[name][0] == pid:
                        continue
                    if name in seen:
                        seen[name][1].set()
                    seen[name] = (pid, asyncio.Event())
                    role = "nlu" if name.startswith("nlu") else name
                    heart = Heartbeat(core.store.processes, core.clock, (role,), pid=pid)
                    beating.append(asyncio.create_task(heart.run(seen[name][1])))
                await _pause(stop, POLL)
            for _pid, ended in seen.values():
                ended.set()
            await asyncio.gather(*beating)

    def _others(self, processes: list[Process]) -> list[tuple[str, int]]:
        found = [
            (process.name, child.pid)
            for process in processes
            if process.name.startswith("nlu")
            and (child := self._supervisor.children.get(process.name)) is not None
            and child.pid is not None
        ]
        if self._valkey is not None and self._valkey.pid is not None and self._valkey.alive:
            found.append(("valkey", self._valkey.pid))
        return found


def _failed(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is not None


def _numbered(name: str, index: int) -> str:
    return name if index == 0 else f"{name}-{index + 1}"


async def _insist(settings: Settings, stack: AsyncExitStack, stop: asyncio.Event) -> Core | None:
    """The live state, however long it takes; None when told to stop before."""
    while not stop.is_set():
        try:
            return await stack.enter_async_context(open_core(settings))
        except StoreUnavailable:
            await _pause(stop, POLL)
    return None


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
