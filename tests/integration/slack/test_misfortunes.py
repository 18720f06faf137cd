"""Slack limits, fails and drops the line under fifty conversations: everything arrives, once, in order."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.rasa_server import fake_rasa, parsed
from tests.fakes.slack import SlackStandIn
from tests.integration.slack.people import CHANNEL, cards, words, workspace
from tests.integration.slack.whole import Customer, until, whole

pytestmark = pytest.mark.slow

SECONDS = float(os.environ.get("MISFORTUNE_SECONDS", "10"))
"""How long Slack refuses everything, and how long the line is down. The full test is 60."""
CONVERSATIONS = 50
PATIENCE = 120 + 4 * SECONDS


def answer(_text: str) -> tuple[int, bytes]:
    return parsed("talk_to_human")


async def test_limits_failures_and_a_lost_line_lose_double_and_mix_up_nothing(tmp_path: Path) -> None:
    delays = (0, SECONDS, 5 * SECONDS)
    async with workspace(retry_delays=delays) as slack, fake_rasa(answer=answer) as rasa:
        async with whole(tmp_path, slack, rasa.url) as guichet, AsyncExitStack() as stack:
            names = [f"n{number}" for number in range(CONVERSATIONS)]
            customers = [await stack.enter_async_context(guichet.customer(name)) for name in names]
            threads = await asyncio.gather(*(begun(slack, customer) for customer in customers))
            stop = asyncio.Event()
            talking = [
                asyncio.create_task(talk(slack, customer, ts, stop))
                for customer, ts in zip(customers, threads, strict=True)
            ]
            await misfortunes(slack)
            stop.set()
            counts = await asyncio.gather(*talking)
            for customer, ts, count in zip(customers, threads, counts, strict=True):
                await arrived(slack, customer, ts, count)
            assert sum(counts) > 2 * CONVERSATIONS
            assert slack.calls_of("chat.postMessage")


async def begun(slack: SlackStandIn, customer: Customer) -> str:
    """Asks for a person; Léa claims. The thread's root."""
    await customer.says(f"un humain svp, ici {customer.name}.")

    def found() -> str | None:
        mine = (card["ts"] for card in cards(slack) if f"ici {customer.name}." in words(card))
        return next(mine, None)

    ts = str(await until(found, f"a card for {customer.name}", 60))
    await slack.user("U0LEA").press(CHANNEL, ts, "claim")
    await customer.hears("Léa", seconds=60)
    return ts


async def talk(slack: SlackStandIn, customer: Customer, ts: str, stop: asyncio.Event) -> int:
    """Both write now and then; how many times."""
    count = 0
    while not stop.is_set():
        await customer.says(f"question {customer.name} {count} fin")
        slack.user("U0LEA").post(CHANNEL, f"réponse {customer.name} {count} fin", thread_ts=ts)
        count += 1
        await asyncio.wait([asyncio.ensure_future(stop.wait())], timeout=2.0)
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
    slack.sockets.drop(SECONDS)
    await asyncio.sleep(SECONDS + 1)


def numbers(texts: Sequence[str], word: str, name: str) -> list[int]:
    """Which of somebody's messages are in these texts, in order."""
    return [int(n) for text in texts for n in re.findall(rf"{word} {name} (\d+) fin", text)]


def shown_in(slack: SlackStandIn, ts: str) -> list[str]:
    """What the blocks of the thread's messages say, each message once (not its fallback text too)."""

    def told(message: dict[str, Any]) -> str:
        return words({"blocks": message["blocks"]} if message.get("blocks") else message)

    return [told(one) for one in slack.channel(CHANNEL).thread(ts) if one.get("bot_id") and one["ts"] != ts]


async def arrived(slack: SlackStandIn, customer: Customer, ts: str, count: int) -> None:
    wanted = list(range(count))

    def agents() -> list[int]:
        return numbers(customer.texts("agent"), "réponse", customer.name)

    def asked() -> list[int]:
        return numbers(shown_in(slack, ts), "question", customer.name)

    try:
        await until(
            lambda: len(agents()) >= count and len(asked()) >= count, f"all of {customer.name}", PATIENCE
        )
    except AssertionError as error:
        raise AssertionError(f"{error}: to the customer {agents()}, to Slack {asked()} of {count}") from None
    assert agents() == wanted, f"{customer.name}: what agents wrote"
    assert asked() == wanted, f"{customer.name}: what the customer wrote"
