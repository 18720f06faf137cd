"""Updates posted to us: who is let in, and when we say that we have them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from bot.channels.telegram.client import make_bot
from bot.channels.telegram.courtesies import Courtesies
from bot.channels.telegram.intake import Intake
from bot.channels.telegram.limits import ALLOWED_UPDATES
from bot.channels.telegram.webhook import SECRET_HEADER, create_webhook, register_webhook
from bot.domain.errors import ConfigurationError, DeliveryFailed
from bot.domain.events import Command, CustomerEdit
from tests.fakes.telegram import (
    TOKEN,
    FakeInbox,
    FakeMessageMap,
    FixedClock,
    ScriptedApi,
    message,
    refusal,
    update,
)

SECRET = "s3cret_s3cret-s3cret"
HEADERS = {SECRET_HEADER: SECRET}


class Post:
    """Telegram, posting."""

    def __init__(self) -> None:
        self.inbox = FakeInbox()
        bot = make_bot(TOKEN, transport=ScriptedApi())
        self.courtesies = Courtesies(bot, "7", FakeMessageMap(), "…")
        app = FastAPI()
        app.include_router(create_webhook(Intake(self.inbox, self.courtesies, "7", FixedClock()), SECRET))
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop")

    async def __call__(self, raw: object, headers: dict[str, str] = HEADERS) -> httpx.Response:
        return await self.http.post("/telegram/webhook", json=raw, headers=headers)

    async def raw(self, body: bytes) -> httpx.Response:
        return await self.http.post("/telegram/webhook", content=body, headers=HEADERS)


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    post = Post()
    yield post
    await post.courtesies.close()
    await post.http.aclose()


async def test_200_means_that_we_have_it(post: Post) -> None:
    assert (await post(update(message=message("bonjour")))).status_code == 200
    assert [event.id for event in post.inbox.events] == ["telegram:7:1"]


async def test_while_the_store_is_down_it_is_to_come_again(post: Post) -> None:
    post.inbox.failing = 1
    answer = await post(update(message=message("bonjour")))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert post.inbox.events == []
    assert (await post(update(message=message("bonjour")))).status_code == 200
    assert len(post.inbox.events) == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({SECRET_HEADER: ""}, 403),
        ({SECRET_HEADER: SECRET[:-1]}, 403),
        ({SECRET_HEADER: SECRET + "x"}, 403),
    ],
)
async def test_without_the_secret_nobody_is_heard(post: Post, headers: dict[str, str], status: int) -> None:
    assert (await post(update(message=message("bonjour")), headers)).status_code == status
    assert post.inbox.events == []


async def test_a_replayed_update_is_taken_once(post: Post) -> None:
    for _ in range(2):
        assert (await post(update(message=message("bonjour")))).status_code == 200
    assert len(post.inbox.events) == 1


async def test_an_edit_comes_in_as_an_edit(post: Post) -> None:
    await post(update(edited_message=message("bonsoir")))
    assert isinstance(post.inbox.events[0], CustomerEdit)


@pytest.mark.parametrize("body", [b"", b"not json", b"\xff\xfe", b"[" * 200_000])
async def test_what_is_not_json_is_parked_and_does_not_come_again(post: Post, body: bytes) -> None:
    assert (await post.raw(body)).status_code == 200
    assert [reason for _, _, reason in post.inbox.parked] == ["not_json"]


async def test_an_unknown_kind_is_parked(post: Post) -> None:
    assert (await post(update(hologram={}))).status_code == 200
    assert [reason for _, _, reason in post.inbox.parked] == ["unknown_kind"]


async def test_an_endless_body_is_not_read_to_its_end(post: Post) -> None:
    assert (await post.raw(b" " * (1024 * 1024 + 1))).status_code == 413
    assert post.inbox.parked == []


@pytest.mark.parametrize("secret", ["", "short", "with space in it, alas", "é" * 20, "x" * 257])
def test_a_secret_telegram_would_not_take_is_named_at_the_start(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="GUICHET_TELEGRAM__WEBHOOK_SECRET"):
        create_webhook(None, secret)  # type: ignore[arg-type]


async def test_telegram_is_told_where_to_post_and_keeps_what_waits() -> None:
    api = ScriptedApi()
    menu = {"fr": {Command.HELP: "Aide"}, "en": {Command.HELP: "Help"}}
    bot = make_bot(TOKEN, transport=api)
    await register_webhook(bot, "https://shop.example/telegram/webhook", SECRET, menu=menu)
    (asked,) = api.of("setWebhook")
    assert (asked["url"], asked["secret_token"]) == ("https://shop.example/telegram/webhook", SECRET)
    assert all(kind in asked["allowed_updates"] for kind in ALLOWED_UPDATES)
    assert asked.get("drop_pending_updates", "false") == "false"
    assert [fields.get("language_code") for fields in api.of("setMyCommands")] == [None, "fr", "en"]


async def test_an_address_telegram_refuses_is_a_mistake_to_be_told() -> None:
    api = ScriptedApi()
    api.next("setWebhook", refusal(400, "Bad Request: bad webhook: HTTPS url must be provided"))
    with pytest.raises(ConfigurationError, match="https url must be provided"):
        await register_webhook(make_bot(TOKEN, transport=api), "http://shop.example/", SECRET)


async def test_telegram_out_of_reach_is_tried_again_later() -> None:
    api = ScriptedApi()
    api.next("setWebhook", httpx.ConnectError("no"))
    with pytest.raises(DeliveryFailed):
        await register_webhook(make_bot(TOKEN, transport=api), "https://shop.example/", SECRET)
