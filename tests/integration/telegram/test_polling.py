"""Given customers on Telegram, polled from an emulated Bot API over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import structlog
from telegram import Bot
from telegram.error import Conflict

from bot.channels.telegram import polling as poll_loop
from bot.channels.telegram.client import make_bot
from bot.channels.telegram.courtesies import Courtesies
from bot.channels.telegram.intake import Intake
from bot.domain.events import ButtonPress, Command, CustomerCommand, CustomerMessage
from bot.engine.inbox import Inbox
from bot.ports.clock import SystemClock
from bot.storage.housekeeping import RedisDeadLetters
from bot.storage.inbox import RedisInbox
from bot.storage.layout import Layout
from bot.storage.message_map import RedisMessageMap
from tests.fakes.telegram import FakeInbox, group_message, message, press
from tests.integration.telegram.conftest import Polling, Telegram, until


async def test_what_customers_do_arrives_in_order_and_is_answered_as_telegram_expects(
    telegram: Telegram, inbox: FakeInbox, polling: Callable[[], Polling], bot: Bot
) -> None:
    numbers = [
        await telegram.receives(message=message("/start", message_id=1)),
        await telegram.receives(message=message("où est mon colis ?", message_id=2)),
        await telegram.receives(callback_query=press("faq:relay_point")),
    ]
    async with polling():
        await until(lambda: len(inbox.events) == 3)
        await until(lambda: telegram.calls("answerCallbackQuery") and telegram.calls("sendChatAction"))
    start, question, pressed = inbox.events
    assert [event.id for event in inbox.events] == [f"telegram:7:{number}" for number in numbers]
    assert isinstance(start, CustomerCommand)
    assert start.command is Command.START
    assert isinstance(question, CustomerMessage)
    assert question.text == "où est mon colis ?"
    assert isinstance(pressed, ButtonPress)
    assert telegram.refused() == []
    assert len(telegram.calls("setMyCommands")) == 3
    assert await telegram.pending(bot) == 0


async def test_nothing_is_confirmed_that_the_inbox_does_not_have(
    telegram: Telegram, inbox: FakeInbox, polling: Callable[[], Polling], bot: Bot
) -> None:
    inbox.failing = 10**6
    await telegram.receives(message=message("ne me perdez pas"))
    async with polling() as first:
        await until(lambda: len(telegram.calls("getUpdates")) >= 2)
        assert first.task
        first.task.cancel()
        await asyncio.wait((first.task,))
    assert await telegram.pending(bot) == 1
    inbox.failing = 0
    async with polling():
        await until(lambda: inbox.events)
    assert await telegram.pending(bot) == 0


async def test_a_restart_takes_up_where_the_last_run_ended(
    telegram: Telegram, inbox: FakeInbox, polling: Callable[[], Polling]
) -> None:
    await telegram.receives(message=message("un"))
    async with polling():
        await until(lambda: len(inbox.events) == 1)
    await telegram.receives(message=message("deux"))
    async with polling():
        await until(lambda: len(inbox.events) == 2)
    texts = [event.text for event in inbox.events if isinstance(event, CustomerMessage)]
    assert texts == ["un", "deux"]


async def test_a_malformed_update_is_parked_and_the_next_ones_are_taken(
    telegram: Telegram, inbox: FakeInbox, polling: Callable[[], Polling], bot: Bot
) -> None:
    await telegram.receives(message={"message_id": "x"})
    await telegram.receives(message=message("bonjour"))
    async with polling():
        await until(lambda: inbox.events)
    assert [reason for _, _, reason in inbox.parked] == ["malformed"]
    assert await telegram.pending(bot) == 0


async def test_a_parked_update_is_masked_and_kept_once_though_it_came_twice(
    telegram: Telegram, bot: Bot, layout: Layout, messages: RedisMessageMap
) -> None:
    secret = {"message_id": "x", "text": "ma carte est 4111 1111 1111 1111"}
    number = await telegram.receives(message=secret)
    courtesies = Courtesies(bot, "7", messages, "…")
    intake = Intake(Inbox(RedisInbox(layout, 1)), courtesies, "7", SystemClock())
    await intake.take(intake.read({"message": secret, "update_id": number}))
    async with Polling(bot, intake):
        await until(lambda: len(telegram.calls("getUpdates")) >= 2)
    (letter,) = await RedisDeadLetters(layout).list_dead()
    assert (letter.source, letter.error) == ("telegram:7", "malformed")
    assert "4111" not in letter.payload
    assert "ma carte est" in letter.payload


async def test_two_hundred_messages_at_once_all_arrive_in_order(
    telegram: Telegram, inbox: FakeInbox, polling: Callable[[], Polling]
) -> None:
    said = [str(number) for number in range(200)]
    for number, text in enumerate(said):
        await telegram.receives(message=message(text, message_id=number + 1, user=40 + number % 2))
    async with polling():
        await until(lambda: len(inbox.events) == 200)
    for user in ("40", "41"):
        heard = [e.text for e in inbox.events if isinstance(e, CustomerMessage) and e.chat.user == user]
        assert heard == said[int(user) % 2 :: 2]


async def test_a_group_is_told_once_even_after_a_restart(
    telegram: Telegram, bot: Bot, messages: RedisMessageMap, inbox: FakeInbox
) -> None:
    for _ in range(2):
        courtesies = Courtesies(bot, "7", messages, "En privé seulement.")
        intake = Intake(inbox, courtesies, "7", SystemClock())
        await telegram.receives(message=group_message("/help", group=-5))
        await telegram.receives(message=group_message("allô ?", group=-5))
        async with Polling(bot, intake):
            await until(lambda: telegram.calls("sendMessage"))
        await until(lambda: not courtesies._under_way)  # noqa: B023 - of this round
    assert len(telegram.calls("sendMessage")) == 1
    assert inbox.events == []


async def test_a_second_poller_of_the_same_bot_says_so_backs_off_and_takes_over_when_it_can(
    telegram: Telegram,
    inbox: FakeInbox,
    polling: Callable[[], Polling],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(poll_loop, "CONFLICT_PAUSE", 0.1)
    rival = make_bot(telegram.token, api_base=telegram.base)
    holding = asyncio.create_task(_hold(rival))
    with structlog.testing.capture_logs() as logs:
        async with polling():
            await until(lambda: "telegram.poll_conflict" in [entry["event"] for entry in logs])
            await telegram.receives(message=message("bonjour"))
            await until(lambda: inbox.events)
    await holding
    await rival.shutdown()


async def _hold(rival: Bot) -> None:
    """One long poll for something that never comes."""
    asked = {"timeout": 2, "allowed_updates": ["callback_query"]}
    while True:
        try:
            await rival.do_api_request("getUpdates", asked)
        except Conflict:
            await asyncio.sleep(0.05)
        else:
            return
