"""A sender keeps the order of each chat, the limits of its destination, and every message."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from bot.domain.errors import DeliveryDelayed, DeliveryFailed, DeliveryRefused
from bot.domain.events import Receipt, ReceiptStatus
from bot.domain.facts import ErrorLogged, ReceiptLogged
from bot.domain.identity import ChatId
from bot.domain.message import Attachment, Author
from bot.domain.outgoing import MediaFetch, MessageOut, Outgoing
from bot.engine.sender import Sender, SenderRules
from bot.ports.delivery import Pacing
from tests.builders import LEA, NOW, answer, chat
from tests.fakes.engine import Destination, LoopClock, Unlucky, logged, put, running, seconds, until
from tests.fakes.memory_store import MemoryStore

BEN = ChatId("web", "main", "ben")


@pytest.fixture(autouse=True)
def longest_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between retries are as long as they may be, so that they can be told."""
    monkeypatch.setattr("bot.engine.sender.random.uniform", lambda _low, high: high)


@pytest.fixture
def destination() -> Destination:
    return Destination()


def sender(store: Any, destination: Destination, owner: str = "s1", **rules: Any) -> Sender:
    return Sender(store, store, destination, owner, SenderRules(**rules), LoopClock())


def from_agent(number: int = 1, **more: Any) -> Outgoing:
    payload = MessageOut(text="Je regarde.", author=Author.AGENT, message_id=f"m_{number}")
    return answer(number=number, payload=payload, receipt=True, **more)


def waiting(store: MemoryStore) -> list[str]:
    return [
        entry.id if entry else "?" for stream in store.outboxes.values() for entry in stream.entries.values()
    ]


def receipts(store: MemoryStore) -> Iterator[Receipt]:
    for stream in store.inboxes.values():
        yield from stream.entries.values()


async def nothing_waits(store: MemoryStore) -> None:
    await until(lambda: not waiting(store))


# --- order ------------------------------------------------------------------------------------


async def test_messages_of_a_chat_go_out_in_order_however_long_each_takes(
    store: MemoryStore, destination: Destination
) -> None:
    put(store, *(answer(number=number) for number in range(1, 6)))
    destination.script["o_1"].append(3.0)
    destination.script["o_2"].append(DeliveryFailed("reset"))
    async with running(sender(store, destination).run):
        await nothing_waits(store)
    assert destination.shown[LEA] == ["o_1", "o_2", "o_3", "o_4", "o_5"]


async def test_a_chat_in_trouble_does_not_hold_up_another(
    store: MemoryStore, destination: Destination
) -> None:
    put(store, answer(number=1), answer(number=2, to=BEN))
    destination.script["o_1"].append(30.0)
    async with running(sender(store, destination).run):
        await until(lambda: destination.shown[BEN] == ["o_2"])
        assert seconds() < 1
        await nothing_waits(store)


async def test_what_comes_later_to_a_chat_seen_before_is_sent_too(
    store: MemoryStore, destination: Destination
) -> None:
    async with running(sender(store, destination).run):
        for number in range(1, 4):
            put(store, answer(number=number))
            await nothing_waits(store)
    assert destination.shown[LEA] == ["o_1", "o_2", "o_3"]


# --- failures ---------------------------------------------------------------------------------


async def test_a_failed_call_is_made_again_after_longer_and_longer_pauses(
    store: MemoryStore, destination: Destination
) -> None:
    put(store, answer())
    destination.script["o_1"].extend(DeliveryFailed("reset") for _ in range(5))
    async with running(sender(store, destination, first_pause=1.0, longest_pause=5.0).run):
        await nothing_waits(store)
    times = destination.times("o_1")
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert pauses == pytest.approx([1, 2, 4, 5, 5], abs=0.01)
    [receipt] = logged(store)
    assert (receipt.status, receipt.attempts) == (ReceiptStatus.DELIVERED, 6)


async def test_a_call_that_fails_too_often_is_parked_and_the_next_one_made(
    store: MemoryStore, destination: Destination
) -> None:
    put(store, from_agent(1), answer(number=2))
    destination.script["o_1"].extend(DeliveryFailed("reset") for _ in range(3))
    async with running(sender(store, destination, attempts=3).run):
        await nothing_waits(store)
    assert destination.shown[LEA] == ["o_2"]
    [letter] = store.letters.values()
    assert (letter.error, letter.source, letter.chat) == ("reset", "web:main", str(LEA))


async def test_a_refused_message_is_parked_and_its_author_is_told(
    store: MemoryStore, destination: Destination
) -> None:
    put(store, from_agent())
    destination.script["o_1"].append(DeliveryRefused("blocked"))
    async with running(sender(store, destination).run):
        await nothing_waits(store)
    assert destination.order == ["o_1"]
    [letter] = store.letters.values()
    assert letter.error == "blocked"
    assert "Je regarde." in letter.payload
    [fact] = logged(store)
    assert (fact.message_id, fact.status, fact.detail) == ("m_1", ReceiptStatus.FAILED, "blocked")
    [receipt] = receipts(store)
    assert (receipt.message_id, receipt.status, receipt.detail) == ("m_1", ReceiptStatus.FAILED, "blocked")


async def test_a_refused_fetch_is_an_error_in_the_log(store: MemoryStore) -> None:
    media = Destination("media:web")
    fetch = MediaFetch(message_id="1", attachment=Attachment("f_1", "photo.jpg", "image/jpeg"))
    put(store, answer(destination="media:web", payload=fetch))
    media.script["o_1"].append(DeliveryRefused("media_too_large"))
    async with running(sender(store, media).run):
        await nothing_waits(store)
    assert logged(store) == [ErrorLogged(where="media:web", error="refused", detail="media_too_large")]
    assert len(store.letters) == 1


async def test_an_agent_hears_that_a_reply_arrived_and_the_log_keeps_it(
    store: MemoryStore, destination: Destination
) -> None:
    put(store, from_agent(), answer(number=2))
    async with running(sender(store, destination).run):
        await nothing_waits(store)
    [receipt] = receipts(store)
    assert (receipt.message_id, receipt.status, receipt.platform_id) == ("m_1", "delivered", "theirs-o_1")
    assert logged(store) == [
        ReceiptLogged(
            message_id=f"m_{number}",
            destination="web:main",
            status=ReceiptStatus.DELIVERED,
            platform_id=f"theirs-o_{number}",
        )
        for number in (1, 2)
    ]


async def test_an_entry_that_cannot_be_read_is_parked_and_the_next_is_sent(
    store: MemoryStore, destination: Destination
) -> None:
    store.outboxes[store.shard_of(LEA), "web:main"].add(None)
    put(store, answer())
    async with running(sender(store, destination).run):
        await nothing_waits(store)
    assert destination.shown[LEA] == ["o_1"]
    assert [letter.error for letter in store.letters.values()] == ["not_understandable"]


# --- delays -----------------------------------------------------------------------------------


async def test_a_destination_that_asks_to_wait_is_left_alone_by_everyone(
    store: MemoryStore, destination: Destination
) -> None:
    put(store, answer(number=1))
    destination.script["o_1"].append(DeliveryDelayed(30))
    async with running(sender(store, destination).run):
        await until(lambda: destination.order == ["o_1"])
        put(store, answer(number=2, to=BEN))
        await nothing_waits(store)
    assert destination.times("o_2")[0] >= 30
    assert destination.times("o_1")[1] >= 30


async def test_a_delay_of_one_chat_lets_the_others_through(
    store: MemoryStore, destination: Destination
) -> None:
    put(store, answer(number=1), answer(number=2), answer(number=3, to=BEN))
    destination.script["o_1"].append(DeliveryDelayed(30, everyone=False))
    async with running(sender(store, destination).run):
        await until(lambda: destination.shown[BEN] == ["o_3"])
        assert seconds() < 1
        await nothing_waits(store)
    assert destination.shown[LEA] == ["o_1", "o_2"]
    assert destination.times("o_1")[1] >= 30


async def test_delays_are_no_failures_however_many(store: MemoryStore, destination: Destination) -> None:
    put(store, answer())
    destination.script["o_1"].extend(DeliveryDelayed(1, everyone=False) for _ in range(10))
    destination.script["o_1"].append(DeliveryFailed("reset"))
    async with running(sender(store, destination, attempts=2).run):
        await nothing_waits(store)
    assert destination.shown[LEA] == ["o_1"]
    assert store.letters == {}


async def test_what_may_not_go_out_yet_waits_and_so_does_what_follows(
    store: MemoryStore, destination: Destination
) -> None:
    put(store, answer(number=1, not_before=NOW + timedelta(seconds=5)), answer(number=2))
    put(store, answer(number=3, to=BEN))
    async with running(sender(store, destination).run):
        await nothing_waits(store)
    assert [destination.times(f"o_{number}")[0] for number in (1, 2, 3)] == pytest.approx([5, 5, 0], abs=0.1)
    assert destination.shown[LEA] == ["o_1", "o_2"]


# --- obsolete, doubtful -------------------------------------------------------------------------


async def test_what_the_bot_wanted_to_say_is_dropped_once_a_person_speaks(
    store: MemoryStore, destination: Destination
) -> None:
    lasting = MessageOut(text="112", message_id="m_3", lasting=True)
    put(store, answer(number=1), from_agent(2), answer(number=3, payload=lasting), answer(number=4, epoch=2))
    store.chats[LEA] = (chat(epoch=2), 3, "e")
    async with running(sender(store, destination).run):
        await nothing_waits(store)
    assert destination.shown[LEA] == ["o_2", "o_3", "o_4"]
    assert {fact.message_id: fact.status for fact in logged(store)}["m_1"] is ReceiptStatus.DROPPED


async def test_a_claim_while_a_reply_waits_to_be_sent_again_drops_it(
    store: MemoryStore, destination: Destination
) -> None:
    put(store, answer())
    destination.script["o_1"].append(DeliveryFailed("reset"))
    async with running(sender(store, destination, first_pause=10.0).run):
        await until(lambda: destination.order == ["o_1"])
        store.chats[LEA] = (chat(epoch=2), 3, "e")
        await nothing_waits(store)
    assert destination.order == ["o_1"]


async def test_after_doubt_a_message_sent_twice_is_said_to_be(
    store: MemoryStore, destination: Destination
) -> None:
    put(store, answer())
    destination.script["o_1"].extend(
        [DeliveryFailed("timeout", doubtful=True), DeliveryFailed("reset"), True]
    )
    async with running(sender(store, destination).run):
        await nothing_waits(store)
    assert [doubtful for _, _, doubtful in destination.calls] == [False, True, True]
    assert [fact.status for fact in logged(store)] == [ReceiptStatus.MAYBE_DUPLICATE]


async def test_a_call_known_to_have_failed_leaves_no_doubt(
    store: MemoryStore, destination: Destination
) -> None:
    put(store, answer())
    destination.script["o_1"].extend([DeliveryFailed("reset"), DeliveryDelayed(1)])
    async with running(sender(store, destination).run):
        await nothing_waits(store)
    assert [doubtful for _, _, doubtful in destination.calls] == [False, False, False]


# --- pacing -------------------------------------------------------------------------------------


async def test_a_chat_gets_no_more_than_its_share_a_second(store: MemoryStore) -> None:
    slow = Destination(pacing=Pacing(per_chat=1.0))
    put(store, *(answer(number=number) for number in range(1, 4)), answer(number=9, to=BEN))
    async with running(sender(store, slow).run):
        await nothing_waits(store)
    assert [slow.times(f"o_{number}")[0] for number in (1, 2, 3)] == pytest.approx([0, 1, 2], abs=0.1)
    assert slow.times("o_9")[0] < 0.1


async def test_the_pace_of_a_chat_is_kept_for_whatever_comes_next(store: MemoryStore) -> None:
    slow = Destination(pacing=Pacing(per_chat=1.0))
    async with running(sender(store, slow).run):
        for number, pause in ((1, 0.5), (2, 0.6), (3, 5.0)):
            put(store, answer(number=number))
            await asyncio.sleep(pause)
        put(store, answer(number=4))
        await nothing_waits(store)
    first, second, third, fourth = (slow.times(f"o_{number}")[0] for number in (1, 2, 3, 4))
    assert second - first >= 1
    assert third - second >= 1
    assert fourth == pytest.approx(6.1, abs=0.1), "after a silence nobody waits"


async def test_a_destination_gets_no_more_than_it_takes(store: MemoryStore) -> None:
    slow = Destination(pacing=Pacing(overall=2.0))
    chats = [ChatId("web", "main", f"c{number}") for number in range(8)]
    put(store, *(answer(number=number, to=to) for number, to in enumerate(chats)))
    async with running(sender(store, slow).run):
        await nothing_waits(store)
    times = [at for at, _, _ in slow.calls]
    assert times == pytest.approx([0, 0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0], abs=0.1)


# --- one sender after another ---------------------------------------------------------------------


async def test_one_sender_at_a_time_serves_a_destination(
    store: MemoryStore, destination: Destination
) -> None:
    other = Destination()
    put(store, *(answer(number=number) for number in range(1, 6)))
    async with running(sender(store, destination).run, sender(store, other, "s2").run):
        await nothing_waits(store)
        await asyncio.sleep(30)
        put(store, answer(number=6))
        await nothing_waits(store)
    assert [destination.order, other.order] == [[f"o_{number}" for number in range(1, 7)], []]


async def test_a_sender_that_dies_in_a_call_is_followed_by_one_that_doubts(
    store: MemoryStore, destination: Destination
) -> None:
    put(store, answer(number=1), answer(number=2))
    destination.script["o_1"].append(1e6)
    dying = Unlucky(store)
    first = asyncio.create_task(sender(dying, destination).run(asyncio.Event()))
    await until(lambda: destination.order == ["o_1"])
    dying.down = True
    first.cancel()
    async with running(sender(store, destination, "s2").run):
        await nothing_waits(store)
    assert [(called, doubtful) for _, called, doubtful in destination.calls] == [
        ("o_1", False),
        ("o_1", True),
        ("o_2", False),
    ]


async def test_a_frozen_sender_that_wakes_up_late_writes_nothing(
    store: MemoryStore, destination: Destination
) -> None:
    frozen, other = Unlucky(store), Destination()
    put(store, answer(number=1), answer(number=2))
    destination.script["o_1"].append(1.0)
    async with running(sender(frozen, destination).run, sender(store, other, "s2").run):
        await until(lambda: destination.order == ["o_1"])
        thawed = asyncio.Event()
        frozen.frozen = {"finish_send": thawed, "renew": thawed}
        other.script["o_1"].append(30.0)  # still at it when the other wakes up
        await until(lambda: other.order == ["o_1"])
        thawed.set()
        await nothing_waits(store)
    assert other.shown[LEA] == ["o_1", "o_2"]
    assert destination.order == ["o_1"], "it went on sending"
    assert [fact.message_id for fact in logged(store)] == ["m_1", "m_2"]


async def test_the_next_sender_keeps_the_pause_the_first_one_promised(
    store: MemoryStore, destination: Destination
) -> None:
    put(store, answer())
    destination.script["o_1"].append(DeliveryDelayed(60))
    async with running(sender(store, destination).run):
        await until(lambda: destination.order == ["o_1"])
    unlucky = Unlucky(store)
    async with running(sender(unlucky, destination, "s2").run):
        await nothing_waits(store)
    assert destination.times("o_1")[1] >= 60


async def test_a_promised_pause_is_kept_even_if_the_store_was_away_meanwhile(
    store: MemoryStore, destination: Destination
) -> None:
    put(store, answer())
    destination.script["o_1"].append(DeliveryDelayed(60))
    async with running(sender(store, destination).run):
        await until(lambda: destination.order == ["o_1"])
    unlucky = Unlucky(store)
    unlucky.frozen["read_outgoing"] = asyncio.Event()
    async with running(sender(unlucky, destination, "s2").run):
        await asyncio.sleep(1)
        unlucky.down = True
        unlucky.frozen.pop("read_outgoing").set()
        await asyncio.sleep(1)
        unlucky.down = False
        await nothing_waits(store)
    assert destination.times("o_1")[1] >= 60


# --- stopping, breaking -----------------------------------------------------------------------------


async def test_told_to_stop_a_sender_ends_its_call_and_leaves_the_rest_to_the_next(
    store: MemoryStore, destination: Destination
) -> None:
    put(store, answer(number=1), answer(number=2))
    destination.script["o_1"].append(2.0)
    async with running(sender(store, destination).run):
        await until(lambda: destination.order == ["o_1"])
    assert destination.shown[LEA] == ["o_1"]
    assert waiting(store) == ["o_2"]
    assert store.leases == {}, "the next one need not wait for the lease to end"
    async with running(sender(store, destination, "s2").run):
        await nothing_waits(store)
    assert [doubtful for _, _, doubtful in destination.calls] == [False, False]


async def test_told_to_stop_a_sender_does_not_wait_for_what_only_waits(
    store: MemoryStore, destination: Destination
) -> None:
    put(store, answer(number=1, not_before=NOW + timedelta(seconds=60)), answer(number=2, to=BEN))
    destination.script["o_2"].append(DeliveryFailed("reset"))
    async with running(sender(store, destination, first_pause=30.0).run):
        await until(lambda: destination.order == ["o_2"])
        stopped_at = seconds()
    assert seconds() - stopped_at < 1
    assert sorted(waiting(store)) == ["o_1", "o_2"]


async def test_a_call_that_never_ends_does_not_keep_a_sender_from_stopping(
    store: MemoryStore, destination: Destination
) -> None:
    put(store, answer())
    destination.script["o_1"].append(20.0)
    async with running(sender(store, destination, drain=5.0).run):
        await until(lambda: destination.order == ["o_1"])
        stopped_at = seconds()
    assert seconds() - stopped_at < 7
    await asyncio.sleep(60)
    assert destination.shown[LEA] == [], "it went on behind the next one's back"
    assert waiting(store) == ["o_1"]


@pytest.mark.parametrize("bug", [KeyError("bug"), asyncio.CancelledError()], ids=["raises", "is_cancelled"])
async def test_a_bug_in_a_deliverer_stops_the_sender_loudly_and_loses_nothing(
    store: MemoryStore, destination: Destination, bug: BaseException
) -> None:
    put(store, answer(number=1), answer(number=2), answer(number=3, to=BEN))
    destination.script["o_1"].append(bug)
    with pytest.raises((KeyError, RuntimeError)):
        async with asyncio.timeout(10):
            await sender(store, destination).run(asyncio.Event())
    async with running(sender(store, destination, "s2").run):
        await nothing_waits(store)
    assert destination.shown[LEA] == ["o_1", "o_2"]


async def test_a_bug_while_stopping_is_as_loud(store: MemoryStore, destination: Destination) -> None:
    put(store, answer())
    stop = asyncio.Event()

    class Late(Destination):
        async def deliver(self, entry: Outgoing, *, doubtful: bool) -> Any:
            self.calls.append((0.0, entry.id, doubtful))
            await asyncio.sleep(2)
            raise KeyError("bug")

    late = Late()
    task = asyncio.create_task(sender(store, late).run(stop))
    await until(lambda: late.order == ["o_1"])
    stop.set()
    with pytest.raises(KeyError):
        await task
    assert waiting(store) == ["o_1"]


async def test_a_store_that_is_away_for_a_while_costs_time_and_nothing_else(
    store: MemoryStore, destination: Destination
) -> None:
    unlucky = Unlucky(store)
    put(store, answer(number=1), answer(number=2))
    destination.script["o_1"].append(1.0)
    async with running(sender(unlucky, destination, lease_ttl=60.0).run):
        await until(lambda: destination.order == ["o_1"])
        unlucky.down = True
        await asyncio.sleep(15)
        unlucky.down = False
        await nothing_waits(store)
    assert destination.order == ["o_1", "o_2"]
    assert [fact.message_id for fact in logged(store)] == ["m_1", "m_2"]


async def test_an_answer_of_the_store_that_got_lost_is_asked_for_again(
    store: MemoryStore, destination: Destination
) -> None:
    unlucky = Unlucky(store)
    put(store, from_agent())
    destination.script["o_1"].append(1.0)
    async with running(sender(unlucky, destination, lease_ttl=60.0).run):
        await until(lambda: destination.order == ["o_1"])
        unlucky.deaf = True
        await asyncio.sleep(5)
        unlucky.deaf = False
        await nothing_waits(store)
    assert len(logged(store)) == 1
    assert len(list(receipts(store))) == 1
