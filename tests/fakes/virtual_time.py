"""An event loop whose time passes only when everybody sleeps: hours in milliseconds."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any

A_MOMENT = 1e-7
"""What one round of the loop takes, so that rounding never makes time stand still."""


class _Selector(selectors.DefaultSelector):
    """Never waits: what would be waited is added to the clock."""

    clock = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        self.clock += A_MOMENT + (0.0 if ready else timeout or 0.0)
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Runs timers in order, at once."""

    def __init__(self) -> None:
        self.virtual = _Selector()
        super().__init__(self.virtual)

    def time(self) -> float:
        return self.virtual.clock
