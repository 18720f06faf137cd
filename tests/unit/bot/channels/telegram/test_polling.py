"""The poll loop through every kind of trouble."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
import structlog

from bot.channels.telegram import polling
from bot.channels.telegram.client import make_bot
from bot.channels.telegram.courtesies import Courtesies
from bot.channels.telegram.intake import Intake
from bot.channels.telegram.polling import TelegramPoller, backoff
from bot.domain.events import Command, CustomerMessage
from tests.fakes.telegram import (
    TOKEN,
    FakeInbox,
    FakeMessageMap,
    FixedClock,
    ScriptedApi,
    message,
    ok,
    refusal,
    update,
)


class IdleApi(ScriptedApi):
    """Like Telegram, it holds a poll that has nothing to say, and keeps updates until confirmed."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[dict[str, object]] = []

    def _success(self, method: str) -> httpx.Response:
        if method != "getUpdates":
            return super()._success(method)
        asked = self.of("getUpdates")[-1]
        offset = int(asked.get("offset", 0))
        self.waiting = [raw for raw in self.waiting if int(str(raw.get("update_id", 2**40))) >= offset]
        return ok(self.waiting[: int(asked["limit"])])

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await super().handle_async_request(request)
        if answer.status_code == 200 and request.url.path.endswith("getUpdates"):
            await asyncio.sleep(0.01)
        return answer


class Line:
    """A poller on a line of its own."""

    def __init__(self) -> None:
        self.api = IdleApi()
        self.inbox = FakeInbox()
        bot = make_bot(TOKEN, transport=self.api)
        self.courtesies = Courtesies(bot, "7", FakeMessageMap(), "…")
        intake = Intake(self.inbox, self.courtesies, "7", FixedClock())
        self.poller = TelegramPoller(bot, intake, wait=0)
        self.stop = asyncio.Event()
        self.running: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.running = asyncio.create_task(self.poller.run(self.stop))

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                assert self.running is None or not self.running.done() or self.running.result() is None
                await asyncio.sleep(0.01)

    async def hang_up(self) -> None:
        self.stop.set()
        if self.running:
            await self.running
        await self.courtesies.close()

    @property
    def texts(self) -> list[str]:
        return [event.text for event in self.inbox.events if isinstance(event, CustomerMessage)]


@pytest.fixture
async def line(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Line]:
    for pause in ("CONFLICT_PAUSE", "TOKEN_PAUSE", "SHORTEST_PAUSE", "SHORTEST_HOLD"):
        monkeypatch.setattr(polling, pause, 0.01)
    line = Line()
    yield line
    await line.hang_up()


async def test_a_webhook_is_taken_down_first_and_what_waits_is_kept(line: Line) -> None:
    line.start()
    await line.until(lambda: line.api.of("getUpdates"))
    assert line.api.calls[0][0] == "deleteWebhook"
    assert line.api.calls[0][1].get("drop_pending_updates", "false") == "false"
    asked = json.loads(line.api.of("getUpdates")[0]["allowed_updates"])
    assert asked == ["message", "edited_message", "callback_query", "my_chat_member"]


async def test_updates_are_confirmed_once_they_are_in_the_inbox(line: Line) -> None:
    line.api.waiting = [update(n, message=message(f"m{n}")) for n in (7, 8)]
    line.start()
    await line.until(lambda: not line.api.waiting)
    assert line.texts == ["m7", "m8"]
    assert "offset" not in line.api.of("getUpdates")[0]
    assert line.api.of("getUpdates")[1]["offset"] == "9"


async def test_a_batch_is_not_confirmed_while_one_of_it_is_not_stored_and_none_overtakes(line: Line) -> None:
    line.inbox.failing = 3
    line.api.waiting = [update(n, message=message(f"m{n}")) for n in range(1, 5)]
    line.start()
    await line.until(lambda: not line.api.waiting)
    assert line.texts == ["m1", "m2", "m3", "m4"]
    assert len(line.api.of("getUpdates")) >= 4


async def test_one_malformed_update_does_not_hold_up_the_others(line: Line) -> None:
    line.api.waiting = [update(1, message={"broken": True}), update(2, message=message("bonjour"))]
    line.start()
    await line.until(lambda: not line.api.waiting)
    assert line.texts == ["bonjour"]
    assert [reason for _, _, reason in line.inbox.parked] == ["malformed"]


async def test_updates_without_a_number_are_parked_once_and_polling_slows_down(line: Line) -> None:
    line.api.waiting = [{"message": message("bonjour")}]
    with structlog.testing.capture_logs() as logs:
        line.start()
        await line.until(lambda: len(line.api.of("getUpdates")) > 2)
    assert len(line.inbox.parked) == 1
    assert "telegram.poll_failed" in [entry["event"] for entry in logs]
    line.api.waiting = [update(5, message=message("me voici"))]
    await line.until(lambda: line.texts == ["me voici"])


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ConnectError("no route"),
        httpx.ReadTimeout("silence"),
        refusal(502, "Bad Gateway"),
        refusal(429, "Too Many Requests", retry_after=0.01),
        refusal(409, "Conflict: terminated by other getUpdates request"),
        refusal(401, "Unauthorized"),
        httpx.Response(200, text="<html>"),
        ok("not a list"),
    ],
)
async def test_it_polls_on_after_trouble(line: Line, trouble: httpx.Response | Exception) -> None:
    line.api.next("getUpdates", trouble)
    line.api.waiting = [update(1, message=message("bonjour"))]
    line.start()
    await line.until(lambda: line.texts == ["bonjour"])
    assert line.inbox.parked == []


async def test_a_conflict_is_told_to_the_operator_and_the_webhook_taken_down_again(line: Line) -> None:
    line.api.next("getUpdates", refusal(409, "Conflict: can't use getUpdates while webhook is active"))
    with structlog.testing.capture_logs() as logs:
        line.start()
        await line.until(lambda: len(line.api.of("deleteWebhook")) == 2)
    assert [entry["event"] for entry in logs] == ["telegram.poll_conflict"]


async def test_the_token_and_what_people_write_are_in_no_log(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    line.api.next("deleteWebhook", refusal(401, "Unauthorized"), refusal(404, "Not Found"))
    line.api.next("getUpdates", httpx.ConnectError(f"no route to /bot{TOKEN}/"))
    line.api.waiting = [update(1, message=message("un secret")), update(2, hologram={"text": "un secret"})]
    with structlog.testing.capture_logs() as logs:
        line.start()
        await line.until(lambda: not line.api.waiting)
    said = repr(logs) + "".join(record.getMessage() for record in caplog.records)
    assert TOKEN not in said
    assert "secret" not in said


async def test_the_menu_of_commands_is_published_and_may_fail(line: Line) -> None:
    line.poller._menu = {"fr": {Command.HUMAN: "Parler à une personne"}}
    line.api.next("setMyCommands", refusal(400, "Bad Request: BOT_COMMAND_INVALID"))
    line.start()
    await line.until(lambda: line.api.of("getUpdates"))
    asked = json.loads(line.api.of("setMyCommands")[0]["commands"])
    assert asked == [{"command": "human", "description": "Parler à une personne"}]


async def test_stopping_in_the_middle_of_a_batch_takes_it_whole_and_confirms_it(line: Line) -> None:
    line.inbox.before_append = line.stop.set
    line.api.waiting = [update(7, message=message("au")), update(8, message=message("revoir"))]
    line.start()
    assert line.running
    await line.running
    assert line.texts == ["au", "revoir"]
    assert [asked.get("offset") for asked in line.api.of("getUpdates")] == [None, "9"]


async def test_it_can_be_cancelled_at_any_time(line: Line) -> None:
    line.start()
    await line.until(lambda: line.api.of("getUpdates"))
    assert line.running
    line.running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await line.running
    line.running = None


def test_the_pause_doubles_up_to_a_limit_and_is_partly_chance() -> None:
    assert [backoff(failures, 1.0) for failures in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, 4.0]
    assert backoff(1, 0.0) == 0.25
    assert backoff(10_000, 1.0) == 30.0


async def test_a_server_that_does_not_hold_a_poll_is_not_asked_without_a_breath(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "SHORTEST_HOLD", 3600.0)
    line.poller._wait = 30
    line.start()
    await line.until(lambda: line.api.of("getUpdates"))
    await asyncio.sleep(0.2)
    assert len(line.api.of("getUpdates")) == 1
