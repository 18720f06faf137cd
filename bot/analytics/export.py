"""The record as files: JSON lines, CSV or Parquet, in bounded memory.

Rows come in pages by time and fact id, so that a long export holds no transaction open and no
writer up. What arrives during an export with an earlier time may be missing from it.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import IO, Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Boolean, Float, FromClause, Integer, select, tuple_
from sqlalchemy.types import TypeEngine

from bot.analytics import schema
from bot.analytics.database import Database
from bot.analytics.schema import UtcDateTime
from bot.analytics.views import conversations_view, messages_view

PAGE = 1_000
"""Rows read at a time, and rows of a Parquet row group."""


class What(StrEnum):
    """What one row is."""

    MESSAGES = "messages"
    CONVERSATIONS = "conversations"
    UNDERSTANDINGS = "understandings"
    HANDOFFS = "handoffs"
    RECEIPTS = "receipts"
    FEEDBACK = "feedback"
    RATINGS = "ratings"
    ERRORS = "errors"


class Format(StrEnum):
    """How rows are written."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


SOURCES: Mapping[What, FromClause] = {
    What.MESSAGES: messages_view,
    What.CONVERSATIONS: conversations_view,
    What.UNDERSTANDINGS: schema.understandings,
    What.HANDOFFS: schema.handoffs,
    What.RECEIPTS: schema.receipts,
    What.FEEDBACK: schema.feedback,
    What.RATINGS: schema.ratings,
    What.ERRORS: schema.errors,
}

Row = Mapping[str, Any]


async def pages(
    database: Database, what: What, *, since: datetime | None = None, until: datetime | None = None
) -> AsyncIterator[Sequence[Row]]:
    """Rows at or after ``since`` and before ``until``, oldest first, a page at a time.

    Raises:
        RecordUnavailable: the database cannot be reached.
    """
    source = SOURCES[what]
    position = tuple_(source.c.at, source.c.fact_id)
    query = select(source).order_by(source.c.at, source.c.fact_id).limit(PAGE)
    if since is not None:
        query = query.where(source.c.at >= since)
    if until is not None:
        query = query.where(source.c.at < until)
    page: Sequence[Row] = ()
    while not page or len(page) == PAGE:
        after = query.where(position > (page[-1]["at"], page[-1]["fact_id"])) if page else query
        async with database.reading() as connection:
            page = [dict(row) for row in (await connection.execute(after)).mappings()]
        if not page:
            return
        yield page


class Writer(Protocol):
    """Writes rows to a binary file, page by page."""

    def write(self, rows: Sequence[Row]) -> None:
        """One page."""
        ...

    def close(self) -> None:
        """Whatever the format has at its end. The file stays open."""
        ...


async def export(
    database: Database,
    what: What,
    writer: Writer,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    progress: Callable[[int], None] = lambda _rows: None,
) -> int:
    """Write all rows; returns how many. ``progress`` is told the rows of each page.

    Raises:
        RecordUnavailable: the database cannot be reached; the file is not complete.
        OSError: the file cannot be written.
    """
    total = 0
    async for rows in pages(database, what, since=since, until=until):
        writer.write(rows)
        total += len(rows)
        progress(len(rows))
    writer.close()
    return total


def writer_for(format_: Format, what: What, file: IO[bytes]) -> Writer:
    """A writer of that format."""
    source = SOURCES[what]
    match format_:
        case Format.JSONL:
            return JsonLines(file)
        case Format.CSV:
            return Csv(file, [one.name for one in source.c])
        case Format.PARQUET:
            return Parquet(file, pa.schema([(one.name, _arrow(one.type)) for one in source.c]))


# --- JSON lines ------------------------------------------------------------------------------


class JsonLines:
    """One JSON object a line, UTF-8; times are ISO 8601 in UTC."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, rows: Sequence[Row]) -> None:
        """One page."""
        lines = (json.dumps(json_ready(row), ensure_ascii=False) for row in rows)
        self._file.write("".join(f"{line}\n" for line in lines).encode())

    def close(self) -> None:
        """Nothing is left to write."""


def json_ready(row: Row, *, skip: Sequence[str] = ()) -> dict[str, Any]:
    """A row as JSON takes it, without some columns."""
    return {name: _plain(value) for name, value in row.items() if name not in skip}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value


# --- CSV -------------------------------------------------------------------------------------


class Csv:
    """RFC 4180 with a header line, UTF-8; lists are JSON, nothing is an empty cell.

    A spreadsheet takes a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula, and
    customers write what they like: such text gets a leading apostrophe.
    """

    def __init__(self, file: IO[bytes], names: Sequence[str]) -> None:
        self._file = file
        self._names = names
        self._write([names])

    def write(self, rows: Sequence[Row]) -> None:
        """One page."""
        self._write([[csv_cell(row[name]) for name in self._names] for row in rows])

    def close(self) -> None:
        """Nothing is left to write."""

    def _write(self, rows: Sequence[Sequence[Any]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        self._file.write(text.getvalue().encode())


def csv_cell(value: Any) -> Any:
    """A value as a cell that no spreadsheet runs."""
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠")):
        return f"'{value}"
    if isinstance(value, str) and value.startswith(("\t", "\r", "\n")):
        return f"'{value}"
    return _plain(value)


# --- Parquet ---------------------------------------------------------------------------------


class Parquet:
    """Typed columns, a row group a page; lists are JSON text."""

    def __init__(self, file: IO[bytes], columns: Any) -> None:
        self._columns = columns
        self._writer = pq.ParquetWriter(file, columns, compression="zstd")

    def write(self, rows: Sequence[Row]) -> None:
        """One page."""
        plain = [{name: _cell(value) for name, value in row.items()} for row in rows]
        self._writer.write_table(pa.Table.from_pylist(plain, schema=self._columns))

    def close(self) -> None:
        """The footer."""
        self._writer.close()


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def _arrow(type_: TypeEngine[Any]) -> Any:
    if isinstance(type_, UtcDateTime):
        return pa.timestamp("us", tz="UTC")
    if isinstance(type_, Boolean):
        return pa.bool_()
    if isinstance(type_, Integer):
        return pa.int64()
    if isinstance(type_, Float):
        return pa.float64()
    return pa.string()
