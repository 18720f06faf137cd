"""Work done in processes beside this one, while this one goes on.

For the parts of a training that hold Python's lock, where threads would only wait for each other. The
processes are forked: what they work on is there already and is not copied. So it is for Linux; elsewhere,
and with one core, the same is done here, one after the other.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import joblib

Task, Result = TypeVar("Task"), TypeVar("Result")

PR_SET_PDEATHSIG = 1


def cores() -> int:
    """How many there are for us: of the machine, by affinity, and by a container's quota."""
    return int(joblib.cpu_count())


@contextmanager
def side_by_side(
    work: Callable[[Task], Result], tasks: Sequence[Task], processes: int
) -> Iterator[Callable[[], list[Result]]]:
    """Begin the tasks; what is given waits for the results, in order, and is called within the block.

    What a process does not bring, because it was killed, could not be started or the work raised, is done
    here: so an error is raised where it can be understood, and too little memory costs time only. The thread
    that opens the block must outlive it. No process is left after it.
    """
    parts = [tasks[first::processes] for first in range(min(processes, len(tasks)))]
    begun: list[tuple[Any, Connection]] = []
    try:
        if sys.platform == "linux" and len(parts) > 1:
            begun.extend(_begun(work, parts))
        yield lambda: _results(work, tasks, parts, [receiver for _, receiver in begun])
    finally:
        for process, receiver in begun:
            process.kill()
            process.join()
            receiver.close()


def _begun(work: Callable[[Task], Any], parts: Sequence[Sequence[Task]]) -> Iterator[tuple[Any, Connection]]:
    """A process for each part, as far as the system allows."""
    context = get_context("fork")
    for part in parts:
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_do, args=(os.getpid(), work, part, sender), daemon=True)
        try:
            process.start()
        except OSError:  # no memory, or no more processes: the parts that are left are done here
            receiver.close()
            return
        finally:
            sender.close()
        yield process, receiver


def _do(parent: int, work: Callable[[Task], Any], part: Sequence[Task], sender: Connection) -> None:
    """In a new process. It ends with its parent, however that ends: nobody else would tell it to."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which ends us
    if os.getppid() == parent:
        sender.send([work(task) for task in part])


def _results(
    work: Callable[[Task], Result],
    tasks: Sequence[Task],
    parts: Sequence[Sequence[Task]],
    receivers: Sequence[Connection],
) -> list[Result]:
    found: dict[int, Result] = {}
    for first, receiver in enumerate(receivers):
        try:
            found.update(zip(range(first, len(tasks), len(parts)), receiver.recv(), strict=False))
        except (EOFError, OSError):  # it ended before its results, or in the midst of them
            continue
    return [found[number] if number in found else work(task) for number, task in enumerate(tasks)]
