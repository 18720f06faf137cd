"""Connections to one server, kept, and used by one exchange at a time.

redis-py connects (TLS, passwords, protocol). Its pool, and the task its time limit makes of every
send, cost as much as the exchange itself: lines are kept here, and one deadline covers all of it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Any

from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError


class Lines:
    """As many lines as exchanges are under way at once.

    Args:
        url: the server's, as redis-py takes it.
        connect_seconds: how long connecting may take.
    """

    def __init__(self, url: str, connect_seconds: float) -> None:
        self._pool: Any = ConnectionPool.from_url(
            url, socket_timeout=None, socket_connect_timeout=connect_seconds, retry=Retry(NoBackoff(), 0)
        )
        self._idle: list[Any] = []

    async def exchange(self, packed: Sequence[bytes], seconds: float) -> list[Any]:
        """Send commands together; their replies in order, a refused one's is a ResponseError.

        Raises:
            RedisError, OSError, TimeoutError: it is not known which of them ran.
        """
        line = self._idle.pop() if self._idle else self._pool.make_connection()
        try:
            async with asyncio.timeout(seconds):
                await _drop_if_stale(line)
                await line.send_packed_command(b"".join(packed), check_health=False)
                return [await _reply(line) for _ in packed]
        except BaseException:
            await line.disconnect(nowait=True)  # what is half read belongs to nobody
            raise
        finally:
            self._idle.append(line)

    async def close(self) -> None:
        """Hang up all that are idle."""
        while self._idle:
            await self._idle.pop().disconnect()


async def _drop_if_stale(line: Any) -> None:
    """What the server closed meanwhile (it was restarted), or said without being asked, is connected
    afresh by the next send."""
    if not line.is_connected:
        return
    try:
        stale = await line.can_read()
    except (RedisError, OSError):
        stale = True
    if stale:
        await line.disconnect(nowait=True)


async def _reply(line: Any) -> Any:
    try:
        return await line.read_response(timeout=math.inf)
    except ResponseError as error:
        return error
