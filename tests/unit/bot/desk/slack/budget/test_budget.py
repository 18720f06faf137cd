"""Slack's limits kept, the urgent first; lag noticed once."""

from __future__ import annotations

import asyncio

import pytest

from bot.desk.slack.budget import A_MINUTE, CHANNEL_BURST, POST, Budget, Change, Lag
from bot.domain.outgoing import Priority

UPDATE = "chat.update"


def now() -> float:
    return asyncio.get_running_loop().time()


async def entered(
    budget: Budget, method: str, channel: str = "C1", priority: Priority = Priority.CUSTOMER
) -> float:
    await budget.enter(method, channel, priority)
    return now()


async def test_a_channel_takes_a_burst_then_a_message_a_second() -> None:
    budget = Budget()
    times = await asyncio.gather(*(entered(budget, POST) for _ in range(10)))
    burst = int(CHANNEL_BURST)
    assert times[:burst] == pytest.approx([0.0] * burst, abs=0.01)
    assert times[burst:] == pytest.approx([float(second) for second in range(1, 11 - burst)], abs=0.01)


@pytest.mark.parametrize("method", sorted(A_MINUTE))
async def test_no_minute_has_more_calls_than_slack_publishes(method: str) -> None:
    budget = Budget()
    times = await asyncio.gather(*(entered(budget, method, f"C{n % 40}") for n in range(700)))
    times.sort()
    most = max(sum(1 for time in times if start <= time < start + 60) for start in times[::7])
    assert most <= A_MINUTE[method]
    assert times[-1] < 60 * 700 / A_MINUTE[method] * 1.5


async def test_one_channel_does_not_hold_another_up() -> None:
    budget = Budget()
    busy = [asyncio.create_task(entered(budget, POST, "C1")) for _ in range(30)]
    await asyncio.sleep(0)
    assert await entered(budget, POST, "C2") < 0.01
    await asyncio.gather(*busy)


async def test_the_urgent_go_first_and_equals_in_order() -> None:
    budget = Budget()
    order: list[str] = []

    async def one(name: str, priority: Priority) -> None:
        await budget.enter(POST, "C1", priority)
        order.append(name)

    full = [asyncio.create_task(one("full", Priority.CUSTOMER)) for _ in range(int(CHANNEL_BURST))]
    await asyncio.sleep(0)
    wanted = [("tick", Priority.TICK), ("card", Priority.CARD), ("failure", Priority.FAILURE)]
    wanted += [("first", Priority.CUSTOMER), ("second", Priority.CUSTOMER)]
    await asyncio.gather(*full, *(one(*each) for each in wanted))
    assert order[len(full) :] == ["first", "second", "failure", "card", "tick"]


async def test_when_slack_asks_to_wait_that_method_waits_and_no_other() -> None:
    budget = Budget()
    budget.close(POST, 30.0)
    assert await entered(budget, UPDATE) < 0.01
    assert await entered(budget, POST) == pytest.approx(30.0, abs=0.01)


async def test_a_refused_token_makes_everything_wait() -> None:
    budget = Budget()
    budget.close("", 60.0)
    assert await entered(budget, UPDATE) == pytest.approx(60.0, abs=0.01)


async def test_a_shorter_wait_does_not_shorten_a_longer_one() -> None:
    budget = Budget()
    budget.close(POST, 30.0)
    budget.close(POST, 1.0)
    assert await entered(budget, POST) == pytest.approx(30.0, abs=0.01)


async def test_who_gives_up_takes_nobodys_place() -> None:
    budget = Budget()
    for _ in range(int(CHANNEL_BURST)):
        await budget.enter(POST, "C1", Priority.CUSTOMER)
    gone = asyncio.create_task(entered(budget, POST))
    await asyncio.sleep(0)
    gone.cancel()
    assert await entered(budget, POST) == pytest.approx(1.0, abs=0.01)


async def test_there_is_room_for_what_is_nice_to_have_only_when_nobody_waits() -> None:
    budget = Budget()
    assert budget.has_room(POST, "C1")
    for _ in range(2):
        await budget.enter(POST, "C1", Priority.CUSTOMER)
    assert not budget.has_room(POST, "C1")
    assert budget.has_room(POST, "C2")
    budget.close(POST, 10.0)
    assert not budget.has_room(POST, "C2")
    await asyncio.sleep(20)
    assert budget.has_room(POST, "C1")


async def test_methods_without_a_published_limit_do_not_wait() -> None:
    budget = Budget()
    assert max(await asyncio.gather(*(entered(budget, "auth.test") for _ in range(500)))) < 0.01


async def test_its_own_clock_can_be_given() -> None:
    budget = Budget(time=lambda: 1_000.0 + now())
    for _ in range(int(CHANNEL_BURST)):
        await budget.enter(POST, "C1", Priority.CUSTOMER)
    assert await entered(budget, POST) == pytest.approx(1.0, abs=0.01)


# --- lag -----------------------------------------------------------------------------------------


def test_lag_is_told_once_an_incident_and_again_when_it_is_over() -> None:
    lag = Lag(limit=60.0, quiet=30.0)
    assert lag.seen(59.0, 0.0) is None
    assert lag.seen(61.0, 1.0) is Change.BEGAN
    assert lag.seen(90.0, 2.0) is None
    assert lag.seen(5.0, 20.0) is None
    assert lag.seen(70.0, 25.0) is None
    assert lag.seen(5.0, 54.0) is None
    assert lag.seen(5.0, 55.0) is Change.OVER
    assert lag.seen(5.0, 56.0) is None
    assert lag.seen(61.0, 100.0) is Change.BEGAN


def test_it_is_over_by_time_alone() -> None:
    lag = Lag(limit=60.0, quiet=30.0)
    lag.seen(61.0, 0.0)
    assert lag.is_late
    assert lag.passed(29.0) is None
    assert lag.passed(30.0) is Change.OVER
    assert not lag.is_late
    assert lag.passed(31.0) is None


async def test_in_the_long_run_all_that_slack_takes_is_used() -> None:
    budget = Budget()
    times = await asyncio.gather(*(entered(budget, UPDATE) for _ in range(500)))
    assert max(times) < 61 * 500 / A_MINUTE[UPDATE]


async def test_after_a_full_minute_there_is_no_room_for_what_is_nice_to_have() -> None:
    budget = Budget()
    await asyncio.gather(*(entered(budget, UPDATE) for _ in range(int(A_MINUTE[UPDATE]))))
    await asyncio.sleep(8.0)  # the burst has come back, the minute is still full
    assert not budget.has_room(UPDATE, "C1")
    await asyncio.sleep(40.0)
    assert budget.has_room(UPDATE, "C1")
