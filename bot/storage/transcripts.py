"""Transcripts on Redis: a stream for the order, a hash for what is said.

The stream holds keys only, so that an edit or a deletion reaches the text wherever it is replayed
from: in the hash, ``p:<key>`` is an item's position, ``f:<key>`` its frame and ``t:<key>`` the
message it changes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import structlog
from redis.exceptions import RedisClusterException, RedisError

from bot.domain.identity import ChatId
from bot.ports.personal_data import RetentionClass
from bot.ports.transcript import Added, Frame, Item, Page
from bot.storage.connection import Connection, Script
from bot.storage.keys import ROOT, ShardKeys, shard_of

log = structlog.get_logger(__name__)

CHANNEL = f"{ROOT}:transcripts"
PAGE = 200
SILENCE = 5.0
RETRY_AFTER = 0.5

# KEYS: stream, hash. ARGV: key, frame, target, kind, text, longest, ttl, channel, chat
_ADD = Script.of("""
local stream, said = KEYS[1], KEYS[2]
local key, frame, target, kind = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if redis.call('HEXISTS', said, 'p:' .. key) == 1 then return 'known' end
local before
if kind ~= 'message' then
  before = redis.call('HGET', said, 'f:' .. target)
  if not before then return 'no_such_message' end
end
local position = redis.call('XADD', stream, '*', 'k', key)
redis.call('HSET', said, 'p:' .. key, position, 'f:' .. key, frame)
if kind == 'edit' then
  redis.call('HSET', said, 't:' .. key, target, 'x:' .. target, ARGV[5])
elseif kind == 'delete' then
  redis.call('HDEL', said, 'f:' .. target, 'x:' .. target)
end
local over = redis.call('XLEN', stream) - tonumber(ARGV[6])
if over > 0 then
  for _, entry in ipairs(redis.call('XRANGE', stream, '-', '+', 'COUNT', over)) do
    local old = entry[2][2]
    redis.call('HDEL', said, 'p:' .. old, 'f:' .. old, 't:' .. old, 'x:' .. old)
    redis.call('XDEL', stream, entry[1])
  end
end
redis.call('EXPIRE', stream, ARGV[7])
redis.call('EXPIRE', said, ARGV[7])
redis.call('PUBLISH', ARGV[8], ARGV[9])
return 'new'
""")

# KEYS: stream, hash. ARGV: position, count. Answers position, then key, frame, target, text of each.
_READ = Script.of("""
local entries = redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])
local found = {#entries, ARGV[1]}
for _, entry in ipairs(entries) do
  local key = entry[2][2]
  local parts = redis.call('HMGET', KEYS[2], 'f:' .. key, 't:' .. key, 'x:' .. key)
  local target = parts[2]
  local alive = parts[1]
  if alive and target then
    local change = redis.call('HMGET', KEYS[2], 'f:' .. target, 'x:' .. target)
    alive = change[1] and alive
    parts[3] = change[2]
  end
  if alive then
    found[#found + 1] = key
    found[#found + 1] = alive
    found[#found + 1] = parts[3] or ''
    found[#found + 1] = parts[3] and '1' or ''
  end
  found[2] = entry[1]
end
return found
""")


class RedisTranscripts:
    """Transcripts and PersonalData on one Redis, Valkey or Cluster.

    Args:
        connection: where.
        shards: how many shards the store was laid out with.
        longest: how many items of a chat are kept.
        days: how long after its last item a transcript is kept.
    """

    def __init__(self, connection: Connection, shards: int, *, longest: int = 2000, days: int = 30) -> None:
        self._connection = connection
        self._shards = shards
        self._longest = longest
        self._days = days

    async def append(self, chat: ChatId, key: str, frame: Frame) -> Added:
        """Add a message, once by its key."""
        return await self._add(chat, key, frame, "", "message")

    async def edit(self, chat: ChatId, key: str, target: str, frame: Frame) -> Added:
        """Change the text of a message, and say so."""
        rest = {name: value for name, value in frame.items() if name != "text"}
        return await self._add(chat, key, rest, target, "edit", str(frame["text"]))

    async def delete(self, chat: ChatId, key: str, target: str, frame: Frame) -> Added:
        """Remove what a message said, and say so."""
        return await self._add(chat, key, frame, target, "delete")

    async def position_of(self, chat: ChatId, *keys: str) -> str | None:
        """Where the first known key stands."""
        fields = [f"p:{key}" for key in keys]
        found = await self._connection.do("HMGET", self._keys(chat)[1], *fields)
        return next((position.decode() for position in found if position is not None), None)

    async def read(self, chat: ChatId, position: str) -> Page:
        """What comes after a position, at most ``PAGE`` items."""
        found = await self._connection.call(_READ, self._keys(chat), position, PAGE)
        parts = found[2:]
        items = tuple(
            Item(key.decode(), _frame(frame, text if edited else None))
            for key, frame, text, edited in zip(*(parts[at::4] for at in range(4)), strict=True)
        )
        return Page(items, found[1].decode(), more=int(found[0]) == PAGE)

    async def watch(self) -> AsyncGenerator[ChatId | None, None]:
        """Chats that grew; None whenever any may have."""
        while True:
            try:
                async with aclosing(self._heard()) as heard:
                    async for chat in heard:
                        yield chat
            except (RedisError, RedisClusterException, OSError) as error:
                _heed_cancellation()
                log.warning("transcripts_watch_interrupted", error=type(error).__name__)
            await asyncio.sleep(RETRY_AFTER)

    async def _heard(self) -> AsyncGenerator[ChatId | None, None]:
        """One subscription: None once it stands, then chats. Ends when the server falls silent."""
        client: Any = self._connection.client
        async with client.pubsub() as subscription:
            await subscription.subscribe(CHANNEL)
            asked = False
            while True:
                _heed_cancellation()
                message = await subscription.get_message(timeout=SILENCE)
                if message is None:
                    if asked:
                        return
                    await subscription.ping()
                    asked = True
                    continue
                asked = False
                if message["type"] == "subscribe":
                    yield None
                elif message["type"] == "message":
                    yield ChatId.parse(_text(message["data"]))

    # --- personal data ---------------------------------------------------------------------

    @property
    def retention(self) -> RetentionClass:
        """The transcript a visitor finds again when they come back."""
        return RetentionClass("transcript", "shows customers their own conversation again", self._days)

    async def export(self, chat: ChatId) -> list[dict[str, Any]]:
        """Every message and change, as the customer sees them."""
        frames: list[dict[str, Any]] = []
        page = await self.read(chat, "0")
        frames += (item.frame for item in page.items)
        while page.more:
            page = await self.read(chat, page.position)
            frames += (item.frame for item in page.items)
        return frames

    async def erase(self, chat: ChatId) -> int:
        """Remove the transcript; returns how many items went."""
        stream, said = self._keys(chat)
        count = int(await self._connection.do("XLEN", stream))
        await self._connection.do("DEL", stream, said)
        return count

    # --- inside ----------------------------------------------------------------------------

    async def _add(
        self, chat: ChatId, key: str, frame: Frame, target: str, kind: str, text: str = ""
    ) -> Added:
        told = await self._connection.call(
            _ADD,
            self._keys(chat),
            key,
            json.dumps(frame, separators=(",", ":")),
            target,
            kind,
            json.dumps(text),
            self._longest,
            self._days * 86_400,
            CHANNEL,
            str(chat),
        )
        return Added(_text(told))

    def _keys(self, chat: ChatId) -> tuple[str, str]:
        keys = ShardKeys(shard_of(chat, self._shards))
        return keys.transcript(chat), keys.transcript_ids(chat)


def _heed_cancellation() -> None:
    """redis-py's connecting can swallow a cancellation: raise it again."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _frame(stored: bytes, text: bytes | None) -> Frame:
    frame: Frame = json.loads(stored)
    if text is not None:
        frame["text"] = json.loads(text)
        if frame["type"] == "message":
            frame["edited"] = True
    return frame


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
