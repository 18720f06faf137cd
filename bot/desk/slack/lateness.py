"""Tells staff when customers' messages reach Slack late, and when that is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from bot.desk.slack.budget import Change, Lag
from bot.desk.slack.calls import Calls
from bot.desk.slack.client import PLACE_GONE
from bot.desk.slack.escaping import mrkdwn
from bot.desk.slack.posting import Surroundings
from bot.desk.slack.wording import say
from bot.domain.errors import DeliveryDelayed, DeliveryFailed, DeliveryRefused
from bot.domain.outgoing import Outgoing, Priority

log = structlog.get_logger(__name__)

ATTEMPTS = 5
CHECK = 20.0


class Lateness:
    """Watches how long ago what is let in now was said.

    Args:
        around: whom to tell, and the time.
        limit: seconds that are late.
        calls: Slack, for a priority.
    """

    def __init__(self, around: Surroundings, limit: float, calls: Callable[[Priority], Calls]) -> None:
        self._around = around
        self._limit = limit
        self._calls = calls
        self._lag = Lag(limit)
        self._tasks: set[asyncio.Task[None]] = set()

    def seen(self, entry: Outgoing) -> None:
        """An entry was let in."""
        due = max(entry.at, entry.not_before) if entry.not_before else entry.at
        late = (self._around.clock.now() - due).total_seconds()
        self._tell(self._lag.seen(late, asyncio.get_running_loop().time()))

    def _tell(self, change: Change | None) -> None:
        if change is None:
            return
        log.warning("slack.late", change=change.value)
        self._do(self._say(change))
        if change is Change.BEGAN:
            self._do(self._watch())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watch(self) -> None:
        """It may be over without another message."""
        while self._lag.is_late:
            await asyncio.sleep(CHECK)
            self._tell(self._lag.passed(asyncio.get_running_loop().time()))

    async def _say(self, change: Change) -> None:
        """In the default team's first channel that takes it. Telling must not stop anything."""
        team = self._around.teams.get(self._around.default_team)
        if team is None:
            return
        values = {"seconds": round(self._limit)} if change is Change.BEGAN else {}
        words = say(f"desk.{change.value}", team.language, **values)
        blocks = [{"type": "section", "text": mrkdwn(words)}]
        for place in team.channels:
            for _ in range(ATTEMPTS):
                try:
                    await self._calls(Priority.FAILURE).post(place, text=words, blocks=blocks)
                except (DeliveryDelayed, DeliveryFailed):
                    await asyncio.sleep(1.0)
                except DeliveryRefused as refusal:
                    if refusal.reason in PLACE_GONE:
                        break
                    log.warning("slack.lateness_not_told", reason=refusal.reason)
                    return
                else:
                    return
