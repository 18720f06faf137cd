"""Programs a benchmark starts: on a port of this machine, with a log, gone at the end whatever happens."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
WORKSHOP = PROJECT / "var" / "bench"
"""What benchmarks write: the rival's model, kept, and data directories, removed at the end."""

LAUNCHER = PROJECT / "bot" / "launch.py"
FOREIGN = ("PYTHON", "VIRTUAL_ENV", "GUICHET_", "UV_")


class BenchError(Exception):
    """A benchmark cannot be made; the text says why, with the end of the log that tells."""


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Ours without what would change a program's settings, and ``extra``."""
    return {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)} | dict(extra)


@contextmanager
def child(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    log: Path,
    grace: float,
    orphan: str = "TERM",
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program for as long as the block; it gets ``grace`` seconds to end when asked to.

    Ctrl-C is for us, so it has a session of its own; the kernel signals it with ``orphan`` should we
    be killed.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    guard = [sys.executable, str(LAUNCHER), "--parent", str(os.getpid()), "--signal", orphan, "--"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*guard, *command],
            cwd=cwd,
            env=clean_environment(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        stop(process, grace)


def stop(process: subprocess.Popen[bytes], grace: float) -> None:
    """End it: asked first, killed after ``grace`` seconds."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def cpu_seconds(root: int) -> float:
    """CPU time that a process and all below it have used, the ended ones included (Linux; else 0)."""
    used: dict[int, float] = {}
    below: dict[int, list[int]] = {}
    ticks = os.sysconf("SC_CLK_TCK")
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            pid = int(stat.parent.name)
            used[pid] = sum(map(int, fields[11:15])) / ticks
            below.setdefault(int(fields[1]), []).append(pid)
    total, family = 0.0, [root]
    while family:
        pid = family.pop()
        total += used.get(pid, 0.0)
        family += below.get(pid, ())
    return total


def last_words(log: Path, lines: int = 15) -> str:
    """The end of a log, for whoever must find out what went wrong."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""
