"""The behaviour around people over a real store: promises, assignment, agents who leave, ratings, returns.

One worker, one scheduler, a board and the assigner, in one process; only the model is played.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.app import parts
from bot.app.core import Core, open_core
from bot.app.worker import care
from bot.desk.terminal.deliverer import BoardDeliverer
from bot.domain import events as ev
from bot.domain.chat import Chat, Speaker
from bot.domain.conversation import ServiceLevel
from bot.domain.identity import Agent, ChatId
from bot.domain.outgoing import CaseCard, CaseState
from bot.domain.understanding import Guess, Understanding
from bot.engine.outbox import Addresser
from bot.engine.sender import Sender
from bot.engine.timers import Scheduler
from bot.engine.turn import TurnRules, TurnRunner
from bot.engine.worker import Worker
from bot.nlu.language import LinguaDetector
from bot.operations import assigning
from bot.operations.assigning import Assignee, Assigner, PushTeam
from bot.settings import PROJECT, Settings
from handlers import build_choose, satisfaction
from handlers.care import Care
from handlers.teams import Team, teams

CHAT = ChatId("web", "main", "visitor")
LEA, OMAR = Agent("slack:U0LEA", "Léa Dumas"), Agent("slack:U0OMAR", "Omar Haddad")
ALL_DAY = dict.fromkeys(
    ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"), "00:00-23:59"
)
PROMISE = Team(name="care", first_response=timedelta(seconds=2), resolution=timedelta(hours=1))
MEANINGS = {"humain": "talk_to_human", "merci": "thanks", "long": "complaint"}


class ByWord:
    """Understands a message by one of its words; anything else is a question about returns."""

    async def parse(self, text: str) -> Understanding:
        intent = next((meaning for word, meaning in MEANINGS.items() if word in text), "faq_return_how")
        return Understanding(ranking=(Guess(intent, 0.95),), model="m1", ms=1.0)


@dataclass
class House:
    """What runs, and one customer."""

    core: Core
    count: int = 0

    async def says(self, text: str) -> None:
        self.count += 1
        await self._append(ev.CustomerMessage, message_id=f"c{self.count}", text=text)

    async def presses(self, button: str) -> None:
        self.count += 1
        await self._append(ev.ButtonPress, message_id=f"c{self.count}", button=button)

    async def agent(self, kind: type[ev.AgentEvent], agent: Agent = LEA, **values: Any) -> None:
        self.count += 1
        await self._append(kind, agent=agent, **values)

    async def _append(self, kind: Callable[..., ev.Event], **values: Any) -> None:
        event = kind(id=f"test:{self.count}", chat=CHAT, at=self.core.clock.now(), **values)
        await self.core.inbox.append(event)

    async def chat(self, so: Callable[[Chat], object]) -> Chat:
        """The chat as soon as it is so."""
        deadline = time.monotonic() + 30
        while True:
            found = (await self.core.store.turns.load(CHAT)).chat
            if found is not None and so(found):
                return found
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.05)

    async def card(self, so: Callable[[CaseCard], object]) -> CaseCard:
        """The case's card as soon as it is so."""
        deadline = time.monotonic() + 30
        while True:
            cases = await self.core.board.cases()
            if cases and so(cases[0].card):
                return cases[0].card
            assert time.monotonic() < deadline, cases
            await asyncio.sleep(0.05)


def _noon() -> str:
    """A time zone where the day is neither young nor old, so that all-day hours have no gap near."""
    offset = 12 - datetime.now(UTC).hour
    return f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT"


@asynccontextmanager
async def house(url: str, folder: Path, *members: Assignee) -> AsyncIterator[House]:
    settings = Settings.model_validate(
        {
            "data_dir": folder,
            "config_dir": PROJECT / "config",
            "rasa_project": PROJECT / "rasa_project",
            "shop": {"file": PROJECT / "config" / "demo" / "orders.json"},
            "redis": {"url": url},
            "shards": 4,
            "web": {"secret": "only-for-this-test-0123456789"},
            "hours": {"time_zone": _noon(), "holidays": ""},
            "teams": {"care": {"hours": ALL_DAY}},
        }
    )
    async with AsyncExitStack() as stack:
        core = await stack.enter_async_context(open_core(settings))
        wired = await care(core, parts.knowledge(settings), stack)
        stop = asyncio.Event()
        runners = [task(stop) for task in _runners(core, replace(wired, teams=teams([PROMISE])), members)]
        running = [asyncio.create_task(runner) for runner in runners]
        try:
            yield House(core)
        finally:
            stop.set()
            await asyncio.gather(*running)


def _runners(core: Core, wired: Care, members: tuple[Assignee, ...]) -> list[Callable[..., Any]]:
    runner = TurnRunner(
        nlu=ByWord(),
        choose=build_choose(wired),
        detector=LinguaDetector(),
        addresser=Addresser(("terminal",)),
        rules=TurnRules(aside=satisfaction.aside(wired.thresholds)),
    )
    leases, owner = core.store.leases, core.owner
    push = [PushTeam(name="care", members=members, limit=3)] if members else []

    async def named(agent_id: str) -> Agent:
        return next(agent for agent in (LEA, OMAR) if agent.id == agent_id)

    return [
        Worker(core.store.turns, runner, owner, clock=core.clock).run,
        Scheduler(core.store.timers, leases, owner).run,
        Sender(core.store.outbox, leases, BoardDeliverer(core.board), owner).run,
        Assigner(core.board, core.roster, core.inbox, push, leases, owner, named=named).run,
    ]


async def test_a_promise_runs_out_and_a_person_s_words_turn_it_to_the_solution(
    valkey_url: str, tmp_path: Path
) -> None:
    async with house(valkey_url, tmp_path) as story:
        await story.says("un humain svp")
        waiting = await story.card(lambda card: card.state is CaseState.WAITING)
        assert waiting.due is not None
        assert await story.card(lambda card: card.level is ServiceLevel.OVERDUE)
        await story.agent(ev.AgentReply, message_id="d1", text="Bonjour")
        answered = await story.card(lambda card: card.answered)
        assert (answered.level, answered.agent) == (ServiceLevel.ON_TIME, LEA)
        assert answered.due is not None
        assert answered.due - waiting.due > timedelta(minutes=50)


async def test_given_left_and_given_to_another(
    valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assigning, "GRACE", timedelta(seconds=1))
    async with house(valkey_url, tmp_path, Assignee(LEA.id), Assignee(OMAR.id)) as story:
        await story.says("un humain svp")
        given = await story.card(lambda card: card.state is CaseState.CLAIMED)
        assert given.agent == LEA
        await story.core.roster.say(LEA, away=True, at=story.core.clock.now())
        again = await story.card(lambda card: card.agent == OMAR)
        assert again.since == given.since


async def test_rated_thanked_and_back_to_the_same_agent(valkey_url: str, tmp_path: Path) -> None:
    async with house(valkey_url, tmp_path) as story:
        await story.says("un humain svp")
        await story.agent(ev.AgentReply, message_id="d1", text="Voilà")
        await story.agent(ev.AgentResolve)
        ended = await story.chat(lambda chat: chat.speaker is Speaker.CLOSED)
        await story.presses("rate:2")
        rated = await story.chat(lambda chat: chat.conversation and chat.conversation.rating == 2)
        await story.says("c'était trop long")
        reasoned = await story.chat(lambda chat: chat.dialogue.awaiting is None)
        await story.says("merci quand même")
        thanked = await story.chat(lambda chat: chat.dialogue.slot(satisfaction.THANKED))
        assert {one.epoch for one in (ended, rated, reasoned, thanked)} == {ended.epoch}
        await story.says("et l'autre article, je le retourne comment ?")
        back = await story.chat(lambda chat: chat.speaker is Speaker.HUMAN)
        assert back.conversation is not None
        assert back.conversation.handoff is not None
        assert (back.conversation.reopened, back.conversation.handoff.agent) == (1, LEA)
