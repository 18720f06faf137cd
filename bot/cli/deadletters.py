"""``guichet deadletters``: what could not be handled or delivered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from bot.app.core import Core, open_core
from bot.cli.output import plain, print_json, print_table
from bot.domain.deadletter import DeadLetter
from bot.domain.errors import NotUnderstandable
from bot.settings import load_settings

T = TypeVar("T")

NO_SUCH_LETTER = 1
EVERY = 1_000_000

app = typer.Typer(
    no_args_is_help=True,
    help="What could not be handled or delivered: look at it, send it again, or let it go.",
)

_LIST_EXAMPLES = """
Examples:

  guichet deadletters list

  guichet deadletters list --json | jq length
"""
_RESEND_EXAMPLES = """
Examples:

  guichet deadletters resend d_1f0c…

  guichet deadletters resend --all
"""

Letter = Annotated[str, typer.Argument(metavar="ID", help="As in the list; its beginning is enough.")]


@app.command("list", epilog=_LIST_EXAMPLES)
def list_letters(
    limit: Annotated[int, typer.Option(min=1, help="At most so many, oldest first.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: a JSON array.")] = False,
) -> None:
    """List what is parked, oldest first. Texts are shown by `show` only."""
    letters = _with_core(lambda core: core.store.dead.list_dead(limit=limit))
    if as_json:
        print_json([_shown(letter, whole=False) for letter in letters])
    elif letters:
        print_table(
            ("id", "kind", "at", "source", "error"),
            [(one.id, one.kind, f"{one.at:%Y-%m-%d %H:%M}", one.source, one.error) for one in letters],
        )
    else:
        typer.echo("No dead letters.")


@app.command("show")
def show(letter: Letter, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Show one letter whole. It may hold what a customer wrote."""
    found = _with_core(lambda core: _find(core, letter))
    if as_json:
        print_json(_shown(found, whole=True))
        return
    for name, value in _shown(found, whole=True).items():
        typer.echo(f"{name:8} {plain(value)}")


@app.command("resend", epilog=_RESEND_EXAMPLES)
def resend(
    letter: Annotated[str, typer.Argument(metavar="ID")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Every event and outgoing message.")] = False,
) -> None:
    """Put a letter back where it was, to be handled or sent again."""
    if bool(letter) == everything:
        raise typer.BadParameter("Give one ID, or --all.")
    done = _with_core(lambda core: _resend_all(core) if everything else _resend(core, letter))
    typer.echo(f"Sent again: {done}.")


@app.command("discard")
def discard(letter: Letter) -> None:
    """Forget a letter for good."""

    async def work(core: Core) -> bool:
        return await core.store.dead.discard((await _find(core, letter)).id)

    typer.echo("Discarded." if _with_core(work) else "It was gone already.")


def _with_core(work: Callable[[Core], Awaitable[T]]) -> T:
    async def run() -> T:
        async with open_core(load_settings()) as core:
            return await work(core)

    return asyncio.run(run())


async def _find(core: Core, beginning: str) -> DeadLetter:
    letters = await core.store.dead.list_dead(limit=EVERY)
    found = [letter for letter in letters if letter.id.startswith(beginning)]
    if len(found) == 1:
        return found[0]
    problem = "Several letters begin like that: give more of the ID." if found else "No such letter."
    typer.echo(problem, err=True)
    raise typer.Exit(NO_SUCH_LETTER)


async def _resend(core: Core, beginning: str) -> int:
    return int(await core.store.dead.resend((await _find(core, beginning)).id))


async def _resend_all(core: Core) -> int:
    done = 0
    for letter in await core.store.dead.list_dead(limit=EVERY):
        try:
            done += await core.store.dead.resend(letter.id)
        except NotUnderstandable as error:
            typer.echo(f"{letter.id}: {error}", err=True)
    return done


def _shown(letter: DeadLetter, *, whole: bool) -> dict[str, object]:
    shown: dict[str, object] = {
        "id": letter.id,
        "kind": letter.kind.value,
        "at": letter.at.isoformat(),
        "source": letter.source,
        "chat": letter.chat,
        "error": letter.error,
    }
    return shown | ({"payload": letter.payload} if whole else {})
