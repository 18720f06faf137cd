"""What an agent can do at this desk. Knows no terminal: the command line and the tests drive it."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import TypedDict

from bot.domain.errors import GuichetError
from bot.domain.events import (
    AgentClaim,
    AgentEvent,
    AgentNote,
    AgentRelease,
    AgentReply,
    AgentResolve,
    AgentTransfer,
)
from bot.domain.identity import Agent, ChatId
from bot.domain.ids import new_id
from bot.domain.outgoing import CaseState
from bot.ports.board import Board, Case, ThreadLine
from bot.ports.clock import Clock
from bot.ports.inbox import Inbox

MAX_TEXT = 4_000
"""Characters of one reply or note; the shortest limit among the channels (Telegram: 4096)."""

SHORTEST_PREFIX = 4
_TEAM = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class Problem(StrEnum):
    """Why something was not done. The texts are in :mod:`bot.desk.terminal.texts`."""

    NO_SUCH_CASE = "no_such_case"
    AMBIGUOUS = "ambiguous"
    OVER = "over"
    HELD = "held"
    UNCONFIRMED = "unconfirmed"
    EMPTY = "empty"
    TOO_LONG = "too_long"
    BAD_TEAM = "bad_team"
    NO_CASE_OPEN = "no_case_open"


class NotDone(GuichetError):
    """The agent asked for something that is not done, and why. ``who`` is the colleague's name."""

    def __init__(self, problem: Problem, who: str = "") -> None:
        super().__init__(problem.value)
        self.problem = problem
        self.who = who


class _Stamp(TypedDict):
    id: str
    chat: ChatId
    at: datetime
    agent: Agent


class DeskSession:
    """One agent at the terminal desk.

    Whether a colleague holds a case is looked up before anything is said, and the engine looks
    again when it takes the event in: the board is what we know, the chat what is true.

    Args:
        inbox: where the agent's deeds go.
        board: what the agent sees.
        agent: who.
        clock: stamps events.
        confirm_within: seconds a claim may take to be confirmed.
    """

    def __init__(
        self, inbox: Inbox, board: Board, agent: Agent, clock: Clock, *, confirm_within: float = 10.0
    ) -> None:
        self.agent = agent
        self._inbox = inbox
        self._board = board
        self._clock = clock
        self._confirm_within = confirm_within

    # --- looking ---------------------------------------------------------------------------

    async def cases(self, *, closed: bool = False) -> Sequence[Case]:
        """Cases that want a person, or that ended."""
        return await self._board.cases(closed=closed)

    async def find(self, reference: str) -> Case:
        """The case with that number (``3``, ``#3``), or whose conversation id begins so.

        Raises:
            NotDone: there is none, or several.
        """
        reference = reference.strip().removeprefix("#")
        if reference.isdecimal() and len(reference) < 12:
            case = await self._board.numbered(int(reference))
            if case is not None:
                return case
        if len(reference) < SHORTEST_PREFIX:
            raise NotDone(Problem.NO_SUCH_CASE)
        everything = [*await self._board.cases(), *await self._board.cases(closed=True)]
        found = [case for case in everything if case.conversation.startswith(reference)]
        if len(found) > 1:
            raise NotDone(Problem.AMBIGUOUS)
        if not found:
            raise NotDone(Problem.NO_SUCH_CASE)
        return found[0]

    async def thread(self, case: Case) -> Sequence[ThreadLine]:
        """What was said in a case."""
        return await self._board.thread(case.conversation)

    async def changed(self, since: str, timeout: float = 5.0) -> str:
        """The board's revision, once it is another than ``since`` or the seconds are over."""
        return await self._board.changed(since, timeout)

    async def fate(self, case: Case, message_id: str, within: float) -> ThreadLine | None:
        """A reply in the thread as soon as its fate is known, or as it is after so many seconds; None
        when it has not come that far."""
        revision = ""
        try:
            async with asyncio.timeout(within):
                while True:
                    revision = await self._board.changed(revision, 1.0)
                    line = await self._line(case, message_id)
                    if line is not None and line.fate is not None:
                        return line
        except TimeoutError:
            return await self._line(case, message_id)

    def holds(self, case: Case) -> bool:
        """Whether the case is in this agent's hands."""
        card = case.card
        return card.state is CaseState.CLAIMED and card.agent is not None and card.agent.id == self.agent.id

    def colleague(self, case: Case) -> Agent | None:
        """Another agent who holds the case."""
        held = case.card.state is CaseState.CLAIMED and not self.holds(case)
        return case.card.agent if held else None

    # --- acting ----------------------------------------------------------------------------

    async def take(self, case: Case, *, take_over: bool = False) -> Case:
        """Claim a case, and wait until the engine says whose it is.

        Raises:
            NotDone: a colleague has it, or it is over, or no confirmation came.
        """
        case = await self._live(case)
        if self.holds(case):
            return case
        colleague = self.colleague(case)
        if colleague and not take_over:
            raise NotDone(Problem.HELD, colleague.name)
        await self._append(AgentClaim(**self._stamp(case), take_over=take_over))
        return await self._confirmed(case, colleague)

    async def reply(self, case: Case, text: str) -> str:
        """Write to the customer, claiming the case first if nobody has it; returns the message id.

        Raises:
            NotDone: a colleague has it, it is over, the text is empty or too long.
        """
        text = self._checked(text)
        case = await self.take(case)
        message_id = new_id("a")
        event = AgentReply(**self._stamp(case), message_id=message_id, text=text)
        await self._append(event)
        return message_id

    async def note(self, case: Case, text: str) -> str:
        """Write an internal note: it never leaves the house.

        Raises:
            NotDone: the case is over, the text is empty or too long.
        """
        text = self._checked(text)
        case = await self._live(case)
        message_id = new_id("n")
        await self._append(AgentNote(**self._stamp(case), message_id=message_id, text=text))
        return message_id

    async def transfer(self, case: Case, team: str) -> None:
        """Hand the case to another team.

        Raises:
            NotDone: a colleague has it, it is over, or that is no name of a team.
        """
        team = team.strip().lower()
        if not _TEAM.fullmatch(team):
            raise NotDone(Problem.BAD_TEAM)
        case = await self._mine_or_free(case)
        await self._append(AgentTransfer(**self._stamp(case), team=team))

    async def release(self, case: Case) -> None:
        """Give the conversation back to the bot.

        Raises:
            NotDone: a colleague has it, or it is over.
        """
        case = await self._mine_or_free(case)
        await self._append(AgentRelease(**self._stamp(case)))

    async def resolve(self, case: Case) -> None:
        """The conversation is done.

        Raises:
            NotDone: a colleague has it, or it is over.
        """
        case = await self._mine_or_free(case)
        await self._append(AgentResolve(**self._stamp(case)))

    # --- inside ----------------------------------------------------------------------------

    async def _line(self, case: Case, message_id: str) -> ThreadLine | None:
        thread = await self._board.thread(case.conversation)
        return next((line for line in thread if line.said.line.message_id == message_id), None)

    def _stamp(self, case: Case) -> _Stamp:
        return {
            "id": f"desk:terminal:{uuid.uuid4()}",
            "chat": case.chat,
            "at": self._clock.now(),
            "agent": self.agent,
        }

    def _checked(self, text: str) -> str:
        text = self._inbox.clean(text).strip()
        if not text:
            raise NotDone(Problem.EMPTY)
        if len(text) > MAX_TEXT:
            raise NotDone(Problem.TOO_LONG)
        return text

    async def _live(self, case: Case, *states: CaseState) -> Case:
        """The case as it is now, if it goes on."""
        now = await self._board.case(case.conversation)
        if now is None:
            raise NotDone(Problem.NO_SUCH_CASE)
        if now.card.state not in (states or (CaseState.WAITING, CaseState.CLAIMED, CaseState.RELEASED)):
            raise NotDone(Problem.OVER)
        return now

    async def _mine_or_free(self, case: Case) -> Case:
        case = await self._live(case, CaseState.WAITING, CaseState.CLAIMED)
        colleague = self.colleague(case)
        if colleague:
            raise NotDone(Problem.HELD, colleague.name)
        return case

    async def _append(self, event: AgentEvent) -> None:
        await self._inbox.append(event)

    async def _confirmed(self, case: Case, replaced: Agent | None) -> Case:
        """Wait until the board says whose the case is; ``replaced`` is who had it."""
        revision = ""
        try:
            async with asyncio.timeout(self._confirm_within):
                while True:
                    revision = await self._board.changed(revision, 1.0)
                    case = await self._live(case)
                    colleague = self.colleague(case)
                    if self.holds(case):
                        return case
                    if colleague and (replaced is None or colleague.id != replaced.id):
                        raise NotDone(Problem.HELD, colleague.name)
        except TimeoutError:
            raise NotDone(Problem.UNCONFIRMED) from None
