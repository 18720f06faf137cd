"""How the store is laid out: how many shards, and the keys of each."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.errors import ConfigurationError
from bot.domain.identity import ChatId
from bot.storage import keys
from bot.storage.connection import Connection
from bot.storage.keys import ShardKeys


@dataclass(frozen=True, slots=True)
class Layout:
    """A connection and the keys of every shard."""

    connection: Connection
    of: tuple[ShardKeys, ...]

    @classmethod
    async def open(cls, connection: Connection, shards: int) -> Layout:
        """Agree with the store on the number of shards, which never changes once written.

        Raises:
            ConfigurationError: the store was laid out with another number.
        """
        await connection.do("SET", keys.SHARDS, shards, "NX")
        stored = int(await connection.do("GET", keys.SHARDS))
        if stored != shards:
            raise ConfigurationError(
                f"This store was laid out with {stored} shards and the configuration says {shards}. "
                f"Set shards = {stored}: the number cannot change once there is data."
            )
        return cls(connection, tuple(ShardKeys(shard) for shard in range(shards)))

    @property
    def shards(self) -> int:
        """How many shards there are."""
        return len(self.of)

    def shard_of(self, chat: ChatId) -> int:
        """Where a chat lives."""
        return keys.shard_of(chat, self.shards)

    def keys_of(self, chat: ChatId) -> ShardKeys:
        """The keys of a chat's shard."""
        return self.of[self.shard_of(chat)]
