"""Slack limits, fails and drops the line under fifty conversations: everything arrives, once, in order."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.rasa_server import fake_rasa, parsed
from tests.fakes.slack import SlackStandIn
from tests.integration.slack.people import cards, channels, words, workspace
from tests.integration.slack.whole import Customer, until, whole

pytestmark = pytest.mark.slow

SECONDS = float(os.environ.get("MISFORTUNE_SECONDS", "6"))
"""How long Slack refuses everything, and how long the line is down. The full test is 60."""
CONVERSATIONS = 50
CHANNELS = channels(9)
"""One message a second each is what Slack takes."""
PAUSE = 4.0
"""Seconds between two messages of a conversation."""
PATIENCE = 120 + 4 * SECONDS


def answer(_text: str) -> tuple[int, bytes]:
    return parsed("talk_to_human")


async def test_limits_failures_and_a_lost_line_lose_double_and_mix_up_nothing(tmp_path: Path) -> None:
    delays = (0, SECONDS, 5 * SECONDS)
    async with (
        workspace(more_channels=9, retry_delays=delays) as slack,
        fake_rasa(answer=answer) as rasa,
        whole(tmp_path, slack, rasa.url, channels=CHANNELS) as guichet,
        AsyncExitStack() as stack,
    ):
        names = [f"n{number}" for number in range(CONVERSATIONS)]
        customers = [await stack.enter_async_context(guichet.customer(name)) for name in names]
        threads = await asyncio.gather(*(begun(slack, customer) for customer in customers))
        await until(lambda: settled(slack, threads), "the calm before the storm", 120)
        stop = asyncio.Event()
        talking = [
            asyncio.create_task(talk(slack, customer, place, stop))
            for customer, place in zip(customers, threads, strict=True)
        ]
        await misfortunes(slack)
        stop.set()
        counts = await asyncio.gather(*talking)
        for customer, place, count in zip(customers, threads, counts, strict=True):
            await arrived(slack, customer, place, count)
        assert sum(counts) > 2 * CONVERSATIONS
        assert slack.calls_of("chat.postMessage")


Place = tuple[str, str]
"""A thread: its channel and its first message."""


async def begun(slack: SlackStandIn, customer: Customer) -> Place:
    """Asks for a person; Léa claims."""
    await customer.says(f"un humain svp, ici {customer.name}.")

    def found() -> Place | None:
        mine = (
            (channel, card["ts"])
            for channel in CHANNELS
            for card in cards(slack, channel)
            if f"ici {customer.name}." in words(card)
        )
        return next(mine, None)

    place: Place = await until(found, f"a card for {customer.name}", 60)
    answered = await slack.user("U0LEA").press(*place, "claim")
    assert answered.acked, answered
    try:
        await customer.hears("Léa", seconds=60)
    except AssertionError as error:
        told = [words(one) for one in slack.ephemerals("U0LEA") if one.get("thread_ts") == place[1]]
        raise AssertionError(f"{error}; the agent was told {told}") from None
    return place


def settled(slack: SlackStandIn, places: Sequence[Place]) -> bool:
    """Whether each thread says that the conversation is claimed."""
    return all(
        any("a pris la conversation" in words(one) for one in slack.channel(channel).thread(ts))
        for channel, ts in places
    )


async def talk(slack: SlackStandIn, customer: Customer, place: Place, stop: asyncio.Event) -> int:
    """Both write now and then; how many times."""
    channel, ts = place
    count = 0
    while not stop.is_set():
        await customer.says(f"question {customer.name} {count} fin")
        slack.user("U0LEA").post(channel, f"réponse {customer.name} {count} fin", thread_ts=ts)
        count += 1
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), PAUSE)
    return count


async def misfortunes(slack: SlackStandIn) -> None:
    await asyncio.sleep(1)
    slack.faults.order("429", seconds=SECONDS, retry_after=3)
    await asyncio.sleep(SECONDS + 1)
    slack.faults.order("500", "chat.postMessage", times=15)
    slack.faults.order("500_after", "chat.postMessage", times=15)
    await asyncio.sleep(3)
    slack.faults.order("503", seconds=2)
    await asyncio.sleep(3)
    await slack.sockets.drop(SECONDS)
    await asyncio.sleep(SECONDS + 1)


def numbers(texts: Sequence[str], word: str, name: str) -> list[int]:
    """Which of somebody's messages are in these texts, in order."""
    return [int(n) for text in texts for n in re.findall(rf"{word} {name} (\d+) fin", text)]


def shown_in(slack: SlackStandIn, place: Place) -> list[str]:
    """What the blocks of the thread's messages say, each message once (not its fallback text too)."""

    def told(message: dict[str, Any]) -> str:
        return words({"blocks": message["blocks"]} if message.get("blocks") else message)

    channel, ts = place
    return [told(one) for one in slack.channel(channel).thread(ts) if one.get("bot_id") and one["ts"] != ts]


async def arrived(slack: SlackStandIn, customer: Customer, place: Place, count: int) -> None:
    wanted = list(range(count))

    def agents() -> list[int]:
        return numbers(customer.texts("agent"), "réponse", customer.name)

    def asked() -> list[int]:
        return numbers(shown_in(slack, place), "question", customer.name)

    try:
        await until(
            lambda: len(agents()) >= count and len(asked()) >= count, f"all of {customer.name}", PATIENCE
        )
    except AssertionError as error:
        raise AssertionError(f"{error}: to the customer {agents()}, to Slack {asked()} of {count}") from None
    assert agents() == wanted, f"{customer.name}: what agents wrote"
    assert asked() == wanted, f"{customer.name}: what the customer wrote"
