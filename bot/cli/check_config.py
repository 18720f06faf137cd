"""``guichet check-config``: whether the configuration works, and what is in force."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from pydantic import SecretStr

from bot.cli.output import print_json, print_table
from bot.domain.errors import ConfigurationError
from bot.settings import Settings, config_file, load_settings, warnings

INVALID = 2

_EXAMPLES = """
Examples:

  guichet check-config

  GUICHET_CONFIG=/etc/guichet.toml guichet check-config --json
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check-config", epilog=_EXAMPLES)(check_config)


def check_config(
    as_json: Annotated[bool, typer.Option("--json", help="For programs: one JSON object.")] = False,
) -> None:
    """Check the file, the environment, replies, FAQ, examples and orders. Exit status 2 when one is wrong."""
    try:
        settings = load_settings()
        _look_further(settings)
    except ConfigurationError as error:
        if not as_json:
            raise
        print_json({"ok": False, "file": str(config_file()), "error": str(error), "warnings": warnings()})
        raise typer.Exit(INVALID) from error
    shown = _flat(settings.model_dump())
    if as_json:
        print_json({"ok": True, "file": str(config_file()), "warnings": warnings(), "settings": shown})
        return
    print_table(("setting", "value"), list(shown.items()))
    for warning in warnings():
        typer.echo(f"! {warning}", err=True)
    typer.echo(f"\n{config_file()} and the environment are in order.")


def _look_further(settings: Settings) -> None:
    """What settings point to.

    Raises:
        ConfigurationError: some of it is wrong.
    """
    from bot.app import parts, teams  # it takes a moment to load
    from bot.channels.telegram.client import account_of
    from bot.desk.slack.saved_replies import load_saved_replies
    from bot.knowledge.reading import check_project
    from bot.shop.file import FileShop

    settings.web_secret()
    teams.check(settings)
    parts.privacy(settings)
    parts.knowledge(settings)
    check_project(settings.rasa_project)
    load_saved_replies(settings.config_dir / "saved_replies.toml")
    if settings.telegram.token is not None:
        account_of(settings.telegram.token.get_secret_value())
    if settings.shop.base_url is None:
        FileShop(settings.shop.file).check()


def _flat(found: dict[str, Any], above: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in found.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{above}{key}.")
        elif isinstance(value, SecretStr):
            flat[f"{above}{key}"] = "(set)"
        else:
            simple = value is None or isinstance(value, bool | int | float)
            flat[f"{above}{key}"] = value if simple else _text(value)
    return flat


def _text(value: object) -> str:
    return ", ".join(str(item) for item in value) if isinstance(value, tuple) else str(value)
