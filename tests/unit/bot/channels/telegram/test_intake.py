"""What becomes of an update once it is read: appended, parked or let go, and the small calls around."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
import structlog

from bot.channels.telegram.client import make_bot
from bot.channels.telegram.courtesies import AT_ONCE, Courtesies
from bot.channels.telegram.intake import Intake
from bot.domain.chat import Speaker
from bot.domain.errors import StoreUnavailable
from bot.domain.events import CustomerMessage
from tests.fakes.telegram import (
    TOKEN,
    FakeInbox,
    FakeMessageMap,
    FixedClock,
    ScriptedApi,
    group_message,
    message,
    press,
    refusal,
    update,
)

NOTICE = "Je réponds en conversation privée. / I answer in private chats."


class Counter:
    """An intake, and what it said to whom."""

    def __init__(self) -> None:
        self.api = ScriptedApi()
        self.inbox = FakeInbox()
        self.messages = FakeMessageMap()
        self.courtesies = Courtesies(make_bot(TOKEN, transport=self.api), "7", self.messages, NOTICE)
        self.intake = Intake(self.inbox, self.courtesies, "7", FixedClock())

    async def take(self, raw: object) -> None:
        await self.intake.take(self.intake.read(raw))

    async def quiet(self) -> None:
        """Until no small call is under way."""
        await until(lambda: not self.courtesies._under_way)


async def until(condition: Callable[[], object], within: float = 5.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


@pytest.fixture
async def counter() -> AsyncIterator[Counter]:
    counter = Counter()
    yield counter
    await counter.courtesies.close()


async def test_a_message_is_appended_and_typing_is_shown(counter: Counter) -> None:
    await counter.take(update(message=message("bonjour")))
    await counter.quiet()
    assert [event.id for event in counter.inbox.events] == ["telegram:7:1"]
    assert counter.api.calls == [("sendChatAction", {"chat_id": "42", "action": "typing"})]


@pytest.mark.parametrize("speaker", [Speaker.WAITING, Speaker.HUMAN])
async def test_typing_is_not_shown_while_a_person_is_to_answer(counter: Counter, speaker: Speaker) -> None:
    counter.inbox.speaker = speaker
    await counter.take(update(message=message("bonjour")))
    await counter.quiet()
    assert counter.api.calls == []


async def test_a_replayed_update_is_one_event_and_types_once(counter: Counter) -> None:
    for _ in range(2):
        await counter.take(update(3, message=message("bonjour", user=5)))
        await counter.take(update(4, message=message("vous êtes là ?", user=5)))
    await counter.quiet()
    assert len(counter.inbox.events) == 2
    assert len(counter.api.of("sendChatAction")) == 1


async def test_what_comes_again_is_not_typed_to_again(counter: Counter) -> None:
    counter.inbox.speaker = Speaker.HUMAN
    await counter.take(update(3, message=message("bonjour")))
    counter.inbox.speaker = Speaker.BOT
    await counter.take(update(3, message=message("bonjour")))
    await counter.quiet()
    assert counter.api.calls == []


async def test_small_calls_do_not_pile_up_when_telegram_is_slow(counter: Counter) -> None:
    for number in range(AT_ONCE + 40):
        counter.courtesies.answer(f"q{number}")
    await counter.quiet()
    assert len(counter.api.of("answerCallbackQuery")) == AT_ONCE


async def test_a_press_is_answered_only_once_it_is_durable(counter: Counter) -> None:
    counter.inbox.failing = 1
    with pytest.raises(StoreUnavailable):
        await counter.take(update(callback_query=press()))
    await counter.quiet()
    assert counter.api.calls == []
    await counter.take(update(callback_query=press(query="q1")))
    await counter.quiet()
    assert counter.api.of("answerCallbackQuery") == [{"callback_query_id": "q1"}]


@pytest.mark.parametrize("failure", [httpx.ConnectError("no"), refusal(400, "Bad Request: query is too old")])
async def test_a_small_call_that_fails_harms_nothing(
    counter: Counter, failure: httpx.Response | Exception
) -> None:
    counter.api.next("answerCallbackQuery", failure)
    counter.api.next("sendChatAction", failure)
    with structlog.testing.capture_logs() as logs:
        await counter.take(update(callback_query=press()))
        await counter.quiet()
    assert len(counter.inbox.events) == 1
    assert [entry["what"] for entry in logs if entry["event"] == "telegram.courtesy_failed"] == [
        "typing",
        "answer",
    ]


async def test_in_a_group_it_says_so_once_and_leaves_the_group_alone(counter: Counter) -> None:
    for number in range(3):
        await counter.take(update(number, message=group_message("/help", group=-5)))
    await counter.quiet()
    assert counter.api.calls == [("sendMessage", {"chat_id": "-5", "text": NOTICE})]
    assert counter.inbox.events == []


async def test_an_update_of_an_unknown_kind_is_parked_once(counter: Counter) -> None:
    raw = update(9, hologram={"text": "bonjour \ud800"})
    for _ in range(2):
        await counter.take(raw)
    assert counter.inbox.parked == [
        ("telegram:7", '{"update_id": 9, "hologram": {"text": "bonjour ?"}}', "unknown_kind")
    ]


async def test_an_update_that_could_not_be_parked_is_not_confirmed(counter: Counter) -> None:
    counter.inbox.failing = 1
    with pytest.raises(StoreUnavailable):
        await counter.take(update(9, hologram={}))
    await counter.take(update(9, hologram={}))
    assert len(counter.inbox.parked) == 1


async def test_one_append_is_under_way_in_a_chat_and_chats_do_not_wait_for_each_other() -> None:
    class SlowInbox(FakeInbox):
        async def append(self, event):  # type: ignore[no-untyped-def]
            under_way.append(event.chat.user)
            assert under_way.count(event.chat.user) == 1
            if event.chat.user == "1":
                await gate.wait()
            under_way.remove(event.chat.user)
            return await super().append(event)

    gate, under_way = asyncio.Event(), []
    inbox = SlowInbox(speaker=Speaker.HUMAN)
    courtesies = Courtesies(make_bot(TOKEN, transport=ScriptedApi()), "7", FakeMessageMap(), NOTICE)
    intake = Intake(inbox, courtesies, "7", FixedClock())
    raws = [update(n, message=message(str(n), user=1 if n < 3 else 2)) for n in range(1, 5)]
    taking = [asyncio.create_task(intake.take(intake.read(raw))) for raw in raws]
    await until(lambda: len(inbox.events) == 2)
    gate.set()
    await asyncio.gather(*taking)
    texts = [event.text for event in inbox.events if isinstance(event, CustomerMessage)]
    assert texts == ["3", "4", "1", "2"]
