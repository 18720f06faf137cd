"""Where events wait."""

from __future__ import annotations

from bot.domain.chat import Speaker
from bot.domain.deadletter import DeadLetter
from bot.domain.events import Event
from bot.ports.inbox import Appended
from bot.storage import codec, scripts
from bot.storage.layout import Layout


class RedisInbox:
    """Implements InboxStore. An event id is remembered for ``dedupe_days``."""

    def __init__(self, layout: Layout, dedupe_days: float) -> None:
        self._layout = layout
        self._dedupe_seconds = int(dedupe_days * 86_400)

    async def append(self, event: Event) -> Appended:
        """Store an event once."""
        shard = self._layout.keys_of(event.chat)
        new, speaker = await self._layout.connection.call(
            scripts.APPEND,
            [shard.seen(event.id), shard.inbox, shard.chat(event.chat)],
            codec.encode_event(event),
            self._dedupe_seconds,
        )
        return Appended(bool(new), Speaker(speaker.decode()) if speaker else None)

    async def park(self, letter: DeadLetter) -> None:
        """Keep a raw update that cannot be read. It belongs to no chat: the first shard keeps it."""
        await self._layout.connection.do(
            "HSETNX", self._layout.of[0].dead, letter.id, codec.encode_letter(letter)
        )
