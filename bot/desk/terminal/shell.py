"""The interactive session: a line the agent typed becomes a deed or a reply."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from rich.console import RenderableType
from rich.text import Text

from bot.desk.terminal.follower import Follower
from bot.desk.terminal.session import MAX_TEXT, DeskSession, NotDone, Problem
from bot.desk.terminal.texts import Texts
from bot.desk.terminal.view import View, one_line
from bot.domain.errors import StoreUnavailable
from bot.ports.board import Case
from bot.ports.clock import Clock

_COMMAND = re.compile(
    r"/?(?:(?P<bare>list|resolve|release|leave|quit|exit|help|\?)"
    r"|(?P<case>take!?|show)(?:\s+#?(?P<number>\d{1,9}))?"
    r"|(?P<word>transfer)\s+(?P<team>[\w-]+))",
    re.IGNORECASE,
)
_NOTE = re.compile(r"/?note\s*:\s*", re.IGNORECASE)


class Shell:
    """Obeys an agent's lines.

    Args:
        session: what can be done.
        follower: tells what is new; is told which case is open.
        view: draws.
        texts: speaks.
        say: shows something.
        clock: tells how long customers have waited.
    """

    def __init__(
        self,
        session: DeskSession,
        follower: Follower,
        view: View,
        texts: Texts,
        say: Callable[[RenderableType], None],
        clock: Clock,
    ) -> None:
        self._session = session
        self._follower = follower
        self._view = view
        self._text = texts
        self._say = say
        self._clock = clock
        self._open: Case | None = None
        self._deeds: dict[str, Callable[[], Awaitable[None]]] = {
            "list": self.list,
            "resolve": self._resolve,
            "release": self._release,
            "leave": self._leave,
            "help": self._help,
            "?": self._help,
        }

    @property
    def prompt(self) -> str:
        """What stands before the agent's typing."""
        return f"{self._session.agent.name} #{self._open.number} > " if self._open else "guichet > "

    async def obey(self, line: str) -> bool:
        """Do what a line says; False when it says to leave. What cannot be done is said, not raised."""
        line = line.strip()
        command = _COMMAND.fullmatch(line)
        if command and (command["bare"] or "").lower() in ("quit", "exit"):
            return False
        try:
            if command:
                await self._command(command)
            elif line:
                await self._write(line)
        except NotDone as problem:
            self._complain(problem)
        except StoreUnavailable:
            self._say(Text(self._text("problem.unavailable"), style="red"))
        return True

    async def list(self) -> None:
        """Show who waits."""
        cases = await self._session.cases()
        self._say(self._view.list(cases, self._clock.now()) if cases else Text(self._text("list.empty")))

    async def _command(self, command: re.Match[str]) -> None:
        if command["bare"]:
            await self._deeds[command["bare"].lower()]()
        elif command["word"]:
            await self._transfer(command["team"])
        elif command["case"].lower() == "show":
            await self._show(await self._meant(command["number"]))
        else:
            await self._take(await self._meant(command["number"]), take_over=command["case"].endswith("!"))

    async def _meant(self, number: str | None) -> Case:
        """The case with that number; the open one when none is given."""
        return await self._session.find(number) if number else self._current()

    def _current(self) -> Case:
        if self._open is None:
            raise NotDone(Problem.NO_CASE_OPEN)
        return self._open

    async def _take(self, case: Case, *, take_over: bool) -> None:
        self._open = await self._session.take(case, take_over=take_over)
        await self._follower.open(self._open)
        await self._show(self._open)
        done = "done.take" if self._open.card.hushed else "done.taking"
        self._say(Text(self._text(done, number=self._open.number), style="green"))

    async def _show(self, case: Case) -> None:
        self._say(self._view.head(case))
        self._say(self._view.thread(await self._session.thread(case)))

    async def _write(self, line: str) -> None:
        if self._open is None:
            known = not line.startswith("/")
            self._say(
                Text(self._text("problem.no_case_open" if known else "session.unknown"), style="yellow")
            )
        elif note := _NOTE.match(line):
            await self._session.note(self._open, line[note.end() :])
            self._say(Text(self._text("done.note"), style="green"))
        elif line.startswith("/") and not line.startswith("//"):
            self._say(Text(self._text("session.unknown"), style="yellow"))
        else:
            await self._session.reply(self._open, line.removeprefix("//"))

    async def _transfer(self, team: str) -> None:
        case = self._current()
        await self._session.transfer(case, team)
        self._say(Text(self._text("done.transfer", number=case.number, team=team), style="green"))
        await self._leave()

    async def _release(self) -> None:
        case = self._current()
        await self._session.release(case)
        self._say(Text(self._text("done.release", number=case.number), style="green"))
        await self._leave()

    async def _resolve(self) -> None:
        case = self._current()
        await self._session.resolve(case)
        self._say(Text(self._text("done.resolve", number=case.number), style="green"))
        await self._leave()

    async def _leave(self) -> None:
        self._open = None
        await self._follower.open(None)

    async def _help(self) -> None:
        self._say(Text(self._text("session.help")))

    def _complain(self, problem: NotDone) -> None:
        self._say(explained(problem, self._text))


def explained(problem: NotDone, texts: Texts) -> Text:
    """Why something was not done, in the agent's language."""
    text = texts(f"problem.{problem.problem.value}", name=one_line(problem.who, 40), limit=MAX_TEXT)
    return Text(text, style="yellow")
