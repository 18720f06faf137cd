"""Slack's published rate limits: off unless a test wants them.

A limit is so many calls in any minute, per method and workspace; posting has besides one message a second
for each channel, after a small burst. https://docs.slack.dev/apis/web-api/rate-limits
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Mapping

TIER = {1: 1, 2: 20, 3: 50, 4: 100}  # calls a minute

PER_MINUTE: dict[str, int] = {
    "apps.connections.open": TIER[1],
    "chat.postMessage": 300,
    "chat.update": TIER[3],
    "chat.delete": TIER[3],
    "chat.postEphemeral": TIER[4],
    "conversations.replies": TIER[3],
    "conversations.history": TIER[3],
    "conversations.info": TIER[3],
    "conversations.members": TIER[4],
    "conversations.join": TIER[3],
    "conversations.open": TIER[3],
    "conversations.list": TIER[2],
    "users.conversations": TIER[3],
    "users.info": TIER[4],
    "users.list": TIER[2],
    "users.getPresence": TIER[3],
    "usergroups.list": TIER[2],
    "reactions.add": TIER[3],
    "reactions.remove": TIER[2],
    "reactions.get": TIER[3],
    "views.open": TIER[4],
    "views.update": TIER[4],
    "views.push": TIER[4],
    "views.publish": TIER[4],
    "files.getUploadURLExternal": TIER[4],
    "files.completeUploadExternal": TIER[4],
    "files.info": TIER[4],
    "files.delete": TIER[3],
    "team.info": TIER[3],
    "bots.info": TIER[3],
    "api.test": TIER[4],
    "auth.test": 300,
    "chat.getPermalink": 300,
}
POSTS_A_SECOND = 1.0  # in one channel
POST_BURST = 4


class Bucket:
    """Tokens that come back at a steady rate."""

    def __init__(self, a_second: float, burst: float) -> None:
        self._rate, self._burst = a_second, burst
        self._level, self._at = burst, time.monotonic()

    def wait(self) -> float:
        """Seconds until one call is allowed; 0 when it is now."""
        now = time.monotonic()
        self._level = min(self._burst, self._level + (now - self._at) * self._rate)
        self._at = now
        return 0.0 if self._level >= 1 else (1 - self._level) / self._rate

    def take(self) -> None:
        """One call was made."""
        self._level -= 1


class Window:
    """So many in any sixty seconds."""

    def __init__(self, most: float) -> None:
        self._most = max(1, int(most))
        self._times: deque[float] = deque()

    def wait(self) -> float:
        """Seconds until one call is allowed; 0 when it is now."""
        now = time.monotonic()
        while self._times and self._times[0] <= now - 60:
            self._times.popleft()
        return 0.0 if len(self._times) < self._most else self._times[0] + 60 - now

    def take(self) -> None:
        """One call was made."""
        self._times.append(time.monotonic())


class Limits:
    """Which calls are too many. ``on(…)`` with nothing: all as published; a mapping: so many a minute."""

    def __init__(self, setting: bool | Mapping[str, float] = False) -> None:
        self._per_minute: dict[str, float] = {}
        self._posts_a_second: float | None = None
        self._buckets: dict[tuple[str, str], Bucket | Window] = {}
        self.refused: list[tuple[str, float]] = []
        if setting is True:
            self.on()
        elif setting:
            self.on(setting)

    def on(
        self, per_minute: Mapping[str, float] | None = None, *, posts_a_second: float | None = None
    ) -> None:
        """Switch on. ``posts_a_second``: in one channel; published (1) unless only some methods are named."""
        self._per_minute = dict(PER_MINUTE if per_minute is None else per_minute)
        self._posts_a_second = (
            POSTS_A_SECOND if per_minute is None and posts_a_second is None else posts_a_second
        )
        self._buckets.clear()

    def off(self) -> None:
        """Everything goes through again."""
        self._per_minute, self._posts_a_second = {}, None
        self._buckets.clear()

    def retry_after(self, method: str, channel: str | None) -> int | None:
        """None when the call may go ahead (and is counted); else whole seconds to wait."""
        buckets = [*self._method_bucket(method), *self._channel_bucket(method, channel)]
        wait = max((bucket.wait() for bucket in buckets), default=0.0)
        if wait > 0:
            self.refused.append((method, time.time()))
            return max(1, math.ceil(wait))
        for bucket in buckets:
            bucket.take()
        return None

    def _method_bucket(self, method: str) -> list[Bucket | Window]:
        a_minute = self._per_minute.get(method)
        if a_minute is None:
            return []
        key = (method, "")
        if key not in self._buckets:
            self._buckets[key] = Window(a_minute)
        return [self._buckets[key]]

    def _channel_bucket(self, method: str, channel: str | None) -> list[Bucket | Window]:
        if self._posts_a_second is None or method != "chat.postMessage" or channel is None:
            return []
        key = (method, channel)
        if key not in self._buckets:
            self._buckets[key] = Bucket(self._posts_a_second, POST_BURST)
        return [self._buckets[key]]
