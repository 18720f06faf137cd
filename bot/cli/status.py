"""``guichet status``: what runs, and how much waits."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from bot.app.core import open_core
from bot.cli.output import print_json, print_table
from bot.cli.texts import texts
from bot.domain.errors import StoreUnavailable
from bot.ports.store import ProcessInfo
from bot.settings import Settings, load_settings

NOTHING_RUNS = 3

_EXAMPLES = """
Examples:

  guichet status

  guichet status --json | jq '.processes[] | select(.role == "worker") | .pid'
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status", epilog=_EXAMPLES)(status)


def status(
    as_json: Annotated[bool, typer.Option("--json", help="For programs: one JSON object.")] = False,
) -> None:
    """Show the processes that run, and what waits. Exit status 3 when nothing runs."""
    settings = load_settings()
    processes, backlog = asyncio.run(_look(settings))
    if as_json:
        print_json({"processes": [_shown(process) for process in processes], "backlog": dict(backlog)})
    elif processes:
        _print(processes, backlog)
    else:
        typer.echo(texts().nothing_runs.format(place=settings.data_dir))
    if not processes:
        raise typer.Exit(NOTHING_RUNS)


async def _look(settings: Settings) -> tuple[list[ProcessInfo], Mapping[str, int]]:
    try:
        async with open_core(settings) as core:
            found = await core.store.processes.processes()
            return still_there(found, socket.gethostname(), _is_alive), await core.store.processes.backlog()
    except StoreUnavailable:
        if settings.redis_url is not None:
            raise
        return [], {}


def still_there(
    found: Sequence[ProcessInfo], host: str, is_alive: Callable[[int], bool]
) -> list[ProcessInfo]:
    """Without those of this machine that were killed: they cannot take leave, and beat on for seconds."""
    return [process for process in found if process.host != host or is_alive(process.pid)]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _shown(process: ProcessInfo) -> dict[str, Any]:
    return {
        "role": process.role,
        "pid": process.pid,
        "host": process.host,
        "started_at": process.started_at.isoformat(),
        "seen_at": process.seen_at.isoformat(),
        "detail": process.detail,
    }


def _print(processes: list[ProcessInfo], backlog: Mapping[str, int]) -> None:
    now = datetime.now(UTC)
    rows = [
        (process.role, process.pid, process.host, _ago(now, process.started_at), _ago(now, process.seen_at))
        for process in processes
    ]
    print_table(("role", "pid", "host", "up for", "seen ago"), rows)
    details = dict.fromkeys(
        f"{name}: {state}" for process in processes for name, state in process.detail.items()
    )
    typer.echo("\n" + "  ".join((*(f"{name} {count}" for name, count in backlog.items()), *details)))


def _ago(now: datetime, then: datetime) -> str:
    seconds = max(0, int((now - then).total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
