"""Work in other processes: the same results, errors told, and nobody left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from components.side_by_side import ProcessError, cores, side_by_side

ORPHANS = """
import os, sys, time
from pathlib import Path
from components.side_by_side import side_by_side
def work(name):
    (Path(sys.argv[1]) / name).write_text(str(os.getpid()))
    time.sleep(60)
with side_by_side(work, ["one", "two"], 2) as results:
    results()
"""


def results(processes: int) -> list[tuple[int, int]]:
    with side_by_side(lambda number: (number**2, os.getpid()), range(5), processes) as done:
        return done()


def refusal(work: Callable[[int], object], processes: int) -> str:
    try:
        with side_by_side(work, [1, 0], processes) as done:
            done()
    except (ZeroDivisionError, ProcessError) as error:
        return str(error)
    return ""


def test_the_results_are_in_order_and_from_other_processes() -> None:
    assert [square for square, _ in results(2)] == [0, 1, 4, 9, 16]
    assert cores() >= 1
    if sys.platform == "linux":
        assert os.getpid() not in {process for _, process in results(2)}
        assert len({process for _, process in results(2)}) <= 2


def test_with_one_core_or_one_task_it_is_done_here() -> None:
    assert {process for _, process in results(1)} == {os.getpid()}
    with side_by_side(lambda _: os.getpid(), ["alone"], 4) as done:
        assert done() == [os.getpid()]
    with side_by_side(lambda _: os.getpid(), [], 4) as done:
        assert done() == []


def test_what_the_work_raises_is_raised_here() -> None:
    for processes in (1, 2):
        assert "division" in refusal(lambda number: 1 // number, processes)


def test_a_process_that_is_killed_is_told_of() -> None:
    if sys.platform != "linux":
        return
    assert "want of memory" in refusal(lambda _: os.kill(os.getpid(), signal.SIGKILL), 2)


def test_it_ends_with_its_parent_however_that_ends(tmp_path: Path) -> None:
    if sys.platform != "linux":
        return
    parent = subprocess.Popen([sys.executable, "-B", "-c", ORPHANS, str(tmp_path)])
    files = [tmp_path / "one", tmp_path / "two"]
    until(lambda: all(file.exists() and file.read_text() for file in files))
    workers = [int(file.read_text()) for file in files]
    parent.send_signal(signal.SIGKILL)
    parent.wait()
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
