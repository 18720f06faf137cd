"""Customers who write while Rasa still starts are answered by the bot, a little later."""

from __future__ import annotations

import asyncio

from bot.app.nlu import once_it_answers
from bot.domain.errors import NluUnavailable


class Rasa:
    """Answers at the third look; each look takes a second of the clock."""

    def __init__(self, *, answers_at: int = 3) -> None:
        self.looks = 0
        self.time = 100.0
        self._answers_at = answers_at

    async def look(self) -> None:
        self.looks += 1
        self.time += 1
        if self.looks < self._answers_at:
            raise NluUnavailable("starting")


async def begun_after(rasa: Rasa, starts_by: float, stop: asyncio.Event | None = None) -> int:
    """How many looks were made before the work began."""
    seen: list[int] = []

    async def work(_stop: asyncio.Event) -> None:
        seen.append(rasa.looks)

    await once_it_answers(work, rasa.look, starts_by, lambda: rasa.time)(stop or asyncio.Event())
    return seen[0]


async def test_work_begins_when_rasa_answers() -> None:
    assert await begun_after(Rasa(), starts_by=200.0) == 3


async def test_a_rasa_that_does_not_come_is_not_waited_for_without_end() -> None:
    assert await begun_after(Rasa(answers_at=1_000), starts_by=102.0) == 2


async def test_once_everything_had_its_time_nothing_waits() -> None:
    assert await begun_after(Rasa(), starts_by=0.0) == 0


async def test_being_told_to_stop_ends_the_wait() -> None:
    stop = asyncio.Event()
    stop.set()
    assert await begun_after(Rasa(), starts_by=200.0, stop=stop) == 0
