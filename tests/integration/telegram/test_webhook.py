"""Given a webhook that an emulated Bot API posts to, through a real web server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from telegram import Bot

from bot.channels.telegram.intake import Intake
from bot.channels.telegram.webhook import SECRET_HEADER, create_webhook, register_webhook
from bot.domain.events import CustomerEdit, CustomerMessage
from tests.fakes.telegram import FakeInbox, message, press, update
from tests.integration.telegram.conftest import MENU, Telegram, until
from tests.servers import free_port

SECRET = "0123456789abcdef"


@pytest.fixture
async def address(intake: Intake) -> AsyncIterator[str]:
    app = FastAPI()
    app.include_router(create_webhook(intake, SECRET))
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    yield f"http://127.0.0.1:{port}/telegram/webhook"
    server.should_exit = True
    await serving


async def test_updates_are_posted_and_stay_with_telegram_until_they_are_stored(
    telegram: Telegram, bot: Bot, inbox: FakeInbox, address: str
) -> None:
    await register_webhook(bot, address, SECRET, menu=MENU)
    await telegram.receives(message=message("bonjour"))
    await until(lambda: inbox.events)
    inbox.failing = 1
    await telegram.receives(message=message("ne me perdez pas"))
    assert await telegram.pending(bot) == 1
    assert await telegram.delivers() == 1
    await telegram.receives(callback_query=press())
    await until(lambda: telegram.calls("answerCallbackQuery"))
    assert [event.text for event in inbox.events if isinstance(event, CustomerMessage)] == [
        "bonjour",
        "ne me perdez pas",
    ]
    assert await telegram.pending(bot) == 0
    assert telegram.refused() == []


async def test_a_webhook_with_another_secret_takes_nothing(
    telegram: Telegram, bot: Bot, inbox: FakeInbox, address: str
) -> None:
    await register_webhook(bot, address, SECRET.upper())
    await telegram.receives(message=message("bonjour"))
    assert await telegram.pending(bot) == 1
    assert inbox.events == []


async def test_edits_albums_and_replays_come_in_by_post(inbox: FakeInbox, address: str) -> None:
    photo = [{"file_id": "p", "file_unique_id": "u", "width": 1, "height": 1}]
    posts = [
        update(1, message=message("bonjuor")),
        update(2, edited_message=message("bonjour")),
        update(3, message=message(photo=photo, media_group_id="g", caption="voici", message_id=11)),
        update(4, message=message(photo=photo, media_group_id="g", message_id=12)),
        update(1, message=message("bonjuor")),
    ]
    async with httpx.AsyncClient(headers={SECRET_HEADER: SECRET}) as http:
        for post in posts:
            assert (await http.post(address, json=post)).status_code == 200
    first, edit, *album = inbox.events
    assert isinstance(first, CustomerMessage)
    assert isinstance(edit, CustomerEdit)
    assert (edit.edited_id, edit.text) == (first.message_id, "bonjour")
    assert [part.album for part in album if isinstance(part, CustomerMessage)] == ["g", "g"]
