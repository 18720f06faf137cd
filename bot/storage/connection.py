"""One connection to Redis or Valkey: single, TLS or Cluster, chosen by URL.

Concurrent calls are joined into pipelines: while one is under way the next ones gather, so a
busy process pays one round trip, and the server one fsync, for many calls. redis-py's own
retries are off: a lost reply must not store something twice, so whoever calls decides.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import hiredis
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisClusterException, RedisError, ResponseError

from bot.domain.errors import ConfigurationError, StoreUnavailable
from bot.storage.lines import Lines

Argument = str | bytes | int | float

OLDEST_SERVER = (7, 0)
PIPELINES = 2
CALLS_A_PIPELINE = 256
SOCKET_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script, known to the server by its SHA1."""

    source: str
    sha: str

    @classmethod
    def of(cls, source: str) -> Script:
        """The script with that source."""
        return cls(source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


@dataclass(slots=True)
class _Call:
    command: tuple[Argument, ...]
    packed: bytes
    done: asyncio.Future[Any]


class Connection:
    """Calls to the server. Made by :meth:`open`."""

    def __init__(self, client: Redis | RedisCluster, lines: Lines) -> None:
        self._client = client
        self._lines = lines
        self._waiting: list[_Call] = []
        self._flushers: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, url: str) -> Connection:
        """Connect and look at what answers.

        Raises:
            ConfigurationError: the URL is not one, or the server is older than Redis 7.0.
            StoreUnavailable: nothing answers there.
        """
        place = _place(url)
        options: dict[str, Any] = {"socket_timeout": SOCKET_TIMEOUT, "retry": Retry(NoBackoff(), 0)}
        try:
            probe = Redis.from_url(url, **options)
        except ValueError as error:
            raise ConfigurationError(f"GUICHET_REDIS__URL is not a Redis address: {error}.") from error
        try:
            info = await probe.info("server")
            clustered = (await probe.info("cluster")).get("cluster_enabled") == 1
        except (RedisError, OSError) as error:
            raise StoreUnavailable(f"no Redis or Valkey answers at {place}: {error}") from error
        finally:
            await probe.aclose()
        _check_version(info, place)
        if clustered:
            cluster = RedisCluster.from_url(url, socket_timeout=SOCKET_TIMEOUT, retry=Retry(NoBackoff(), 3))
            return cls(cluster, Lines(url, SOCKET_TIMEOUT))
        return cls(Redis.from_url(url, **options), Lines(url, SOCKET_TIMEOUT))

    @property
    def is_cluster(self) -> bool:
        """Whether keys of several shards must be read apart."""
        return isinstance(self._client, RedisCluster)

    @property
    def client(self) -> Redis | RedisCluster:
        """The library's client, for what is not on the hot path (publish, subscribe, scan)."""
        return self._client

    async def call(self, script: Script, keys: Sequence[str], *args: Argument) -> Any:
        """Run a script.

        Raises:
            StoreUnavailable: it is not known whether it ran.
        """
        try:
            return await self.do("EVALSHA", script.sha, len(keys), *keys, *args)
        except NoScriptError:
            return await self.do("EVAL", script.source, len(keys), *keys, *args)

    async def do(self, *command: Argument) -> Any:
        """Run a command.

        Raises:
            StoreUnavailable: it is not known whether it ran.
            ValueError: an argument is no text a server takes (a lone surrogate); nothing was sent.
        """
        packed = _packed(command)  # here, so that it fails whoever passed it, not all who share a pipeline
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Call(command, packed, done))
        if len(self._flushers) < PIPELINES:
            flusher = asyncio.create_task(self._flush())
            self._flushers.add(flusher)
            flusher.add_done_callback(self._flushers.discard)
        return await done

    async def blocking_read(self, streams: dict[str, str], *, count: int, block: float) -> list[Any]:
        """XREAD of streams that share a server (on Cluster: a slot), waiting up to ``block`` seconds.

        Raises:
            StoreUnavailable: the server cannot be reached.
        """
        if self.is_cluster:
            return await self._read_in_cluster(streams, count=count, block=block)
        command: tuple[Argument, ...] = (
            "XREAD",
            "COUNT",
            count,
            "BLOCK",
            _block_ms(block),
            "STREAMS",
            *streams,
            *streams.values(),
        )
        try:
            (found,) = await self._lines.exchange([_packed(command)], block + SOCKET_TIMEOUT)
        except (RedisError, OSError, TimeoutError) as error:
            raise StoreUnavailable(str(error) or type(error).__name__) from error
        if isinstance(found, ResponseError):
            raise StoreUnavailable(str(found))
        pairs = found.items() if isinstance(found, dict) else found or ()
        return [(key, [(entry_id, _fields(said)) for entry_id, said in entries]) for key, entries in pairs]

    async def close(self) -> None:
        """Hang up."""
        for flusher in tuple(self._flushers):
            await flusher
        await self._lines.close()
        await self._client.aclose()

    async def _read_in_cluster(self, streams: dict[str, str], *, count: int, block: float) -> list[Any]:
        client: Any = self._client
        try:
            found = await client.xread(dict(streams), count=count, block=_block_ms(block))
        except (RedisError, RedisClusterException, OSError) as error:
            raise StoreUnavailable(str(error)) from error
        if isinstance(found, dict):  # RESP3
            return [(key, [entry for batch in batches for entry in batch]) for key, batches in found.items()]
        return list(found or [])

    async def _flush(self) -> None:
        await asyncio.sleep(0)  # let whoever is ready now join
        while self._waiting:
            batch, self._waiting = self._waiting[:CALLS_A_PIPELINE], self._waiting[CALLS_A_PIPELINE:]
            await self._run(batch)
        # Now, not in a callback a tick later: a call made in between would wait for nobody.
        self._flushers -= {asyncio.current_task()}

    async def _run(self, batch: list[_Call]) -> None:
        run = self._on_cluster if isinstance(self._client, RedisCluster) else self._on_one_server
        try:
            replies = await run(batch)
        except (RedisError, RedisClusterException, OSError, TimeoutError, asyncio.CancelledError) as error:
            replies = [error] * len(batch)
        for call, reply in zip(batch, replies, strict=True):
            if call.done.done():
                continue
            if isinstance(reply, BaseException):
                call.done.set_exception(_translated(reply))
            else:
                call.done.set_result(reply)

    async def _on_cluster(self, batch: list[_Call]) -> list[Any]:
        pipeline: Any = self._client.pipeline()
        for call in batch:
            pipeline.execute_command(*call.command)
        replies: list[Any] = await pipeline.execute(raise_on_error=False)
        return replies

    async def _on_one_server(self, batch: list[_Call]) -> list[Any]:
        return await self._lines.exchange([call.packed for call in batch], SOCKET_TIMEOUT)


def _packed(command: tuple[Argument, ...]) -> bytes:
    packed: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]  # a wrong stub
    return packed


def _block_ms(seconds: float) -> int:
    return max(1, int(seconds * 1000))  # 0 is for ever


def _fields(said: Any) -> dict[bytes, bytes]:
    return said if isinstance(said, dict) else dict(zip(said[::2], said[1::2], strict=True))


def _translated(error: BaseException) -> BaseException:
    """Vendor errors become ours; a refused command is a bug of ours and stays what it is."""
    if isinstance(error, NoScriptError):
        return error
    if isinstance(error, ResponseError) and not str(error).startswith(
        ("LOADING", "READONLY", "OOM", "MISCONF")
    ):
        return error
    return StoreUnavailable(str(error) or type(error).__name__)


def _check_version(info: dict[str, Any], place: str) -> None:
    version = str(info.get("redis_version", "0"))
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_SERVER:
        raise ConfigurationError(
            f"The server at {place} is Redis {version}; Guichet needs Redis 7.0 or newer, or Valkey."
        )


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname or parts.path}:{parts.port or 6379}" if parts.hostname else parts.path
