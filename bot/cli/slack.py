"""``guichet slack``: whether Slack is set up, and the manifest to set it up from."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.output import plain, print_json
from bot.cli.texts import spoken
from bot.desk.slack.check import Finding, Level, Wanted, check
from bot.desk.slack.context import DeskTeam
from bot.desk.slack.manifest import for_http, for_socket, scopes
from bot.desk.slack.wording import say
from bot.settings import Settings, load_settings

MANIFEST = "slack-manifest.yml"
NOT_READY = 1
_MARKS = {Level.OK: "✓", Level.NOTE: "!", Level.PROBLEM: "✗"}

app = typer.Typer(
    no_args_is_help=True,
    help="Agents in Slack: check that it is set up; print the app's manifest.",
)

_CHECK_EXAMPLES = """
Examples:

  guichet slack check

  guichet slack check --json | jq '.findings[] | select(.level == "problem")'
"""
_MANIFEST_EXAMPLES = """
Examples:

  guichet slack manifest | pbcopy

  guichet slack manifest --url https://chat.example

Paste it at https://api.slack.com/apps > Create New App > From a manifest.
"""


@app.command("check", epilog=_CHECK_EXAMPLES)
def check_slack(
    as_json: Annotated[bool, typer.Option("--json", help="For programs: one JSON object.")] = False,
) -> None:
    """Check tokens, scopes, channels and members, and say what is missing. Nothing is posted or changed.

    Exit status 0 when all is ready, 1 when something must be mended.
    """
    settings, language = load_settings(), spoken()
    token = settings.slack.bot_token
    if token is None:
        _say_off(language, as_json=as_json)
        raise typer.Exit(NOT_READY)
    wanted = _wanted(settings)
    findings = asyncio.run(check(token.get_secret_value(), settings.slack.api_base, wanted))
    problems = sum(one.level is Level.PROBLEM for one in findings)
    if as_json:
        shown = [_shown(one, language) for one in findings]
        print_json({"ok": not problems, "findings": shown})
    else:
        _print(findings, problems, language)
    if problems:
        raise typer.Exit(NOT_READY)


@app.command("manifest", epilog=_MANIFEST_EXAMPLES)
def manifest(
    url: Annotated[
        str, typer.Option(help="HTTP mode: where Slack reaches the web process, e.g. https://chat.example")
    ] = "",
) -> None:
    """Print the manifest of the Slack app: for Socket Mode, or with --url for HTTP."""
    settings = load_settings()
    path = _manifest(settings)
    if url:
        typer.echo(for_http(path, url.rstrip("/") + settings.slack.path), nl=False)
    else:
        typer.echo(for_socket(path), nl=False)


def _manifest(settings: Settings) -> Path:
    return settings.config_dir / MANIFEST


def _wanted(settings: Settings) -> Wanted:
    slack = settings.slack
    socket = slack.mode == "socket"
    app_token = slack.app_token.get_secret_value() if slack.app_token else ""
    return Wanted(
        teams={
            name: DeskTeam(name=name, titles={}, channels=team.channels, agents=team.agents, leads=team.leads)
            for name, team in settings.teams.items()
        },
        admins=slack.admins,
        scopes=scopes(_manifest(settings)),
        app_token=app_token if socket else None,
        has_secret=slack.signing_secret is not None,
    )


def _say_off(language: str, *, as_json: bool) -> None:
    words = say("care.check_off", language)
    if as_json:
        print_json({"ok": False, "findings": [{"level": Level.PROBLEM.value, "what": "off", "text": words}]})
    else:
        typer.echo(words, err=True)


def _shown(finding: Finding, language: str) -> dict[str, str]:
    shown = {"level": finding.level.value, "what": finding.key, "text": plain(finding.said(language))}
    remedy = finding.remedy(language)
    return shown | ({"remedy": plain(remedy)} if remedy else {})


def _print(findings: list[Finding], problems: int, language: str) -> None:
    for finding in findings:
        typer.echo(f"{_MARKS[finding.level]} {plain(finding.said(language))}")
        remedy = finding.remedy(language)
        if remedy:
            typer.echo(f"    {plain(remedy)}")
    key = "care.check_problems" if problems else "care.check_all_well"
    typer.echo("\n" + say(key, language, count=problems))
