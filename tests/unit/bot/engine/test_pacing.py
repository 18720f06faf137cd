"""The gate of a destination: so many a second, the most urgent first, nobody while it is closed."""

from __future__ import annotations

import asyncio

import pytest

from bot.domain.outgoing import Priority
from bot.engine.pacing import Gate
from tests.fakes.engine import seconds


def gate(rate: float | None) -> Gate:
    return Gate(rate, asyncio.get_running_loop().time)


async def entered(at: Gate, priority: Priority = Priority.CUSTOMER) -> float:
    await at.enter(priority)
    return seconds()


async def test_without_a_limit_nobody_waits() -> None:
    free = gate(None)
    assert max([await entered(free) for _ in range(1000)]) < 0.01


@pytest.mark.parametrize("rate", [30.0, 4.0, 1.0, 0.5])
async def test_after_a_burst_of_a_second_s_worth_the_rate_is_kept(rate: float) -> None:
    slow = gate(rate)
    times = await asyncio.gather(*(entered(slow) for _ in range(60)))
    burst = max(1, int(rate))
    assert times[:burst] == pytest.approx([0.0] * burst, abs=0.01)
    assert times[burst:] == pytest.approx([number / rate for number in range(1, 61 - burst)], abs=0.01)


async def test_a_silence_is_worth_one_burst_and_no_more() -> None:
    slow = gate(2.0)
    await asyncio.gather(*(entered(slow) for _ in range(10)))
    await asyncio.sleep(1000)
    began = seconds()
    times = await asyncio.gather(*(entered(slow) for _ in range(4)))
    assert [at - began for at in times] == pytest.approx([0, 0, 0.5, 1.0], abs=0.01)


async def test_the_most_urgent_goes_first_even_if_it_came_last() -> None:
    slow, order = gate(1.0), list[str]()

    async def go(name: str, priority: Priority) -> None:
        await slow.enter(priority)
        order.append(name)

    await slow.enter(Priority.CUSTOMER)
    tick = asyncio.create_task(go("tick", Priority.TICK))
    card = asyncio.create_task(go("card", Priority.CARD))
    await asyncio.sleep(0.5)
    reply = asyncio.create_task(go("reply", Priority.CUSTOMER))
    second = asyncio.create_task(go("second reply", Priority.CUSTOMER))
    await asyncio.gather(tick, card, reply, second)
    assert order == ["reply", "second reply", "card", "tick"]
    assert seconds() == pytest.approx(4.0, abs=0.05)


async def test_nobody_gets_in_while_it_is_closed_not_even_who_waited_already() -> None:
    slow = gate(1.0)
    await slow.enter(Priority.CUSTOMER)
    waiting = asyncio.create_task(entered(slow))
    await asyncio.sleep(0.5)
    slow.close_for(10)
    slow.close_for(3)  # closing for less does not open it earlier
    assert await waiting == pytest.approx(10.5, abs=0.01)


async def test_closing_holds_without_a_limit_too() -> None:
    free = gate(None)
    free.close_for(10)
    assert await entered(free) == pytest.approx(10.0, abs=0.01)


async def test_who_gives_up_waiting_leaves_no_gap() -> None:
    slow = gate(1.0)
    await slow.enter(Priority.CUSTOMER)
    gone = asyncio.create_task(slow.enter(Priority.CUSTOMER))
    await asyncio.sleep(0.1)
    gone.cancel()
    await asyncio.wait((gone,))
    assert await entered(slow) == pytest.approx(1.0, abs=0.01)
