"""The Bot API emulator as a process of its own, and our side of the line."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from telegram import Bot

from bot.channels.telegram.client import make_bot
from bot.channels.telegram.courtesies import Courtesies
from bot.channels.telegram.intake import Intake
from bot.channels.telegram.polling import TelegramPoller
from bot.domain.events import Command
from bot.ports.clock import SystemClock
from bot.storage.connection import Connection
from bot.storage.layout import Layout
from bot.storage.message_map import RedisMessageMap
from tests.fakes.telegram import FakeInbox
from tests.servers import free_port

NOTICE = "Je réponds en conversation privée."
MENU = {"fr": {Command.HELP: "Aide", Command.HUMAN: "Une personne"}, "en": {Command.HELP: "Help"}}


@dataclass
class Telegram:
    """The emulator: stateful queues of updates, strict about requests, silent about contents."""

    base: str
    journal: Path
    token: str

    async def receives(self, **kinds: Any) -> int:
        """A customer did something; returns the update's number."""
        async with httpx.AsyncClient(verify=False) as http:
            answer = await http.post(
                f"{self.base}/__fixture/updates", json={"token": self.token, "update": kinds}
            )
        number: int = answer.raise_for_status().json()["result"]["update_id"]
        return number

    async def delivers(self) -> int:
        """Waiting updates are posted to the webhook again; returns how many were taken."""
        async with httpx.AsyncClient(verify=False) as http:
            answer = await http.post(f"{self.base}/__fixture/deliver", json={"token": self.token})
        taken: int = answer.json()["result"]["delivered"]
        return taken

    async def pending(self, bot: Bot) -> int:
        """How many updates are not confirmed."""
        return (await bot.get_webhook_info()).pending_update_count

    def calls(self, method: str = "") -> list[dict[str, Any]]:
        """What was asked of it so far, refusals included."""
        lines = self.journal.read_text().splitlines() if self.journal.exists() else []
        calls = [json.loads(line) for line in lines]
        return [call for call in calls if "method" in call and method in ("", call["method"])]

    def refused(self) -> list[tuple[str, int]]:
        """What it did not take. That it holds a poll which was given up a moment ago is its own affair:
        Telegram itself lets the newest poll win."""
        refused = [(call["method"], call["status"]) for call in self.calls() if call["status"] != 200]
        return [refusal for refusal in refused if refusal != ("getUpdates", 409)]


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    journal = tmp_path_factory.mktemp("telegram") / "journal.jsonl"
    port = free_port()
    command = [
        str(Path(sys.executable).with_name("lo-bot-api-emulator")),
        *("--port", str(port), "--journal", str(journal)),
        *("--enable-control", "--allow-insecure-loopback-webhooks"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_up(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}", journal
    finally:
        process.terminate()
        process.wait(10)


def _wait_until_up(base: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        assert process.poll() is None, "the emulator ended"
        assert time.monotonic() < deadline, "the emulator did not start"
        try:
            httpx.post(f"{base}/bot1:x/getMe")
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return


@pytest.fixture
def telegram(emulator: tuple[str, Path], request: pytest.FixtureRequest) -> Telegram:
    """A bot of its own for each test: queues are kept apart by token."""
    base, journal = emulator
    if journal.exists():
        journal.unlink()
    number = abs(hash(request.node.name)) % 10**9
    return Telegram(base, journal, f"{number}:only-for-tests")


@pytest.fixture
async def layout(valkey_url: str) -> AsyncIterator[Layout]:
    connection = await Connection.open(valkey_url)
    yield await Layout.open(connection, 8)
    await connection.close()


@pytest.fixture
def messages(layout: Layout) -> RedisMessageMap:
    return RedisMessageMap(layout, SystemClock())


@pytest.fixture
async def bot(telegram: Telegram) -> AsyncIterator[Bot]:
    async with AsyncExitStack() as stack:
        bot = make_bot(telegram.token, api_base=telegram.base)
        stack.push_async_callback(bot.shutdown)
        yield bot


@pytest.fixture
def inbox() -> FakeInbox:
    return FakeInbox()


@pytest.fixture
async def intake(bot: Bot, inbox: FakeInbox, messages: RedisMessageMap) -> AsyncIterator[Intake]:
    courtesies = Courtesies(bot, "7", messages, NOTICE)
    yield Intake(inbox, courtesies, "7", SystemClock())
    await courtesies.close()


class Polling:
    """A poller that runs while the block does."""

    def __init__(self, bot: Bot, intake: Intake) -> None:
        self._poller = TelegramPoller(bot, intake, menu=MENU, wait=1)
        self._stop = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self._poller.run(self._stop))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        if self.task and not self.task.cancelled():
            await asyncio.wait_for(self.task, 15)


@pytest.fixture
def polling(bot: Bot, intake: Intake) -> Callable[[], Polling]:
    return lambda: Polling(bot, intake)


async def until(condition: Callable[[], object], within: float = 15.0) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)
