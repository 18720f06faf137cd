"""``guichet proposals``: what agents proposed for the bot to learn, for an admin to decide on."""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from bot.analytics.proposals import Proposal, SqlProposals
from bot.analytics.upgrade import upgrade
from bot.cli.output import plain, print_json, print_table
from bot.cli.record import check_exists, open_record
from bot.knowledge.writing import Texts
from bot.operations import proposals as deciding
from bot.operations.proposals import Edits, Plan
from bot.settings import Settings, load_settings

T = TypeVar("T")

NOT_DONE = 1
SHORT = 60

app = typer.Typer(
    no_args_is_help=True,
    help="What agents proposed for the bot to learn. Nothing is published by itself: you decide on each.",
)

_LIST_EXAMPLES = """\b
Examples:
  guichet proposals list
  guichet proposals list --all --json | jq '.[] | select(.status == "rejected")'
"""
_SHOW_EXAMPLES = """\b
Examples:
  guichet proposals show l_1f0c3a77de
  guichet proposals show 1f0c --json
"""
_ACCEPT_EXAMPLES = """\b
Examples:
  guichet proposals accept 1f0c
  guichet proposals accept 1f0c --question "peut-on payer en trois fois ?" --yes
  guichet proposals accept 1f0c --intent faq_engraving --title "Gravure" \\
      --other-question "can you engrave a name?" --other-title "Engraving" \\
      --other-answer "Yes: in our shops, while you wait."
"""
_REJECT_EXAMPLES = """\b
Examples:
  guichet proposals reject 1f0c --reason "the entry says so already"
"""

Id = Annotated[str, typer.Argument(metavar="ID", help="As in the list; its beginning is enough.")]
Name = Annotated[str, typer.Option("--as", metavar="NAME", help="Who decides; your user name otherwise.")]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command("list", epilog=_LIST_EXAMPLES)
def list_proposals(
    everything: Annotated[bool, typer.Option("--all", help="Also those decided on, or erased.")] = False,
    as_json: Json = False,
) -> None:
    """List what waits for a decision, oldest first."""
    found = _with_proposals(lambda kept: kept.all(decided=everything))
    if as_json:
        print_json([_document(one) for one in found])
    elif found:
        short = deciding.short_ids(found)
        columns = ("id", "filed", "by", "lang", "entry", "question", *(("status",) if everything else ()))
        print_table(columns, [_row(one, short[one.id], everything) for one in found])
    else:
        typer.echo("No proposals." if everything else "No proposals wait for a decision.")


@app.command("show", epilog=_SHOW_EXAMPLES)
def show(proposal: Id, as_json: Json = False) -> None:
    """Show one whole. It may hold what a customer wrote."""
    found = _with_proposals(lambda kept: _find(kept, proposal))
    if as_json:
        print_json(_document(found))
        return
    for name, value in _document(found).items():
        if value not in (None, "", False):
            typer.echo(f"{name:12} {plain(value)}")


@app.command("accept", epilog=_ACCEPT_EXAMPLES)
def accept(
    proposal: Id,
    name: Name = "",
    intent: Annotated[str, typer.Option(help="The entry: another one than proposed, or a new one.")] = "",
    language: Annotated[str, typer.Option(help="fr or en, where the proposal does not say.")] = "",
    question: Annotated[str, typer.Option(help="The example, in other words.")] = "",
    answer: Annotated[str, typer.Option(help="The answer, in other words.")] = "",
    title: Annotated[str, typer.Option(help="What a button for the entry says.")] = "",
    other_question: Annotated[str, typer.Option(help="New entry: the question in the other language.")] = "",
    other_answer: Annotated[str, typer.Option(help="New entry: the answer in the other language.")] = "",
    other_title: Annotated[str, typer.Option(help="New entry: the title in the other language.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write without asking.")] = False,
) -> None:
    """Write a proposal into its entry's file, once you have seen what changes.

    The question becomes an example, the answer replaces the entry's in that language.
    """
    settings = load_settings()
    data = settings.rasa_project / "data"
    edits = Edits(
        intent=intent, language=language, question=question, answer=answer, title=title,
        other=Texts(other_question, other_answer, other_title),
    )  # fmt: skip
    found = _with_proposals(lambda kept: _find(kept, proposal), settings)
    planned = deciding.plan(found, edits, data)
    _show_plan(planned)
    if not yes and not _confirmed("Accept it, and write this?"):
        raise typer.Exit(NOT_DONE)
    who = name or getpass.getuser()
    done = _with_proposals(
        lambda kept: deciding.accept(planned, kept, by=who, at=datetime.now(UTC)), settings
    )
    _say_accepted(planned, decided_now=done)


@app.command("reject", epilog=_REJECT_EXAMPLES)
def reject(
    proposal: Id,
    reason: Annotated[str, typer.Option("--reason", help="Why; whoever proposed it may ask.")],
    name: Name = "",
) -> None:
    """Decide against a proposal. It is kept, with the reason."""

    async def work(kept: SqlProposals) -> bool:
        found = await _find(kept, proposal)
        who = name or getpass.getuser()
        return await deciding.reject(found, kept, by=who, at=datetime.now(UTC), reason=reason)

    typer.echo("Rejected." if _with_proposals(work) else "Somebody decided meanwhile: see `list --all`.")


def _with_proposals(work: Callable[[SqlProposals], Awaitable[T]], settings: Settings | None = None) -> T:
    url = (settings or load_settings()).database_url
    check_exists(url)
    upgrade(url)  # it may not have been started since Guichet was updated

    async def run() -> T:
        async with open_record(url) as database:
            return await work(SqlProposals(database))

    return asyncio.run(run())


async def _find(kept: SqlProposals, beginning: str) -> Proposal:
    found = await kept.beginning(beginning) if beginning.strip() else ()
    if len(found) == 1:
        return found[0]
    problem = "Several proposals begin like that: give more of the ID." if found else "No such proposal."
    typer.echo(problem, err=True)
    raise typer.Exit(NOT_DONE)


def _row(one: Proposal, short: str, with_status: bool) -> tuple[str, ...]:
    said = "(erased)" if one.erased else one.question or f"→ {one.answer}"
    cut = said if len(said) <= SHORT else f"{said[: SHORT - 1]}…"
    shown = (
        short, f"{one.at:%Y-%m-%d %H:%M}", one.agent_name or one.agent_id, one.language,
        one.intent or "(new)", cut,
    )  # fmt: skip
    return (*shown, one.status.value) if with_status else shown


def _document(one: Proposal) -> dict[str, object]:
    return {
        "id": one.id,
        "status": one.status.value,
        "at": one.at.isoformat(),
        "by": one.agent_name or one.agent_id,
        "agent": one.agent_id,
        "intent": one.intent,
        "language": one.language,
        "question": one.question,
        "answer": one.answer,
        "conversation": one.conversation,
        "message": one.message_id,
        "decided_at": one.decided_at.isoformat() if one.decided_at else None,
        "decided_by": one.decided_by,
        "reason": one.reason,
        "erased": one.erased,
    }


def _show_plan(planned: Plan) -> None:
    path = planned.change.path
    if planned.change.is_none:
        typer.echo(f"{_shown(path)} says so already: nothing is to be written.")
        return
    for line in planned.change.diff(_shown(path)).splitlines():
        typer.echo(plain(line))
    typer.echo("")


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        typer.echo("Nothing was written: add --yes to do it.", err=True)
        return False
    return typer.confirm(question)


def _say_accepted(planned: Plan, *, decided_now: bool) -> None:
    path = _shown(planned.change.path)
    if not decided_now:
        typer.echo("Somebody decided on it meanwhile: see `guichet proposals list --all`.", err=True)
    if planned.change.is_none:
        typer.echo("Accepted.")
        return
    typer.echo(f"Accepted, and written to {path}. Next:")
    typer.echo("  guichet check-config     whether all files still fit")
    typer.echo("  guichet nlu train        the bot learns of an example only by this")
    typer.echo(
        "  guichet nlu evaluate --train rasa_project/data --test rasa_project/tests/held_out"
        "   whether it understands as well as before"
    )
    if planned.left:
        typer.echo(f"The answer in {planned.left} is as it was: see whether both still say the same.")
    typer.echo("A running Guichet gives a changed answer within seconds.")
    undo = (
        f"rm {path}" if planned.is_new else f"git checkout -- {path} (undoes all that is not committed there)"
    )
    typer.echo(f"To undo: {undo}")


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
