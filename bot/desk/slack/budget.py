"""Slack's limits as a budget: who may call next, and how late we are.

Slack counts per method and workspace, and posts besides per channel. Whoever is more urgent goes first; what
does not fit waits here, where the lines of a conversation are joined meanwhile.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from prometheus_client import Counter, Gauge, Histogram

from bot.domain.outgoing import Priority

waits = Histogram(
    "guichet_slack_budget_wait_seconds", "How long a call to Slack waited for room", ["priority"]
)
limited = Counter("guichet_slack_limited_total", "Calls that Slack refused with 429", ["method"])
lag_seconds = Gauge("guichet_slack_lag_seconds", "How late the last message to reach Slack was")

POST = "chat.postMessage"

# Calls a minute and workspace. Tiers: https://docs.slack.dev/apis/web-api/rate-limits ("at least", and a
# burst is tolerated); each method's tier is on its page, https://docs.slack.dev/reference/methods/<method>.
TIER_2, TIER_3, TIER_4 = 20.0, 50.0, 100.0
SEVERAL_HUNDRED = 300.0
"""chat.postMessage: "several hundred messages per minute per workspace"."""

A_MINUTE: Mapping[str, float] = {
    POST: SEVERAL_HUNDRED,
    "chat.update": TIER_3,
    "chat.delete": TIER_3,
    "chat.postEphemeral": TIER_4,
    "chat.getPermalink": SEVERAL_HUNDRED,
    "conversations.replies": TIER_3,
    "conversations.history": TIER_3,
    "conversations.open": TIER_3,
    "reactions.add": TIER_3,
    "reactions.remove": TIER_2,
    "users.info": TIER_4,
    "files.getUploadURLExternal": TIER_4,
    "files.completeUploadExternal": TIER_4,
    "files.info": TIER_4,
    "files.delete": TIER_3,
}
CHANNEL_A_SECOND = 1.0
"""chat.postMessage: "1 message per second per channel; short bursts of more are allowed"."""
CHANNEL_BURST = 3.0
BURST_SHARE = 0.2
"""How much of a minute's calls may come at once."""
MINUTE = 61.0
"""Seconds in which no more calls are made than Slack takes in a minute: one may be a second on its way."""


class _Bucket:
    """Tokens that come back at a steady rate."""

    def __init__(self, a_second: float, burst: float) -> None:
        self._rate = a_second
        self._burst = burst
        self._level = burst
        self._at = 0.0

    def level(self, now: float) -> float:
        self._level = min(self._burst, self._level + max(0.0, now - self._at) * self._rate)
        self._at = now
        return self._level

    def wait(self, now: float) -> float:
        """Seconds until there is a token."""
        missing = 1.0 - self.level(now)
        return missing / self._rate if missing > 1e-9 else 0.0

    def take(self) -> None:
        self._level -= 1.0

    def has_room(self, now: float) -> bool:
        return self.level(now) >= 1.0 + self._burst / 2


class _Allowance(_Bucket):
    """So many calls in any minute: some at once, then at the rate that uses all of it."""

    def __init__(self, a_minute: float) -> None:
        super().__init__(a_minute / 60, max(1.0, a_minute * BURST_SHARE))
        self._taken: deque[float] = deque(maxlen=int(a_minute))

    def wait(self, now: float) -> float:
        return max(super().wait(now), self._is_full_for(now, 1))

    def take(self) -> None:
        super().take()
        self._taken.append(self._at)

    def has_room(self, now: float) -> bool:
        spare = int(1.0 + self._burst / 2)
        return super().has_room(now) and self._is_full_for(now, spare) <= 0.0

    def _is_full_for(self, now: float, calls: int) -> float:
        """Seconds until that many more fit in the minute."""
        last = len(self._taken) - (self._most - calls) - 1
        return self._taken[last] + MINUTE - now if last >= 0 else 0.0

    @property
    def _most(self) -> int:
        return self._taken.maxlen or 1


_Place = tuple[str, str]
_Waiting = tuple[Priority, int, "asyncio.Future[None]"]


class Budget:
    """Lets calls through as Slack's limits have room, the urgent ones first.

    Args:
        time: monotonic seconds; the event loop's unless told.
    """

    def __init__(self, time: Callable[[], float] | None = None) -> None:
        self._time = time or (lambda: asyncio.get_running_loop().time())
        self._methods: dict[str, _Bucket] = {}
        self._channels: dict[str, _Bucket] = {}
        self._closed: dict[str, float] = {}
        self._waiting: dict[_Place, list[_Waiting]] = {}
        self._ticket = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    async def enter(self, method: str, channel: str, priority: Priority) -> None:
        """Wait until a call of that method, in that channel, fits. Unknown methods always do."""
        if method not in A_MINUTE:
            return
        began = self._time()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place = (method, channel if method == POST else "")
        heapq.heappush(self._waiting.setdefault(place, []), (priority, next(self._ticket), turn))
        self._let_in()
        await turn
        waits.labels(priority=priority.name.lower()).observe(self._time() - began)

    def close(self, method: str, seconds: float) -> None:
        """Slack asks to wait: nobody calls that method (empty: any) for so long."""
        self._closed[method] = max(self._closed.get(method, 0.0), self._time() + seconds)

    def has_room(self, method: str, channel: str) -> bool:
        """Whether there is room for what is only nice to have: nobody waits, and half a burst is left."""
        now = self._time()
        place = (method, channel if method == POST else "")
        if self._waiting.get(place) or self._is_closed(method, now):
            return False
        return all(bucket.has_room(now) for bucket in self._buckets(place))

    def is_free(self, method: str, channel: str) -> bool:
        """Whether the next call would go at once."""
        place = (method, channel if method == POST else "")
        return not self._waiting.get(place) and self._opens_in(place, self._time()) <= 0.0

    # --- who is next -----------------------------------------------------------------------

    def _let_in(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while True:
            now = self._time()
            opens: dict[_Place, float] = {place: self._opens_in(place, now) for place in self._places()}
            ready = [place for place, seconds in opens.items() if seconds <= 0.0]
            if not ready:
                break
            place = min(ready, key=lambda one: self._waiting[one][0][:2])
            _priority, _ticket, turn = heapq.heappop(self._waiting[place])
            for bucket in self._buckets(place):
                bucket.take()
            turn.set_result(None)
        if opens:
            self._timer = asyncio.get_running_loop().call_later(min(opens.values()), self._let_in)

    def _places(self) -> list[_Place]:
        """Where somebody waits, after forgetting those who gave up."""
        for place, queue in list(self._waiting.items()):
            while queue and queue[0][2].done():
                heapq.heappop(queue)
            if not queue:
                del self._waiting[place]
        return list(self._waiting)

    def _opens_in(self, place: _Place, now: float) -> float:
        wait = max(bucket.wait(now) for bucket in self._buckets(place))
        return max(wait, self._closed.get(place[0], 0.0) - now, self._closed.get("", 0.0) - now)

    def _is_closed(self, method: str, now: float) -> bool:
        return max(self._closed.get(method, 0.0), self._closed.get("", 0.0)) > now

    def _buckets(self, place: _Place) -> Iterator[_Bucket]:
        method, channel = place
        if method not in self._methods:
            self._methods[method] = _Allowance(A_MINUTE[method])
        yield self._methods[method]
        if method == POST:
            if channel not in self._channels:
                self._channels[channel] = _Bucket(CHANNEL_A_SECOND, CHANNEL_BURST)
            yield self._channels[channel]


class Change(StrEnum):
    """What is to be told of the lag."""

    BEGAN = "lag_began"
    OVER = "lag_over"


@dataclass(slots=True)
class Lag:
    """Notices when messages reach Slack late, and when that is over: once each an incident.

    Attributes:
        limit: seconds that are late.
        quiet: seconds without a late one after which it is over.
    """

    limit: float
    quiet: float = 60.0
    _last_late: float | None = None

    @property
    def is_late(self) -> bool:
        """Whether an incident is on."""
        return self._last_late is not None

    def seen(self, lag: float, now: float) -> Change | None:
        """A message was let through that late."""
        lag_seconds.set(max(0.0, lag))
        if lag > self.limit:
            began = self._last_late is None
            self._last_late = now
            return Change.BEGAN if began else None
        return self.passed(now)

    def passed(self, now: float) -> Change | None:
        """Time has passed."""
        if self._last_late is None or now - self._last_late < self.quiet:
            return None
        self._last_late = None
        return Change.OVER
