"""Which conversation is which thread, on Redis.

A conversation's keys share a slot, so one script changes them together. Two things stand in keys of
their own, written after them, and again by every repetition: the way back from a thread's first message
to the conversation, and the list of a chat's conversations, by which a person is shown and erased.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bot.domain.identity import ChatId
from bot.ports.personal_data import RetentionClass
from bot.ports.threads import Thread
from bot.storage import keys
from bot.storage.connection import Argument, Script
from bot.storage.keys import ThreadKeys
from bot.storage.layout import Layout

DAY = 86_400
MARGIN = 2 * DAY
"""What leads to a thread outlives it: its time is not set anew with each message, but once a day."""

# KEYS thread, roots, ids, names, notes. What is noted before there is a thread is kept a day: nothing
# leads to it from a person.
_KEEP = (
    """
local function keep(seconds)
  if redis.call('EXISTS', KEYS[1]) == 0 then seconds = """
    + str(DAY)
    + """ end
  for _, name in ipairs(KEYS) do redis.call('EXPIRE', name, seconds) end
end
"""
)

# ARGV keep seconds, chat, place, root, [place, root] as JSON
_OPEN = Script.of(
    _KEEP
    + """
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'chat', ARGV[2], 'place', ARGV[3], 'root', ARGV[4])
  redis.call('SADD', KEYS[2], ARGV[5])
end
keep(ARGV[1])
return redis.call('HMGET', KEYS[1], 'chat', 'place', 'root')
"""
)
_MOVE = Script.of(
    _KEEP
    + """
redis.call('HSET', KEYS[1], 'chat', ARGV[2], 'place', ARGV[3], 'root', ARGV[4])
redis.call('SADD', KEYS[2], ARGV[5])
keep(ARGV[1])
"""
)

# Changes something, and answers the chat and the roots once what leads here must be kept longer, too.
_CHANGE = (
    _KEEP
    + """
local left = redis.call('TTL', KEYS[1])
%s
keep(ARGV[1])
if left < 0 or left > ARGV[1] - 86400 then return nil end
return {redis.call('HGET', KEYS[1], 'chat'), redis.call('SMEMBERS', KEYS[2])}
"""
)

# ARGV keep seconds, message id, platform id
_REMEMBER = Script.of(
    _CHANGE
    % """
local ids = cjson.decode(redis.call('HGET', KEYS[3], ARGV[2]) or '[]')
local known = false
for _, one in ipairs(ids) do known = known or one == ARGV[3] end
if not known then
  ids[#ids + 1] = ARGV[3]
  redis.call('HSET', KEYS[3], ARGV[2], cjson.encode(ids))
end
redis.call('HSET', KEYS[4], ARGV[3], ARGV[2])
"""
)

# ARGV keep seconds, name, and the value unless it is forgotten
_NOTE = Script.of(
    _CHANGE
    % """
if ARGV[3] then redis.call('HSET', KEYS[5], ARGV[2], ARGV[3]) else redis.call('HDEL', KEYS[5], ARGV[2]) end
"""
)


class RedisThreads:
    """Threads and PersonalData for one desk.

    Args:
        layout: where.
        desk: the desk's name.
        days: how long a thread is kept after its last change.
    """

    def __init__(self, layout: Layout, *, desk: str = "slack", days: int = 90) -> None:
        self._layout = layout
        self._connection = layout.connection
        self._desk = desk
        self._days = days
        self._seconds = days * DAY

    async def open(self, thread: Thread) -> Thread:
        """Bind a conversation to a thread, unless it has one."""
        found = await self._bind(_OPEN, thread)
        bound = _thread(thread.conversation, found) or thread
        await self._lead_to(bound)
        return bound

    async def move(self, thread: Thread) -> None:
        """Bind a conversation to another thread."""
        await self._bind(_MOVE, thread)
        await self._lead_to(thread)

    async def of(self, conversation: str) -> Thread | None:
        """A conversation's thread."""
        key = self._keys(conversation).thread
        return _thread(conversation, await self._connection.do("HMGET", key, "chat", "place", "root"))

    async def at(self, place: str, root: str) -> Thread | None:
        """The conversation's thread as it is now, also by a root it had before it was moved."""
        conversation = await self._connection.do("GET", keys.thread_at(self._desk, place, root))
        return None if conversation is None else await self.of(conversation.decode())

    async def remember(self, conversation: str, message_id: str, platform_id: str) -> None:
        """A message of ours is shown there under that id."""
        await self._change(_REMEMBER, conversation, message_id, platform_id)

    async def find(self, conversation: str, message_id: str) -> tuple[str, ...]:
        """The platform's ids of a message."""
        return _ids(await self._connection.do("HGET", self._keys(conversation).ids, message_id))

    async def named(self, conversation: str, platform_id: str) -> str | None:
        """Our id of the message shown under that id."""
        name = await self._connection.do("HGET", self._keys(conversation).names, platform_id)
        return None if name is None else str(name.decode())

    async def note(self, conversation: str, name: str, value: str | None) -> None:
        """Keep or forget something, by name."""
        await self._change(_NOTE, conversation, name, *(() if value is None else (value,)))

    async def notes(self, conversation: str) -> Mapping[str, str]:
        """All that was noted."""
        return _texts(await self._connection.do("HGETALL", self._keys(conversation).notes))

    # --- personal data ---------------------------------------------------------------------

    @property
    def retention(self) -> RetentionClass:
        """Names of messages only, no text."""
        return RetentionClass("desk threads", "finds a conversation's thread again", self._days)

    async def export(self, chat: ChatId) -> list[dict[str, Any]]:
        """Each conversation's thread, and what its messages are called there."""
        found: list[dict[str, Any]] = []
        for conversation in await self._conversations(chat):
            thread = await self.of(conversation)
            if thread is not None:
                ids = _texts(await self._connection.do("HGETALL", self._keys(conversation).ids))
                found.append(
                    {
                        "conversation": conversation,
                        "place": thread.place,
                        "root": thread.root,
                        "messages": {name: list(_ids(known.encode())) for name, known in ids.items()},
                        "notes": dict(await self.notes(conversation)),
                    }
                )
        return found

    async def erase(self, chat: ChatId) -> int:
        """Forget the chat's threads. The platform's own copy is that platform's to erase."""
        gone = 0
        for conversation in await self._conversations(chat):
            of = self._keys(conversation)
            for root in await self._connection.do("SMEMBERS", of.roots):
                await self._connection.do("DEL", self._way_to(root))
            gone += bool(await self._connection.do("DEL", *of.all))
        await self._connection.do("DEL", self._index(chat))
        return gone

    # --- inside ----------------------------------------------------------------------------

    async def _bind(self, script: Script, thread: Thread) -> Any:
        root = json.dumps([thread.place, thread.root])
        of = self._keys(thread.conversation)
        await self._list(thread.chat, thread.conversation)  # first: nothing may be kept that nobody finds
        return await self._connection.call(
            script, of.all, self._seconds, str(thread.chat), thread.place, thread.root, root
        )

    async def _lead_to(self, thread: Thread) -> None:
        key = keys.thread_at(self._desk, thread.place, thread.root)
        await self._connection.do("SET", key, thread.conversation, "EX", self._seconds + MARGIN)

    async def _list(self, chat: ChatId, conversation: str) -> None:
        index = self._index(chat)
        await self._connection.do("SADD", index, conversation)
        await self._connection.do("EXPIRE", index, self._seconds + MARGIN)

    async def _change(self, script: Script, conversation: str, *arguments: Argument) -> None:
        of = self._keys(conversation)
        aging = await self._connection.call(script, of.all, self._seconds, *arguments)
        if aging is not None:
            chat, roots = aging
            await self._refresh(ChatId.parse(chat.decode()), roots)

    async def _refresh(self, chat: ChatId, roots: Sequence[bytes]) -> None:
        for key in (self._index(chat), *map(self._way_to, roots)):
            await self._connection.do("EXPIRE", key, self._seconds + MARGIN)

    async def _conversations(self, chat: ChatId) -> list[str]:
        return sorted(map(bytes.decode, await self._connection.do("SMEMBERS", self._index(chat))))

    def _keys(self, conversation: str) -> ThreadKeys:
        return ThreadKeys(self._desk, conversation)

    def _index(self, chat: ChatId) -> str:
        return self._layout.keys_of(chat).threads(self._desk, chat)

    def _way_to(self, root: bytes) -> str:
        return keys.thread_at(self._desk, *json.loads(root))


def _thread(conversation: str, fields: Any) -> Thread | None:
    if not fields or fields[0] is None:
        return None
    chat, place, root = (field.decode() for field in fields)
    return Thread(conversation, ChatId.parse(chat), place, root)


def _ids(stored: bytes | None) -> tuple[str, ...]:
    return tuple(json.loads(stored)) if stored else ()


def _texts(reply: Any) -> dict[str, str]:
    """HGETALL answers a map or a flat list, by protocol."""
    pairs = reply.items() if isinstance(reply, dict) else zip(reply[::2], reply[1::2], strict=True)
    return {name.decode(): value.decode() for name, value in pairs}
