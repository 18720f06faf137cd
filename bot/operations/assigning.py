"""Gives waiting conversations to members of the teams that want it so, and takes back what somebody left.

One process at a time decides; two would do no harm, since what is decided here is only asked of the chat: a
conversation that does not wait any more is not given, and one that was answered is not taken back.

What an agent leaves unanswered is taken back by a timer event of the chat (``away:<agent id>``), and not by a
transfer: nobody transferred it, and the chat itself knows best whether it was answered
(``handlers.lifecycle.agent_away``). It waits again at its old place, and is then given like any other.
"""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from prometheus_client import Counter

from bot.domain.errors import StoreUnavailable
from bot.domain.events import AgentClaim, TimerDue
from bot.domain.identity import Agent
from bot.domain.message import Author
from bot.domain.outgoing import CaseState
from bot.engine.leases import Singleton, pause
from bot.ports.board import Board, Case
from bot.ports.clock import Clock, SystemClock
from bot.ports.inbox import Inbox
from bot.ports.roster import Presence, Roster
from bot.ports.store import Lease, LeaseStore

log = structlog.get_logger(__name__)

GIVEN = Counter("guichet_assigning_given_total", "Conversations given to an agent", ["team"])
LEFT = Counter("guichet_assigning_left_total", "Conversations asked back from an agent who is gone")

LOOK_SECONDS = 2.0
GRACE = timedelta(minutes=5)
"""How long an agent may be gone before what they have not answered goes back to the queue."""
PATIENCE = timedelta(seconds=30)
"""How long a conversation that was given may take to show as claimed before it is given again."""
LINES_OF_PEOPLE = (Author.CUSTOMER, Author.AGENT)


@dataclass(frozen=True, slots=True)
class Assignee:
    """A member of a team; ``languages`` is what they speak, empty for any."""

    agent_id: str
    languages: tuple[str, ...] = ()

    def speaks(self, language: str) -> bool:
        """Whether they can serve a customer of that language."""
        return not self.languages or language in self.languages


@dataclass(frozen=True, slots=True, kw_only=True)
class PushTeam:
    """A team whose members are given conversations, ``limit`` at once at most."""

    name: str
    members: tuple[Assignee, ...]
    limit: int


async def unnamed(agent_id: str) -> Agent:
    """An agent whose name nobody knows."""
    return Agent(agent_id, "")


def _always(_team: str, _now: datetime) -> bool:
    return True


class Assigner:
    """Looks at the board every ``LOOK_SECONDS``, under the lease ``assigner``.

    Args:
        board: where cases are.
        roster: who is here.
        inbox: takes what is decided.
        teams: those whose members are given conversations.
        leases: where the lease is.
        owner: this process, unlike any other.
        is_open: whether a team works at a time; nothing is given or taken back while it does not.
        named: an agent by id, as their desk names them; asked when one is given a conversation.
        lease_ttl: seconds after which a silent holder is replaced.
        clock: what time it is.
    """

    def __init__(
        self,
        board: Board,
        roster: Roster,
        inbox: Inbox,
        teams: Iterable[PushTeam],
        leases: LeaseStore,
        owner: str,
        *,
        is_open: Callable[[str, datetime], bool] = _always,
        named: Callable[[str], Awaitable[Agent]] = unnamed,
        lease_ttl: float = 5.0,
        clock: Clock | None = None,
    ) -> None:
        self._board = board
        self._roster = roster
        self._inbox = inbox
        self._teams: Mapping[str, PushTeam] = {team.name: team for team in teams}
        self._is_open = is_open
        self._named = named
        self._clock = clock or SystemClock()
        self._singleton = Singleton(leases, "assigner", owner, lease_ttl)
        self._given: dict[str, tuple[str, datetime]] = {}
        self._last_given: dict[str, datetime] = {}
        self._had: dict[str, tuple[str, datetime]] = {}
        self._gone_since: dict[str, datetime] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Give conversations away until told to stop."""
        await self._singleton.run(stop, self._watch)

    async def _watch(self, _lease: Lease, ended: asyncio.Event) -> None:
        while not ended.is_set():
            try:
                await self.look()
            except StoreUnavailable as error:
                log.warning("assigner.store_unavailable", error=str(error))
            await pause(ended, LOOK_SECONDS)

    async def look(self) -> None:
        """Look at the board once: take back what was left, give what waits.

        Raises:
            StoreUnavailable: what was not done yet is done at the next look.
        """
        if not self._teams:
            return
        now = self._clock.now()
        cases = await self._board.cases()
        self._remember(cases, now)
        ours = [case for case in cases if self._is_ours(case, now)]
        here, loads = await self._presences(now), self._loads(cases)
        for case in ours:
            if case.card.state is CaseState.CLAIMED:
                await self._ask_back(case, here, now)
            elif case.conversation not in self._given:
                await self._give(case, here, loads, now)

    def _is_ours(self, case: Case, now: datetime) -> bool:
        snoozed = case.card.snoozed_until is not None and case.card.snoozed_until > now
        return not snoozed and case.card.team in self._teams and self._is_open(case.card.team, now)

    async def _presences(self, now: datetime) -> Mapping[str, Presence]:
        ids = {member.agent_id for team in self._teams.values() for member in team.members}
        found = {agent_id: await self._roster.presence(agent_id) for agent_id in sorted(ids)}
        for agent_id, presence in found.items():
            if presence.is_here:
                self._gone_since.pop(agent_id, None)
            else:
                self._gone_since.setdefault(agent_id, (presence.away and presence.since) or now)
        return found

    # --- giving ----------------------------------------------------------------------------

    async def _give(self, case: Case, here: Mapping[str, Presence], loads: Tally[str], now: datetime) -> None:
        team = self._teams[case.card.team]
        free = [member.agent_id for member in team.members if self._may_have(member, case, team, here, loads)]
        if not free:
            return
        chosen = min(free, key=lambda agent_id: (loads[agent_id], self._last(agent_id), free.index(agent_id)))
        appended = await self._inbox.append(
            AgentClaim(
                # Of the case as it stands: whoever decides the same again, after a failure, decides it once.
                id=f"assign:{case.conversation}:{int(case.updated_at.timestamp() * 1000)}",
                chat=case.chat,
                at=now,
                agent=await self._named(chosen),
                conversation=case.conversation,
                assigned=True,
            )
        )
        self._given[case.conversation] = (chosen, now)
        self._last_given[chosen] = now
        loads[chosen] += 1
        if appended.new:
            GIVEN.labels(team=team.name).inc()
            log.info("assigner.given", conversation=case.conversation, agent=chosen)

    def _may_have(
        self,
        member: Assignee,
        case: Case,
        team: PushTeam,
        here: Mapping[str, Presence],
        loads: Tally[str],
    ) -> bool:
        """Here, with room, of the customer's language, and not the one who let it wait."""
        agent_id = member.agent_id
        has_room = here[agent_id].is_here and loads[agent_id] < team.limit
        had = self._had.get(case.conversation)
        return has_room and member.speaks(case.card.language) and (had is None or had[0] != agent_id)

    def _last(self, agent_id: str) -> float:
        last = self._last_given.get(agent_id)
        return last.timestamp() if last else 0.0

    def _loads(self, cases: Iterable[Case]) -> Tally[str]:
        claimed = (case.card.agent.id for case in cases if case.card.agent)
        return Tally([*claimed, *(agent_id for agent_id, _at in self._given.values())])

    def _remember(self, cases: Iterable[Case], now: datetime) -> None:
        """Who has what, and what was given a moment ago and does not show yet."""
        waiting = {case.conversation for case in cases if case.card.state is CaseState.WAITING}
        self._given = {
            conversation: (agent_id, at)
            for conversation, (agent_id, at) in self._given.items()
            if conversation in waiting and now - at < PATIENCE
        }
        kept = {name: had for name, had in self._had.items() if name in waiting}
        for case in cases:
            if case.card.agent is not None:
                agent_id = case.card.agent.id
                known = self._had.get(case.conversation)
                kept[case.conversation] = known if known and known[0] == agent_id else (agent_id, now)
        self._had = kept

    # --- taking back -----------------------------------------------------------------------

    async def _ask_back(self, case: Case, here: Mapping[str, Presence], now: datetime) -> None:
        agent = case.card.agent
        gone = self._gone_since.get(agent.id) if agent and agent.id in here else None
        if agent is None or gone is None:
            return
        _agent_id, has_it_since = self._had[case.conversation]
        if now - max(gone, has_it_since) < GRACE or not await self._is_unanswered(case):
            return
        minute = int(now.timestamp()) // 60
        event_id = f"away:{case.conversation}:{minute}"
        appended = await self._inbox.append(
            TimerDue(id=event_id, chat=case.chat, at=now, name=f"away:{agent.id}")
        )
        if appended.new:
            LEFT.inc()
            log.info("assigner.asked_back", conversation=case.conversation, agent=agent.id)

    async def _is_unanswered(self, case: Case) -> bool:
        if not case.card.answered:
            return True
        thread = await self._board.thread(case.conversation)
        said = [one.said.line.author for one in thread if not one.said.note and not one.deleted]
        return (
            next((author for author in reversed(said) if author in LINES_OF_PEOPLE), None) is Author.CUSTOMER
        )
