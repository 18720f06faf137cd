"""Rights that end by themselves, with a token that grows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bot.ports.store import Lease, sender_lease
from bot.storage import keys, scripts
from bot.storage.connection import Connection


def held_by(lease: Lease) -> str:
    """What the lease's key holds while it is this one."""
    return f"{lease.owner}:{lease.token}"


async def acquire(
    connection: Connection, name: str, owner: str, ttl: float, *, key: str, token_key: str
) -> Lease | None:
    """Take the lease at ``key``, numbered by ``token_key`` (same slot)."""
    token = await connection.call(scripts.ACQUIRE, [key, token_key], owner, int(ttl * 1000))
    return Lease(name, owner, int(token)) if token else None


class RedisLeases:
    """Implements LeaseStore."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def acquire(self, name: str, owner: str, ttl: float) -> Lease | None:
        """Take a free lease; None when somebody else holds it."""
        return await acquire(
            self._connection, name, owner, ttl, key=keys.lease(name), token_key=keys.lease_token(name)
        )

    async def renew(self, lease: Lease, ttl: float) -> bool:
        """Keep it longer; False when it was lost."""
        renewed = await self._connection.call(
            scripts.RENEW, [keys.lease(lease.name)], held_by(lease), int(ttl * 1000)
        )
        return bool(renewed)

    async def release(self, lease: Lease) -> None:
        """Give it up, if it is still ours."""
        await self._connection.call(scripts.RELEASE, [keys.lease(lease.name)], held_by(lease))

    async def bury(self, shards: Sequence[str], host: str, is_alive: Callable[[int], bool]) -> int:
        """Free the leases of this host's processes that are gone, instead of waiting for their end.

        Should a process be taken for dead and not be (a host name shared by two containers), its
        next write is refused like any stale holder's: nothing is at stake but its time.

        Args:
            shards: the keys of the shards' leases.
            host: the part of an owner before its first colon.
            is_alive: whether a process of this host runs.

        Returns:
            How many were freed.
        """
        destinations = await self._connection.do("SMEMBERS", keys.DESTINATIONS)
        named = ["scheduler", *(sender_lease(destination.decode()) for destination in destinations)]
        freed = 0
        for key in (*shards, *map(keys.lease, named)):
            held = await self._connection.do("GET", key)
            if held and _is_gone(held.decode(), host, is_alive):
                freed += await self._connection.call(scripts.RELEASE, [key], held)
        return freed


def _is_gone(held: str, host: str, is_alive: Callable[[int], bool]) -> bool:
    holder, pid, *_ = (*held.split(":"), "", "")
    return holder == host and pid.isdigit() and not is_alive(int(pid))
