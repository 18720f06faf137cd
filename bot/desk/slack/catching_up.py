"""Reads what agents wrote while nobody listened.

Slack tells of a message again for about five minutes, and not at all while our token is refused. So the
moment until which we certainly listened is kept; after a longer silence the threads of the cases that are
live are read from there on, and what stands in them is taken in as if Slack had told of it. What was taken in
before has the same event id, and counts once.

What was changed or deleted meanwhile in an older message is not found: Slack keeps no list of that.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import structlog
from prometheus_client import Counter
from slack_sdk.web.async_client import AsyncWebClient

from bot.desk.slack.authority import TROUBLE, SlackSilent
from bot.desk.slack.client import translated
from bot.desk.slack.missing import as_events
from bot.domain.errors import DeliveryDelayed, DeliveryRefused, StoreUnavailable
from bot.ports.board import Board, Case
from bot.ports.clock import Clock
from bot.ports.threads import Thread, Threads

log = structlog.get_logger(__name__)

CAUGHT_UP = Counter("guichet_slack_caught_up", "Messages read again after nobody had listened")

BEAT_SECONDS = 5.0
SILENCE_SECONDS = 240.0
"""A shorter silence is left to Slack, which tries again after one and after five minutes."""
PACE_SECONDS = 3.0
"""Between two threads: Slack lets 50 a minute be read, and the deliverer reads too."""
MARGIN = timedelta(seconds=30)
FURTHEST = timedelta(days=1)
"""Events are remembered for longer, so nothing comes twice."""
PAGE = 200
FEW = 5
"""So many threads are read one by one; of more, those that stirred are looked up first."""
_KEPT = "slack:listening"
"""Notes of no conversation: they are kept for a day, so that what is missing here is older than that."""

Json = Mapping[str, Any]


class Takes(Protocol):
    """Takes message events in."""

    async def take(self, event: Json) -> None:
        """As if Slack had told of it.

        Raises:
            StoreUnavailable, SlackSilent: nothing was promised.
        """
        ...


class CatchUp:
    """Looks now and then whether we listen, and makes good what was missed. In one process at a time.

    Args:
        client: Slack.
        intake: where messages go.
        board: which cases are live.
        threads: where they stand, and until when we listened.
        clock: the time.
        is_open: whether Slack can reach us now, as far as that is known here.
        beat: seconds between two looks; ``silence`` after which threads are read; ``pace`` between threads.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        intake: Takes,
        board: Board,
        threads: Threads,
        clock: Clock,
        is_open: Callable[[], bool],
        *,
        beat: float = BEAT_SECONDS,
        silence: float = SILENCE_SECONDS,
        pace: float = PACE_SECONDS,
    ) -> None:
        self._client = client
        self._intake = intake
        self._board = board
        self._threads = threads
        self._clock = clock
        self._is_open = is_open
        self._beat = beat
        self._silence = timedelta(seconds=silence)
        self._pace = pace
        self._me = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``. What fails is done again at the next look."""
        while not stop.is_set():
            try:
                await self._look(stop)
            except (StoreUnavailable, SlackSilent) as error:
                log.warning("slack.catching_up_waits", error=type(error).__name__)
            await _pause(stop, self._beat)

    async def _look(self, stop: asyncio.Event) -> None:
        if not self._is_open() or not await self._is_welcome():
            return
        now = self._clock.now()
        notes = await self._threads.notes(_KEPT)
        heard = max(_moment(notes.get("heard")), now - FURTHEST)
        if "refused" in notes or now - heard >= self._silence:
            if not await self._caught_up(heard - MARGIN, stop):
                return
            await self._threads.note(_KEPT, "refused", None)
        await self._threads.note(_KEPT, "heard", self._clock.now().isoformat())

    async def _is_welcome(self) -> bool:
        """Whether Slack takes our token. While it does not, it tells us nothing, and never will of it."""
        try:
            self._me = str((await self._client.auth_test()).get("user_id"))
        except TROUBLE as error:
            ours = translated(error)
            if isinstance(ours, DeliveryDelayed) and ours.everyone:
                await self._threads.note(_KEPT, "refused", "yes")
            return False
        return True

    async def _caught_up(self, since: datetime, stop: asyncio.Event) -> bool:
        """Read it all; whether it was all."""
        threads, count = await self._of_cases(since), 0
        log.info("slack.catching_up", since=since.isoformat(), cases=len(threads))
        quiet = await self._quiet(threads, since, stop) if len(threads) > FEW else frozenset()
        for thread in threads:
            if stop.is_set() or not self._is_open():
                return False
            if thread in quiet:
                continue
            for event in await self._written(thread, since, stop):
                await self._intake.take(event)
                count += 1
            await _pause(stop, self._pace)
        CAUGHT_UP.inc(count)
        log.info("slack.caught_up", since=since.isoformat(), cases=len(threads), messages=count)
        return True

    async def _of_cases(self, since: datetime) -> list[Thread]:
        found = [await self._threads.of(case.conversation) for case in await self._cases(since)]
        return [thread for thread in found if thread is not None]

    async def _quiet(
        self, threads: Sequence[Thread], since: datetime, stop: asyncio.Event
    ) -> frozenset[Thread]:
        """Threads in which nobody has written since. A channel's list of first messages tells, two hundred
        at a time, when each was last replied to: a thread that it does not name is not called quiet."""
        found: set[Thread] = set()
        for place in dict.fromkeys(thread.place for thread in threads):
            wanted = {thread.root: thread for thread in threads if thread.place == place}
            async for first in self._first_messages(place, min(wanted), stop):
                thread = wanted.pop(str(first.get("ts")), None)
                last = float(first.get("latest_reply") or first.get("ts") or 0)
                if thread is not None and last < since.timestamp():
                    found.add(thread)
                if not wanted:
                    break
        return frozenset(found)

    async def _first_messages(self, place: str, oldest: str, stop: asyncio.Event) -> AsyncIterator[Json]:
        cursor: str | None = None
        while cursor != "":
            page = await self._page(
                self._client.conversations_history, stop, channel=place, oldest=oldest, inclusive=True,
                limit=PAGE, cursor=cursor,
            )  # fmt: skip
            for message in page.get("messages") or ():
                yield message
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            await _pause(stop, self._pace)

    async def _cases(self, since: datetime) -> list[Case]:
        """Those that are live, the newest first; then those that ended while we did not listen."""
        live = sorted(await self._board.cases(), key=lambda case: case.updated_at, reverse=True)
        ended = [case for case in await self._board.cases(closed=True) if case.updated_at >= since]
        return [*live, *ended]

    async def _written(self, thread: Thread, since: datetime, stop: asyncio.Event) -> list[Json]:
        """What people wrote in a thread since then, as events; what was refused then stays so."""
        found: list[Json] = []
        cursor: str | None = None
        while cursor != "":
            page = await self._page(
                self._client.conversations_replies, stop, channel=thread.place, ts=thread.root,
                oldest=f"{since.timestamp():.6f}", limit=PAGE, cursor=cursor,
            )  # fmt: skip
            found += page.get("messages") or ()
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
        return as_events(found, thread.place, thread.root, self._me)

    async def _page(self, call: Callable[..., Awaitable[Any]], stop: asyncio.Event, **what: Any) -> Json:
        """What Slack answers; nothing when the place is gone. Its limit is waited for."""
        while True:
            try:
                answer = await call(**what)
            except TROUBLE as error:
                ours = translated(error)
            else:
                found: Json = answer.data if isinstance(answer.data, dict) else {}
                return found
            if isinstance(ours, DeliveryRefused):
                log.warning("slack.thread_not_read", channel=what.get("channel"), reason=ours.reason)
                return {}
            if not isinstance(ours, DeliveryDelayed) or ours.everyone or stop.is_set():
                raise SlackSilent(call.__name__)
            await _pause(stop, ours.retry_after)


def _moment(kept: str | None) -> datetime:
    with suppress(TypeError, ValueError):
        return datetime.fromisoformat(kept)  # type: ignore[arg-type]
    return datetime.min.replace(tzinfo=UTC)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
