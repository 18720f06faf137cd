"""Misfortunes to order: what the Web API does wrong for the next calls, or for some seconds."""

from __future__ import annotations

import time
from dataclasses import dataclass

KINDS = (
    "429",
    "500",
    "503",
    "500_after",
    "503_after",
    "hang",
    "hang_after",
    "cut",
    "cut_after",
    "slow",
    "error",
)


@dataclass
class Fault:
    """One order. ``method`` "*" is every method; ``left`` calls, or until ``until`` (monotonic)."""

    kind: str
    method: str = "*"
    left: int | None = None
    until: float | None = None
    retry_after: int = 1
    seconds: float = 1.0
    error: str = "internal_error"
    hits: int = 0

    def matches(self, method: str) -> bool:
        """Whether it is this call's turn."""
        if self.method not in ("*", method) or (self.left is not None and self.left <= 0):
            return False
        return self.until is None or time.monotonic() < self.until

    def hit(self) -> None:
        """It happened once more."""
        self.hits += 1
        if self.left is not None:
            self.left -= 1


class Faults:
    """The orders in force, oldest first.

    Kinds: ``429`` (with ``retry_after`` seconds), ``500`` and ``503`` before any effect, ``500_after``
    and ``503_after`` (Slack did it, and then said it failed), ``hang`` and ``hang_after`` (no answer for
    ``delay`` seconds, then the connection ends), ``cut`` and ``cut_after`` (the connection ends
    at once), ``slow`` (an answer, ``delay`` seconds late), ``error`` (an ``ok: false`` of that code).
    """

    def __init__(self) -> None:
        self.orders: list[Fault] = []

    def order(
        self,
        kind: str,
        method: str = "*",
        *,
        times: int | None = None,
        seconds: float | None = None,
        retry_after: int = 1,
        delay: float = 60.0,
        error: str = "internal_error",
    ) -> Fault:
        """For the next ``times`` calls, or for ``seconds``, or (neither) until ``clear()``."""
        if kind not in KINDS:
            raise ValueError(f"no such fault: {kind}; there are {', '.join(KINDS)}")
        until = None if seconds is None else time.monotonic() + seconds
        made = Fault(kind, method, times, until, retry_after, delay, error)
        self.orders.append(made)
        return made

    def clear(self) -> None:
        """All is well again."""
        self.orders.clear()

    def next(self, method: str) -> Fault | None:
        """The fault that strikes this call, counted."""
        for each in self.orders:
            if each.matches(method):
                each.hit()
                return each
        return None
