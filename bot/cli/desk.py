"""``guichet desk``: answer, from a terminal, the customers who wait for a person."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from prompt_toolkit import PromptSession
from prompt_toolkit.patch_stdout import patch_stdout
from rich.console import Console
from rich.text import Text

from bot.app import open_core
from bot.desk.terminal.follower import Follower
from bot.desk.terminal.session import DeskSession, NotDone
from bot.desk.terminal.shell import Shell, explained
from bot.desk.terminal.texts import Texts, language_of
from bot.desk.terminal.view import FAILED, View, printable
from bot.domain.errors import ConfigurationError, GuichetError, StoreUnavailable
from bot.domain.identity import Agent
from bot.ports.board import Case, ThreadLine
from bot.ports.clock import Clock
from bot.settings import load_settings

EXIT_NOT_DONE = 1
EXIT_CONFIGURATION = 2
EXIT_UNAVAILABLE = 4
FATE_WITHIN = 5.0
"""Seconds a single ``reply`` waits to tell whether it arrived."""

_EXAMPLES = """
Examples:

  guichet desk                          talk with customers, interactively

  guichet desk list

  guichet desk --as Marie take 3

  guichet desk --as Marie reply 3 "Bonjour, je regarde votre commande."

  guichet desk resolve 3
"""

app = typer.Typer(help="Answer customers who wait for a person.", epilog=_EXAMPLES)

CaseArgument = Annotated[
    str, typer.Argument(help="The number in the list, or the start of a conversation id.")
]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]


@dataclass(frozen=True, slots=True)
class _Who:
    name: str
    language: str


@dataclass(frozen=True, slots=True)
class _Desk:
    """What a subcommand works with."""

    session: DeskSession
    view: View
    texts: Texts
    clock: Clock
    console: Console

    def say(self, text: str, style: str = "green") -> None:
        self.console.print(Text(text, style=style))


@app.callback(invoke_without_command=True)
def desk(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Option("--as", envvar="GUICHET_AGENT", help="Your name, as customers see it.", metavar="NAME"),
    ] = None,
    lang: Annotated[str | None, typer.Option("--lang", help="fr or en; otherwise your locale's.")] = None,
) -> None:
    """Answer customers who wait for a person. Without a command: interactively."""
    context.obj = _Who(_agent_name(name), lang or language_of())
    if context.invoked_subcommand is None:
        _run(context, _interactive)


@app.command("list")
def list_cases(
    context: typer.Context,
    closed: Annotated[bool, typer.Option("--closed", help="Those that ended.")] = False,
    as_json: Json = False,
) -> None:
    """Who waits for a person."""

    async def show(desk: _Desk) -> None:
        cases = await desk.session.cases(closed=closed)
        if as_json:
            sys.stdout.write(json.dumps([_case_json(case) for case in cases], ensure_ascii=False) + "\n")
        elif cases:
            desk.console.print(desk.view.list(cases, desk.clock.now()))
        else:
            desk.say(desk.texts("list.empty_closed" if closed else "list.empty"), "")

    _run(context, show)


@app.command()
def show(context: typer.Context, case: CaseArgument, as_json: Json = False) -> None:
    """A whole conversation."""

    async def show_case(desk: _Desk) -> None:
        found = await desk.session.find(case)
        thread = await desk.session.thread(found)
        if as_json:
            shown = {**_case_json(found), "thread": [_line_json(line) for line in thread]}
            sys.stdout.write(json.dumps(shown, ensure_ascii=False) + "\n")
            return
        desk.console.print(desk.view.head(found))
        desk.console.print(desk.view.thread(thread))

    _run(context, show_case)


@app.command()
def take(
    context: typer.Context,
    case: CaseArgument,
    take_over: Annotated[bool, typer.Option("--take-over", help="Even from a colleague.")] = False,
) -> None:
    """Claim a conversation."""

    async def claim(desk: _Desk) -> None:
        taken = await desk.session.take(await desk.session.find(case), take_over=take_over)
        done = "done.take" if taken.card.hushed else "done.taking"
        desk.say(desk.texts(done, number=taken.number))

    _run(context, claim)


@app.command()
def reply(context: typer.Context, case: CaseArgument, text: str) -> None:
    """Write to the customer; claims the conversation if nobody has it."""

    async def write(desk: _Desk) -> None:
        found = await desk.session.find(case)
        message_id = await desk.session.reply(found, text)
        line = await desk.session.fate(found, message_id, FATE_WITHIN)
        told, style = desk.view.fate(line) if line else (desk.texts("fate.unknown"), "dim")
        desk.say(told, style)
        if line and line.fate and line.fate.status in FAILED:
            raise typer.Exit(EXIT_NOT_DONE)

    _run(context, write)


@app.command()
def note(context: typer.Context, case: CaseArgument, text: str) -> None:
    """Write an internal note; the customer never sees it."""

    async def write(desk: _Desk) -> None:
        await desk.session.note(await desk.session.find(case), text)
        desk.say(desk.texts("done.note"))

    _run(context, write)


@app.command()
def transfer(context: typer.Context, case: CaseArgument, team: str) -> None:
    """Hand a conversation to another team."""

    async def hand_over(desk: _Desk) -> None:
        found = await desk.session.find(case)
        await desk.session.transfer(found, team)
        desk.say(desk.texts("done.transfer", number=found.number, team=team))

    _run(context, hand_over)


@app.command()
def release(context: typer.Context, case: CaseArgument) -> None:
    """Give a conversation back to the bot."""

    async def give_back(desk: _Desk) -> None:
        found = await desk.session.find(case)
        await desk.session.release(found)
        desk.say(desk.texts("done.release", number=found.number))

    _run(context, give_back)


@app.command()
def resolve(context: typer.Context, case: CaseArgument) -> None:
    """The conversation is done."""

    async def finish(desk: _Desk) -> None:
        found = await desk.session.find(case)
        await desk.session.resolve(found)
        desk.say(desk.texts("done.resolve", number=found.number))

    _run(context, finish)


@app.command()
def watch(context: typer.Context) -> None:
    """Show what happens in all waiting and claimed conversations, as it happens."""

    async def follow(desk: _Desk) -> None:
        desk.say(desk.texts("watch.hello"), "dim")
        await Follower(desk.session, desk.view, desk.texts, desk.console.print, everything=True).run()

    _run(context, follow)


# --- the interactive session ---------------------------------------------------------------


async def _interactive(desk: _Desk) -> None:
    follower = Follower(desk.session, desk.view, desk.texts, desk.console.print)
    shell = Shell(desk.session, follower, desk.view, desk.texts, desk.console.print, desk.clock)
    desk.say(desk.texts("session.hello", name=desk.session.agent.name), "dim")
    await shell.list()
    following = asyncio.create_task(follower.run())
    try:
        async for line in _lines(shell):
            if not await shell.obey(line):
                break
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
    desk.say(desk.texts("session.bye"), "dim")


async def _lines(shell: Shell) -> AsyncIterator[str]:
    """What the agent types, until the end of it; a pipe works, too."""
    if not sys.stdin.isatty():
        while line := await asyncio.to_thread(sys.stdin.readline):
            yield line
        return
    prompts: PromptSession[str] = PromptSession()
    with patch_stdout(raw=True):
        while True:
            try:
                yield await prompts.prompt_async(lambda: shell.prompt)
            except (EOFError, KeyboardInterrupt):
                return


# --- wiring --------------------------------------------------------------------------------


@asynccontextmanager
async def _open(who: _Who) -> AsyncIterator[_Desk]:
    agent = Agent(id=f"terminal:{who.name.casefold()}", name=who.name)
    texts = Texts(who.language)
    async with open_core(load_settings()) as core:
        session = DeskSession(core.inbox, core.board, agent, core.clock)
        yield _Desk(session, View(texts, agent.id), texts, core.clock, Console())


def _run(context: typer.Context, work: Callable[[_Desk], Awaitable[None]]) -> None:
    who: _Who = context.obj

    async def run() -> None:
        async with _open(who) as desk:
            await work(desk)

    try:
        asyncio.run(run())
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except NotDone as problem:
        _fail(explained(problem, Texts(who.language)).plain, EXIT_NOT_DONE)
    except ConfigurationError as error:
        _fail(str(error), EXIT_CONFIGURATION)
    except StoreUnavailable as error:
        _fail(str(error), EXIT_UNAVAILABLE)
    except GuichetError as error:
        _fail(str(error), EXIT_NOT_DONE)


def _fail(sentence: str, code: int) -> None:
    Console(stderr=True).print(Text(sentence, style="red"), soft_wrap=True)
    raise typer.Exit(code)


def _agent_name(given: str | None) -> str:
    name = " ".join(printable(given if given is not None else _login()).split())[:40]
    if not name:
        raise typer.BadParameter("say who you are: --as NAME")
    return name


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return os.environ.get("USER", "")


# --- JSON ----------------------------------------------------------------------------------


def _case_json(case: Case) -> dict[str, Any]:
    card = case.card
    return {
        "number": case.number,
        "conversation": case.conversation,
        "chat": str(case.chat),
        "state": card.state.value,
        "customer": card.profile.name,
        "channel": card.channel,
        "language": card.language,
        "reason": card.reason.value,
        "intent": card.intent,
        "team": card.team,
        "urgent": card.urgent,
        "since": card.since.isoformat(),
        "agent": card.agent.name if card.agent else None,
        "last": card.recent[-1].text if card.recent else None,
    }


def _line_json(line: ThreadLine) -> dict[str, Any]:
    said = line.said.line
    return {
        "id": said.message_id,
        "at": said.at.isoformat(),
        "author": said.author.value,
        "name": said.author_name,
        "text": said.text,
        "note": line.said.note,
        "edited": line.edited,
        "deleted": line.deleted,
        "attachments": [
            {"id": file.id, "name": file.name, "mime": file.mime, "size": file.size}
            for file in said.attachments
        ],
        "fate": line.fate.status.value if line.fate else None,
        "detail": line.fate.detail if line.fate else None,
    }
