"""A claim is certain once all the bot had under way is out or dropped; what is taken back in time never
leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.errors import DeliveryDelayed, DeliveryFailed, DeliveryRefused
from bot.domain.events import Event, Hushed, MediaFailed, Receipt, ReceiptStatus
from bot.domain.facts import ErrorLogged
from bot.domain.message import Attachment, Author
from bot.domain.outgoing import DeleteOut, EditOut, Hush, MediaFetch, MessageOut, Outgoing, Priority
from bot.engine.sender import Sender, SenderRules
from bot.ports.store import sender_lease
from tests.builders import LEA, NOW, answer, chat
from tests.fakes.engine import Destination, LoopClock, Unlucky, logged, put, running, until
from tests.fakes.memory_store import MemoryStore


@pytest.fixture
def destination() -> Destination:
    return Destination()


def sender(store: Any, destination: Destination, owner: str = "s1", **rules: Any) -> Sender:
    return Sender(store, store, destination, owner, SenderRules(**rules), LoopClock())


def hush(number: int = 9, epoch: int = 2) -> Outgoing:
    return answer(number=number, epoch=epoch, payload=Hush())


def from_agent(number: int = 1, **more: Any) -> Outgoing:
    payload = MessageOut(text="Je regarde.", author=Author.AGENT, message_id=f"m_{number}")
    return answer(number=number, payload=payload, receipt=True, **more)


def change(number: int, payload: EditOut | DeleteOut) -> Outgoing:
    return answer(number=number, payload=payload, receipt=True, priority=Priority.CARD)


def is_claimed(store: MemoryStore, epoch: int = 2) -> None:
    store.chats[LEA] = (chat(epoch=epoch), 3, "e")


def events(store: MemoryStore) -> Iterator[Event]:
    for stream in store.inboxes.values():
        yield from stream.entries.values()


def hushed(store: MemoryStore) -> list[int]:
    return [event.epoch for event in events(store) if isinstance(event, Hushed)]


def fates(store: MemoryStore) -> list[tuple[str, ReceiptStatus]]:
    return [(one.message_id, one.status) for one in events(store) if isinstance(one, Receipt)]


def waiting(store: MemoryStore) -> int:
    return sum(len(stream.entries) for stream in store.outboxes.values())


async def nothing_waits(store: MemoryStore) -> None:
    await until(lambda: not waiting(store))


# --- silence, in its turn ---------------------------------------------------------------------


async def test_silence_is_told_once_and_never_sent(store: MemoryStore, destination: Destination) -> None:
    put(store, hush())
    async with running(sender(store, destination).run):
        await nothing_waits(store)
    assert hushed(store) == [2]
    assert (destination.calls, logged(store)) == ([], [])


async def test_it_waits_for_the_bot_s_call_under_way(store: MemoryStore, destination: Destination) -> None:
    put(store, answer(number=1), hush())
    destination.script["o_1"].append(5.0)
    async with running(sender(store, destination).run):
        await until(lambda: destination.order == ["o_1"])
        is_claimed(store)
        await asyncio.sleep(4)
        assert hushed(store) == []
        await nothing_waits(store)
    assert hushed(store) == [2]
    assert destination.shown[LEA] == ["o_1"], "it was on its way already"


async def test_what_is_to_be_tried_again_is_dropped_first(
    store: MemoryStore, destination: Destination
) -> None:
    put(store, answer(number=1), hush())
    destination.script["o_1"].append(DeliveryFailed("reset"))
    async with running(sender(store, destination, first_pause=10.0).run):
        await until(lambda: destination.order == ["o_1"])
        is_claimed(store)
        assert hushed(store) == []
        await nothing_waits(store)
    assert hushed(store) == [2]
    assert destination.order == ["o_1"]
    assert [fact.status for fact in logged(store)] == [ReceiptStatus.DROPPED]


async def test_what_may_not_go_out_yet_is_waited_for(store: MemoryStore, destination: Destination) -> None:
    """A colleague's last words, which can still be undone, go before the next one speaks."""
    put(store, from_agent(1, not_before=NOW + timedelta(seconds=3)), hush())
    async with running(sender(store, destination).run):
        await asyncio.sleep(2)
        assert hushed(store) == []
        await nothing_waits(store)
    assert destination.times("o_1")[0] >= 3
    assert hushed(store) == [2]


async def test_what_is_dropped_and_what_lasts_come_first(
    store: MemoryStore, destination: Destination
) -> None:
    lasting = MessageOut(text="112", message_id="m_2", lasting=True)
    put(store, answer(number=1), answer(number=2, payload=lasting), hush())
    destination.script["o_2"].append(2.0)
    is_claimed(store)
    async with running(sender(store, destination).run):
        await until(lambda: destination.order == ["o_2"])
        assert hushed(store) == []
        await nothing_waits(store)
    assert destination.shown[LEA] == ["o_2"]
    assert hushed(store) == [2]


@pytest.mark.parametrize("trouble", [DeliveryRefused("blocked"), DeliveryFailed("reset")])
async def test_what_is_parked_is_out_of_the_way(
    store: MemoryStore, destination: Destination, trouble: Exception
) -> None:
    lasting = MessageOut(text="112", message_id="m_1", lasting=True)
    put(store, answer(number=1, payload=lasting), hush())
    destination.script["o_1"].extend([trouble, trouble])
    async with running(sender(store, destination, attempts=2).run):
        await nothing_waits(store)
    assert hushed(store) == [2]
    assert len(store.letters) == 1


async def test_a_destination_that_asks_to_wait_is_no_silence(
    store: MemoryStore, destination: Destination
) -> None:
    lasting = MessageOut(text="112", message_id="m_1", lasting=True)
    put(store, answer(number=1, payload=lasting), hush())
    destination.script["o_1"].append(DeliveryDelayed(60))
    async with running(sender(store, destination).run):
        await asyncio.sleep(59)
        assert hushed(store) == []
        await nothing_waits(store)
    assert hushed(store) == [2]


async def test_a_sender_that_dies_before_leaves_it_to_the_next_and_it_is_told_once(
    store: MemoryStore, destination: Destination
) -> None:
    put(store, answer(number=1), hush())
    destination.script["o_1"].append(1e6)
    dying = Unlucky(store)
    first = asyncio.create_task(sender(dying, destination).run(asyncio.Event()))
    await until(lambda: destination.order == ["o_1"])
    is_claimed(store)
    dying.down = True
    first.cancel()
    async with running(sender(store, destination, "s2").run):
        await nothing_waits(store)
    assert hushed(store) == [2]
    assert destination.order == ["o_1"], "in doubt or not, the bot is not heard again"


async def test_an_answer_of_the_store_that_gets_lost_makes_no_second_silence(
    store: MemoryStore, destination: Destination
) -> None:
    unlucky = Unlucky(store)
    async with running(sender(unlucky, destination, lease_ttl=60.0).run):
        await until(lambda: sender_lease("web:main") in store.leases)
        unlucky.deaf = True
        put(store, hush())
        await asyncio.sleep(5)
        unlucky.deaf = False
        await nothing_waits(store)
    assert hushed(store) == [2]


# --- taken back -------------------------------------------------------------------------------


def recalled(store: MemoryStore, *message_ids: str) -> None:
    store.chats[LEA] = (chat(recalled=message_ids), 3, "e")


async def test_taken_back_in_time_it_never_leaves_and_the_platform_is_not_asked(
    store: MemoryStore, destination: Destination
) -> None:
    put(store, from_agent(1, not_before=NOW + timedelta(seconds=3)))
    async with running(sender(store, destination).run):
        await asyncio.sleep(1)
        recalled(store, "m_1")
        edit = EditOut(message_id="m_1", author=Author.AGENT, text="Pardon")
        put(store, change(2, edit), change(3, DeleteOut(message_id="m_1", author=Author.AGENT)))
        put(store, from_agent(4))
        await nothing_waits(store)
    assert destination.order == ["o_4"]
    assert fates(store) == [("m_1", ReceiptStatus.DROPPED), ("m_4", ReceiptStatus.DELIVERED)]


async def test_taken_back_while_the_call_is_made_it_is_sent_then_deleted(
    store: MemoryStore, destination: Destination
) -> None:
    put(store, from_agent(1))
    destination.script["o_1"].append(2.0)
    async with running(sender(store, destination).run):
        await until(lambda: destination.order == ["o_1"])
        recalled(store, "m_1")
        put(store, change(2, DeleteOut(message_id="m_1", author=Author.AGENT)))
        await nothing_waits(store)
    assert destination.shown[LEA] == ["o_1", "o_2"]
    assert fates(store) == [("m_1", ReceiptStatus.DELIVERED)]


async def test_taken_back_after_a_call_known_to_have_failed_it_never_leaves(
    store: MemoryStore, destination: Destination
) -> None:
    put(store, from_agent(1))
    destination.script["o_1"].append(DeliveryFailed("reset"))
    async with running(sender(store, destination, first_pause=10.0).run):
        await until(lambda: destination.order == ["o_1"])
        recalled(store, "m_1")
        await nothing_waits(store)
    assert destination.order == ["o_1"]
    assert fates(store) == [("m_1", ReceiptStatus.DROPPED)]


async def test_taken_back_when_it_may_have_arrived_it_is_found_out_so_that_it_can_be_deleted(
    store: MemoryStore, destination: Destination
) -> None:
    put(store, from_agent(1))
    destination.script["o_1"].extend([DeliveryFailed("timeout", doubtful=True), True])
    async with running(sender(store, destination, first_pause=10.0).run):
        await until(lambda: destination.order == ["o_1"])
        recalled(store, "m_1")
        put(store, change(2, DeleteOut(message_id="m_1", author=Author.AGENT)))
        await nothing_waits(store)
    assert destination.shown[LEA] == ["o_1", "o_2"]


# --- changes the platform does not make -----------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [
        EditOut(message_id="m_1", author=Author.AGENT, text="Pardon"),
        DeleteOut(message_id="m_1", author=Author.AGENT),
    ],
)
async def test_an_agent_hears_that_a_change_was_not_made_and_nothing_is_parked(
    store: MemoryStore, destination: Destination, payload: EditOut | DeleteOut
) -> None:
    put(store, change(1, payload))
    destination.script["o_1"].append(DeliveryRefused("too_old"))
    async with running(sender(store, destination).run):
        await nothing_waits(store)
    [receipt] = events(store)
    assert isinstance(receipt, Receipt)
    assert (receipt.message_id, receipt.status, receipt.detail, receipt.letter) == (
        "m_1",
        ReceiptStatus.UNCHANGED,
        "too_old",
        "",
    )
    assert store.letters == {}
    assert logged(store) == [ErrorLogged(where="web:main", error="refused", detail="too_old")]


async def test_a_change_that_was_made_says_nothing(store: MemoryStore, destination: Destination) -> None:
    put(store, change(1, DeleteOut(message_id="m_1", author=Author.AGENT)))
    async with running(sender(store, destination).run):
        await nothing_waits(store)
    assert (list(events(store)), logged(store)) == ([], [])


async def test_a_reply_that_failed_names_the_letter_to_send_again(
    store: MemoryStore, destination: Destination
) -> None:
    put(store, from_agent(1))
    destination.script["o_1"].append(DeliveryRefused("blocked"))
    async with running(sender(store, destination).run):
        await nothing_waits(store)
    [receipt] = events(store)
    assert isinstance(receipt, Receipt)
    assert [receipt.letter] == list(store.letters)


# --- files nobody could fetch ---------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [DeliveryRefused("no_such_file"), DeliveryFailed("unavailable")])
async def test_whoever_waits_for_a_file_hears_that_it_will_not_come(
    store: MemoryStore, trouble: Exception
) -> None:
    media = Destination("media:slack")
    file = Attachment("f_1", "facture.pdf", "application/pdf", source="slack:F1")
    put(store, answer(destination="media:slack", payload=MediaFetch(message_id="a1", attachment=file)))
    media.script["o_1"].extend([trouble, trouble])
    async with running(sender(store, media, attempts=2).run):
        await nothing_waits(store)
    [failed] = events(store)
    assert isinstance(failed, MediaFailed)
    assert (failed.message_id, failed.attachment) == ("a1", file)
    assert failed.reason == str(trouble)
