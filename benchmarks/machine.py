"""Where figures were made: they mean little without it."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.processes import PROJECT
from bot.settings import cores

BUSY = 0.35
"""Load average a core, before we begin, from which on others are using the machine too."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine at a moment. ``load`` is the 1-minute average before the benchmark began."""

    cpu: str
    cores: int
    memory_gb: int
    kernel: str
    python: str
    revision: str
    at: str
    load: float

    @property
    def is_busy(self) -> bool:
        """Whether others were using it."""
        return self.load > BUSY * self.cores

    def lines(self) -> list[str]:
        """As it is shown beside figures."""
        said = [
            f"Machine: {self.cpu}, {self.cores} cores, {self.memory_gb} GB, Linux {self.kernel}, "
            f"Python {self.python}",
            f"When: {self.at}, revision {self.revision}, load average before: {self.load:.2f}",
        ]
        if self.is_busy:
            said.append("**Busy machine**: others were using it; throughput is too low, latencies too high.")
        return said


def this_machine() -> Machine:
    """The one we run on, now."""
    return Machine(
        cpu=_cpu(),
        cores=cores(),
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        kernel=platform.release(),
        python=platform.python_version(),
        revision=_revision(),
        at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        load=os.getloadavg()[0],
    )


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else ():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def _revision() -> str:
    command = ["git", "-C", str(PROJECT), "describe", "--always", "--dirty"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return said.stdout.strip() or "unknown"
