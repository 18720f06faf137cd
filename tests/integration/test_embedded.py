"""The embedded Valkey, for real: processes, locks, crashes."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError

from bot.domain.errors import ConfigurationError, StoreUnavailable
from bot.storage.embedded import DataDirectoryLock, EmbeddedValkey, read_running, running_url

A_PARENT = """
import asyncio, sys
from pathlib import Path
from bot.storage.embedded import DataDirectoryLock, EmbeddedValkey
async def main():
    lock = DataDirectoryLock(Path(sys.argv[1])); lock.acquire()
    server = EmbeddedValkey(Path(sys.argv[1]))
    await server.start()
    print(server.pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


async def until(condition, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path / "data dir")
    await server.start()
    yield server
    await server.stop()


def parent_of_a_server(data_dir: Path) -> tuple[subprocess.Popen[str], int]:
    parent = subprocess.Popen(
        [sys.executable, "-c", A_PARENT, str(data_dir)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())


async def say(url: str, *command: str) -> object:
    client = Redis.from_url(url)
    try:
        return await client.execute_command(*command)
    finally:
        await client.aclose()


async def test_what_was_written_is_there_after_a_stop_and_a_start(server: EmbeddedValkey) -> None:
    await say(server.url, "SET", "kept", "yes")
    await server.stop()
    await server.start()
    assert await say(server.url, "GET", "kept") == b"yes"


async def test_what_was_written_is_there_after_the_server_was_killed(server: EmbeddedValkey) -> None:
    await say(server.url, "SET", "kept", "yes")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    await until(lambda: not server.alive)
    port = server.port
    await server.start()
    assert server.port == port, "so that clients find it again"
    assert await say(server.url, "GET", "kept") == b"yes"


async def test_every_write_is_on_disk_before_it_is_acknowledged(server: EmbeddedValkey) -> None:
    for key, value in {
        "appendonly": "yes",
        "appendfsync": "always",
        "maxmemory-policy": "noeviction",
    }.items():
        assert await say(server.url, "CONFIG", "GET", key) == {key.encode(): value.encode()}


async def test_nobody_gets_in_without_the_password(server: EmbeddedValkey) -> None:
    with pytest.raises(AuthenticationError):
        await say(f"redis://127.0.0.1:{server.port}", "PING")
    for name in ("password", "valkey.conf", "server.json"):
        assert stat.S_IMODE((server.home / name).stat().st_mode) == 0o600


async def test_another_process_finds_it_and_knows_when_it_is_gone(server: EmbeddedValkey) -> None:
    data_dir = server.home.parent
    assert running_url(data_dir) == server.url
    await server.stop()
    with pytest.raises(StoreUnavailable, match="guichet run"):
        running_url(data_dir)


async def test_a_server_whose_parent_was_killed_ends_too(tmp_path: Path) -> None:
    parent, pid = parent_of_a_server(tmp_path)
    parent.kill()
    parent.wait()
    await until(lambda: not runs(pid))


async def test_a_server_that_outlived_its_parent_is_taken_over(tmp_path: Path) -> None:
    first = EmbeddedValkey(tmp_path)
    await first.start()
    await say(first.url, "SET", "kept", "yes")
    second = EmbeddedValkey(tmp_path)  # as after a crash of whoever started the first
    await second.start()
    assert second.pid == first.pid
    assert await say(second.url, "GET", "kept") == b"yes"
    await second.stop()
    assert not first.alive


async def test_a_server_that_hangs_is_named_with_the_remedy(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("bot.storage.embedded.ADOPT_SECONDS", 0.5)
    first = EmbeddedValkey(tmp_path)
    await first.start()
    assert first.pid is not None
    os.kill(first.pid, signal.SIGSTOP)
    try:
        (tmp_path / "valkey" / "server.json").write_text(f'{{"pid": {first.pid}, "port": 1}}')
        with pytest.raises(ConfigurationError, match=f"kill {first.pid}"):
            await EmbeddedValkey(tmp_path).start()
    finally:
        os.kill(first.pid, signal.SIGCONT)
        await first.stop()


async def test_a_locked_data_directory_is_refused_naming_who_has_it(tmp_path: Path) -> None:
    parent, pid = parent_of_a_server(tmp_path)
    try:
        with pytest.raises(ConfigurationError, match=f"process {parent.pid}.*GUICHET_DATA_DIR"):
            DataDirectoryLock(tmp_path).acquire()
        assert DataDirectoryLock(tmp_path).holder() == parent.pid
    finally:
        parent.kill()
        parent.wait()
    await until(lambda: not runs(pid))
    DataDirectoryLock(tmp_path).acquire()  # nothing stale is left behind


async def test_a_cut_append_only_file_loads_up_to_the_cut(server: EmbeddedValkey) -> None:
    await say(server.url, "SET", "kept", "yes")
    await server.stop()
    (newest,) = (server.home / "aof").glob("*.incr.aof")
    with newest.open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$4\r\nhalf")
    await server.start()
    assert await say(server.url, "GET", "kept") == b"yes"


async def test_a_broken_append_only_file_is_said_in_one_sentence(server: EmbeddedValkey) -> None:
    await say(server.url, "SET", "kept", "yes")
    await server.stop()
    (newest,) = (server.home / "aof").glob("*.incr.aof")
    newest.write_bytes(b"garbage\r\n" + newest.read_bytes())
    with pytest.raises(ConfigurationError, match=r"could not start: .*Bad file format.*valkey\.log"):
        await server.start()


async def test_a_port_that_was_taken_meanwhile_is_not_insisted_on(server: EmbeddedValkey) -> None:
    await server.stop()
    other = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", server.port)
    taken = server.port
    async with other:
        await server.start()
        assert server.port != taken
        assert read_running(server.home) is not None
