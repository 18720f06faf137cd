"""What stands above a message: read once a thread and line, nothing old, and nothing that was changed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from bot.desk.slack import missing as subject
from bot.desk.slack.messages import Said
from bot.desk.slack.missing import FURTHEST_SECONDS, TOLD_AGAIN_SECONDS, Missing

ROOT = "1.000000"


class Slack:
    """A thread; and from when on it was asked for."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.messages = messages
        self.asked: list[float] = []

    async def conversations_replies(self, *, oldest: str, **_more: Any) -> dict[str, Any]:
        self.asked.append(float(oldest))
        return {"messages": [{"ts": ROOT, "user": "U0"}, *self.messages]}


class Ourselves:
    """Who we are."""

    user = "U0"

    async def ourselves(self) -> Ourselves:
        return self


def missing(slack: Slack) -> Missing:
    return Missing(slack, Ourselves())  # type: ignore[arg-type]


def said(text: str, ts: str, **more: Any) -> dict[str, Any]:
    return {"ts": ts, "user": "U1", "text": text, "thread_ts": ROOT, **more}


def last(root: str = ROOT) -> Said:
    return Said(channel="C1", ts="9.000000", root=root, user="U1", raw={})


@pytest.fixture
def later(monkeypatch: Any) -> Callable[[float], None]:
    def passes(seconds: float) -> None:
        now = time.monotonic()
        monkeypatch.setattr(subject.time, "monotonic", lambda: now + seconds)

    return passes


async def test_what_stands_above_the_first_message_of_a_thread_is_read_once() -> None:
    above = missing(Slack(said("un", "5.000000"), said("moi", "9.000000")))
    above.since(time.time() - 60)
    assert [one["text"] for one in await above.above(last())] == ["un"]
    assert await above.above(last()) == []


async def test_a_line_that_another_process_held_for_days_brings_nothing_that_was_forgotten_since() -> None:
    slack = Slack()
    above = missing(slack)
    above.since(time.time() - 10 * 86_400)
    await above.above(last())
    assert slack.asked[0] >= time.time() - FURTHEST_SECONDS - 5


async def test_once_slack_has_done_telling_again_nothing_is_read(later: Callable[[float], None]) -> None:
    """A thread that slept for a week would bring what was taken in before it fell asleep."""
    slack = Slack(said("un", "5.000000"))
    above = missing(slack)
    above.since(time.time() - 60)
    later(TOLD_AGAIN_SECONDS + 1)
    assert await above.above(last()) == []
    assert slack.asked == []


async def test_what_was_changed_since_is_left_to_slack_it_may_have_been_a_note() -> None:
    changed = said("le client ment", "5.000000", edited={"user": "U1", "ts": "6.000000"})
    above = missing(Slack(changed, said("bonjour", "7.000000")))
    above.since(time.time() - 60)
    assert [one["text"] for one in await above.above(last())] == ["bonjour"]
