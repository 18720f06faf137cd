"""What happens to the app itself at Slack: a channel goes, it is put out of one, its token is revoked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from prometheus_client import Counter

from bot.desk.slack.authority import Directory, SlackSilent
from bot.desk.slack.context import Desk, DeskTeam
from bot.desk.slack.telling import Teller
from bot.desk.slack.wording import say

log = structlog.get_logger(__name__)

LOST = Counter("guichet_slack_places_lost", "Channels the app lost, and tokens, by what happened", ["event"])

CHANNEL_GONE = frozenset({"channel_deleted", "channel_archive", "group_deleted", "group_archive"})
PUT_OUT = frozenset({"channel_left", "group_left", "member_left_channel"})
APP_GONE = frozenset({"app_uninstalled", "tokens_revoked"})
OURS = CHANNEL_GONE | PUT_OUT | APP_GONE


class News:
    """Says it loudly, to the log and to admins."""

    def __init__(self, desk: Desk, directory: Directory, teller: Teller) -> None:
        self._desk = desk
        self._directory = directory
        self._teller = teller

    async def hear(self, event: Mapping[str, Any]) -> None:
        """Something happened to the app."""
        kind = str(event.get("type"))
        if kind in APP_GONE:
            LOST.labels(kind).inc()
            log.error("slack.app_gone", kind=kind, hint="install the app again, then set its new token")
            return
        channel = str(event.get("channel") or "")
        team = next((team for team in self._desk.teams.values() if channel in team.channels), None)
        if team is None or not await self._is_about_us(kind, event):
            return
        LOST.labels(kind).inc()
        log.error("slack.channel_lost", kind=kind, channel=channel, team=team.name)
        for admin in self._desk.admins:
            self._tell(admin, kind, channel, team)

    def _tell(self, admin: str, kind: str, channel: str, team: DeskTeam) -> None:
        person = self._directory.recalled(admin)
        language = person.language if person else team.language
        key = "acts.channel_gone" if kind in CHANNEL_GONE else "acts.removed_from_channel"
        title = team.titles.get(language, team.name)
        self._teller.direct(admin, say(key, language, channel=f"<#{channel}>", team=title, name=team.name))

    async def _is_about_us(self, kind: str, event: Mapping[str, Any]) -> bool:
        """People leave channels too."""
        if kind != "member_left_channel":
            return True
        try:
            return event.get("user") == (await self._directory.ourselves()).user
        except SlackSilent:
            return False
