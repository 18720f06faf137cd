"""A destination with a budget of its own: what is kept in order, what waits, what goes together."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Hashable, Sequence
from typing import Any

import pytest

from bot.domain.errors import DeliveryDelayed, DeliveryFailed, DeliveryRefused
from bot.domain.events import ReceiptStatus
from bot.domain.message import Author
from bot.domain.outgoing import Hush, MessageOut, Outgoing
from bot.engine.sender import Sender, SenderRules
from bot.ports.delivery import Delivered, JoiningDeliverer, Pacing
from tests.builders import answer, chat
from tests.fakes.engine import LoopClock, Unlucky, put, running, seconds, until
from tests.fakes.memory_store import MemoryStore


class Budgeted:
    """Takes what comes together in one call, up to ``size``. ``script``: what befalls the next calls."""

    destination = "desk:slack"
    pacing = Pacing()

    def __init__(self, size: int = 10) -> None:
        self.size = size
        self.room = asyncio.Event()
        self.room.set()
        self.admitted: list[str] = []
        self.calls: list[tuple[list[str], bool]] = []
        self.at: list[float] = []
        self.shown: dict[str, list[str]] = defaultdict(list)
        self.script: deque[BaseException | float] = deque()

    def lane(self, entry: Outgoing) -> Hashable:
        return entry.coalesce

    async def admit(self, entry: Outgoing) -> None:
        await self.room.wait()
        self.admitted.append(entry.id)

    def joins(self, ahead: Sequence[Outgoing], entry: Outgoing) -> bool:
        return len(ahead) < self.size

    async def deliver(self, entry: Outgoing, *, doubtful: bool) -> Delivered:
        [delivered] = await self._call([entry], doubtful)
        return delivered

    async def deliver_joined(self, entries: Sequence[Outgoing], *, doubtful: bool) -> Sequence[Delivered]:
        return await self._call(entries, doubtful)

    async def _call(self, entries: Sequence[Outgoing], doubtful: bool) -> list[Delivered]:
        self.calls.append(([entry.id for entry in entries], doubtful))
        self.at.append(seconds())
        befalls = self.script.popleft() if self.script else 0.0
        if isinstance(befalls, BaseException):
            raise befalls
        await asyncio.sleep(befalls)
        for entry in entries:
            self.shown[str(entry.coalesce)].append(entry.id)
        return [Delivered(f"theirs-{entry.id}") for entry in entries]


@pytest.fixture
def desk() -> Budgeted:
    return Budgeted()


def sender(store: Any, desk: Budgeted, owner: str = "s1", **rules: Any) -> Sender:
    assert isinstance(desk, JoiningDeliverer)
    return Sender(store, store, desk, owner, SenderRules(**rules), LoopClock())


def line(number: int, lane: str = "lea", **more: Any) -> Outgoing:
    payload = MessageOut(text="x", author=Author.AGENT, message_id=f"m_{number}")
    values = {"destination": "desk:slack", "coalesce": lane, "payload": payload, **more}
    return answer(number=number, **values)


async def nothing_waits(store: MemoryStore) -> None:
    await until(lambda: not any(stream.entries for stream in store.outboxes.values()))


async def full(store: MemoryStore, desk: Budgeted, *entries: Outgoing) -> None:
    """Entries come while there is no room, so that they wait together; then there is."""
    desk.room.clear()
    put(store, *entries)
    await asyncio.sleep(1)
    desk.room.set()


async def test_each_lane_is_in_order_and_one_does_not_wait_for_another(
    store: MemoryStore, desk: Budgeted
) -> None:
    desk.size = 1
    desk.script.append(30.0)
    put(store, line(1), line(2), line(3, "card"))
    async with running(sender(store, desk).run):
        await until(lambda: desk.shown["card"] == ["o_3"])
        assert seconds() < 1
        await nothing_waits(store)
    assert desk.shown["lea"] == ["o_1", "o_2"]


async def test_whatever_waits_meanwhile_goes_together_in_order(store: MemoryStore, desk: Budgeted) -> None:
    async with running(sender(store, desk).run):
        await full(store, desk, *(line(number) for number in range(1, 6)), line(6, "other"))
        await nothing_waits(store)
    assert sorted(desk.calls) == [(["o_1", "o_2", "o_3", "o_4", "o_5"], False), (["o_6"], False)]
    assert sorted(desk.admitted) == ["o_1", "o_6"], "one call, one place"


async def test_no_more_goes_together_than_fits(store: MemoryStore, desk: Budgeted) -> None:
    desk.size = 2
    async with running(sender(store, desk).run):
        await full(store, desk, *(line(number) for number in range(1, 6)))
        await nothing_waits(store)
    assert [ids for ids, _ in desk.calls] == [["o_1", "o_2"], ["o_3", "o_4"], ["o_5"]]


async def test_each_call_is_admitted_again_when_it_is_made_again(store: MemoryStore, desk: Budgeted) -> None:
    desk.script.append(DeliveryFailed("reset"))
    put(store, line(1))
    async with running(sender(store, desk).run):
        await nothing_waits(store)
    assert desk.admitted == ["o_1", "o_1"]


async def test_what_comes_while_it_is_tried_again_goes_along(store: MemoryStore, desk: Budgeted) -> None:
    desk.script.append(DeliveryDelayed(10, everyone=False))
    async with running(sender(store, desk).run):
        put(store, line(1))
        await until(lambda: bool(desk.calls))
        put(store, line(2))
        await nothing_waits(store)
    assert desk.calls == [(["o_1"], False), (["o_1", "o_2"], False)]


async def test_what_may_be_there_already_is_made_out_alone(store: MemoryStore, desk: Budgeted) -> None:
    desk.script.append(DeliveryFailed("timeout", doubtful=True))
    async with running(sender(store, desk).run):
        await full(store, desk, line(1), line(2))
        await until(lambda: bool(desk.calls))
        put(store, line(3))
        await nothing_waits(store)
    assert desk.calls == [(["o_1", "o_2"], False), (["o_1", "o_2"], True), (["o_3"], False)]


async def test_a_delay_in_doubt_leaves_the_doubt(store: MemoryStore, desk: Budgeted) -> None:
    desk.script.extend([DeliveryFailed("timeout", doubtful=True), DeliveryDelayed(5, everyone=False)])
    async with running(sender(store, desk).run):
        await full(store, desk, line(1), line(2))
        await nothing_waits(store)
    assert [doubtful for _, doubtful in desk.calls] == [False, True, True]


async def test_whoever_has_no_attempts_left_is_parked_and_the_others_go_on(
    store: MemoryStore, desk: Budgeted
) -> None:
    desk.script.extend([DeliveryFailed("reset"), DeliveryFailed("reset")])
    async with running(sender(store, desk, attempts=2, first_pause=10.0).run):
        put(store, line(1))
        await until(lambda: bool(desk.calls))
        put(store, line(2))
        await nothing_waits(store)
    assert [ids for ids, _ in desk.calls] == [["o_1"], ["o_1", "o_2"], ["o_2"]]
    assert desk.shown["lea"] == ["o_2"]
    assert [letter.error for letter in store.letters.values()] == ["reset"]


async def test_a_refusal_of_one_call_is_everybody_s(store: MemoryStore, desk: Budgeted) -> None:
    desk.script.append(DeliveryRefused("no_text"))
    async with running(sender(store, desk).run):
        await full(store, desk, line(1), line(2))
        put(store, line(3))
        await nothing_waits(store)
    assert len(store.letters) == 2
    assert desk.shown["lea"] == ["o_3"]


async def test_one_of_them_that_was_taken_back_is_left_out(store: MemoryStore, desk: Budgeted) -> None:
    store.chats[answer().chat] = (chat(recalled=("m_2",)), 3, "e")
    async with running(sender(store, desk).run):
        await full(store, desk, line(1), line(2), line(3))
        await nothing_waits(store)
    assert [ids for ids, _ in desk.calls] == [["o_1", "o_3"]]
    facts = [fact.body for stream in store.logs.values() for fact in stream.entries.values()]
    assert {fact.message_id: fact.status for fact in facts}["m_2"] is ReceiptStatus.DROPPED


async def test_after_a_crash_between_two_of_them_the_next_doubts_the_rest_only(
    store: MemoryStore, desk: Budgeted
) -> None:
    dying = Unlucky(store)
    desk.room.clear()
    put(store, line(1), line(2), line(3))
    finished: list[str] = []
    finish = store.finish_send

    async def until_the_first(lease: Any, entry: Any, **more: Any) -> None:
        if finished:
            dying.down = True
            first.cancel()
            await asyncio.sleep(1e6)
        finished.append(entry.value.id)
        await finish(lease, entry, **more)

    dying.finish_send = until_the_first  # type: ignore[attr-defined]
    first = asyncio.create_task(sender(dying, desk).run(asyncio.Event()))
    await asyncio.sleep(1)
    desk.room.set()
    await until(lambda: dying.down)
    assert finished == ["o_1"]
    async with running(sender(store, desk, "s2").run):
        await nothing_waits(store)
    (together, _), *later = desk.calls
    assert together == ["o_1", "o_2", "o_3"]
    assert [one for ids, _ in later for one in ids] == ["o_2", "o_3"]
    assert all(doubtful for _, doubtful in later)


async def test_a_delay_that_is_everyone_s_stops_every_lane(store: MemoryStore, desk: Budgeted) -> None:
    desk.script.append(DeliveryDelayed(60))
    async with running(sender(store, desk).run):
        put(store, line(1))
        await until(lambda: bool(desk.calls))
        put(store, line(2, "other"))
        await nothing_waits(store)
    assert desk.at[0] < 1
    assert min(desk.at[1:]) >= 60


async def test_silence_goes_with_nothing(store: MemoryStore, desk: Budgeted) -> None:
    async with running(sender(store, desk).run):
        await full(store, desk, line(1), line(2, payload=Hush()), line(3))
        await nothing_waits(store)
    assert [ids for ids, _ in desk.calls] == [["o_1"], ["o_3"]]


async def test_told_to_stop_while_there_is_no_room_it_leaves_everything_to_the_next(
    store: MemoryStore, desk: Budgeted
) -> None:
    desk.room.clear()
    put(store, line(1), line(2))
    async with running(sender(store, desk).run):
        await asyncio.sleep(1)
        stopped_at = seconds()
    assert seconds() - stopped_at < 1
    desk.room.set()
    async with running(sender(store, desk, "s2").run):
        await nothing_waits(store)
    assert desk.calls == [(["o_1", "o_2"], False)]
