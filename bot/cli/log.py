"""``guichet log``: what was said and done, as files."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bot.analytics.database import Database
from bot.analytics.export import Format, What, export, writer_for
from bot.cli.record import check_exists
from bot.domain.errors import ConfigurationError
from bot.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Read the log: everything said and done, one record a fact.")

_AGO = re.compile(r"^(\d{1,6})\s*([mhdw])$")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

_EXAMPLES = """\b
Examples:
  guichet log export --format csv --since 7d --out week.csv
  guichet log export --what conversations | jq .outcome
  guichet log export --format parquet --since 2026-11-01 --out november.parquet
"""


@app.callback()
def _log() -> None:
    """Read the log."""


@app.command("export", epilog=_EXAMPLES)
def export_log(
    format_: Annotated[Format, typer.Option("--format", "-f", help="How rows are written.")] = Format.JSONL,
    what: Annotated[What, typer.Option("--what", "-w", help="What one row is.")] = What.MESSAGES,
    since: Annotated[
        str | None, typer.Option(help="From then on: 2026-11-01, 2026-11-01T09:00 (UTC), or 7d, 24h ago.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Up to, and without, that time.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where to write; standard output otherwise.")
    ] = None,
) -> None:
    """Write messages, conversations, … to a file or to standard output.

    The file holds what customers wrote: keep it as long as you need it, and no longer.
    """
    console = Console(stderr=True)
    _check(format_, out, to_terminal=sys.stdout.isatty())
    span = (_instant("--since", since), _instant("--until", until))
    url = load_settings().database_url
    check_exists(url)
    try:
        with _destination(out, spooled=format_ is Format.PARQUET) as file:
            total = asyncio.run(_export(url, what, format_, file, span, console))
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ConfigurationError(
            f"{out or 'Standard output'} cannot be written: {error.strerror}."
        ) from error
    if out is not None:
        console.print(f"{total:,} {what.value} → {out}", markup=False, highlight=False, soft_wrap=True)


async def _export(
    url: str,
    what: What,
    format_: Format,
    file: IO[bytes],
    span: tuple[datetime | None, datetime | None],
    console: Console,
) -> int:
    database = Database.open(url)
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} {task.description}"), TimeElapsedColumn())
    try:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task(what.value, total=None)
            return await export(
                database,
                what,
                writer_for(format_, what, file),
                since=span[0],
                until=span[1],
                progress=lambda rows: progress.advance(task, rows),
            )
    finally:
        await database.close()


def _check(format_: Format, out: Path | None, *, to_terminal: bool) -> None:
    if format_ is Format.PARQUET and out is None and to_terminal:
        raise ConfigurationError("Parquet is not for reading: say where to write it with --out FILE.")


@contextmanager
def _destination(out: Path | None, *, spooled: bool) -> Iterator[IO[bytes]]:
    """Standard output, or a file that appears, for its owner only, once it is complete.

    ``spooled`` is for what is not written from its beginning to its end, as a stream must be.
    """
    if out is None and spooled:
        with tempfile.TemporaryFile() as whole:
            yield whole
            whole.seek(0)
            shutil.copyfileobj(whole, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    if out is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def _instant(option: str, text: str | None, now: datetime | None = None) -> datetime | None:
    """A moment, given as a date, a time or how long ago.

    Raises:
        ConfigurationError: it is none of these.
    """
    if text is None:
        return None
    ago = _AGO.match(text.strip())
    try:
        if ago:
            return (now or datetime.now(UTC)) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        moment = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError) as error:
        raise ConfigurationError(
            f"{option} {text} is not a time: write 2026-11-01, 2026-11-01T09:00 or 7d (also w, h, m)."
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
