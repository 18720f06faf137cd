"""Who of the staff is there, on Redis."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from bot.domain.identity import Agent
from bot.ports.roster import Presence
from bot.storage import keys
from bot.storage.connection import Connection, Script

SEEN_SECONDS = 300
BACK_SECONDS = 90 * 86_400
"""How long it is kept that somebody is back; that they are away is kept until they are."""

# KEYS what was said · ARGV '1' when away, at (ms), seconds it is kept once back
_SAY = Script.of("""
local away, last = unpack(redis.call('HMGET', KEYS[1], 'away', 'at'))
if last and tonumber(ARGV[2]) < tonumber(last) then return 0 end
redis.call('HSET', KEYS[1], 'away', ARGV[1], 'at', ARGV[2])
if away ~= ARGV[1] then redis.call('HSET', KEYS[1], 'since', ARGV[2]) end
if ARGV[1] == '1' then redis.call('PERSIST', KEYS[1]) else redis.call('EXPIRE', KEYS[1], ARGV[3]) end
return 1
""")


class RedisRoster:
    """Implements Roster."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def presence(self, agent_id: str) -> Presence:
        """An agent nobody has heard of is here."""
        said, seen = await asyncio.gather(
            self._connection.do("HMGET", keys.said_of(agent_id), "away", "since"),
            self._connection.do("GET", keys.seen_of(agent_id)),
        )
        away, since = said
        return Presence(
            away=away == b"1",
            online=None if seen is None else seen == b"1",
            since=None if since is None else datetime.fromtimestamp(int(since) / 1000, UTC),
        )

    async def say(self, agent: Agent, *, away: bool, at: datetime) -> None:
        """The agent goes away, or is back. What was said before something already known is ignored."""
        at_ms = int(at.timestamp() * 1000)
        await self._connection.call(_SAY, [keys.said_of(agent.id)], int(away), at_ms, BACK_SECONDS)

    async def saw(self, agent_id: str, *, online: bool) -> None:
        """What the desk saw, for five minutes."""
        await self._connection.do("SET", keys.seen_of(agent_id), int(online), "EX", SEEN_SECONDS)
