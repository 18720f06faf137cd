"""Whether Slack is set up: tokens, scopes, channels, members; what is missing, and what to do about it.

Only asks; nothing is posted or changed. No finding holds a token.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.desk.slack.authority import TROUBLE, Person, Reason, Staff, authorise, code_of
from bot.desk.slack.client import close_client, make_client
from bot.desk.slack.context import DeskTeam
from bot.desk.slack.wording import say

PAGE = 200
RETRIES = 5
"""A big team takes more calls than Slack allows a minute: it is waited for."""
_ANSWERED = "ok"


class Level(StrEnum):
    """What a finding means."""

    OK = "ok"
    NOTE = "note"
    """It works, but somebody should look at it."""
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. ``key`` names its texts; ``fix`` those of its remedy, when it needs one."""

    level: Level
    key: str
    values: Mapping[str, object] = field(default_factory=dict)
    fix: str = ""

    def said(self, language: str) -> str:
        """What was found."""
        return say(f"care.check_{self.key}", language, **_placed(self.values, language))

    def remedy(self, language: str) -> str:
        """What to do about it; empty when there is nothing to do."""
        if not self.fix:
            return ""
        return say(f"care.check_{self.fix}_fix", language, **_placed(self.values, language))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is configured. ``app_token`` is None in HTTP mode; ``has_secret`` only matters there."""

    teams: Mapping[str, DeskTeam]
    admins: Sequence[str]
    scopes: frozenset[str]
    app_token: str | None = None
    has_secret: bool = False


def _placed(values: Mapping[str, object], language: str) -> dict[str, object]:
    """The values, with the place somebody is named in, in words."""
    team = values.get("team", "")
    place = say("care.check_team", language, team=team) if team else say("care.check_admins", language)
    return {"place": place, **values}


async def check(token: str, api_base: str, wanted: Wanted) -> list[Finding]:
    """Look at everything, in order; without a good token there is nothing more to see."""
    client = make_client(token, api_base)
    client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=RETRIES))
    try:
        return [finding async for finding in _Look(client, api_base, wanted).all()]
    except SlackApiError as error:
        return [_unreachable(code_of(error), api_base)]
    except TROUBLE as error:
        return [_unreachable(code_of(error), api_base)]
    finally:
        await close_client(client)


def _unreachable(code: str, api_base: str) -> Finding:
    return Finding(Level.PROBLEM, "not_reached", {"code": code, "api": api_base}, "not_reached")


class _Look:
    def __init__(self, client: AsyncWebClient, api_base: str, wanted: Wanted) -> None:
        self._client = client
        self._api = api_base
        self._wanted = wanted
        self._workspace = ""
        self._bot = ""
        self._people: dict[str, Person | None] = {}

    async def all(self) -> AsyncIterator[Finding]:
        code, found = await _tried(self._client.auth_test())
        if found is None or code != _ANSWERED:
            yield Finding(Level.PROBLEM, "bot_token", {"code": code}, "bot_token")
            return
        if not found.get("bot_id"):
            yield Finding(Level.PROBLEM, "user_token", {}, "user_token")
            return
        self._workspace, self._bot = str(found["team_id"]), str(found["user"])
        yield Finding(Level.OK, "workspace", {"team": found["team"], "name": self._bot})
        for finding in self._scopes(str(found.headers.get("x-oauth-scopes", ""))):
            yield finding
        yield await self._way_in()
        for team in self._wanted.teams.values():
            async for finding in self._team(team):
                yield finding
        async for finding in self._admins():
            yield finding

    def _scopes(self, header: str) -> Iterable[Finding]:
        granted = {scope.strip() for scope in header.split(",") if scope.strip()}
        missing, more = sorted(self._wanted.scopes - granted), sorted(granted - self._wanted.scopes)
        if missing:
            yield Finding(Level.PROBLEM, "scopes_missing", {"scopes": ", ".join(missing)}, "scopes_missing")
        else:
            yield Finding(Level.OK, "scopes_ok")
        if more:
            yield Finding(Level.NOTE, "scopes_more", {"scopes": ", ".join(more)}, "scopes_more")

    async def _way_in(self) -> Finding:
        token = self._wanted.app_token
        if token is None:
            if self._wanted.has_secret:
                return Finding(Level.OK, "secret_ok")
            return Finding(Level.PROBLEM, "secret", {}, "secret")
        code, _ = await _tried(self._client.apps_connections_open(app_token=token))
        if code == _ANSWERED:
            return Finding(Level.OK, "app_token_ok")
        return Finding(Level.PROBLEM, "app_token", {"code": code}, "app_token")

    # --- teams -----------------------------------------------------------------------------

    async def _team(self, team: DeskTeam) -> AsyncIterator[Finding]:
        inside: dict[str, frozenset[str]] = {}
        for channel in team.channels:
            code, found = await _tried(self._client.conversations_info(channel=channel))
            finding = self._channel(team, channel, code, found["channel"] if found else {})
            yield finding
            if finding.level is not Level.PROBLEM and found is not None:
                inside[str(found["channel"].get("name") or channel)] = await self._members(channel)
        named = tuple(dict.fromkeys((*team.agents, *team.leads)))
        if not named:
            yield Finding(Level.PROBLEM, "nobody", {"team": team.name}, "nobody")
            return
        bad = [one async for one in self._named(named, team.name, f"teams.{team.name}", inside)]
        for finding in bad:
            yield finding
        if not bad:
            yield Finding(Level.OK, "members_ok", {"team": team.name, "count": len(named)})

    def _channel(self, team: DeskTeam, channel: str, code: str, found: Mapping[str, Any]) -> Finding:
        values = {"team": team.name, "channel": found.get("name") or channel, "code": code, "bot": self._bot}
        if code != _ANSWERED:
            return Finding(Level.PROBLEM, "channel_unknown", values, "channel_unknown")
        if found.get("is_archived"):
            return Finding(Level.PROBLEM, "channel_archived", values, "channel_archived")
        if not found.get("is_member"):
            return Finding(Level.PROBLEM, "channel_not_member", values, "channel_not_member")
        if found.get("is_ext_shared"):
            return Finding(Level.NOTE, "channel_shared", values, "channel_shared")
        return Finding(Level.OK, "channel_ok", values)

    async def _members(self, channel: str) -> frozenset[str]:
        members: set[str] = set()
        cursor = ""
        while True:
            page = await self._client.conversations_members(channel=channel, limit=PAGE, cursor=cursor)
            members.update(page["members"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return frozenset(members)

    # --- people ----------------------------------------------------------------------------

    async def _admins(self) -> AsyncIterator[Finding]:
        admins = tuple(dict.fromkeys(self._wanted.admins))
        bad = [one async for one in self._named(admins, "", "slack.admins", {})]
        for finding in bad:
            yield finding
        if admins and not bad:
            yield Finding(Level.OK, "admins_ok", {"count": len(admins)})

    async def _named(
        self, users: Iterable[str], team: str, setting: str, inside: Mapping[str, frozenset[str]]
    ) -> AsyncIterator[Finding]:
        for user in users:
            person = await self._person(user)
            values = {"user": user, "team": team, "setting": setting, "name": person.name if person else ""}
            problem = self._problem(person, user)
            if problem:
                fix = "person_unknown" if problem == "person_unknown" else "person"
                yield Finding(Level.PROBLEM, problem, values, fix)
                continue
            for channel, members in inside.items():
                if user not in members:
                    values = {**values, "channel": channel}
                    yield Finding(Level.PROBLEM, "person_outside", values, "person_outside")

    async def _person(self, user: str) -> Person | None:
        if user not in self._people:
            code, found = await _tried(self._client.users_info(user=user, include_locale=True))
            self._people[user] = Person.read(found["user"]) if found and code == _ANSWERED else None
        return self._people[user]

    def _problem(self, person: Person | None, user: str) -> str:
        """The same judgement as when they act."""
        if person is None:
            return "person_unknown"
        verdict = authorise(person, Staff.of({}, [user]), self._workspace)
        reason = getattr(verdict, "reason", None)
        return f"person_{reason.value}" if isinstance(reason, Reason) else ""


async def _tried(call: Any) -> tuple[str, Any]:
    """The answer, or Slack's code for refusing one.

    Raises:
        SlackApiError: Slack itself is in trouble.
    """
    try:
        return _ANSWERED, await call
    except SlackApiError as error:
        if getattr(error.response, "status_code", 200) >= 500:
            raise
        return code_of(error), None
