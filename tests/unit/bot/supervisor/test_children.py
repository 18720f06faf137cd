"""The supervisor, over small real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.supervisor.children import Misconfigured, Process, ProcessLog, Supervisor


def python(name: str, code: str, **more: object) -> Process:
    return Process(name=name, command=(sys.executable, "-uc", code), **more)


SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


async def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


class Heard:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __call__(self, name: str, line: str) -> None:
        self.lines.append((name, line))

    def count(self, name: str, line: str) -> int:
        return self.lines.count((name, line))


@asynccontextmanager
async def supervised(tmp_path: Path, *processes: Process) -> AsyncIterator[tuple[Supervisor, Heard]]:
    heard, stop = Heard(), asyncio.Event()
    supervisor = Supervisor(tmp_path, heard)
    running = asyncio.create_task(supervisor.run(list(processes), stop))
    try:
        yield supervisor, heard
    finally:
        stop.set()
        await running


async def test_a_process_that_was_killed_is_started_again(tmp_path: Path) -> None:
    async with supervised(tmp_path, python("a", SLEEPER)) as (supervisor, heard):
        await until(lambda: heard.count("a", "up") == 1)
        first = supervisor.children["a"].pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until(lambda: heard.count("a", "up") == 2)
        assert supervisor.children["a"].pid != first
        assert supervisor.children["a"].restarts == 1


async def test_stopping_leaves_nobody_behind_not_even_grandchildren(tmp_path: Path) -> None:
    parent = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {SLEEPER!r}])\n"
        "print('child', child.pid, flush=True)\n"
        "time.sleep(600)"
    )
    async with supervised(tmp_path, python("a", parent), python("b", SLEEPER)) as (supervisor, heard):
        await until(lambda: len(heard.lines) >= 2)
        pids = [child.pid for child in supervisor.children.values()]
        pids += [int(line.split()[1]) for _name, line in heard.lines if line.startswith("child")]
    assert len(pids) == 3
    await until(lambda: not any(runs(pid) for pid in pids if pid is not None))


async def test_a_process_that_does_not_stop_is_killed_after_its_grace(tmp_path: Path) -> None:
    async with supervised(tmp_path, python("a", STUBBORN, grace=0.2)) as (supervisor, heard):
        await until(lambda: heard.count("a", "up") == 1)
        pid = supervisor.children["a"].pid
    assert pid is not None
    assert not runs(pid)


async def test_a_process_may_finish_its_work_before_it_stops(tmp_path: Path) -> None:
    finishing = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('finished', flush=True), sys.exit(0)))\n"
        "print('up', flush=True)\ntime.sleep(600)"
    )
    async with supervised(tmp_path, python("a", finishing)) as (_supervisor, heard):
        await until(lambda: heard.count("a", "up") == 1)
    assert heard.count("a", "finished") == 1


async def test_a_process_that_keeps_dying_is_tried_ever_more_rarely(tmp_path: Path, monkeypatch) -> None:
    pauses: list[float] = []

    async def note(stop: asyncio.Event, seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 9:
            stop.set()

    monkeypatch.setattr("bot.supervisor.children._wait", note)
    supervisor = Supervisor(tmp_path)
    stop = asyncio.Event()
    # A directory cannot be executed: it dies at once.
    task = asyncio.create_task(supervisor.run([Process(name="a", command=(str(tmp_path),))], stop))
    await until(lambda: len(pauses) >= 9, 30)
    stop.set()
    await task
    assert pauses[:9] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]


async def test_a_refused_configuration_stops_everything_and_is_said(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    refusing = python("web", "import sys; print('Port 80 is taken: use another.'); sys.exit(2)")
    with pytest.raises(Misconfigured, match=r"^Port 80 is taken: use another\.$"):
        await supervisor.run([refusing, python("a", SLEEPER)], asyncio.Event())
    assert all(child.pid is None for child in supervisor.children.values())


async def test_what_once_worked_is_started_again_even_if_it_then_complains(tmp_path: Path) -> None:
    refusing = python("web", "import sys; print('up', flush=True); sys.exit(2)")
    heard, stop = Heard(), asyncio.Event()
    supervisor = Supervisor(tmp_path, heard)
    running = asyncio.create_task(supervisor.run([refusing], stop))
    await until(lambda: "web" in supervisor.children)
    supervisor.children["web"].worked = True
    await until(lambda: heard.count("web", "up") >= 2)
    stop.set()
    await running


async def test_children_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys\nfrom pathlib import Path\n"
        "from bot.supervisor.children import Process, Supervisor\n"
        f"sleeper = (sys.executable, '-uc', {SLEEPER!r})\n"
        "def hear(name, line): print('pid', s.children['a'].pid, flush=True)\n"
        "s = Supervisor(Path(sys.argv[1]), hear)\n"
        "asyncio.run(s.run([Process(name='a', command=sleeper)], asyncio.Event()))"
    )
    supervisor = subprocess.Popen(  # noqa: ASYNC220 - it is killed, not awaited
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert supervisor.stdout is not None
    child = next(int(line.split()[1]) for line in supervisor.stdout if line.startswith("pid"))
    assert runs(child)
    supervisor.kill()
    supervisor.wait()
    await until(lambda: not runs(child))


def test_logs_are_rotated_and_bounded(tmp_path: Path) -> None:
    written = ProcessLog(tmp_path / "a.log", 1_000)
    for number in range(1_000):
        written.write(f"line {number}")
    written.close()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["a.log", "a.log.1", "a.log.2", "a.log.3"]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 5_000
    assert written.last[-1] == "line 999"
