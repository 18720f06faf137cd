"""Tells an agent what is new on the board while they look, or type."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

from rich.text import Text

from bot.desk.terminal.session import DeskSession
from bot.desk.terminal.texts import Texts
from bot.desk.terminal.view import View, one_line
from bot.domain.errors import StoreUnavailable
from bot.ports.board import Case, ThreadLine

RETRY_AFTER = 1.0

Say = Callable[[Text], None]


class Follower:
    """Says what changed: new cases, and new lines, edits and fates in the cases it follows.

    Args:
        session: the agent's.
        view: draws.
        texts: speaks.
        say: shows a line.
        everything: follow the thread of every live case, not of the open one only.
    """

    def __init__(
        self, session: DeskSession, view: View, texts: Texts, say: Say, *, everything: bool = False
    ) -> None:
        self._session = session
        self._view = view
        self._text = texts
        self._say = say
        self._everything = everything
        self._open: Case | None = None
        self._states: dict[str, str] | None = None
        self._seen: dict[str, dict[str, ThreadLine]] = {}
        self._busy = asyncio.Lock()

    async def open(self, case: Case | None) -> None:
        """Follow this case from now on; what it holds now counts as seen."""
        async with self._busy:
            self._open = case
            if case is not None:
                self._seen[case.conversation] = _by_id(await self._session.thread(case))
                if self._states is not None:
                    self._states[case.conversation] = self._view.state(case)

    async def run(self) -> None:
        """Follow the board until cancelled; a store that is away is waited for."""
        revision = ""
        told = False
        while True:
            try:
                revision = await self._session.changed(revision)
                await self.refresh()
                told = False
            except StoreUnavailable:
                if not told:
                    self._say(Text(self._text("problem.unavailable"), style="red"))
                told = True
                await asyncio.sleep(RETRY_AFTER)

    async def refresh(self) -> None:
        """Look once, and say what is new."""
        async with self._busy:
            cases = list(await self._session.cases())
            await self._tell_states(cases)
            for case in cases if self._everything else [self._open] if self._open else []:
                await self._tell_lines(case)

    async def _tell_states(self, cases: list[Case]) -> None:
        now = {case.conversation: self._view.state(case) for case in cases}
        if self._states is not None:
            for case in cases:
                if case.conversation not in self._states:
                    self._say(self._arrival(case))
            await self._tell_open(now)
        self._states = now

    def _arrival(self, case: Case) -> Text:
        text = self._text(
            "session.new_case", number=case.number, name=self._view.name(case), reason=self._view.reason(case)
        )
        return Text(text, style="bold red" if case.card.urgent else "bold yellow")

    async def _tell_open(self, now: dict[str, str]) -> None:
        """The open case changed hands, or ended."""
        case, before = self._open, self._states or {}
        if case is None or before.get(case.conversation) == now.get(case.conversation):
            return
        fresh = await self._session.find(str(case.number))
        text = self._text("session.over", number=case.number, state=self._view.state(fresh))
        self._say(Text(text, style="bold yellow"))

    async def _tell_lines(self, case: Case) -> None:
        known = self._seen.get(case.conversation)
        now = _by_id(await self._session.thread(case))
        for text in () if known is None and not self._everything else self._news(known or {}, now):
            number = self._text("session.numbered", number=case.number) + " · " if self._everything else ""
            self._say(Text(number, style="bold") + text)
        self._seen[case.conversation] = now

    def _news(self, known: dict[str, ThreadLine], now: dict[str, ThreadLine]) -> Iterator[Text]:
        for message_id, line in now.items():
            before = known.get(message_id)
            if before is None or (before.said, before.deleted) != (line.said, line.deleted):
                yield self._view.line(line)
            elif before.fate != line.fate:
                yield self._fate(line)

    def _fate(self, line: ThreadLine) -> Text:
        text, style = self._view.fate(line)
        preview = one_line(line.said.line.text, 40)
        return Text(self._text("session.fate", fate=text, text=preview), style=style)


def _by_id(thread: Sequence[ThreadLine]) -> dict[str, ThreadLine]:
    return {line.said.line.message_id: line for line in thread}
