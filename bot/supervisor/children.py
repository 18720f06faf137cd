"""Starts the processes of one machine, keeps them running, and stops every one of them.

Each child is the leader of a session of its own (Ctrl-C reaches only us, and we stop them in
order) under ``bot.launch`` (when we are killed, the kernel tells them). What a child writes goes
to ``<data_dir>/logs/<name>.log``, bounded, and to a listener.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from bot.observability import metrics

log = structlog.get_logger(__name__)

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 10.0
HEALTHY_AFTER = 30.0
"""Seconds of life after which a death is a first one again."""
CONFIGURATION_EXIT = 2
"""The exit status that says: what the operator set cannot work."""
EXIT_POLL = 0.05
LONGEST_LINE = 256 * 1024
KEPT_LINES = 20
LOGS_KEPT = 3

Listener = Callable[[str, str], None]
"""Called with a process' name and a line it wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A child to run.

    Attributes:
        name: unlike the others'; its log is named after it.
        inherit: whether ``env`` is added to ours, or is all it gets.
        command: the program and its arguments.
        grace: seconds between asking it to stop and killing it.
        orphan_signal: what the kernel sends it when we are killed: TERM, or KILL for a program
            that has nothing to finish.
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    inherit: bool = True
    cwd: Path | None = None
    grace: float = 10.0
    orphan_signal: str = "TERM"


class Misconfigured(Exception):
    """A child says, before it ever worked, that its configuration cannot work."""


class ProcessLog:
    """What a child wrote: a file that is rotated, and the last lines at hand."""

    def __init__(self, path: Path, limit: int) -> None:
        self.path = path
        self.last: deque[str] = deque(maxlen=KEPT_LINES)
        self._limit = limit
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")

    def write(self, line: str) -> None:
        """Keep a line. A full disk loses lines, not the child."""
        self.last.append(line)
        with suppress(OSError):
            self._file.write(line.encode() + b"\n")
            self._file.flush()
            if self._file.tell() > self._limit:
                self._rotate()

    def close(self) -> None:
        """Let go of the file."""
        with suppress(OSError):
            self._file.close()

    def _rotate(self) -> None:
        self._file.close()
        for number in range(LOGS_KEPT, 0, -1):
            older = self.path.with_suffix(f".log.{number}")
            newer = self.path.with_suffix(f".log.{number - 1}") if number > 1 else self.path
            if newer.exists():
                newer.replace(older)
        self._file = self.path.open("ab")


class Child:
    """One process, started again whenever it dies."""

    def __init__(self, process: Process, written: ProcessLog, hear: Listener) -> None:
        self.process = process
        self.pid: int | None = None
        self.restarts = 0
        self.worked = False
        """Set by whoever sees it ready: from then on a bad exit is a crash, not a bad setting."""
        self._written = written
        self._hear = hear

    async def run(self, stop: asyncio.Event) -> None:
        """Keep it running until ``stop``, then stop it.

        Raises:
            Misconfigured: it refuses its configuration.
        """
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        while not stop.is_set():
            began = loop.time()
            status = await self._once(stop)
            if stop.is_set():
                return
            lived = loop.time() - began
            if status == CONFIGURATION_EXIT and not self.worked:
                raise Misconfigured(self._reason())
            pause = FIRST_PAUSE if lived > HEALTHY_AFTER else pause
            self._say_died(status, lived, pause)
            await _wait(stop, pause)
            pause = min(LONGEST_PAUSE, pause * 2)
            self.restarts += 1
            metrics.restarts.labels(process=self.process.name).inc()

    def bounce(self) -> None:
        """Have it started afresh."""
        if self.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    async def _once(self, stop: asyncio.Event) -> int:
        """Start it, and wait until it ended, by itself or because of ``stop``."""
        try:
            running = await self._spawn()
        except OSError as error:  # no memory, no descriptors left: as good as dead
            self._written.write(f"{self.process.name} cannot be started: {error}")
            return -1
        self.pid = running.pid
        log.info("process.started", name=self.process.name, pid=running.pid)
        reading = asyncio.create_task(self._read(running))
        ending = asyncio.create_task(_exited(running))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((ending, stopping), return_when=asyncio.FIRST_COMPLETED)
            await self._end(running)
            await asyncio.wait((reading,), timeout=1.0)
        finally:
            self._signal(running, signal.SIGKILL)
            for task in (reading, stopping, ending):
                task.cancel()
            await asyncio.gather(reading, stopping, ending, return_exceptions=True)
            self.pid = None
        return running.returncode if running.returncode is not None else -1

    async def _spawn(self) -> asyncio.subprocess.Process:
        guard = (sys.executable, "-m", "bot.launch")
        parent = ("--parent", str(os.getpid()), "--signal", self.process.orphan_signal)
        return await asyncio.create_subprocess_exec(
            *guard,
            *parent,
            "--",
            *self.process.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**(os.environ if self.process.inherit else {}), **self.process.env},
            cwd=self.process.cwd,
            limit=LONGEST_LINE,
            start_new_session=True,
        )

    async def _read(self, running: asyncio.subprocess.Process) -> None:
        if running.stdout is None:
            return
        while True:
            try:
                raw = await running.stdout.readline()
            except ValueError:  # a line beyond all measure
                continue
            if not raw:
                return
            line = raw.decode(errors="replace").rstrip()
            self._written.write(line)
            with suppress(OSError):  # whoever listens may have gone away; the child need not care
                self._hear(self.process.name, line)

    async def _end(self, running: asyncio.subprocess.Process) -> None:
        """Ask, wait, then insist; and leave none of its own children behind."""
        if running.returncode is None:
            with suppress(ProcessLookupError):
                running.terminate()
            with suppress(TimeoutError):
                await asyncio.wait_for(_exited(running), self.process.grace)
        if running.returncode is None:
            log.warning("process.killed", name=self.process.name, pid=running.pid)
        self._signal(running, signal.SIGKILL)
        await _exited(running)

    def _signal(self, running: asyncio.subprocess.Process, signum: int) -> None:
        """Reach the whole session: what is left of it when the leader is gone, too."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(running.pid, signum)

    def _say_died(self, status: int, lived: float, pause: float) -> None:
        log.error(
            "process.died",
            name=self.process.name,
            status=status,
            lived=round(lived, 1),
            restart_in=pause,
            last=list(self._written.last)[-3:],
        )

    def _reason(self) -> str:
        return self._written.last[-1] if self._written.last else f"{self.process.name} does not start."


class Supervisor:
    """All children of this machine.

    Args:
        logs: the folder of their logs.
        hear: called with every line they write.
        log_bytes: size at which a log is rotated.
    """

    def __init__(
        self, logs: Path, hear: Listener = lambda _name, _line: None, *, log_bytes: int = 10_000_000
    ) -> None:
        self._logs = logs
        self._hear = hear
        self._log_bytes = log_bytes
        self.children: dict[str, Child] = {}

    async def run(self, processes: list[Process], stop: asyncio.Event) -> None:
        """Run them until ``stop``; they are all gone when this returns, or raises.

        Raises:
            Misconfigured: one of them refuses its configuration; all were stopped.
        """
        logs = {
            process.name: ProcessLog(self._logs / f"{process.name}.log", self._log_bytes)
            for process in processes
        }
        self.children = {
            process.name: Child(process, logs[process.name], self._hear) for process in processes
        }
        ending = asyncio.Event()
        tasks = [asyncio.create_task(child.run(ending)) for child in self.children.values()]
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((stopping, *tasks), return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending.set()
            stopping.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            for written in logs.values():
                written.close()
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome


async def _exited(running: asyncio.subprocess.Process) -> None:
    """Wait for the process itself. Its ``wait()`` also waits for whoever inherited its output."""
    while running.returncode is None:
        await asyncio.sleep(EXIT_POLL)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
