"""HTTP mode: requests that are Slack's, and requests that only look so."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from bot.app.serving import QuietServer, bind
from bot.desk.slack import kit
from bot.desk.slack.names import Act
from bot.desk.slack.webhook import BODY_BYTES, create_webhook
from bot.domain.errors import ConfigurationError
from bot.domain.events import AgentClaim, AgentReply
from tests.fakes.slack_listening import CHANNEL, CONVERSATION, Listened, listening
from tests.servers import free_port

PATH = "/slack/events"


@asynccontextmanager
async def served(**how: Any) -> AsyncIterator[Listened]:
    """The app behind a real server, to which Slack posts."""
    async with listening(socket=False, **how) as it:
        web = FastAPI()
        web.include_router(create_webhook(it.app.bolt, it.slack.signing_secret, path=PATH, body_seconds=2.0))
        port = free_port()
        bound = bind("127.0.0.1", port)
        server = QuietServer(uvicorn.Config(web, log_config=None, lifespan="off"))
        running = asyncio.create_task(server.serve_until(it.stop, bound))
        it.slack.http.use(f"http://127.0.0.1:{port}{PATH}")
        try:
            yield it
        finally:
            it.stop.set()
            await running
            bound.close()


def message(text: str = "Bonjour", **event: Any) -> str:
    return json.dumps(
        {
            "type": "event_callback",
            "team_id": "T0ATELIER1",
            "event": {"type": "message", "channel": CHANNEL, "user": "U1", "text": text, **event},
        }
    )


async def test_the_address_is_proved_and_messages_and_presses_come_in() -> None:
    async with served() as it:
        assert await it.slack.http.verify_url()
        card = await it.card(kit.actions(kit.button("Claim", Act.CLAIM, CONVERSATION)))
        it.user().post(CHANNEL, "Bonjour", thread_ts=card)
        await it.taken(1)
        answer = await it.user().press(CHANNEL, card, Act.CLAIM)
        assert answer.acked
        assert [type(event) for event in it.events] == [AgentReply, AgentClaim]


async def test_a_form_is_answered_with_what_is_wrong_in_it() -> None:
    async with served() as it:
        card = await it.card(kit.actions(kit.button("Reply", Act.REPLY, CONVERSATION)))
        await it.user().press(CHANNEL, card, Act.REPLY)
        form = await it.slack.until(lambda: it.user().opened_views())
        answer = await it.user().submit(form[-1]["id"], {"text": "  "})
        assert "Écrivez" in answer.errors["text"]


async def test_forged_unsigned_and_stale_requests_are_turned_away() -> None:
    async with served() as it:
        card = await it.card()
        body = message(ts="1.2", thread_ts=card)
        assert (await it.slack.http.post(body, secret="of somebody else")).status == 401
        assert (await it.slack.http.post(body, signature="")).status == 401
        assert (await it.slack.http.post(body, signature="v0=" + "0" * 64)).status == 401
        assert (await it.slack.http.post(body, age=60 * 6)).status == 401
        assert (await it.slack.http.post(body, age=-60 * 6)).status == 401
        assert it.events == []
        assert (await it.slack.http.post(body)).status == 200
        assert len(it.events) == 1


@pytest.mark.parametrize(
    ("signature", "at"), [("v0=abc", "now"), ("v0=abc", "nan"), ("v0=abc", "9" * 400), ("v0=\xe9", None)]
)
async def test_headers_that_cannot_be_read_make_the_app_say_nothing_to_anybody(
    signature: str, at: str | None
) -> None:
    """What fails is told to the person a body names: not to whoever a stranger names."""
    forged = {"type": "block_actions", "user": {"id": "U1"}, "team": {"id": "T0ATELIER1"}, "actions": [{}]}
    body = f"payload={quote(json.dumps(forged))}"
    async with served() as it:
        headers = [
            (b"content-type", b"application/x-www-form-urlencoded"),
            (b"x-slack-request-timestamp", (at or str(int(time.time()))).encode()),
            (b"x-slack-signature", signature.encode("latin-1")),
        ]
        async with httpx.AsyncClient() as stranger:
            answer = await stranger.post(str(it.slack.http.request_url), content=body, headers=headers)
        await it.app.close()
        assert it.slack.calls == []
        assert answer.status_code == 401


async def test_a_look_at_our_certificate_is_answered_and_nothing_else_happens() -> None:
    async with served() as it:
        form = "application/x-www-form-urlencoded"
        assert (await it.slack.http.post("ssl_check=1&token=x", form, signature="")).status == 200
        assert (await it.slack.http.post("command=/care&text=away", form, signature="")).status == 401


async def test_a_body_over_the_limit_is_not_read_to_its_end() -> None:
    async with served() as it:
        assert (await it.slack.http.post("x" * (BODY_BYTES + 1))).status == 413


async def test_a_body_that_does_not_come_to_an_end_is_not_waited_for() -> None:
    async with served() as it:
        address = urlsplit(str(it.slack.http.request_url))
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nabc".encode())
        try:
            assert b" 408 " in await asyncio.wait_for(reader.readline(), 20)
        finally:
            writer.close()


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '"text"', "{}", '{"type": 3}', "payload=%7B"])
async def test_what_is_no_request_of_slacks_breaks_nothing(body: str) -> None:
    async with served() as it:
        for kind in ("application/json", "application/x-www-form-urlencoded"):
            assert (await it.slack.http.post(body, kind, secret="forged")).status in (400, 401)
            assert (await it.slack.http.post(body, kind)).status in (200, 400, 404, 503)
        assert await it.slack.http.verify_url()


async def test_while_the_store_is_down_slack_is_asked_to_come_again_and_does() -> None:
    async with served(retry_delays=(0.3, 0.6, 1.2)) as it:
        card = await it.card()
        it.inbox.down = True
        answer = await it.slack.http.post(message(ts="1.2", thread_ts=card))
        assert answer.status == 503
        it.user().post(CHANNEL, "Bonjour", thread_ts=card)
        await it.slack.until(lambda: it.slack.events.deliveries[-1].attempts)
        it.inbox.down = False
        (event,) = await it.taken(1)
        assert event.text == "Bonjour"


async def test_without_a_signing_secret_nothing_is_served() -> None:
    async with listening(socket=False) as it:
        with pytest.raises(ConfigurationError, match="SIGNING_SECRET"):
            create_webhook(it.app.bolt, " ", path=PATH)
