"""Timers, the log's way out, dead letters, running processes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.domain.deadletter import DeadLetter, DeadLetterKind
from bot.domain.errors import NotUnderstandable
from bot.domain.facts import Fact
from bot.domain.identity import ChatId
from bot.ports.store import Cursors, Entry, ProcessInfo
from bot.storage import codec, keys, scripts
from bot.storage.keys import ShardKeys
from bot.storage.layout import Layout
from bot.storage.streams import StreamReader


class RedisTimers:
    """Implements TimerStore."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    @property
    def shards(self) -> int:
        """How many shards there are."""
        return self._layout.shards

    async def fire_due(self, now: datetime, *, limit: int = 100) -> int:
        """Turn due timers into events; ``limit`` is a shard's."""
        now_ms = int(now.timestamp() * 1000)
        fired = await asyncio.gather(
            *(
                self._layout.connection.call(
                    scripts.FIRE_DUE, [shard.timers, shard.timer_events, shard.inbox], now_ms, limit
                )
                for shard in self._layout.of
            )
        )
        return sum(fired)


class RedisLog:
    """Implements LogStore."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._reader = StreamReader(layout.connection)
        self._logs = {shard.shard: shard.log for shard in layout.of}

    @property
    def shards(self) -> int:
        """How many shards there are."""
        return self._layout.shards

    async def read_facts(self, cursors: Cursors, *, count: int, block: float) -> list[Entry[Fact]]:
        """Facts after the cursors."""
        return await self._reader.read(self._logs, cursors, codec.decode_fact, count=count, block=block)

    async def drop_facts(self, entries: Sequence[Entry[Fact]]) -> None:
        """They are in SQL: forget them here."""
        by_shard: dict[int, list[str]] = {}
        for entry in entries:
            by_shard.setdefault(entry.shard, []).append(entry.id)
        await asyncio.gather(
            *(self._layout.connection.do("XDEL", self._logs[shard], *ids) for shard, ids in by_shard.items())
        )

    async def close(self) -> None:
        """Stop reading."""
        await self._reader.close()


class RedisDeadLetters:
    """Implements DeadLetterStore."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    async def list_dead(self, *, limit: int = 100) -> list[DeadLetter]:
        """Parked letters, oldest first."""
        letters = [letter for _, letter in await self._all()]
        return sorted(letters, key=lambda letter: letter.at)[:limit]

    async def resend(self, letter_id: str, *, chat: ChatId | None = None) -> bool:
        """Put a letter back where it was."""
        for shard, letter in await self._all():
            if letter.id == letter_id and (chat is None or _is_to(letter, chat)):
                stream, record = _way_back(shard, letter)
                return bool(
                    await self._layout.connection.call(
                        scripts.RESEND, [shard.dead, stream], letter_id, record
                    )
                )
        return False

    async def discard(self, letter_id: str) -> bool:
        """Forget a letter."""
        dropped = await asyncio.gather(
            *(self._layout.connection.do("HDEL", shard.dead, letter_id) for shard in self._layout.of)
        )
        return any(dropped)

    async def _all(self) -> list[tuple[ShardKeys, DeadLetter]]:
        replies = await asyncio.gather(
            *(self._layout.connection.do("HVALS", shard.dead) for shard in self._layout.of)
        )
        return [
            (shard, codec.decode_letter(raw))
            for shard, values in zip(self._layout.of, replies, strict=True)
            for raw in values
        ]


def _is_to(letter: DeadLetter, chat: ChatId) -> bool:
    return letter.kind is DeadLetterKind.OUTGOING and letter.chat == str(chat)


def _way_back(shard: ShardKeys, letter: DeadLetter) -> tuple[str, bytes]:
    raw = letter.payload.encode()
    if letter.kind is DeadLetterKind.EVENT:
        codec.decode_event(raw)
        return shard.inbox, raw
    if letter.kind is DeadLetterKind.OUTGOING:
        out = codec.decode_outgoing(raw)
        again = replace(out, id=f"{out.id}~", not_before=None)  # what becomes of it is logged anew
        return shard.outbox(out.destination), codec.encode_outgoing(again)
    raise NotUnderstandable("a raw update cannot be sent again: the platform has it, or nobody")


class RedisProcesses:
    """Implements ProcessStore."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    async def beat(self, process: ProcessInfo, ttl: float) -> None:
        """Say that a role runs."""
        until = process.seen_at + timedelta(seconds=ttl)
        record = f"{until.timestamp()}|".encode() + codec.encode_process(process)
        await self._layout.connection.do("HSET", keys.PROCESSES, _process_field(process), record)

    async def processes(self) -> list[ProcessInfo]:
        """Roles heard of lately; those long silent are forgotten on the way."""
        now = datetime.now(UTC).timestamp()
        found: list[ProcessInfo] = []
        reply = await self._layout.connection.do("HGETALL", keys.PROCESSES)
        pairs = reply.items() if isinstance(reply, dict) else zip(reply[::2], reply[1::2], strict=True)
        for field, value in pairs:
            until, _, record = value.partition(b"|")
            if float(until) < now:
                await self._layout.connection.do("HDEL", keys.PROCESSES, field)
            else:
                found.append(codec.decode_process(record))
        return sorted(found, key=lambda process: (process.role, process.pid))

    async def leave(self, process: ProcessInfo) -> None:
        """A role stopped on purpose."""
        await self._layout.connection.do("HDEL", keys.PROCESSES, _process_field(process))

    async def backlog(self) -> Mapping[str, int]:
        """How much waits."""
        of = self._layout.of
        outboxes = await self._outboxes()
        return {
            "inbox": await self._sum("XLEN", [shard.inbox for shard in of]),
            "outbox": await self._sum("XLEN", outboxes),
            "log": await self._sum("XLEN", [shard.log for shard in of]),
            "timers": await self._sum("ZCARD", [shard.timers for shard in of]),
            "dead": await self._sum("HLEN", [shard.dead for shard in of]),
        }

    async def _sum(self, command: str, names: Sequence[str]) -> int:
        return sum(await asyncio.gather(*(self._layout.connection.do(command, name) for name in names)))

    async def _outboxes(self) -> list[str]:
        destinations = await self._layout.connection.do("SMEMBERS", keys.DESTINATIONS)
        return [shard.outbox(name.decode()) for name in destinations for shard in self._layout.of]


def _process_field(process: ProcessInfo) -> str:
    return f"{process.host}:{process.pid}:{process.role}"
