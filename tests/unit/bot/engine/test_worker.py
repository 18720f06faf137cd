"""Workers: order within a chat, many chats at once, and no event is lost or handled by two."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from bot.domain.decision import Decision, Send
from bot.domain.facts import ErrorLogged, MessageLogged
from bot.domain.identity import ChatId
from bot.domain.message import Author
from bot.domain.outgoing import MessageOut
from bot.domain.turn import Turn
from bot.engine.worker import Worker, WorkerRules
from bot.ports.handling import Handler
from tests.builders import LEA, message
from tests.fakes.engine import LoopClock, Unlucky, echo, logged, runner, running, said, seconds, until
from tests.fakes.memory_store import MemoryStore

BEN = ChatId("web", "main", "ben")


def worker(store: Any, handler: Handler = echo, owner: str = "w1", **rules: Any) -> Worker:
    return Worker(store, runner(handler), owner, WorkerRules(**rules), LoopClock())


def waiting(store: MemoryStore) -> int:
    return sum(len(stream.entries) for stream in store.inboxes.values())


async def nothing_waits(store: MemoryStore) -> None:
    await until(lambda: not waiting(store))


async def written(store: MemoryStore, *numbers: int, chat: ChatId = LEA) -> None:
    for number in numbers:
        await store.append(message(f"n{number}", chat=chat, number=number))


def says(text: str, *, after: Callable[[Turn], float] = lambda _turn: 0.0) -> Handler:
    async def handler(turn: Turn) -> Decision:
        await asyncio.sleep(after(turn))
        return Decision(chat=turn.chat, sends=(Send(payload=MessageOut(text=f"{text}: {turn.text}")),))

    return handler


# --- order ------------------------------------------------------------------------------------


async def test_a_chat_is_answered_strictly_in_order(store: MemoryStore) -> None:
    await written(store, 1, 2, 3)
    slow_at_first = says("re", after=lambda turn: 1.5 if turn.text == "n1" else 0.0)
    async with running(worker(store, slow_at_first).run):
        await until(lambda: waiting(store) < 3)
        await written(store, 4)
        await nothing_waits(store)
    assert said(store) == ["re: n1", "re: n2", "re: n3", "re: n4"]


async def test_many_chats_are_served_at_once(store: MemoryStore) -> None:
    for number in range(50):
        await written(store, 1, chat=ChatId("web", "main", f"c{number}"))
    async with running(worker(store, says("re", after=lambda _turn: 1.0)).run):
        await nothing_waits(store)
        assert seconds() < 2


async def test_no_more_chats_are_served_at_once_than_allowed(store: MemoryStore) -> None:
    for number in range(6):
        await written(store, 1, chat=ChatId("web", "main", f"c{number}"))
    async with running(worker(store, says("re", after=lambda _turn: 1.0), concurrency=2).run):
        await nothing_waits(store)
        assert 3 <= seconds() < 4


async def test_a_turn_begins_from_what_the_one_before_committed(store: MemoryStore) -> None:
    await written(store, 1, 2, 3)
    async with running(worker(store).run):
        await nothing_waits(store)
    chat, version, _ = store.chats[LEA]
    assert version == 3
    assert [line.text for line in chat.recent] == ["n1", "re: n1", "n2", "re: n2", "n3", "re: n3"]


async def test_a_state_that_is_not_the_latest_is_loaded_again_and_the_turn_run_again(
    store: MemoryStore,
) -> None:
    await written(store, 1)
    async with running(worker(store).run):
        await nothing_waits(store)
        chat, version, event = store.chats[LEA]
        store.chats[LEA] = (chat.with_mark("from", "elsewhere"), version + 1, event)
        await written(store, 2)
        await nothing_waits(store)
    assert said(store) == ["re: n1", "re: n2"]
    assert store.chats[LEA][0].mark("from") == "elsewhere"


# --- handlers that fail -------------------------------------------------------------------------


class Failing:
    """Raises for a text, the first few times; and always, if it must, when it should apologise."""

    def __init__(self, times: int, error: BaseException | None = None, *, apologises: bool = True) -> None:
        self.left = times
        self.error = error or KeyError("a bug")
        self.apologises = apologises

    async def __call__(self, turn: Turn) -> Decision:
        if turn.failed and self.apologises:
            return Decision(chat=turn.chat, sends=(Send(payload=MessageOut(text="désolé")),))
        if turn.text == "n1" and self.left > 0:
            self.left -= 1
            raise self.error
        return await echo(turn)


@pytest.mark.parametrize("error", [KeyError("a bug"), TimeoutError(), asyncio.CancelledError()], ids=type)
async def test_a_handler_that_fails_is_tried_again_and_the_customer_notices_nothing(
    store: MemoryStore, error: BaseException
) -> None:
    await written(store, 1, 2)
    async with running(worker(store, Failing(2, error)).run):
        await nothing_waits(store)
    assert said(store) == ["re: n1", "re: n2"]
    assert not any(isinstance(fact, ErrorLogged) for fact in logged(store))


async def test_a_handler_that_never_works_is_apologised_for_and_logged(store: MemoryStore) -> None:
    await written(store, 1, 2)
    async with running(worker(store, Failing(99)).run):
        await nothing_waits(store)
    assert said(store) == ["désolé", "re: n2"]
    assert [fact for fact in logged(store) if isinstance(fact, ErrorLogged)] == [
        ErrorLogged(where="turn", error="KeyError")
    ]
    assert store.letters == {}


async def test_a_handler_that_is_too_slow_is_apologised_for(store: MemoryStore) -> None:
    async def hangs(turn: Turn) -> Decision:
        if not turn.failed:
            await asyncio.sleep(1e6)
        return Decision(chat=turn.chat, sends=(Send(payload=MessageOut(text="désolé")),))

    await written(store, 1)
    async with running(worker(store, hangs).run):
        await nothing_waits(store)
    assert said(store) == ["désolé"]


async def test_what_cannot_even_be_apologised_for_is_parked_and_the_chat_goes_on(store: MemoryStore) -> None:
    await written(store, 1, 2)
    async with running(worker(store, Failing(99, apologises=False)).run):
        await nothing_waits(store)
    assert said(store) == ["re: n2"]
    [letter] = store.letters.values()
    assert (letter.error, letter.source, letter.chat) == ("KeyError", "web:main", str(LEA))
    assert "n1" in letter.payload


async def test_a_chat_in_trouble_does_not_hold_up_another(store: MemoryStore) -> None:
    await written(store, 1)
    await written(store, 2, chat=BEN)
    async with running(worker(store, Failing(99)).run):
        await until(lambda: said(store, BEN) == ["re: n2"])
        assert seconds() < 0.2
        await nothing_waits(store)


async def test_an_unreadable_entry_is_parked_and_the_next_is_handled(store: MemoryStore) -> None:
    store.inboxes[store.shard_of(LEA)].add(None)
    await written(store, 1)
    async with running(worker(store).run):
        await nothing_waits(store)
    assert said(store) == ["re: n1"]
    [letter] = store.letters.values()
    assert (letter.error, letter.chat) == ("not_understandable", None)


async def test_an_unreadable_entry_of_a_lost_shard_is_left_to_its_new_holder(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    park, refused = store.park_event, []

    async def fenced_once(lease: Any, entry: Any, letter: Any) -> None:
        if not refused:
            refused.append(lease)
            store.leases.pop(lease.name)
        await park(lease, entry, letter)

    monkeypatch.setattr(store, "park_event", fenced_once)
    store.inboxes[store.shard_of(LEA)].add(None)
    await written(store, 1)
    async with running(worker(store).run):
        await nothing_waits(store)
    assert said(store) == ["re: n1"]
    assert len(store.letters) == 1


class Unbelievable(BaseException):
    """Not even foreseen by those who foresee everything."""


class Broken(Unlucky):
    """Its commits for one chat end in what nobody foresaw."""

    async def commit(self, lease: Any, commit: Any) -> Any:
        if commit.chat.id == LEA:
            raise Unbelievable
        return await self._store.commit(lease, commit)


async def test_a_bug_of_our_own_stops_the_worker_loudly_and_loses_nothing(
    store: MemoryStore,
) -> None:
    await written(store, 1)

    with pytest.raises(Unbelievable):
        async with asyncio.timeout(30):
            await worker(Broken(store)).run(asyncio.Event())
    async with running(worker(store, owner="w2").run):
        await nothing_waits(store)
    assert said(store) == ["re: n1"]


async def test_a_bug_while_stopping_is_as_loud(store: MemoryStore) -> None:
    await written(store, 1)
    going, stop = worker(Broken(store), says("re", after=lambda _turn: 1.5)), asyncio.Event()
    task = asyncio.create_task(going.run(stop))
    await until(lambda: going.holds == 8)
    await asyncio.sleep(0.5)
    stop.set()
    with pytest.raises(Unbelievable):
        await task
    assert waiting(store) == 1


async def test_nothing_of_a_broken_worker_goes_on_by_itself(store: MemoryStore) -> None:
    await written(store, 1)
    await written(store, 2, chat=BEN)
    slow = says("re", after=lambda turn: 1.5 * (turn.event.chat == BEN))
    with pytest.raises(Unbelievable):
        await worker(Broken(store), slow, lease_ttl=60.0).run(asyncio.Event())
    await asyncio.sleep(5)
    assert said(store, BEN) == []


# --- leases -------------------------------------------------------------------------------------


async def frozen_and_awake(store: MemoryStore) -> set[str]:
    """A worker is frozen before its commit for longer than its lease; another takes over and is
    busy with the second event when the first wakes up. Returns who answered."""
    await written(store, 1, 2)
    frozen = Unlucky(store)
    thawed = asyncio.Event()
    frozen.frozen = {"commit": thawed}
    old = worker(frozen, says("old"), "w1", lease_ttl=5.0)
    new = worker(store, says("new", after=lambda turn: 1.5 * (turn.text == "n2")), "w2", lease_ttl=5.0)
    async with running(old.run):
        await until(lambda: old.holds == store.shards)
        frozen.frozen |= {"announce": asyncio.Event(), "withdraw": asyncio.Event()}
        async with running(new.run):
            await until(lambda: said(store) == ["new: n1"])
            thawed.set()
            await nothing_waits(store)
            await asyncio.sleep(3)
        for event in frozen.frozen.values():
            event.set()
    return {text.partition(":")[0] for text in said(store)}


async def test_a_worker_that_was_frozen_beyond_its_lease_writes_nothing(store: MemoryStore) -> None:
    assert await frozen_and_awake(store) == {"new"}
    assert said(store) == ["new: n1", "new: n2"]


async def test_it_is_the_fence_that_stops_it(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The story above would end otherwise without it, so it tells something."""
    monkeypatch.setattr(store, "_check", lambda _lease: None)
    assert await frozen_and_awake(store) == {"old", "new"}


async def test_a_worker_that_finds_its_shard_lost_stops_what_is_under_way(store: MemoryStore) -> None:
    handled: list[str] = []

    async def slow(turn: Turn) -> Decision:
        await asyncio.sleep(1.9)
        handled.append(turn.text)
        return await echo(turn)

    await written(store, 1, 2, 3)
    old = worker(store, slow, lease_ttl=4.0)
    async with running(old.run):
        await until(lambda: handled == ["n1"])
        number = store.shard_of(LEA)
        store.leases.pop(f"shard:{number}")
        taken = await store.acquire_shard(number, "another", 6.0)
        assert taken is not None
        await asyncio.sleep(5.0)
        assert handled == ["n1"]
        await nothing_waits(store)
    assert said(store) == ["re: n1", "re: n2", "re: n3"]


async def test_two_workers_share_fairly_and_a_third_gets_its_share(store: MemoryStore) -> None:
    workers = [worker(store, owner=f"w{number}") for number in range(3)]
    async with running(workers[0].run):
        await until(lambda: workers[0].holds == 8)
        async with running(workers[1].run):
            await until(lambda: [workers[0].holds, workers[1].holds] == [4, 4])
            async with running(workers[2].run):
                await until(lambda: sorted(one.holds for one in workers) == [2, 3, 3])
            await until(lambda: [workers[0].holds, workers[1].holds] == [4, 4])
        await until(lambda: workers[0].holds == 8)


async def test_shards_change_hands_in_peace(store: MemoryStore) -> None:
    chats = [ChatId("web", "main", f"c{number}") for number in range(20)]
    first, second = worker(store, owner="w1"), worker(store, owner="w2")
    async with running(first.run):
        for number in range(10):
            for chat in chats:
                await written(store, number, chat=chat)
            if number == 4:
                taking_over = asyncio.create_task(_run_until_empty(second, store))
            await asyncio.sleep(0.7)
        await taking_over
    for chat in chats:
        assert said(store, chat) == [f"re: n{number}" for number in range(10)]


async def _run_until_empty(second: Worker, store: MemoryStore) -> None:
    async with running(second.run):
        await until(lambda: second.holds == 4)
        await asyncio.sleep(5)
        await nothing_waits(store)


async def test_a_shard_with_work_is_given_up_only_once_that_is_done(store: MemoryStore) -> None:
    chats = [ChatId("web", "main", f"c{number}") for number in range(40)]
    busy = worker(store, says("re", after=lambda _turn: 1.9), concurrency=10)
    for chat in chats:
        await written(store, 1, chat=chat)
    async with running(busy.run):
        await until(lambda: busy.holds == 8)
        await store.announce("w2", 60.0)
        await asyncio.sleep(3)
        assert busy.holds > 4
        await nothing_waits(store)
        await until(lambda: busy.holds == 4)
    assert all(said(store, chat) == ["re: n1"] for chat in chats)


async def test_a_worker_gives_up_no_more_than_the_surplus_while_its_shards_drain(store: MemoryStore) -> None:
    least = 8
    for chat in (ChatId("web", "main", f"c{number}") for number in range(60)):
        await written(store, 1, chat=chat)
    busy = worker(store, says("re", after=lambda _turn: 1.9), concurrency=10)
    async with running(busy.run):
        await until(lambda: busy.holds == 8)
        await store.announce("w2", 60.0)
        while waiting(store) or busy.holds > 4:
            least = min(least, busy.holds)
            await asyncio.sleep(0.1)
        await asyncio.sleep(5)
        least = min(least, busy.holds)
    assert least == 4


async def test_a_shard_that_was_to_be_given_up_is_served_again_when_its_taker_is_gone(
    store: MemoryStore,
) -> None:
    for chat in (ChatId("web", "main", f"c{number}") for number in range(40)):
        await written(store, 1, chat=chat)
    busy = worker(store, says("re", after=lambda _turn: 1.9), concurrency=10)
    async with running(busy.run):
        await until(lambda: busy.holds == 8)
        await store.announce("w2", 60.0)
        await asyncio.sleep(2.6)  # by now some are to be given up, and have work
        await store.withdraw("w2")
        await asyncio.sleep(0.5)
        for chat in (ChatId("web", "main", f"late{number}") for number in range(40)):
            await written(store, 1, chat=chat)
        await nothing_waits(store)
        assert busy.holds == 8


# --- stopping, a store that is away ----------------------------------------------------------------


async def test_told_to_stop_a_worker_finishes_what_is_under_way_and_leaves_nothing_held(
    store: MemoryStore,
) -> None:
    await written(store, 1)
    going = worker(store, says("re", after=lambda _turn: 1.5))
    async with running(going.run):
        await until(lambda: going.holds == 8)
        await asyncio.sleep(0.5)
    assert said(store) == ["re: n1"]
    assert store.leases == {}
    assert store.workers == {}


async def test_a_worker_that_cannot_finish_in_time_leaves_it_to_the_next(store: MemoryStore) -> None:
    await written(store, 1, 2, 3, 4)
    going = worker(store, says("re", after=lambda _turn: 1.9), drain=2.5)
    async with running(going.run):
        await until(lambda: going.holds == 8)
        await asyncio.sleep(0.1)
        stopped_at = seconds()
    assert seconds() - stopped_at < 4
    async with running(worker(store, owner="w2").run):
        await nothing_waits(store)
    assert said(store) == ["re: n1", "re: n2", "re: n3", "re: n4"]


@pytest.mark.parametrize("lease_ttl", [5.0, 120.0], ids=["its_shards_are_lost", "its_shards_are_kept"])
@pytest.mark.parametrize("how", ["down", "deaf"])
async def test_a_store_that_is_away_for_a_while_costs_time_and_nothing_else(
    store: MemoryStore, how: str, lease_ttl: float
) -> None:
    unlucky = Unlucky(store)
    await written(store, 1, 2)
    going = worker(unlucky, says("re", after=lambda _turn: 1.0), lease_ttl=lease_ttl)
    async with running(going.run):
        await asyncio.sleep(0.5)
        setattr(unlucky, how, True)
        await asyncio.sleep(20)
        await written(store, 3)
        setattr(unlucky, how, False)
        await nothing_waits(store)
    assert said(store) == ["re: n1", "re: n2", "re: n3"]
    customers = [
        fact.message_id
        for fact in logged(store)
        if isinstance(fact, MessageLogged) and fact.author is Author.CUSTOMER
    ]
    assert customers == ["1", "2", "3"]


async def test_what_was_appended_twice_is_answered_once(store: MemoryStore) -> None:
    await written(store, 1, 1)
    async with running(worker(store).run):
        await nothing_waits(store)
        await written(store, 1)
        await asyncio.sleep(5)
    assert said(store) == ["re: n1"]


async def test_an_entry_somebody_else_handled_is_left_alone(store: MemoryStore) -> None:
    async def robbed(turn: Turn) -> Decision:
        store.inboxes[store.shard_of(LEA)].entries.pop(1, None)
        return await echo(turn)

    await written(store, 1)
    async with running(worker(store, robbed).run):
        await asyncio.sleep(5)
    assert said(store) == []
