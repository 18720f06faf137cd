"""Work in other processes: the same results, errors told, and nobody left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from components import side_by_side as module
from components.side_by_side import cores, side_by_side

HERE = os.getpid()
ORPHANS = """
import os, sys, time
from pathlib import Path
from components.side_by_side import side_by_side
def work(name):
    (Path(sys.argv[1]) / name).write_text(str(os.getpid()))
    time.sleep(60)
with side_by_side(work, ["one", "two"], 2) as results:
    time.sleep(60)
"""


def forks() -> bool:
    return sys.platform == "linux"


def results(work: Callable[[int], object], processes: int, tasks: int = 5) -> list[object]:
    with side_by_side(work, range(tasks), processes) as done:
        return done()


def nobody_left() -> bool:
    return not multiprocessing.active_children()


def test_the_results_are_in_order_and_from_other_processes() -> None:
    for processes in (1, 2, 3, 8):
        assert results(lambda number: number**2, processes) == [0, 1, 4, 9, 16]
    if forks():
        where = results(lambda _: os.getpid(), 2)
        assert HERE not in where
        assert len(set(where)) == 2
    assert nobody_left()
    assert cores() >= 1


def test_with_one_core_or_one_task_it_is_done_here() -> None:
    assert set(results(lambda _: os.getpid(), 1)) == {HERE}
    assert results(lambda _: os.getpid(), 4, tasks=1) == [HERE]
    assert results(lambda _: os.getpid(), 4, tasks=0) == []


def test_what_the_work_raises_is_raised_here() -> None:
    for processes in (1, 2):
        try:
            results(lambda number: 1 // number, processes)
        except ZeroDivisionError:
            assert nobody_left()
        else:
            raise AssertionError(processes)


def test_what_a_killed_process_leaves_is_done_here() -> None:
    def work(number: int) -> int:
        if os.getpid() != HERE and number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    assert results(work, 2) == [0, 1, 2, 3, 4]


def test_where_no_process_can_be_started_it_is_done_here() -> None:
    started = []

    def refused(self: object) -> None:
        started.append(self)
        if len(started) > 1:
            raise BlockingIOError("Resource temporarily unavailable")
        start(self)

    process = multiprocessing.get_context("fork").Process if forks() else multiprocessing.Process
    start, process.start = process.start, refused
    try:
        assert results(lambda number: number, 3) == [0, 1, 2, 3, 4]
    finally:
        process.start = start
    assert nobody_left()


def test_an_error_in_the_block_ends_the_work_at_once() -> None:
    begun = time.monotonic()
    try:
        with side_by_side(lambda _: time.sleep(60), range(4), 2):
            _ = {}["missing"]
    except KeyError:
        assert time.monotonic() - begun < 30
    assert nobody_left()


def test_a_process_whose_parent_is_gone_does_nothing() -> None:
    class Sender:
        def send(self, _: object) -> None:
            raise AssertionError

    before = signal.getsignal(signal.SIGINT)
    death, module.PR_SET_PDEATHSIG = module.PR_SET_PDEATHSIG, 0  # this process is to live
    try:
        if forks():
            module._do(-1, print, [1], Sender())
    finally:
        module.PR_SET_PDEATHSIG = death
        signal.signal(signal.SIGINT, before)


def test_it_ends_with_its_parent_however_that_ends(tmp_path: Path) -> None:
    if not forks():
        return
    files = [tmp_path / "one", tmp_path / "two"]
    parent = subprocess.Popen([sys.executable, "-B", "-c", ORPHANS, str(tmp_path)])
    try:
        until(lambda: all(file.exists() and file.read_text() for file in files))
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    workers = [int(file.read_text()) for file in files]
    try:
        until(lambda: not any(map(alive, workers)))
    finally:
        for worker in filter(alive, workers):
            os.kill(worker, signal.SIGKILL)


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_cores_that_are_not_ours_are_not_counted() -> None:
    if not forks():  # nor is there an affinity
        return
    ours = os.sched_getaffinity(0)
    assert 1 <= cores() <= len(ours)
    os.sched_setaffinity(0, {min(ours)})
    try:
        assert cores() == 1
    finally:
        os.sched_setaffinity(0, ours)
