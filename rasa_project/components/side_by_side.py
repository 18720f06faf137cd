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
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, TypeVar

Task, Result = TypeVar("Task"), TypeVar("Result")

PR_SET_PDEATHSIG = 1

_work: Callable[[Any], Any]
_tasks: Sequence[Any]


class ProcessError(RuntimeError):
    """One of the processes was ended from outside."""


def cores() -> int:
    """How many there are for us."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


@contextmanager
def side_by_side(
    work: Callable[[Task], Result], tasks: Sequence[Task], processes: int
) -> Iterator[Callable[[], list[Result]]]:
    """Begin the tasks; what is given waits for the results, in order, and is called within the block.

    Raises (when called): what the work raised, or ``ProcessError``.
    """
    if sys.platform != "linux" or min(processes, len(tasks)) < 2:
        yield lambda: [work(task) for task in tasks]
        return
    forked = ProcessPoolExecutor(
        min(processes, len(tasks)), get_context("fork"), _begin, (os.getpid(), work, tasks)
    )
    try:
        under_way = [forked.submit(_done, number) for number in range(len(tasks))]
        yield lambda: [_result(one) for one in under_way]
    finally:
        forked.shutdown(cancel_futures=True)


def _result(work: Future[Result]) -> Result:
    try:
        return work.result()
    except BrokenProcessPool as error:
        raise ProcessError("A part of the training was killed, most often for want of memory.") from error


def _begin(parent: int, work: Callable[[Any], Any], tasks: Sequence[Any]) -> None:
    """In a new process. It ends with its parent, however that ends: nobody else would tell it to."""
    global _work, _tasks
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    _work, _tasks = work, tasks


def _done(number: int) -> Any:
    return _work(_tasks[number])
