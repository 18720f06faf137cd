"""The command line as a whole: its commands, and what becomes of errors."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer
from typer.exceptions import TyperException

from bot.cli import check_config, deadletters, run, status
from bot.domain.errors import ConfigurationError, GuichetError, StoreUnavailable
from bot.observability import logging
from bot.observability.redaction import redact

CONFIGURATION = 2
UNAVAILABLE = 4
FAILED = 1
INTERRUPTED = 130

app = typer.Typer(
    name="guichet",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Chat-based customer care: the bot answers at once, a person takes over whenever it should not.",
)
run.register(app)
status.register(app)
check_config.register(app)
app.add_typer(deadletters.app, name="deadletters")

LATE = {
    "desk": "bot.cli.desk",
    "log": "bot.cli.log",
    "nlu": "bot.cli.nlu",
    "proposals": "bot.cli.proposals",
    "slack": "bot.cli.slack",
}
"""Commands whose libraries take long to load: only when they are meant, or all are listed."""


def _load(arguments: Sequence[str]) -> None:
    known = {group.name for group in app.registered_groups}
    meant = next((word for word in arguments if not word.startswith("-")), None)
    for name, module in LATE.items():
        if name not in known and (meant == name or meant is None):
            app.add_typer(import_module(module).app, name=name)


def _show_version(wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(f"guichet {version('guichet-care')}")
        except PackageNotFoundError:
            typer.echo("guichet (not installed)")
        raise typer.Exit


@app.callback()
def _guichet(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if debug:
        os.environ["GUICHET_DEBUG"] = "1"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status.

    0 done, 1 failed, 2 the configuration or the arguments are wrong, 3 nothing runs, 4 something
    cannot be reached, 130 interrupted.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    logging.configure_for_commands()
    try:
        _load(given)
        outcome = app(given, prog_name="guichet", standalone_mode=False)
    except typer.Exit as leaving:
        return leaving.exit_code
    except TyperException as error:
        return _say_misuse(error)
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except GuichetError as error:
        return _say(error)
    except BrokenPipeError:  # whoever read our output had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        # The last resort of a command: a bug is said in a line, with the way to see more.
        if "GUICHET_DEBUG" in os.environ:
            raise
        name = type(error).__name__
        typer.echo(redact(f"Unexpected {name}: {error} (--debug shows where)"), err=True)
        return FAILED
    return outcome if isinstance(outcome, int) else 0


def _say_misuse(error: TyperException) -> int:
    typer.echo(f"{error.format_message()} (see guichet --help)", err=True)
    return error.exit_code


def _say(error: GuichetError) -> int:
    if "GUICHET_DEBUG" in os.environ:
        raise error
    typer.echo(redact(str(error)), err=True)
    if isinstance(error, ConfigurationError):
        return CONFIGURATION
    return UNAVAILABLE if isinstance(error, StoreUnavailable) else FAILED
