"""Looking round who is online, and telling people things: slowly, and never at the cost of anything else."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

from bot.desk.slack import presence, telling
from bot.desk.slack.presence import PresenceWatch
from bot.desk.slack.telling import Teller
from tests.builders import NOW
from tests.fakes.desk import FixedClock
from tests.fakes.threads import MemoryRoster


def refusal(code: str, status: int = 200, **headers: str) -> SlackApiError:
    class Answer(dict[str, Any]):
        pass

    answer = Answer(ok=False, error=code)
    answer.headers, answer.status_code = headers, status  # type: ignore[attr-defined]
    return SlackApiError("no", answer)


@dataclass
class Client:
    """Answers with what is next; remembers what it was asked."""

    answers: list[Any] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def _next(self, method: str, what: str) -> Any:
        self.asked.append((method, what))
        answer = self.answers.pop(0) if self.answers else {}
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def users_getPresence(self, *, user: str) -> Any:  # noqa: N802 - Slack's name
        return self._next("presence", user)

    async def chat_postEphemeral(self, **what: Any) -> Any:  # noqa: N802
        return self._next("ephemeral", what["user"])

    async def chat_postMessage(self, **what: Any) -> Any:  # noqa: N802
        return self._next("message", what["channel"])

    async def reactions_add(self, **what: Any) -> Any:
        return self._next("reaction", what["name"])


async def test_everybody_is_looked_at_in_turn_and_the_roster_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "ROUND_SECONDS", 0.0)
    monkeypatch.setattr(presence, "SHORTEST_PAUSE", 0.0)
    client, roster, stop = (
        Client([{"presence": "active"}, {"presence": "away"}]),
        MemoryRoster(),
        asyncio.Event(),
    )
    watch = PresenceWatch(client, roster, ["U1", "U2", "U1"])  # type: ignore[arg-type]
    running = asyncio.create_task(watch.run(stop))
    while len(client.asked) < 4:
        await asyncio.sleep(0)
    stop.set()
    await running
    assert [user for _, user in client.asked[:4]] == ["U1", "U2", "U1", "U2"]
    assert (await roster.presence("slack:U2")).online is False


async def test_a_slack_or_a_store_in_trouble_is_looked_at_again_later() -> None:
    client, roster = Client([refusal("ratelimited"), OSError(), {"presence": "active"}]), MemoryRoster()
    watch = PresenceWatch(client, roster, ["U1"])  # type: ignore[arg-type]
    assert await watch._look("U1") == presence.TROUBLE_PAUSE
    assert await watch._look("U1") == presence.ROUND_SECONDS
    roster.down = True
    assert await watch._look("U1") == presence.ROUND_SECONDS


def test_many_people_are_looked_at_within_slacks_limit() -> None:
    watch = PresenceWatch(Client(), MemoryRoster(), [f"U{n}" for n in range(500)])  # type: ignore[arg-type]
    assert watch._pause == presence.SHORTEST_PAUSE


def teller(client: Client) -> tuple[Teller, FixedClock]:
    clock = FixedClock(NOW)
    return Teller(client, clock), clock  # type: ignore[arg-type]


async def test_what_cannot_be_whispered_is_said_directly() -> None:
    client = Client([refusal("user_not_in_channel")])
    voice, _ = teller(client)
    voice.whisper("U1", "hello", channel="C1", thread="1.0")
    voice.whisper("U2", "hello")
    await voice.drain()
    assert sorted(client.asked) == [("ephemeral", "U1"), ("message", "U1"), ("message", "U2")]


async def test_what_slack_asks_to_wait_with_is_said_after_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "UNREACHABLE", 0.0)
    limited = refusal("ratelimited", 429, **{"Retry-After": "0"})
    client = Client([limited, refusal("internal_error", 500), OSError("cut")])
    voice, _ = teller(client)
    voice.whisper("U1", "hello", channel="C1")
    await voice.drain()
    assert client.asked == [("ephemeral", "U1")] * 4


async def test_what_slack_never_takes_is_given_up_quietly() -> None:
    client = Client([refusal("already_reacted"), refusal("channel_not_found"), refusal("account_inactive")])
    voice, _ = teller(client)
    voice.mark("C1", "1.0", "no_entry_sign")
    voice.whisper("U1", "hello", channel="C1")
    await voice.drain()
    assert len(client.asked) == 3


async def test_the_same_news_is_news_again_after_an_hour() -> None:
    voice, clock = teller(Client())
    assert voice.is_news("strict", "U1")
    assert not voice.is_news("strict", "U1")
    assert voice.is_news("strict", "U2")
    clock.time += telling.ONCE
    assert voice.is_news("strict", "U1")


async def test_stopping_waits_for_words_only_so_long() -> None:
    class Deaf(Client):
        async def chat_postMessage(self, **_what: Any) -> Any:  # noqa: N802
            await asyncio.Event().wait()

    voice, _ = teller(Deaf())
    voice.direct("U1", "hello")
    await voice.drain(0.01)
