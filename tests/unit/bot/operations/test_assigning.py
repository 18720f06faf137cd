"""Conversations are given round robin to who is here, and taken back from who left."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.domain.conversation import HandoffReason
from bot.domain.errors import StoreUnavailable
from bot.domain.events import AgentClaim, Event, TimerDue
from bot.domain.identity import Agent, ChatId, Profile
from bot.domain.message import Author, Line
from bot.domain.outgoing import CaseCard, CaseLine, CaseState
from bot.operations.assigning import GRACE, PATIENCE, Assignee, Assigner, PushTeam
from bot.operations.queue import FRESH, Queue
from bot.ports.board import Case, ThreadLine
from bot.ports.inbox import Appended
from tests.builders import NOW
from tests.fakes.desk import FixedClock
from tests.fakes.threads import MemoryRoster
from tests.unit.bot.operations.test_retention import OneHolder

LEA, OMAR, ZOE = Agent("slack:U0LEA", "Léa"), Agent("slack:U0OMAR", "Omar"), Agent("slack:U0ZOE", "Zoé")
NAMES = {agent.id: agent for agent in (LEA, OMAR, ZOE)}


@dataclass
class SmallBoard:
    """The part of a board that is looked at."""

    found: dict[str, Case] = field(default_factory=dict)
    threads: dict[str, list[ThreadLine]] = field(default_factory=dict)
    down: bool = False
    looked: int = 0

    async def cases(self, *, closed: bool = False) -> Sequence[Case]:
        assert not closed
        self.looked += 1
        if self.down:
            raise StoreUnavailable("down")
        return list(self.found.values())

    async def thread(self, conversation: str) -> Sequence[ThreadLine]:
        return self.threads.get(conversation, [])


@dataclass
class World:
    """A team of three, a board, and an inbox that only takes."""

    limit: int = 2
    members: tuple[Assignee, ...] = (Assignee(LEA.id), Assignee(OMAR.id), Assignee(ZOE.id))
    is_open: bool = True
    board: SmallBoard = field(default_factory=SmallBoard)
    roster: MemoryRoster = field(default_factory=MemoryRoster)
    clock: FixedClock = field(default_factory=FixedClock)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.assigner = self.fresh()

    def fresh(self) -> Assigner:
        """An assigner that remembers nothing."""
        team = PushTeam(name="care", members=self.members, limit=self.limit)
        board: Any = self.board
        return Assigner(
            board,
            self.roster,
            self,
            [team],
            OneHolder(),
            "me",
            is_open=lambda _team, _now: self.is_open,
            named=self.named,
            clock=self.clock,
        )

    async def named(self, agent_id: str) -> Agent:
        return NAMES[agent_id]

    # --- the inbox -------------------------------------------------------------------------

    def clean(self, text: str) -> str:
        return text

    async def append(self, event: Event) -> Appended:
        new = all(known.id != event.id for known in self.events)
        if new:
            self.events.append(event)
        return Appended(new=new, speaker=None)

    async def park(self, source: str, raw: str, error: str) -> None:
        raise AssertionError(source)

    # --- what happens ----------------------------------------------------------------------

    def case(self, name: str, agent: Agent | None = None, **card: Any) -> None:
        """A case as it stands from now on."""
        values: dict[str, Any] = {
            "state": CaseState.CLAIMED if agent else CaseState.WAITING,
            "profile": Profile(),
            "channel": "web",
            "language": "fr",
            "since": NOW,
            "reason": HandoffReason.ASKED,
            "team": "care",
            "agent": agent,
        }
        self.board.found[name] = Case(
            conversation=name,
            chat=ChatId("web", "main", name),
            number=1,
            card=CaseCard(**{**values, **card}),
            updated_at=self.clock.time,
        )

    def said(self, name: str, *authors: Author, note: bool = False) -> None:
        self.board.threads[name] = [
            ThreadLine(said=CaseLine(line=Line(f"m{index}", author, "…", NOW), note=note))
            for index, author in enumerate(authors)
        ]

    async def look(self, **later: float) -> list[Event]:
        """What one more look leads to, some time later."""
        self.clock.time += timedelta(**later)
        before = len(self.events)
        await self.assigner.look()
        return self.events[before:]

    async def given(self, **later: float) -> dict[str, str]:
        """Who is given what by one more look."""
        events = await self.look(**later)
        return {event.conversation: event.agent.name for event in events if isinstance(event, AgentClaim)}


# --- giving --------------------------------------------------------------------------------------


async def test_waiting_conversations_go_round() -> None:
    world = World()
    for name in ("c1", "c2", "c3", "c4"):
        world.case(name)
    assert await world.given() == {"c1": "Léa", "c2": "Omar", "c3": "Zoé", "c4": "Léa"}
    (first, *_) = world.events
    assert isinstance(first, AgentClaim)
    assert (first.assigned, first.take_over, first.agent, first.conversation) == (True, False, LEA, "c1")
    assert (first.chat, first.at) == (ChatId("web", "main", "c1"), NOW)


async def test_who_has_fewest_is_given_the_next_and_then_who_waited_longest_for_one() -> None:
    world = World(limit=9)
    world.case("a", LEA)
    world.case("b", LEA)
    world.case("c", OMAR)
    world.case("d", ZOE)
    world.case("w1")
    assert await world.given() == {"w1": "Omar"}
    world.case("w1", OMAR)
    world.case("w2")
    assert await world.given(seconds=2) == {"w2": "Zoé"}
    del world.board.found["a"], world.board.found["b"]
    world.case("w2", ZOE)
    world.case("w3")
    assert await world.given(seconds=2) == {"w3": "Léa"}


async def test_nobody_gets_more_than_the_limit_and_the_rest_waits() -> None:
    world = World(limit=1)
    world.case("a", LEA, team="beauty")  # what one has of another team counts, too
    for name in ("c1", "c2", "c3"):
        world.case(name)
    assert await world.given() == {"c1": "Omar", "c2": "Zoé"}
    del world.board.found["a"]
    assert await world.given(seconds=2) == {"c3": "Léa"}


async def test_nobody_who_is_away_or_gone_gets_one() -> None:
    world = World()
    await world.roster.say(LEA, away=True, at=NOW)
    await world.roster.saw(OMAR.id, online=False)
    world.case("c1")
    world.case("c2")
    assert await world.given() == {"c1": "Zoé", "c2": "Zoé"}


async def test_with_nobody_free_it_stays_in_the_queue() -> None:
    world = World(members=(Assignee(LEA.id),))
    await world.roster.say(LEA, away=True, at=NOW)
    world.case("c1")
    assert await world.given() == {}
    await world.roster.say(LEA, away=False, at=NOW + timedelta(seconds=1))
    assert await world.given(seconds=2) == {"c1": "Léa"}


async def test_a_customer_gets_somebody_who_speaks_their_language() -> None:
    world = World(members=(Assignee(LEA.id, ("fr",)), Assignee(OMAR.id, ("fr", "en"))))
    for name, language in (("c1", "en"), ("c2", "en"), ("c3", "fr"), ("c4", "de")):
        world.case(name, language=language)
    assert await world.given() == {"c1": "Omar", "c2": "Omar", "c3": "Léa"}


async def test_nothing_happens_while_the_team_is_closed_in_other_teams_or_to_what_is_snoozed() -> None:
    world = World(is_open=False)
    world.case("c1")
    assert await world.given() == {}
    world.is_open = True
    world.case("c1", team="beauty")
    world.case("c2", snoozed_until=NOW + timedelta(minutes=5))
    assert await world.given() == {}
    assert await world.given(minutes=5) == {"c2": "Léa"}


async def test_what_was_given_is_not_given_again_while_it_does_not_show_yet() -> None:
    world = World()
    world.case("c1")
    assert await world.given() == {"c1": "Léa"}
    world.clock.time += timedelta(seconds=2)
    world.case("c1", answered=True)  # the card changed, but not by the claim
    assert await world.given() == {}
    assert await world.given(seconds=PATIENCE.total_seconds()) == {"c1": "Omar"}


async def test_who_decides_the_same_again_after_a_failure_decides_it_once() -> None:
    world = World()
    world.case("c1")
    await world.look()
    world.assigner = world.fresh()
    assert await world.look() == []
    assert len(world.events) == 1


async def test_who_let_it_wait_does_not_get_it_again_but_a_colleague_does() -> None:
    world = World(members=(Assignee(LEA.id), Assignee(OMAR.id)))
    world.case("c1", LEA)
    world.case("c2", OMAR)
    world.case("c3", OMAR)
    await world.look()
    world.clock.time += timedelta(minutes=30)
    world.case("c1")
    assert await world.given() == {}  # Omar is full
    del world.board.found["c2"]
    assert await world.given(seconds=2) == {"c1": "Omar"}


# --- taking back ---------------------------------------------------------------------------------


async def left(world: World, **card: Any) -> list[Event]:
    """Léa, who has c1, goes away; what the looks of the next five minutes lead to."""
    world.case("c1", LEA, **card)
    await world.look()
    await world.roster.say(LEA, away=True, at=world.clock.time)
    assert await world.look(seconds=GRACE.total_seconds() - 1) == []
    return await world.look(seconds=1)


async def test_what_was_never_answered_is_asked_back_after_five_minutes() -> None:
    (event,) = await left(World())
    assert isinstance(event, TimerDue)
    assert (event.name, event.chat) == (f"away:{LEA.id}", ChatId("web", "main", "c1"))


async def test_so_is_what_the_customer_said_last() -> None:
    world = World()
    world.said("c1", Author.CUSTOMER, Author.AGENT, Author.CUSTOMER, Author.SYSTEM)
    assert len(await left(world, answered=True)) == 1


@pytest.mark.parametrize("authors", [(Author.CUSTOMER, Author.AGENT), (Author.AGENT, Author.SYSTEM), ()])
async def test_what_was_answered_stays(authors: tuple[Author, ...]) -> None:
    world = World()
    world.said("c1", *authors)
    assert await left(world, answered=True) == []


async def test_who_is_back_in_time_keeps_all() -> None:
    world = World()
    world.case("c1", LEA)
    await world.roster.saw(LEA.id, online=False)
    await world.look()
    await world.look(minutes=4)
    await world.roster.saw(LEA.id, online=True)
    await world.look(seconds=30)
    await world.roster.saw(LEA.id, online=False)
    assert await world.look(minutes=4) == []
    assert len(await world.look(minutes=5)) == 1


async def test_who_claims_though_away_has_five_minutes_too() -> None:
    world = World()
    await world.roster.say(LEA, away=True, at=NOW - timedelta(hours=1))
    world.case("c1", LEA)
    assert await world.look() == []
    assert await world.look(minutes=4) == []
    assert len(await world.look(minutes=1)) == 1


async def test_it_is_asked_back_once_a_minute_at_most_until_it_waits_and_then_goes_to_a_colleague() -> None:
    world = World()
    assert len(await left(world)) == 1
    assert len(await world.look(seconds=2)) <= 1
    asked = sum(isinstance(event, TimerDue) for event in world.events)
    await world.look(seconds=1)
    assert sum(isinstance(event, TimerDue) for event in world.events) == asked
    world.case("c1")
    assert await world.given(seconds=2) == {"c1": "Omar"}


async def test_nothing_is_taken_back_when_the_team_has_gone_home() -> None:
    world = World()
    world.case("c1", LEA)
    await world.look()
    world.is_open = False
    await world.roster.say(LEA, away=True, at=NOW)
    assert await world.look(hours=2) == []


# --- running -------------------------------------------------------------------------------------


async def test_a_store_that_does_not_answer_is_asked_again() -> None:
    world = World()
    world.board.down = True
    with pytest.raises(StoreUnavailable):
        await world.assigner.look()
    stop = asyncio.Event()
    running = asyncio.create_task(world.assigner.run(stop))
    async with asyncio.timeout(10):
        while world.board.looked < 2:
            await asyncio.sleep(0.01)
    stop.set()
    await asyncio.wait_for(running, 10)


async def test_without_a_team_nobody_looks() -> None:
    world = World()
    board: Any = world.board
    await Assigner(board, world.roster, world, [], OneHolder(), "me", clock=world.clock).look()
    assert world.board.looked == 0


# --- the queue -----------------------------------------------------------------------------------


async def test_the_queue_of_a_team_is_looked_at_twice_a_minute_however_many_ask() -> None:
    world = World()
    world.case("c1")
    world.case("c2", since=NOW - timedelta(minutes=3))
    world.case("c3", LEA)
    world.case("c4", team="beauty")
    board: Any = world.board
    queue = Queue(board, world.clock)
    waited: list[datetime] = [NOW, NOW - timedelta(minutes=3)]
    assert [await queue.since("care"), await queue.since("beauty"), await queue.since("dpo")] == [
        waited, [NOW], (),
    ]  # fmt: skip
    world.board.found["c1"] = replace(world.board.found["c3"], conversation="c1")
    assert (await queue.since("care"), world.board.looked) == (waited, 1)
    world.clock.time += FRESH
    assert await queue.since("care") == waited[1:]
