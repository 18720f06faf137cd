"""What the live state keeps of a person."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import msgspec
from redis.exceptions import ResponseError

from bot.domain.deadletter import DeadLetter
from bot.domain.identity import ChatId
from bot.ports.clock import Clock, SystemClock
from bot.ports.personal_data import RetentionClass
from bot.storage import codec, keys
from bot.storage.connection import Connection
from bot.storage.keys import ShardKeys
from bot.storage.layout import Layout

PAGE = 500
_NOT_WITHIN_A_WORD = r"(?<![0-9A-Za-z_-]){}(?![0-9A-Za-z_-])"


class _WithChat(msgspec.Struct):
    chat: ChatId


_tagged = msgspec.json.Decoder(tuple[str, _WithChat])


class LiveStateData:
    """Implements PersonalData over a chat's state, its timers, its dead letters, and what is under
    way: events, outgoing messages and facts that wait.

    A turn or a call that runs during an erasure may still write once: erase again.

    Args:
        layout: where.
        keep_days: how long a chat's state lives after its last turn, and dead letters are kept.
        clock: tells which letters are too old.
    """

    def __init__(self, layout: Layout, keep_days: float, clock: Clock | None = None) -> None:
        self._layout = layout
        self._keep = timedelta(days=keep_days)
        self._clock = clock or SystemClock()

    @property
    def retention(self) -> RetentionClass:
        """What is needed for the next turn, and what could not be handled."""
        return RetentionClass("live state", "carries on the conversation", max(1, self._keep.days))

    async def export(self, chat: ChatId) -> list[dict[str, Any]]:
        """The chat's state, timers and letters, and what waits."""
        shard = self._layout.keys_of(chat)
        state = await self._layout.connection.do("HGET", shard.chat(chat), "d")
        found = [{"kind": "chat", **json.loads(state)}] if state else []
        found += [{"kind": "timer", "name": member.partition("|")[0]} for member in await self._timers(chat)]
        async for stream, _entry, raw in self._under_way(chat):
            found.append({"kind": "under way", "in": stream.rpartition("}:")[2], "record": raw})
        for _shard, letter in await self._letters(chat):
            found.append({"kind": "dead letter", "id": letter.id, "payload": letter.payload})
        return found

    async def erase(self, chat: ChatId) -> int:
        """Forget all of it. What waits goes first: a turn would make the chat anew."""
        do = self._layout.connection.do
        shard = self._layout.keys_of(chat)
        gone: int = 0
        async for stream, entry, _raw in self._under_way(chat):
            gone += await do("XDEL", stream, entry)
        for member in await self._timers(chat):
            gone += await do("ZREM", shard.timers, member)
            await do("HDEL", shard.timer_events, member)
        gone += await do("DEL", shard.chat(chat))
        for home, letter in await self._letters(chat):
            gone += await do("HDEL", home.dead, letter.id)
        return gone

    async def purge(self) -> int:
        """Forget dead letters that nobody sent again in time. (Chats expire by themselves.)"""
        oldest = self._clock.now() - self._keep
        gone = 0
        for shard in self._layout.of:
            for letter in await self._parked(shard):
                if letter.at < oldest:
                    gone += await self._layout.connection.do("HDEL", shard.dead, letter.id)
        return gone

    async def _timers(self, chat: ChatId) -> list[str]:
        members = await self._layout.connection.do("ZRANGE", self._layout.keys_of(chat).timers, 0, -1)
        return [name for name in map(bytes.decode, members) if name.partition("|")[2] == str(chat)]

    async def _under_way(self, chat: ChatId) -> AsyncIterator[tuple[str, str, str]]:
        """Stream, entry and record of all that waits."""
        shard = self._layout.keys_of(chat)
        destinations = await self._layout.connection.do("SMEMBERS", keys.DESTINATIONS)
        outboxes = [shard.outbox(name) for name in sorted({*map(bytes.decode, destinations)})]
        for stream in (shard.inbox, *outboxes, shard.log):
            async for entry, raw in self._entries(stream):
                if _is_of(raw, chat):
                    yield stream, entry, raw.decode("utf-8", "replace")

    async def _entries(self, stream: str) -> AsyncIterator[tuple[str, bytes]]:
        after = "-"
        while page := await self._layout.connection.do("XRANGE", stream, after, "+", "COUNT", PAGE):
            for entry, fields in page:
                pairs = (
                    fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True))
                )
                yield entry.decode(), pairs.get(b"d", b"")
            after = f"({page[-1][0].decode()}"

    async def _letters(self, chat: ChatId) -> list[tuple[ShardKeys, DeadLetter]]:
        """Those of the chat, and raw updates that name its user: they belong to no chat."""
        homes = {shard.shard: shard for shard in (self._layout.of[0], self._layout.keys_of(chat))}
        parked = await asyncio.gather(*(self._parked(shard) for shard in homes.values()))
        return [
            (shard, letter)
            for shard, letters in zip(homes.values(), parked, strict=True)
            for letter in letters
            if letter.chat == str(chat) or _may_be_of(letter, chat)
        ]

    async def _parked(self, shard: ShardKeys) -> list[DeadLetter]:
        return [codec.decode_letter(raw) for raw in await self._layout.connection.do("HVALS", shard.dead)]


class RedisJournal:
    """The append-only file still holds what was erased, until it is written anew."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def purge(self) -> int:
        """Have the server write it anew, in the background. Counts nothing."""
        with suppress(ResponseError):  # it is at it already, or has no such file
            await self._connection.do("BGREWRITEAOF")
        return 0


def _is_of(raw: bytes, chat: ChatId) -> bool:
    """A record that cannot be read is taken for the chat's when it names it."""
    try:
        return _tagged.decode(raw)[1].chat == chat
    except msgspec.MsgspecError:
        return _names(raw.decode("utf-8", "replace"), chat)


def _may_be_of(letter: DeadLetter, chat: ChatId) -> bool:
    return letter.chat is None and letter.source == chat.destination and _names(letter.payload, chat)


def _names(text: str, chat: ChatId) -> bool:
    return re.search(_NOT_WITHIN_A_WORD.format(re.escape(chat.user)), text) is not None
