"""The real sender before Slack's published limits and misfortunes: everything arrives, once, in order."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.domain.identity import ChatId
from bot.domain.message import Author, Line
from bot.domain.outgoing import CaseLine, CaseState, Outgoing
from bot.engine.sender import Sender, SenderRules
from tests.builders import NOW
from tests.fakes.engine import put, running
from tests.fakes.memory_store import MemoryStore
from tests.fakes.slack_show import LEA_DUMAS, Show, a_card, says, seen, showing

CONVERSATIONS = 5
LINES = 8


def told(show: Show) -> list[Outgoing]:
    """Cases that open, customers who write, agents who claim: as the engine tells it."""
    entries: list[Outgoing] = []
    for line in range(LINES + 1):
        for number in range(CONVERSATIONS):
            chat = ChatId("web", "main", f"visitor{number}")
            more = {"chat": chat, "conversation": f"c_{number}"}
            recent = tuple(replace(one, message_id=f"first{number}") for one in a_card().recent)
            if line == 0:
                if number % 2:  # our own desk knows it already: a late card does not hold its lines up
                    show.cases.cards[f"c_{number}"] = a_card(recent=recent)
                entries.append(show.entry(a_card(recent=recent), **more, coalesce=f"card:{chat}"))
                continue
            said = says(f"ligne {number}-{line}.", f"m{number}-{line}")
            entries.append(show.entry(said, **more, coalesce=str(chat)))
            if line == 4:
                card = a_card(state=CaseState.CLAIMED, agent=LEA_DUMAS, hushed=True, recent=recent)
                entries.append(show.entry(card, **more, epoch=2, coalesce=f"card:{chat}"))
    return entries


def shown(show: Show, number: int) -> list[str]:
    """What people read of a conversation's lines, in order."""
    text = "\n".join(seen(message) for message in show.slack.channel("C1").messages if "blocks" in message)
    return re.findall(rf"ligne {number}-\d+", text)


@pytest.mark.parametrize(
    "misfortunes",
    [
        [],
        [("429", "*", 2), ("500_after", "chat.postMessage", 3), ("500", "*", 3), ("cut_after", "*", 2)],
        [("cut", "chat.update", 2), ("503_after", "chat.postMessage", 4), ("429", "chat.postMessage", 1)],
    ],
    ids=["limits", "failing", "failing otherwise"],
)
@pytest.mark.slow
async def test_every_line_arrives_once_in_order(misfortunes: list[tuple[str, str, int]]) -> None:
    async with showing(limits=True) as show:
        store = MemoryStore()
        rules = SenderRules(first_pause=0.05, longest_pause=0.2)
        sender = Sender(store, store, show.deliverer, "s1", rules)
        put(store, *told(show))
        for kind, method, times in misfortunes:
            show.slack.faults.order(kind, method, times=times, retry_after=1)
        async with running(sender.run):
            await show.slack.until(
                lambda: not any(stream.entries for stream in store.outboxes.values()), seconds=60
            )
        for number in range(CONVERSATIONS):
            assert shown(show, number) == [f"ligne {number}-{line}" for line in range(1, LINES + 1)]
        roots = show.slack.channel("C1").top()
        assert len(roots) == CONVERSATIONS
        assert all("Prise en charge par Léa Dumas" in seen(root) for root in roots)
        claims = [one for one in show.slack.channel("C1").messages if "a pris la conversation" in seen(one)]
        assert len(claims) == CONVERSATIONS
        assert show.slack.limits.refused == []
        assert store.letters == {}


async def test_what_could_not_be_posted_in_time_is_joined() -> None:
    async with showing(limits=True) as show:
        store = MemoryStore()
        await show.open()
        put(store, *(show.entry(says(f"{number}", f"m{number}")) for number in range(2, 32)))
        began = datetime.now(UTC)
        async with running(Sender(store, store, show.deliverer, "s1").run):
            await show.slack.until(
                lambda: not any(stream.entries for stream in store.outboxes.values()), seconds=60
            )
        assert len(await show.below()) < 10
        assert (datetime.now(UTC) - began).total_seconds() < 20


async def test_a_claim_that_is_certain_at_once_changes_the_card_once() -> None:
    async with showing() as show:
        store = MemoryStore()
        await show.open()
        taking = a_card(state=CaseState.CLAIMED, agent=LEA_DUMAS)
        card = {"epoch": 2, "coalesce": "card:lea"}
        async with running(Sender(store, store, show.deliverer, "s1").run):
            put(store, show.entry(taking, **card))
            await asyncio.sleep(0.1)
            put(store, show.entry(replace(taking, hushed=True), **card))
            await show.slack.until(
                lambda: not any(stream.entries for stream in store.outboxes.values()), seconds=10
            )
        assert len(show.slack.calls_of("chat.update")) == 1
        assert "Prise en charge par Léa Dumas" in seen(show.slack.channel("C1").top()[0])


async def test_one_that_is_not_is_said_to_be_under_way() -> None:
    async with showing() as show:
        store = MemoryStore()
        await show.open()
        put(store, show.entry(a_card(state=CaseState.CLAIMED, agent=LEA_DUMAS), epoch=2))
        async with running(Sender(store, store, show.deliverer, "s1").run):
            await show.slack.until(lambda: "prend la conversation" in seen(show.slack.channel("C1").top()[0]))


async def test_while_nothing_presses_the_customer_speaks_under_their_own_name() -> None:
    """The system's line behind theirs is a message of its own."""
    async with showing() as show:
        store = MemoryStore()
        await show.open()
        noted = CaseLine(line=Line("s1", Author.SYSTEM, "C'est ajouté.", NOW))
        put(store, show.entry(says("j'attends", "m2"), coalesce="x"), show.entry(noted, coalesce="x"))
        async with running(Sender(store, store, show.deliverer, "s1").run):
            await show.slack.until(
                lambda: not any(stream.entries for stream in store.outboxes.values()), seconds=10
            )
        customer, system = await show.below()
        assert "j'attends" in seen(customer)
        assert "C'est ajouté" not in seen(customer)
        assert customer["username"].startswith("Zoé")
        assert "C'est ajouté" in seen(system)
