"""Looks slowly round who is online, for teams whose conversations are given out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.desk.slack.authority import TROUBLE, agent_id, code_of
from bot.domain.errors import StoreUnavailable
from bot.ports.roster import Roster

log = structlog.get_logger(__name__)

ROUND_SECONDS = 120.0
"""Everybody is looked at once in that time: what was seen is forgotten after five minutes."""
SHORTEST_PAUSE = 1.5
"""``users.getPresence`` is of the third tier (50 calls a minute and more); some is left for others."""
TROUBLE_PAUSE = 30.0


class PresenceWatch:
    """Tells the roster who is online.

    Args:
        client: asks.
        roster: told.
        users: Slack ids of those to look at.
    """

    def __init__(self, client: AsyncWebClient, roster: Roster, users: Sequence[str]) -> None:
        self._client = client
        self._roster = roster
        self._users = tuple(dict.fromkeys(users))
        self._pause = max(SHORTEST_PAUSE, ROUND_SECONDS / len(self._users)) if self._users else ROUND_SECONDS

    async def run(self, stop: asyncio.Event) -> None:
        """Look round and round, until told to stop."""
        while not stop.is_set():
            for user in self._users or ("",):
                pause = await self._look(user) if user else self._pause
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), pause)
                if stop.is_set():
                    return

    async def _look(self, user: str) -> float:
        """Look at one; returns how long to wait then."""
        try:
            answer = await self._client.users_getPresence(user=user)
            await self._roster.saw(agent_id(user), online=answer.get("presence") == "active")
        except TROUBLE as error:
            log.warning("slack.presence_unknown", error=code_of(error))
            return TROUBLE_PAUSE if code_of(error) == "ratelimited" else self._pause
        except StoreUnavailable:
            log.warning("slack.presence_not_kept")
        return self._pause
