"""What agents wrote while nobody listened, and Slack has given up telling of, is read from the threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.desk.slack.catching_up import CatchUp
from bot.desk.slack.names import said_at
from bot.domain.outgoing import CaseState
from tests.fakes.slack_listening import CHANNEL, CONVERSATION, Listened, listening

NEVER_AGAIN = ()
"""Slack tells once."""


@dataclass
class Now:
    """The real time, ``ahead`` by so much."""

    ahead: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Taken:
    """The intake, by way of a list of what it was given."""

    def __init__(self, intake: Any) -> None:
        self.intake = intake
        self.texts: list[str] = []

    async def take(self, event: Any) -> None:
        self.texts.append(event["text"])
        await self.intake.take(event)


@dataclass
class Watched:
    """The app, and what catches up."""

    it: Listened
    now: Now
    taken: Taken
    is_open: bool = True

    def one(self, silence: float = 60.0) -> CatchUp:
        desk = self.it.desk
        return CatchUp(
            desk.client, self.taken, desk.board, desk.threads, self.now, lambda: self.is_open,
            beat=0.05, silence=silence, pace=0.0,
        )  # fmt: skip

    async def looks(self, until: Callable[[], Any], **how: Any) -> None:
        """A process that looks, until something is so."""
        stop = asyncio.Event()
        running = asyncio.create_task(self.one(**how).run(stop))
        try:
            await self.it.slack.until(until, seconds=10)
        finally:
            stop.set()
            await running

    async def heard(self) -> str:
        return (await self.it.threads.notes("slack:listening")).get("heard", "")

    async def listens(self) -> None:
        """Somebody has looked, and all was well."""
        before = await self.heard()
        stop = asyncio.Event()
        running = asyncio.create_task(self.one().run(stop))
        async with asyncio.timeout(10):
            while await self.heard() == before:
                await asyncio.sleep(0.02)
        stop.set()
        await running

    def case(self, conversation: str = CONVERSATION, *, at: datetime | None = None, **card: Any) -> None:
        self.it.case(conversation, **card)
        known = self.it.board.all
        known[conversation] = replace(known[conversation], updated_at=at or self.now.now())

    def wrote(self) -> list[str]:
        return [event.text for event in self.it.events]


@asynccontextmanager
async def watched(**how: Any) -> AsyncIterator[Watched]:
    """An app that does not listen yet, to which Slack tells things once."""
    async with listening(socket=False, **{"retry_delays": NEVER_AGAIN, **how}) as it:
        yield Watched(it, Now(), Taken(it.app.intake))


async def test_what_was_written_while_nobody_listened_is_taken_in_once_and_in_order() -> None:
    async with watched() as here:
        root = await here.it.card()
        here.case()
        await here.listens()
        lea = here.it.user()
        first = lea.post(CHANNEL, "un", thread_ts=root)
        lea.post(CHANNEL, ";; entre nous", thread_ts=root)
        lea.post(CHANNEL, "deux", thread_ts=root)
        here.now.ahead = timedelta(seconds=70)
        await here.looks(lambda: len(here.it.events) >= 3)
        assert here.wrote() == ["un", "entre nous", "deux"]
        assert here.it.events[0].message_id == said_at(CHANNEL, first)
        assert here.it.events[0].id == f"desk:slack:{CHANNEL}:{first}"
        # All of it read again, as if nothing was known of when we listened: it counts once.
        await here.it.threads.note("slack:listening", "heard", None)
        await here.looks(lambda: len(here.taken.texts) >= 6)
        assert here.wrote() == ["un", "entre nous", "deux"]


async def test_a_short_silence_is_left_to_slack() -> None:
    async with watched() as here:
        root = await here.it.card()
        here.case()
        await here.listens()
        here.it.user().post(CHANNEL, "bref", thread_ts=root)
        here.now.ahead = timedelta(seconds=30)
        await here.listens()
        assert here.taken.texts == []


async def test_while_the_token_is_refused_nothing_is_told_and_all_of_it_is_read_once_it_is_back() -> None:
    async with watched() as here:
        root = await here.it.card()
        here.case()
        await here.listens()
        here.it.slack.revoke_token()
        stop = asyncio.Event()
        running = asyncio.create_task(here.one(silence=3600).run(stop))
        await here.it.slack.until(lambda: len(here.it.slack.calls_of("auth.test")) > 3)
        here.it.user().post(CHANNEL, "écrit sans jeton", thread_ts=root)
        stop.set()
        await running
        assert here.taken.texts == []
        here.it.slack.restore_tokens()
        # Another process than the one that saw it refused.
        await here.looks(lambda: here.it.events, silence=3600)
        assert here.wrote() == ["écrit sans jeton"]
        await here.listens()
        assert "refused" not in await here.it.threads.notes("slack:listening")


async def test_nothing_is_done_while_the_socket_is_closed_and_the_silence_still_counts_then() -> None:
    async with watched() as here:
        root = await here.it.card()
        here.case()
        await here.listens()
        here.it.user().post(CHANNEL, "sans ligne", thread_ts=root)
        here.is_open = False
        here.now.ahead = timedelta(seconds=70)
        stop = asyncio.Event()
        running = asyncio.create_task(here.one().run(stop))
        await asyncio.sleep(0.3)
        assert here.taken.texts == []
        here.is_open = True
        await here.it.slack.until(lambda: here.it.events)
        stop.set()
        await running
        assert here.wrote() == ["sans ligne"]


@pytest.mark.parametrize("trouble", ["the socket is closed", "Slack fails"])
async def test_what_is_no_listening_is_not_kept_as_such(trouble: str) -> None:
    async with watched() as here:
        await here.listens()
        before = await here.heard()
        here.is_open = trouble != "the socket is closed"
        if here.is_open:
            here.it.slack.faults.order("500", "auth.test")
        stop = asyncio.Event()
        running = asyncio.create_task(here.one().run(stop))
        await asyncio.sleep(0.3)
        stop.set()
        await running
        assert await here.heard() == before


async def test_a_store_that_was_away_is_a_silence_too() -> None:
    async with watched() as here:
        root = await here.it.card()
        here.case()
        await here.listens()
        here.it.inbox.down = here.it.threads.down = True
        here.it.user().post(CHANNEL, "sans magasin", thread_ts=root)
        here.now.ahead = timedelta(seconds=70)
        stop = asyncio.Event()
        running = asyncio.create_task(here.one().run(stop))
        await asyncio.sleep(0.2)
        here.it.inbox.down = here.it.threads.down = False
        await here.it.slack.until(lambda: here.it.events)
        stop.set()
        await running
        assert here.wrote() == ["sans magasin"]


async def test_what_was_refused_then_and_what_apps_wrote_is_not_taken_in() -> None:
    async with watched() as here:
        root = await here.it.card()
        here.case()
        await here.listens()
        refused = here.it.user().post(CHANNEL, "trop grand", thread_ts=root)
        await here.it.desk.client.reactions_add(channel=CHANNEL, timestamp=refused, name="no_entry_sign")
        await here.it.desk.client.chat_postMessage(channel=CHANNEL, text="de nous", thread_ts=root)
        sent = here.it.user().post(CHANNEL, "pour le client", thread_ts=root)
        here.it.user().react(CHANNEL, sent, "no_entry_sign")  # anybody's mark is no refusal of ours
        here.now.ahead = timedelta(seconds=70)
        await here.looks(lambda: here.it.events)
        assert here.taken.texts == ["pour le client"]


async def test_live_cases_are_read_the_newest_first_and_those_that_ended_meanwhile_after_them() -> None:
    async with watched() as here:
        now = here.now.now()
        await here.listens()
        for name, at, state in (
            ("c_old", now - timedelta(hours=2), CaseState.CLAIMED),
            ("c_new", now, CaseState.WAITING),
            ("c_ended", now, CaseState.CLOSED),
            ("c_long_ended", now - timedelta(hours=2), CaseState.CLOSED),
        ):
            root = await here.it.card(conversation=name)
            here.case(name, at=at, state=state)
            here.it.user().post(CHANNEL, name, thread_ts=root)
        here.now.ahead = timedelta(seconds=70)
        await here.looks(lambda: len(here.it.events) >= 3)
        assert here.taken.texts == ["c_new", "c_old", "c_ended"]


async def test_a_thread_that_is_gone_keeps_no_other_from_being_read() -> None:
    async with watched() as here:
        now = here.now.now()
        await here.listens()
        for number, name in enumerate(("c_gone", "c_here")):
            root = await here.it.card(conversation=name)
            here.case(name, at=now - timedelta(seconds=number))
            here.it.user().post(CHANNEL, name, thread_ts=root)
        here.it.slack.faults.order("error", "conversations.replies", times=1, error="thread_not_found")
        here.now.ahead = timedelta(seconds=70)
        await here.looks(lambda: here.it.events)
        assert here.taken.texts == ["c_here"]


@pytest.mark.parametrize(("fault", "pause"), [("429", 1.0), ("500", 0.0)])
async def test_slacks_limit_and_a_failure_only_delay_it(fault: str, pause: float) -> None:
    async with watched() as here:
        root = await here.it.card()
        here.case()
        await here.listens()
        here.it.user().post(CHANNEL, "tard", thread_ts=root)
        here.it.slack.faults.order(fault, "conversations.replies", times=1, retry_after=1)
        here.now.ahead = timedelta(seconds=70)
        await here.looks(lambda: here.it.events)
        first, second = here.it.slack.calls_of("conversations.replies")[-2:]
        assert second.when - first.when >= pause
        assert here.wrote() == ["tard"]


async def test_of_many_threads_only_those_are_read_in_which_somebody_wrote() -> None:
    async with watched() as here:
        await here.listens()
        names = [f"c_{number}" for number in range(12)]
        roots = {}
        for number, name in enumerate(names):
            roots[name] = await here.it.card(conversation=name)
            here.case(name, at=here.now.now() - timedelta(seconds=number))
            here.it.user().post(CHANNEL, f";; avant {name}", thread_ts=roots[name])
        # Two minutes pass, at Slack too; we listened for the first half of one.
        now = here.now.now()
        here.it.slack.workspace.ids._last = int((now.timestamp() + 120) * 1_000_000)
        await here.it.threads.note("slack:listening", "heard", (now + timedelta(seconds=40)).isoformat())
        here.now.ahead = timedelta(seconds=130)
        for name in ("c_3", "c_8"):
            here.it.user().post(CHANNEL, f"après {name}", thread_ts=roots[name])
        before = len(here.it.slack.calls_of("conversations.replies"))
        await here.looks(lambda: len(here.it.events) >= 2)
        assert here.wrote() == ["après c_3", "après c_8"]
        assert len(here.it.slack.calls_of("conversations.replies")) - before == 2
