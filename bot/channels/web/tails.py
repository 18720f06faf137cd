"""Who waits for which transcript: wakes the sockets of a chat when it has grown."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing, contextmanager, suppress

from bot.domain.identity import ChatId
from bot.ports.transcript import Transcripts

SWEEP_SECONDS = 15.0


class Tails:
    """Events by chat, set when its transcript may have grown.

    A lost wake-up costs at most ``SWEEP_SECONDS``: then all are woken.
    """

    def __init__(self, transcripts: Transcripts) -> None:
        self._transcripts = transcripts
        self._wakes: dict[ChatId, set[asyncio.Event]] = {}
        self._order: dict[ChatId, asyncio.Lock] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to listen."""
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._sweep())]

    async def stop(self) -> None:
        """Stop listening."""
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self._tasks = []

    @contextmanager
    def of(self, chat: ChatId) -> Iterator[tuple[asyncio.Event, asyncio.Lock]]:
        """A wake-up for one socket, and the lock that keeps the chat's appends in order."""
        wake = asyncio.Event()
        self._wakes.setdefault(chat, set()).add(wake)
        try:
            yield wake, self._order.setdefault(chat, asyncio.Lock())
        finally:
            self._wakes[chat].discard(wake)
            if not self._wakes[chat]:
                del self._wakes[chat], self._order[chat]

    async def _listen(self) -> None:
        async with aclosing(self._transcripts.watch()) as changes:
            async for chat in changes:
                self._wake(chat)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self._wake(None)

    def _wake(self, chat: ChatId | None) -> None:
        if chat is not None:
            for wake in self._wakes.get(chat, ()):
                wake.set()
            return
        for wakes in self._wakes.values():
            for wake in wakes:
                wake.set()
