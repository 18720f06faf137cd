"""What was written above a message while the line was down.

Slack tells of it again, but only a while after the line is back, when newer messages of the same thread have
come already. So, once a thread and line, what stands above the first message that comes is read, and taken in
before it. What had been taken in has the same event id, and counts once: as long as ids are remembered. So
nothing old is read, and nothing once Slack has done telling again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.desk.slack.authority import ASKING_SECONDS, TROUBLE, Directory, SlackSilent, code_of
from bot.desk.slack.messages import Said, Seen
from bot.desk.slack.names import NOT_SENT

log = structlog.get_logger(__name__)

Json = Mapping[str, Any]

PAGE = 100
FURTHEST_SECONDS = 12 * 3600.0
"""The line may have been another process's for days: what was written then it took in. Events are remembered
for a day at least."""
TOLD_AGAIN_SECONDS = 900.0
"""Slack tells of a message again for about five minutes."""


class Missing:
    """Finds it.

    Args:
        client: Slack.
        directory: who we are.
    """

    def __init__(self, client: AsyncWebClient, directory: Directory) -> None:
        self._client = client
        self._directory = directory
        self._since: float | None = None
        self._until = 0.0
        self._read: set[tuple[str, str]] = set()

    def since(self, moment: float) -> None:
        """The line is back; from that moment (Unix seconds) on something may not have come."""
        self._since = max(moment, time.time() - FURTHEST_SECONDS)
        self._until = time.monotonic() + TOLD_AGAIN_SECONDS
        self._read.clear()

    async def above(self, seen: Seen) -> list[Json]:
        """Events of what people wrote above a message since then, in order; nothing when Slack does not say:
        then it comes when Slack tells of it again. So does what was changed: it may have been a note."""
        thread = (seen.channel, seen.root)
        if time.monotonic() > self._until:
            self._since = None
            self._read.clear()
        if self._since is None or not isinstance(seen, Said) or thread in self._read:
            return []
        self._read.add(thread)
        try:
            me = (await self._directory.ourselves()).user
            call = self._client.conversations_replies(
                channel=seen.channel, ts=seen.root, oldest=f"{self._since:.6f}", latest=seen.ts, limit=PAGE
            )
            found = (await asyncio.wait_for(call, ASKING_SECONDS)).get("messages") or ()
        except (*TROUBLE, SlackSilent) as error:
            log.warning("slack.missing_not_read", channel=seen.channel, error=code_of(error))
            return []
        events = as_events(found, seen.channel, seen.root, me)
        return [one for one in events if one["ts"] < seen.ts and not one.get("edited")]


def as_events(messages: Iterable[Json], channel: str, root: str, me: str) -> list[Json]:
    """What people wrote, of a thread's messages, as if Slack had told of it; what was refused stays so."""
    return [
        {**one, "type": "message", "channel": channel}
        for one in messages
        if one.get("user") and not one.get("bot_id") and not _was_refused(one, me) and one["ts"] != root
    ]


def _was_refused(message: Json, me: str) -> bool:
    """Whether we marked it so ourselves."""
    marks = (one for one in message.get("reactions") or () if one.get("name") == NOT_SENT)
    return any(me in one.get("users", ()) for one in marks)
