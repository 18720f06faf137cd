"""How long it takes: an honest range for a customer who waits, from how long others waited lately.

What is told lies between what three in ten and nine in ten customers waited; those who still wait, and have
waited longer than that, count too. Nothing is told while the team is closed, when too little is known, or
when it took longer than ``STEPS`` go.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

from bot.domain.errors import StoreUnavailable
from bot.domain.turn import Turn
from handlers.care import Care

FEWEST = 5
LOW, HIGH = 0.3, 0.9
LOOK_SECONDS = 0.5
"""A customer is not kept waiting to be told how long they will."""
STEPS = (1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240)
"""Minutes, as people say them."""

Minutes = tuple[int, int]


async def told(turn: Turn, care: Care, team: str) -> str:
    """A sentence about how long it takes; empty when there is nothing honest to say."""
    if not care.teams.of(team).tell_waiting_time or care.hours.of(team).closes_at(turn.now) is None:
        return ""
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            recent, queue = await care.waits.recent(team), await care.queue(team)
    except (StoreUnavailable, TimeoutError):
        return ""
    hours = care.hours.of(team)
    so_far = [hours.open_between(since, turn.now).total_seconds() for since in queue]
    found = expected(recent, so_far)
    return _sentence(found, turn, care) if found else ""


def expected(recent: Sequence[float], so_far: Sequence[float] = ()) -> Minutes | None:
    """From and to how many minutes it takes; None when that is not known.

    Args:
        recent: seconds that customers waited.
        so_far: seconds of opening time that those in the queue have waited until now.
    """
    if len(recent) < FEWEST:
        return None
    slow = _share(sorted(recent), HIGH)
    waits = sorted((*recent, *(waited for waited in so_far if waited > slow)))
    low, high = _step(_share(waits, LOW)), _step(_share(waits, HIGH))
    return (low, high) if low and high else None


def _share(waits: Sequence[float], share: float) -> float:
    """What that share of them waited at most."""
    return waits[max(math.ceil(share * len(waits)) - 1, 0)]


def _step(seconds: float) -> int | None:
    return next((step for step in STEPS if seconds <= step * 60), None)


def _sentence(found: Minutes, turn: Turn, care: Care) -> str:
    low, high = found
    language = turn.language
    if low == high:
        return care.replies.get("waiting.about", language, high=_spoken(high, care, language))
    least = str(low) if high < 60 else _spoken(low, care, language)
    return care.replies.get("waiting.between", language, low=least, high=_spoken(high, care, language))


def _spoken(minutes: int, care: Care, language: str) -> str:
    hours, rest = divmod(minutes, 60)
    if not hours:
        return care.replies.get("waiting.minute" if minutes == 1 else "waiting.minutes", language, count=rest)
    key = "waiting.hours_and" if rest else "waiting.hour" if hours == 1 else "waiting.hours"
    return care.replies.get(key, language, count=hours, rest=rest)
