"""The pieces as the roles put them together: a real store, a real record, Slack played."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from bot.app import ingest, parts, slack_intake
from bot.app.core import Core, open_core
from bot.domain.events import AgentReply
from bot.ports.threads import Thread
from bot.settings import Settings
from tests.builders import LEA
from tests.fakes.slack import SlackStandIn

CHANNEL = "C1CARE"


def settings(folder: Path, store: str, at: SlackStandIn, **more: Any) -> Settings:
    return Settings(
        data_dir=folder,
        redis={"url": store},
        database={"url": f"sqlite:///{folder / 'guichet.db'}"},
        web={"secret": "only-for-this-test-0123456789"},
        nlu={"urls": ["http://127.0.0.1:9"], "token": "t"},
        slack={
            "bot_token": at.bot_token,
            "app_token": at.app_token,
            "signing_secret": at.signing_secret,
            "api_base": at.api_url,
            **more,
        },
        teams={"care": {"channels": [CHANNEL], "agents": ["U1LEA"], "assign": "push", "hours": {}}},
    )


def workspace(at: SlackStandIn) -> None:
    at.add_user("U1LEA", real_name="Léa Dumas", locale="fr-FR")
    at.add_channel(CHANNEL, members=["U1LEA"])


async def card(core: Core, at: SlackStandIn) -> str:
    """A thread of ours."""
    made = at.messages.post(at.channel(CHANNEL), at.messages.by_bot(text="card"))
    await core.threads.open(Thread("c_1", LEA, CHANNEL, made["ts"]))
    return str(made["ts"])


async def taken(core: Core) -> list[Any]:
    """What is in the inbox."""
    cursors = {core.store.turns.shard_of(LEA): "0"}
    read = await core.store.turns.read_events(cursors, count=10, block=0.1)
    return [entry.value for entry in read]


async def test_the_ingest_role_holds_the_socket_looks_who_is_there_and_says_how_it_is(
    tmp_path: Path, valkey_url: str
) -> None:
    async with SlackStandIn() as at, AsyncExitStack() as stack:
        workspace(at)
        core = await stack.enter_async_context(open_core(settings(tmp_path, valkey_url, at)))
        assert parts.desks(core.settings) == ("terminal", "slack")
        runners, stop = await ingest.build(core, stack), asyncio.Event()
        running = [asyncio.ensure_future(runner(stop)) for runner in runners]
        try:
            await at.until(lambda: core.detail.get("slack") == "connected", seconds=10)
            at.user("U1LEA").post(CHANNEL, "Bonjour", thread_ts=await card(core, at))
            await at.until(lambda: at.acks, seconds=10)
            (event,) = await taken(core)
            assert isinstance(event, AgentReply)
            assert event.agent.name == "Léa Dumas"
            await at.until(lambda: at.calls_of("users.getPresence"), seconds=10)
        finally:
            stop.set()
            await asyncio.gather(*running)
        assert core.detail["slack"] == "closed"


async def test_in_http_mode_the_web_role_listens_and_ingest_holds_no_socket(
    tmp_path: Path, valkey_url: str
) -> None:
    async with SlackStandIn() as at, AsyncExitStack() as stack:
        workspace(at)
        made = settings(tmp_path, valkey_url, at, mode="http", path="/hooks/slack")
        core = await stack.enter_async_context(open_core(made))
        heard = await stack.enter_async_context(slack_intake.listening(core))
        web = FastAPI()
        web.include_router(heard.webhook())
        async with httpx.AsyncClient(transport=httpx.ASGITransport(web), base_url="http://test") as http:
            assert (await http.post("/hooks/slack", content="{}")).status_code == 401
        assert len(await ingest.build(core, stack)) == 2
        assert at.sockets.opened == 0


async def test_without_a_token_nothing_of_slack_is_loaded_or_run(tmp_path: Path, valkey_url: str) -> None:
    async with AsyncExitStack() as stack:
        plain = Settings(
            data_dir=tmp_path, redis={"url": valkey_url}, web={"secret": "only-for-this-test-0123456789"}
        )
        core = await stack.enter_async_context(open_core(plain))
        assert parts.desks(plain) == ("terminal",)
        assert len(await ingest.build(core, stack)) == 1
