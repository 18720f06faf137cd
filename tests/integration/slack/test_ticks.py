"""Ticks when Slack's limit presses: one stands for all above it, and never for what did not go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.desk.slack import ticks
from bot.desk.slack.budget import A_MINUTE, BURST_SHARE, Budget
from bot.desk.slack.names import said_at
from bot.domain.events import DraftChoice, ReceiptStatus
from bot.domain.message import Draft, HoldReason
from bot.domain.outgoing import CaseFate, CaseHeld, CaseUnheld, Outgoing, Priority
from tests.fakes.slack_show import LEA_DUMAS, Show, a_card, replies, says, seen, showing

TICK, EYES, WARNING, BACK, HELD = (
    "white_check_mark",
    "eyes",
    "warning",
    "leftwards_arrow_with_hook",
    "hourglass_flowing_sand",
)
BURST = int(A_MINUTE["reactions.add"] * BURST_SHARE)


@pytest.fixture
def budget() -> Budget:
    return Budget()


@pytest.fixture
async def show(budget: Budget) -> AsyncIterator[Show]:
    async with showing(budget=budget) as one:
        yield one


async def typed(show: Show, *texts: str, conversation: str = "c_1") -> list[str]:
    """What Léa writes in the thread: the timestamps."""
    if await show.threads.of(conversation) is None:
        await show.open()
    root = (await show.bound(conversation)).root
    return [show.slack.user("U1").post("C1", text, thread_ts=root) for text in texts]


def fate(show: Show, ts: str, status: ReceiptStatus = ReceiptStatus.DELIVERED, **more: Any) -> Outgoing:
    """As the engine addresses it."""
    is_failure = status is ReceiptStatus.FAILED
    payload = CaseFate(message_id=said_at("C1", ts), status=status, **more)
    return show.entry(payload, priority=Priority.FAILURE if is_failure else Priority.TICK)


def held(ts: str, reason: HoldReason = HoldReason.MENTION) -> Draft:
    return Draft(said_at("C1", ts), LEA_DUMAS, reason, datetime.now(UTC), "demande à @Paul")


async def sent(show: Show, entry: Outgoing) -> None:
    """As the sender does, once it has read the entry."""
    await show.deliverer.admit(entry)
    await show.deliverer.deliver(entry, doubtful=False)


def sending(show: Show, entries: Iterable[Outgoing]) -> list[asyncio.Task[None]]:
    """As the sender does with entries of several lanes: all are read, then sent side by side."""
    read = list(entries)
    for entry in read:
        show.deliverer.lane(entry)
    return [asyncio.create_task(sent(show, entry)) for entry in read]


async def all_sent(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Within a time that is short beside what a tick waits for at most; some may be refused."""
    await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)


async def full(budget: Budget) -> None:
    """Nobody has room for a mark until the limit lets somebody in again."""
    for _ in range(BURST):
        await budget.enter("reactions.add", "", Priority.TICK)


async def marks(show: Show, *texts: str) -> list[list[str]]:
    """The marks on what was typed, message by message."""
    below = {seen(one): one for one in await show.below()}
    return [sorted(one["name"] for one in below[text].get("reactions", ())) for text in texts]


async def test_with_room_each_reply_has_its_own_tick(show: Show) -> None:
    said = await typed(show, "un", "deux", "trois")
    await all_sent(sending(show, [fate(show, ts) for ts in said]))
    assert await marks(show, "un", "deux", "trois") == [[TICK], [TICK], [TICK]]


async def test_without_room_the_one_furthest_down_is_ticked(show: Show, budget: Budget) -> None:
    said = await typed(show, "un", "deux", "trois")
    await full(budget)
    await all_sent(sending(show, [fate(show, ts) for ts in said]))
    assert await marks(show, "un", "deux", "trois") == [[], [], [TICK]]
    assert len(show.slack.calls_of("reactions.add")) == 1


async def test_furthest_down_is_meant_not_latest(show: Show, budget: Budget) -> None:
    was_held, after = await typed(show, "retenu", "parti avant")
    await full(budget)
    await all_sent(sending(show, [fate(show, after), fate(show, was_held)]))
    assert await marks(show, "retenu", "parti avant") == [[], [TICK]]


async def test_conversations_do_not_speak_for_each_other(show: Show, budget: Budget) -> None:
    await show.open()
    first = await show.root()
    await show.tell(a_card(), conversation="c_2")
    one = show.slack.user("U1").post("C1", "un", thread_ts=first)
    other = show.slack.user("U1").post("C1", "ailleurs", thread_ts=(await show.bound("c_2")).root)
    elsewhere = show.entry(
        CaseFate(message_id=said_at("C1", other), status=ReceiptStatus.DELIVERED), conversation="c_2"
    )
    await full(budget)
    await all_sent(sending(show, [fate(show, one), elsewhere]))
    assert {call.arguments["timestamp"] for call in show.slack.calls_of("reactions.add")} == {one, other}


async def test_a_tick_comes_after_the_warning_above_it(show: Show) -> None:
    failed, went = await typed(show, "raté", "parti")
    warning, tick = fate(show, failed, ReceiptStatus.FAILED, detail="blocked"), fate(show, went)
    show.deliverer.lane(warning)  # read, and waiting for another attempt
    ticking = sending(show, [tick])
    await asyncio.sleep(0.05)
    assert await marks(show, "raté", "parti") == [[], []]
    await sent(show, warning)
    await all_sent(ticking)
    assert await marks(show, "raté", "parti") == [[WARNING], [TICK]]


@pytest.mark.parametrize("mark", [BACK, HELD])
async def test_a_tick_comes_after_what_was_taken_back_or_is_held_above_it(show: Show, mark: str) -> None:
    above, went = await typed(show, "resté", "parti")
    undone, kept = fate(show, above, ReceiptStatus.DROPPED), show.entry(CaseHeld(draft=held(above)))
    other = undone if mark == BACK else kept
    show.deliverer.lane(other)
    ticking = sending(show, [fate(show, went)])
    await asyncio.sleep(0.05)
    assert await marks(show, "parti") == [[]]
    await sent(show, other)
    await all_sent(ticking)
    assert await marks(show, "resté", "parti") == [[mark], [TICK]]


async def test_a_mark_that_slack_refuses_holds_nothing_up(show: Show) -> None:
    failed, went = await typed(show, "raté", "parti")
    warning = fate(show, failed, ReceiptStatus.FAILED, detail="blocked")
    show.slack.faults.order("error", "chat.postMessage", times=1, error="msg_too_long")
    tasks = sending(show, [warning, fate(show, went)])
    await all_sent(tasks)
    assert tasks[0].exception() is not None
    assert await marks(show, "parti") == [[TICK]]


async def test_a_tick_does_not_wait_for_ever(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "LONGEST", 0.05)
    failed, went = await typed(show, "raté", "parti")
    show.deliverer.lane(fate(show, failed, ReceiptStatus.FAILED, detail="blocked"))
    await all_sent(sending(show, [fate(show, went)]))
    assert await marks(show, "parti") == [[TICK]]


async def test_a_resend_that_worked_loses_its_warning_though_its_tick_is_said_below(
    show: Show, budget: Budget
) -> None:
    again, went = await typed(show, "renvoyé", "parti")
    await sent(show, fate(show, again, ReceiptStatus.FAILED, detail="blocked", letter="d_1"))
    await full(budget)
    await all_sent(sending(show, [fate(show, went), fate(show, again)]))
    assert await marks(show, "renvoyé", "parti") == [[], [TICK]]
    assert "Remis finalement" in seen((await show.below())[-1])


async def test_a_resend_that_worked_and_was_seen_at_once_loses_its_warning(show: Show) -> None:
    (again,) = await typed(show, "renvoyé")
    await sent(show, fate(show, again, ReceiptStatus.FAILED, detail="blocked", letter="d_1"))
    await show.hand(fate(show, again), fate(show, again, ReceiptStatus.SEEN))
    assert await marks(show, "renvoyé") == [[EYES]]
    assert "Remis finalement" in seen((await show.below())[-1])


async def test_a_reply_shown_after_its_failure_bears_the_warning(show: Show) -> None:
    await show.open()
    await show.tell(CaseFate(message_id="m_1", status=ReceiptStatus.FAILED, detail="blocked"))
    await show.tell(replies("Bonjour", "m_1"))
    line = (await show.below())[-1]
    assert [one["name"] for one in line["reactions"]] == [WARNING]


@pytest.mark.parametrize(
    ("choice", "after"),
    [
        (DraftChoice.SEND, []),
        (DraftChoice.TAKE_OVER, []),
        (DraftChoice.NOTE, ["lock"]),
        (DraftChoice.DISCARD, ["no_entry_sign"]),
    ],
)
async def test_everybody_sees_that_a_message_is_held_and_what_became_of_it(
    show: Show, choice: DraftChoice, after: list[str]
) -> None:
    (kept,) = await typed(show, "retenu")
    await show.tell(CaseHeld(draft=held(kept)))
    assert await marks(show, "retenu") == [[HELD]]
    await show.tell(CaseUnheld(draft=held(kept), choice=choice))
    assert await marks(show, "retenu") == [after]


async def test_a_mark_in_a_channel_that_is_lost_moves_no_thread_and_the_agent_is_asked_all_the_same(
    show: Show,
) -> None:
    await show.tell(a_card(team="orders"))
    show.cases.cards["c_1"] = a_card(team="orders")
    first = await show.bound()
    typed_there = [show.slack.user("U1").post(first.place, text, thread_ts=first.root) for text in "ab"]
    show.slack.archive(first.place)
    await show.tell(says("encore là ?", "m2"))  # that moves it
    was_held, went = (said_at(first.place, ts) for ts in typed_there)
    draft = Draft(was_held, LEA_DUMAS, HoldReason.MENTION, datetime.now(UTC), "demande à @Paul")
    second = await show.bound()
    await show.tell(CaseHeld(draft=draft))
    assert second.place != first.place
    assert show.slack.user("U1").ephemerals()
    await show.tell(CaseUnheld(draft=draft, choice=DraftChoice.DISCARD))
    await show.tell(CaseFate(message_id=went, status=ReceiptStatus.DELIVERED))
    assert await show.bound() == second
