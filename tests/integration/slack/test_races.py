"""Two agents, or an agent and the bot, in the same instant: two bolt processes, two workers, one owner."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.rasa_server import fake_rasa, parsed
from tests.fakes.slack import SlackStandIn, at_once
from tests.integration.slack.people import cards, channels, words, workspace
from tests.integration.slack.whole import Customer, Whole, until, whole
from tests.servers import free_port

pytestmark = pytest.mark.slow

TIMES = int(os.environ.get("RACES", "25"))
"""200 for the full test: about ten minutes, which Slack's limits take."""
PATIENCE = 240.0
"""Seconds that what is said may take to be shown: these limits again."""
CHANNELS = channels(19)
"""Slack takes one message a second in each."""
AT_ONCE = 25
"""Conversations that run side by side: enough to keep two cores busy."""


def answer(text: str) -> tuple[int, bytes]:
    return parsed("talk_to_human" if "humain" in text else "faq_return_how")


@dataclass
class Arena:
    """Both sides of the counter."""

    slack: SlackStandIn
    guichet: Whole


@pytest.fixture
async def arena(tmp_path: Path) -> AsyncIterator[Arena]:
    """Two web processes, each with a bolt app that Slack's requests reach in turn; two workers."""
    async with workspace(more_channels=19) as slack, fake_rasa(answer=answer) as rasa:
        roles = ("web", "worker", "worker", "sender", "scheduler,archiver")
        async with whole(tmp_path, slack, rasa.url, mode="http", roles=roles, channels=CHANNELS) as guichet:
            second = free_port()
            guichet.start("web", GUICHET_WEB__PORT=str(second))
            in_turn(slack, [f"http://127.0.0.1:{port}/slack/events" for port in (guichet.port, second)])
            await Whole(guichet.folder, second, {}, guichet.processes).ready()
            yield Arena(slack, guichet)


def in_turn(slack: SlackStandIn, urls: Sequence[str]) -> None:
    """Each request goes to the next of the app's processes, as behind a load balancer."""
    slack.http.use(urls[0])
    plain, turn = slack.http._request, itertools.cycle(urls)

    def request(delivery: Any) -> Any:
        _url, body, kind = plain(delivery)
        return next(turn), body, kind

    slack.http._request = request  # type: ignore[method-assign]


@asynccontextmanager
async def customers(arena: Arena, names: Sequence[str]) -> AsyncIterator[list[Customer]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(arena.guichet.customer(name)) for name in names]


Place = tuple[str, str]
"""A thread: its channel and its first message."""


async def case_of(arena: Arena, customer: Customer) -> Place:
    """Asks for a person; the thread."""
    await customer.says(f"un humain svp, ici {customer.name}.")

    def found() -> Place | None:
        mine = (
            (channel, card["ts"])
            for channel in CHANNELS
            for card in cards(arena.slack, channel)
            if f"ici {customer.name}." in words(card)
        )
        return next(mine, None)

    place: Place = await until(found, f"a card for {customer.name}", PATIENCE)
    return place


def told_no(arena: Arena, user: str, place: Place) -> bool:
    """Whether somebody was told, in that thread, that a colleague has it."""
    return any(
        one.get("thread_ts") == place[1] and ("l'a déjà" in words(one) or "already has it" in words(one))
        for one in arena.slack.ephemerals(user)
    )


async def test_of_two_claims_at_once_one_wins_and_the_other_is_told(arena: Arena) -> None:
    lea, omar = arena.slack.user("U0LEA"), arena.slack.user("U0OMAR")
    names = [f"n{number}" for number in range(TIMES)]
    owners: list[str] = []

    async def one(customer: Customer) -> None:
        place = await case_of(arena, customer)
        both = [lea.press(*place, "claim"), omar.press(*place, "claim")]
        random.shuffle(both)
        await at_once(*both)

        def claimed() -> list[str]:
            return [name for name in ("Léa", "Omar") if told_claimed(arena, place, name)]

        [owner] = await until(claimed, f"an owner of {place}", PATIENCE)
        owners.append(owner)
        loser = "U0OMAR" if owner == "Léa" else "U0LEA"
        await until(lambda: told_no(arena, loser, place), f"{loser} is told", PATIENCE)
        assert not told_no(arena, "U0LEA" if owner == "Léa" else "U0OMAR", place)
        taking = [text for text in customer.texts("system") if "prend le relais" in text]
        assert [owner in text for text in taking] == [True]

    for batch in _batched(names):
        async with customers(arena, batch) as here:
            await asyncio.gather(*map(one, here))
    assert len(owners) == TIMES


async def test_the_bot_never_speaks_after_the_agent_was_told_claimed(arena: Arena) -> None:
    """The conversation is the bot's again; the customer asks and the agent steps in, within 50 ms."""
    lea = arena.slack.user("U0LEA")
    wrongs: list[str] = []
    raced = 0

    async def one(customer: Customer) -> None:
        nonlocal raced
        place = await case_of(arena, customer)
        await lea.press(*place, "release")
        await customer.hears("assistant automatique de Maison Alba reprend", seconds=PATIENCE)

        async def ask() -> None:
            await asyncio.sleep(random.uniform(0, 0.05))
            await customer.says("comment retourner un article ?")

        async def step_in() -> None:
            await asyncio.sleep(random.uniform(0, 0.05))
            lea.post(place[0], "Je reprends avec vous.", thread_ts=place[1])

        await asyncio.gather(ask(), step_in())
        await until(lambda: told_claimed(arena, place), f"Léa is told that she has {place}", PATIENCE)
        await customer.says("et pour un échange ?")
        await customer.hears("Je reprends avec vous", author="agent", seconds=PATIENCE)
        await asyncio.sleep(0.5)
        told = min(told_claimed(arena, place))
        late = (one for one in customer.messages if customer.at[one["id"]] > told)
        wrongs.extend(f"{customer.name}: {one['text']!r}" for one in late if one["author"] == "bot")
        raced += 1

    for batch in _batched([f"r{number}" for number in range(TIMES)]):
        async with customers(arena, batch) as here:
            await asyncio.gather(*map(one, here))
    assert wrongs == []
    assert raced == TIMES


def told_claimed(arena: Arena, place: Place, name: str = "Léa") -> list[float]:
    """When Slack was first asked to show, on the card or in the thread, that somebody has it."""
    shown = re.compile(rf"Prise en charge par {name}|{name} [A-Z]\w+ a pris la conversation")
    return [
        call.when
        for call in arena.slack.calls
        if call.method in ("chat.update", "chat.postMessage")
        and place[1] in (call.arguments.get("ts"), call.arguments.get("thread_ts"))
        and shown.search(str(call.arguments))
    ]


def _batched(names: Sequence[str]) -> list[Sequence[str]]:
    return [names[at : at + AT_ONCE] for at in range(0, len(names), AT_ONCE)]
