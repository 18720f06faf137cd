"""``guichet demo`` and ``guichet run``: start everything, or some roles."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from typing import Annotated

import typer

from bot.app import ROLES
from bot.cli.output import plain
from bot.cli.texts import Texts, texts
from bot.domain.errors import ConfigurationError
from bot.observability import logging
from bot.settings import Settings, load_settings
from bot.supervisor.children import Listener, Misconfigured

FOR_US_ALONE = 0o077
"""The record, the logs and the files hold what customers said: other users of the machine read none."""

_DEMO_EXAMPLES = """
Examples:

  guichet demo

  GUICHET_WEB__PORT=8090 guichet demo
"""
_RUN_EXAMPLES = """
Examples:

  guichet run

  GUICHET_TELEGRAM__TOKEN=… guichet run

  guichet run --role worker,sender
"""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("demo", epilog=_DEMO_EXAMPLES)(demo)
    app.command("run", epilog=_RUN_EXAMPLES)(run)


def demo() -> None:
    """Start everything on this machine and print the chat page. Ctrl-C stops it all."""
    os.umask(FOR_US_ALONE)
    settings, words = load_settings(), texts()
    logging.configure("error", "pretty", process="supervisor")
    began = time.monotonic()

    def ready() -> None:
        page = f"{settings.public_url}/chat"
        typer.echo(words.ready.format(seconds=time.monotonic() - began, page=page))

    _supervise(settings, words, ready, _shown_to_a_newcomer)


def run(
    role: Annotated[
        str | None,
        typer.Option(help=f"Only these, in this process: any of {', '.join(ROLES)}, with commas between."),
    ] = None,
) -> None:
    """Start Guichet for real use: everything under a supervisor, or with --role a part of it."""
    os.umask(FOR_US_ALONE)
    settings, words = load_settings(), texts()
    settings.web_secret()  # said now rather than by the first process that needs it
    name = os.environ.get("GUICHET_PROCESS", role or "supervisor")
    logging.configure(settings.log.level, settings.log.format, process=name)
    if role is not None:
        _run_here(settings, [name.strip() for name in role.split(",") if name.strip()])
        return

    def ready() -> None:
        typer.echo(words.running.format(page=f"{settings.public_url}/chat"))

    _supervise(settings, words, ready, _passed_on)


def _supervise(settings: Settings, words: Texts, ready: Callable[[], None], hear: Listener) -> None:
    from bot.supervisor.machine import Machine  # it takes a moment to load

    async def work() -> None:
        stop = _stop_on_signals()
        machine = Machine(settings, lambda line: typer.echo(f"  {line}"), hear)
        try:
            await machine.run(stop, ready)
        except Misconfigured as refusal:
            raise ConfigurationError(str(refusal)) from refusal
        finally:
            if stop.is_set():
                typer.echo(words.stopped)

    typer.echo(words.starting)
    asyncio.run(work())


def _run_here(settings: Settings, roles: list[str]) -> None:
    unknown = [name for name in roles if name not in ROLES]
    if unknown or not roles:
        named = repr(unknown[0]) if unknown else "without a name"
        raise ConfigurationError(f"There is no role {named}: choose among {', '.join(ROLES)}.")

    import uvloop

    from bot.app.process import run_roles  # it takes a moment to load

    async def work() -> None:
        await run_roles(settings, roles, _stop_on_signals())

    uvloop.run(work())


def _stop_on_signals() -> asyncio.Event:
    """Set by Ctrl-C, SIGTERM, or the terminal going away."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(signum, stop.set)
    return stop


def _passed_on(_name: str, line: str) -> None:
    """In production the platform collects logs from standard error."""
    typer.echo(line, err=True)


def _shown_to_a_newcomer(name: str, line: str) -> None:
    """Only what went wrong; the rest is in the logs."""
    try:
        said = json.loads(line)
        if said.get("level") in ("error", "critical"):
            typer.echo(plain(f"  {name}: {said.get('event')} {said.get('error', '')}".rstrip()), err=True)
    except (ValueError, AttributeError):
        return
