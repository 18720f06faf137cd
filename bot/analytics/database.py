"""A way into the SQL database: SQLite or PostgreSQL, by URL."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bot.domain.errors import ConfigurationError, RecordUnavailable

BUSY_SECONDS = 15
_WRITES = "guichet_writes"
_DRIVERS = {
    "sqlite": ("sqlite+pysqlite", "sqlite+aiosqlite"),
    "postgresql": ("postgresql+psycopg", "postgresql+psycopg"),
    "postgres": ("postgresql+psycopg", "postgresql+psycopg"),
}


class DataRefused(Exception):
    """The database understood the question and will never take this data."""


def database_url(url: str, *, is_async: bool = True) -> URL:
    """The address with the driver we use, whatever driver it named.

    Raises:
        ConfigurationError: not an address of SQLite or PostgreSQL.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigurationError(_ADDRESS_HELP) from error
    drivers = _DRIVERS.get(parsed.get_backend_name())
    if drivers is None:
        raise ConfigurationError(_ADDRESS_HELP)
    if drivers is _DRIVERS["sqlite"] and parsed.database in (None, "", ":memory:"):
        raise ConfigurationError("GUICHET_DATABASE__URL must name a file: every process reads the same one.")
    return parsed.set(drivername=drivers[is_async])


_ADDRESS_HELP = (
    "GUICHET_DATABASE__URL must be sqlite:///path/to/file.db or postgresql://user:password@host/database."
)


class Database:
    """Connections to the record, pooled. Made by :meth:`open`; nothing is contacted until used."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._writer = engine.execution_options(**{_WRITES: True})

    @classmethod
    def open(cls, url: str) -> Database:
        """Ready to connect.

        Raises:
            ConfigurationError: not an address of SQLite or PostgreSQL.
        """
        engine = create_async_engine(database_url(url), pool_pre_ping=True, **_options(url))
        _prepare(engine.sync_engine)
        return cls(engine)

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._engine.dialect.name

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that writes: all of it or nothing.

        Raises:
            RecordUnavailable: nothing is known to be written.
            DataRefused: the data itself is at fault; nothing was written.
        """
        with _translated():
            async with self._writer.begin() as connection:
                yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that reads, and holds no writer up.

        Raises:
            RecordUnavailable: the database cannot be reached.
        """
        with _translated():
            async with self._engine.connect() as connection:
                yield connection

    async def scrub(self) -> None:
        """After an erasure: let SQLite's journal forget, too, as far as readers permit."""
        if self.dialect == "sqlite":
            with _translated():
                async with self._engine.connect() as connection:
                    raw: Any = (await connection.get_raw_connection()).driver_connection
                    await raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    async def close(self) -> None:
        """Hang up."""
        await self._engine.dispose()


@contextmanager
def migrating(url: str) -> Iterator[Connection]:
    """One transaction to change the schema in; two processes at once take turns.

    Raises:
        ConfigurationError: not an address of SQLite or PostgreSQL.
        RecordUnavailable: the database cannot be reached.
    """
    address = database_url(url, is_async=False)
    if address.get_backend_name() == "sqlite":
        Path(str(address.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(address, **_options(url))
    _prepare(engine)
    try:
        with _translated(), engine.execution_options(**{_WRITES: True}).begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('guichet'))"))
            yield connection
    finally:
        engine.dispose()


def _options(url: str) -> dict[str, Any]:
    """Parameters hold what people said: no error message may show them."""
    if database_url(url).get_backend_name() == "sqlite":
        return {"hide_parameters": True, "connect_args": {"timeout": BUSY_SECONDS}}
    return {"hide_parameters": True, "connect_args": {"connect_timeout": 10}}


def _prepare(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late to be of use
    cursor = connection.cursor()
    _switch_to_wal(cursor)
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _switch_to_wal(cursor: Any) -> None:
    """Of processes that open a new database at once, SQLite lets one switch and turns the others
    away without waiting, whatever the time-out says."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes its turn at once: a reader that turns into a writer is refused, not queued."""
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (DataError, IntegrityError) as error:
        raise DataRefused(type(error.orig).__name__) from error
    except StatementError as error:
        if isinstance(error, DBAPIError) and not _is_binding(error):
            raise RecordUnavailable(_short(error)) from error
        raise DataRefused(type(error.orig).__name__) from error
    except (OverflowError, UnicodeError) as error:  # from the driver, before the database saw anything
        raise DataRefused(type(error).__name__) from error
    except (SQLAlchemyError, OSError) as error:
        raise RecordUnavailable(_short(error)) from error


def _is_binding(error: DBAPIError) -> bool:
    """SQLite and psycopg call a value of a type they do not know an error of the programmer."""
    return "binding parameter" in str(error.orig) or "cannot adapt" in str(error.orig)


def _short(error: BaseException) -> str:
    """The driver's first line, without the statement."""
    cause = getattr(error, "orig", None) or error
    lines = str(cause).splitlines()
    return f"{type(cause).__name__}: {lines[0][:200]}" if lines else type(cause).__name__
