"""The live state as a whole, opened once a process."""

from __future__ import annotations

from dataclasses import dataclass

from bot.storage.connection import Connection
from bot.storage.housekeeping import RedisDeadLetters, RedisLog, RedisProcesses, RedisTimers
from bot.storage.inbox import RedisInbox
from bot.storage.layout import Layout
from bot.storage.leases import RedisLeases
from bot.storage.outbox import RedisOutbox
from bot.storage.personal_data import LiveStateData
from bot.storage.turns import RedisTurns


@dataclass(frozen=True, slots=True)
class RedisStore:
    """One connection, and a door for each who needs one (see bot/ports/store.py)."""

    layout: Layout
    inbox: RedisInbox
    turns: RedisTurns
    outbox: RedisOutbox
    timers: RedisTimers
    log: RedisLog
    dead: RedisDeadLetters
    leases: RedisLeases
    processes: RedisProcesses
    personal_data: LiveStateData

    @classmethod
    async def open(
        cls, url: str, *, shards: int = 64, dedupe_days: float = 7.0, keep_days: float = 90.0
    ) -> RedisStore:
        """Connect.

        Args:
            url: ``redis://``, ``rediss://`` (TLS) or ``unix://``; any node of a Cluster.
            shards: the number the store is laid out with.
            dedupe_days: how long an event id is remembered.
            keep_days: how long a chat's state is kept after its last turn.

        Raises:
            ConfigurationError: the address, the server's version or the shards do not fit.
            StoreUnavailable: nothing answers there.
        """
        connection = await Connection.open(url)
        layout = await Layout.open(connection, shards)
        return cls(
            layout=layout,
            inbox=RedisInbox(layout, dedupe_days),
            turns=RedisTurns(layout, keep_days),
            outbox=RedisOutbox(layout),
            timers=RedisTimers(layout),
            log=RedisLog(layout),
            dead=RedisDeadLetters(layout),
            leases=RedisLeases(connection),
            processes=RedisProcesses(layout),
            personal_data=LiveStateData(layout, keep_days),
        )

    @property
    def connection(self) -> Connection:
        """What all of them share."""
        return self.layout.connection

    async def ping(self) -> None:
        """Ask whether the server answers.

        Raises:
            StoreUnavailable: it does not.
        """
        await self.connection.do("PING")

    async def close(self) -> None:
        """Stop reading and hang up."""
        for reader in (self.turns, self.outbox, self.log):
            await reader.close()
        await self.connection.close()
