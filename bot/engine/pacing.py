"""Keeping to a destination's limits.

A leaky bucket like aiolimiter's, and two things that one lacks: whoever is more urgent goes
first, and the destination itself can ask everyone to wait.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable

from bot.domain.outgoing import Priority


class Gate:
    """Lets through ``rate`` a second, after a burst of a second's worth (of one, when a second is not
    worth one); the most urgent first."""

    def __init__(self, rate: float | None, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._next = 0.0
        self._closed_until = 0.0
        self._waiting: list[tuple[Priority, int]] = []
        self._ticket = itertools.count()

    def close_for(self, seconds: float) -> None:
        """Let nobody through for a while."""
        self._closed_until = max(self._closed_until, self._clock() + seconds)

    async def enter(self, priority: Priority) -> None:
        """Wait for one's turn."""
        mine = (priority, next(self._ticket))
        heapq.heappush(self._waiting, mine)
        try:
            while wait := self._wait(mine):
                await asyncio.sleep(wait)
        finally:
            self._waiting.remove(mine)
            heapq.heapify(self._waiting)
        self._count()

    def _wait(self, mine: tuple[Priority, int]) -> float:
        now = self._clock()
        if self._closed_until > now:
            return self._closed_until - now
        if self._rate is None:
            return 0.0
        ahead = sum(1 for other in self._waiting if other < mine)
        opens = self._next - max(1.0, 1.0 / self._rate) + (ahead + 1) / self._rate
        return max(0.0, opens - now)

    def _count(self) -> None:
        if self._rate is not None:
            self._next = max(self._next, self._clock()) + 1.0 / self._rate
