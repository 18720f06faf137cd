"""The message map on Redis: a hash of our ids to the platform's, and their ages to trim it by."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from bot.domain.identity import ChatId
from bot.ports.clock import Clock
from bot.ports.personal_data import RetentionClass
from bot.storage.connection import Script
from bot.storage.layout import Layout

ONCE_SECONDS = int(timedelta(days=400).total_seconds())

# KEYS: hash, ages. ARGV: message id, part, platform id, now (s), keep (s)
_REMEMBER = Script.of("""
local parts = cjson.decode(redis.call('HGET', KEYS[1], ARGV[1]) or '[]')
if #parts == tonumber(ARGV[2]) then
  parts[#parts + 1] = ARGV[3]
  redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(parts))
  redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
end
local oldest = ARGV[4] - ARGV[5]
for _, old in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '(' .. oldest, 'LIMIT', 0, 100)) do
  redis.call('HDEL', KEYS[1], old)
  redis.call('ZREM', KEYS[2], old)
end
redis.call('EXPIRE', KEYS[1], ARGV[5])
redis.call('EXPIRE', KEYS[2], ARGV[5])
""")


class RedisMessageMap:
    """Implements MessageMap and PersonalData. Keeps each message ``days`` days."""

    def __init__(self, layout: Layout, clock: Clock, *, days: int = 7) -> None:
        self._layout = layout
        self._clock = clock
        self._days = days

    @property
    def retention(self) -> RetentionClass:
        """Message numbers only, no text."""
        return RetentionClass("message map", "to edit or take back a message that was sent", self._days)

    async def remember(self, chat: ChatId, message_id: str, part: int, platform_id: str) -> None:
        """Part ``part`` of a message was sent under that id."""
        keys = self._layout.keys_of(chat)
        await self._layout.connection.call(
            _REMEMBER,
            [keys.platform_ids(chat), keys.platform_ids_ages(chat)],
            message_id,
            part,
            platform_id,
            int(self._clock.now().timestamp()),
            self._days * 86_400,
        )

    async def find(self, chat: ChatId, message_id: str) -> tuple[str, ...]:
        """The platform's ids of a message's parts."""
        key = self._layout.keys_of(chat).platform_ids(chat)
        return _parts(await self._layout.connection.do("HGET", key, message_id))

    async def first_time(self, chat: ChatId, what: str) -> bool:
        """True once."""
        key = self._layout.keys_of(chat).once(chat, what)
        return await self._layout.connection.do("SET", key, "1", "NX", "EX", ONCE_SECONDS) is not None

    async def export(self, chat: ChatId) -> list[dict[str, Any]]:
        """Each message and what the platform calls it."""
        flat = await self._layout.connection.do("HGETALL", self._layout.keys_of(chat).platform_ids(chat))
        pairs = flat.items() if isinstance(flat, dict) else zip(flat[::2], flat[1::2], strict=True)
        return [
            {"message": message.decode(), "platform_ids": list(_parts(parts))} for message, parts in pairs
        ]

    async def erase(self, chat: ChatId) -> int:
        """Forget the chat's messages."""
        keys = self._layout.keys_of(chat)
        known: int = await self._layout.connection.do("HLEN", keys.platform_ids(chat))
        await self._layout.connection.do("DEL", keys.platform_ids(chat), keys.platform_ids_ages(chat))
        return known


def _parts(stored: bytes | None) -> tuple[str, ...]:
    return tuple(json.loads(stored)) if stored else ()
