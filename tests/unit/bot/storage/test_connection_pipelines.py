"""Calls that are joined into pipelines."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.storage.connection import PIPELINES, Connection


class Wire(Connection):
    """A connection whose server answers when told to, everything in one tick."""

    def __init__(self) -> None:
        super().__init__(None, None)  # type: ignore[arg-type]
        self.under_way: list[asyncio.Future[None]] = []

    async def _on_one_server(self, batch: list[Any]) -> list[Any]:
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.under_way.append(answered)
        await answered
        return [b"PONG"] * len(batch)

    def answer(self) -> None:
        under_way, self.under_way = self.under_way, []
        for one in under_way:
            one.set_result(None)


async def test_a_call_made_as_all_pipelines_end_is_not_forgotten() -> None:
    wire = Wire()

    async def call(times: int) -> None:
        for _ in range(times):
            await wire.do("PING")

    calls = []
    async with asyncio.timeout(2):
        for at in range(PIPELINES):
            calls.append(asyncio.create_task(call(2 if at == 0 else 1)))
            while len(wire.under_way) <= at:
                await asyncio.sleep(0)
        while not all(one.done() for one in calls):
            wire.answer()
            await asyncio.sleep(0)


async def test_a_call_that_cannot_be_written_fails_alone() -> None:
    wire = Wire()
    neighbour = asyncio.create_task(wire.do("PING"))
    with pytest.raises(ValueError, match="surrogates"):
        await wire.do("GET", "\ud800")
    async with asyncio.timeout(2):
        while not wire.under_way:
            await asyncio.sleep(0)
        wire.answer()
        assert await neighbour == b"PONG"
