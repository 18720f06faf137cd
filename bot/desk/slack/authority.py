"""Who may act: members of the workspace whom the configuration names, and nobody else.

``authorise`` is pure; ``Directory`` asks Slack who somebody is, and remembers it for a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.desk.slack.context import Actor, DeskTeam
from bot.desk.slack.wording import language_of
from bot.domain.errors import GuichetError
from bot.domain.identity import Agent
from bot.ports.clock import Clock
from bot.ports.roster import Member, Role

log = structlog.get_logger(__name__)

FRESH = timedelta(minutes=5)
"""For so long what Slack said of somebody is believed without asking again."""
STALE = timedelta(hours=12)
"""For so long it is believed while Slack cannot be asked: nobody loses a message because Slack is slow."""
SPARED = timedelta(seconds=30)
"""For so long Slack is not asked again about those it has told us of, once it did not answer."""
ASKING_SECONDS = 2.0
"""Slack waits three seconds for our confirmation."""
SLACKBOT = "USLACKBOT"
TROUBLE = (SlackClientError, aiohttp.ClientError, TimeoutError, OSError)
"""What a call to Slack can end in, other than an answer."""


class SlackSilent(GuichetError):
    """Slack cannot be asked now. Nothing is decided: whatever it was about comes again."""


class Reason(StrEnum):
    """Why somebody may not act."""

    STRANGER = "stranger"
    """Of another workspace."""
    GUEST = "guest"
    BOT = "bot"
    GONE = "gone"
    """Deactivated."""
    UNKNOWN = "unknown"
    """Not in the configuration."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Somebody who may not act, and the language to tell them in."""

    user: str
    reason: Reason
    language: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, as Slack knows them. ``workspaces`` are the ones they belong to."""

    user: str
    name: str
    language: str
    time_zone: str
    workspaces: frozenset[str]
    is_bot: bool = False
    is_deleted: bool = False
    is_guest: bool = False
    is_stranger: bool = False

    @classmethod
    def read(cls, info: Mapping[str, Any]) -> Person:
        """From the ``user`` of ``users.info``."""
        profile = info.get("profile") or {}
        company = (info.get("enterprise_user") or {}).get("teams") or ()
        return cls(
            user=str(info["id"]),
            name=str(info.get("real_name") or profile.get("real_name") or ""),
            language=language_of(str(info.get("locale") or "")),
            time_zone=str(info.get("tz") or ""),
            workspaces=frozenset(filter(None, (info.get("team_id"), *company))),
            is_bot=bool(info.get("is_bot")) or info["id"] == SLACKBOT,
            is_deleted=bool(info.get("deleted")),
            is_guest=bool(info.get("is_restricted") or info.get("is_ultra_restricted")),
            is_stranger=bool(info.get("is_stranger")),
        )


@dataclass(frozen=True, slots=True)
class Staff:
    """Whom the configuration names, by their id at Slack."""

    members: Mapping[str, Member]

    @classmethod
    def of(cls, teams: Mapping[str, DeskTeam], admins: Iterable[str] = ()) -> Staff:
        """Members of all teams; who has several roles has the highest."""
        highest = set(admins)
        found: dict[str, Member] = {}
        for user in dict.fromkeys((*highest, *(one for team in teams.values() for one in _people(team)))):
            inside = tuple(name for name, team in teams.items() if user in _people(team))
            leads = any(user in team.leads for team in teams.values())
            role = Role.ADMIN if user in highest else Role.LEAD if leads else Role.AGENT
            found[user] = Member(agent_id(user), role, inside)
        return cls(found)


def _people(team: DeskTeam) -> tuple[str, ...]:
    return (*team.agents, *team.leads)


def agent_id(user: str) -> str:
    """Our id of a person at Slack."""
    return f"slack:{user}"


def authorise(person: Person, staff: Staff, workspace: str) -> Actor | Refused:
    """Whether somebody may act. ``workspace`` is the id of the one the app is installed in."""
    reason = _reason(person, staff, workspace)
    if reason is not None:
        return Refused(person.user, reason, person.language)
    member = staff.members[person.user]
    agent = Agent(member.agent_id, person.name)
    return Actor(agent, person.user, member.role, member.teams, person.language)


def _reason(person: Person, staff: Staff, workspace: str) -> Reason | None:
    if person.is_bot:
        return Reason.BOT
    if person.is_deleted:
        return Reason.GONE
    if person.is_stranger or workspace not in person.workspaces:
        return Reason.STRANGER
    if person.is_guest:
        return Reason.GUEST
    return None if person.user in staff.members else Reason.UNKNOWN


@dataclass(frozen=True, slots=True)
class Ourselves:
    """The app, in the workspace it is installed in."""

    workspace: str
    user: str


@dataclass(frozen=True, slots=True)
class _Known:
    person: Person
    at: datetime


class Directory:
    """Who people are, as Slack says.

    Args:
        client: asks.
        clock: tells how old an answer is.
    """

    def __init__(self, client: AsyncWebClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._asking: dict[str, asyncio.Task[Person]] = {}
        self._ourselves: Ourselves | None = None
        self._silent_since: datetime | None = None

    async def ourselves(self) -> Ourselves:
        """The app's workspace and user; asked once.

        Raises:
            SlackSilent: Slack does not say.
        """
        if self._ourselves is None:
            try:
                answer = await asyncio.wait_for(self._client.auth_test(), ASKING_SECONDS)
            except TROUBLE as error:
                raise SlackSilent(f"auth.test: {code_of(error)}") from None
            self._ourselves = Ourselves(str(answer["team_id"]), str(answer["user_id"]))
        return self._ourselves

    async def remember(self, user: str) -> Person | None:
        """Somebody; None when Slack is silent and it does not matter."""
        try:
            return await self.person(user)
        except SlackSilent as error:
            log.info("slack.person_unknown", user=user, error=str(error))
            return None

    def recalled(self, user: str) -> Person | None:
        """Somebody already asked about, however long ago."""
        known = self._known.get(user)
        return known.person if known else None

    async def person(self, user: str) -> Person:
        """Somebody. Those who ask at the same time share one question, and are answered in their order.

        Raises:
            SlackSilent: Slack does not say, and has not for long.
        """
        known = self._known.get(user)
        now = self._clock.now()
        if known is not None and now - known.at < (STALE if self._is_spared(now) else FRESH):
            return known.person
        try:
            return await asyncio.shield(self._asked(user))
        except SlackSilent:
            self._silent_since = now
            if known is None or now - known.at > STALE:
                raise
            return known.person

    def _is_spared(self, now: datetime) -> bool:
        return self._silent_since is not None and now - self._silent_since < SPARED

    def _asked(self, user: str) -> asyncio.Task[Person]:
        asking = self._asking.get(user)
        if asking is None:
            asking = asyncio.create_task(self._ask(user))
            self._asking[user] = asking
            asking.add_done_callback(lambda done: self._answered(user, done))
        return asking

    def _answered(self, user: str, done: asyncio.Task[Person]) -> None:
        self._asking.pop(user, None)
        if not done.cancelled():
            done.exception()  # seen: whoever asked may have been cancelled

    async def _ask(self, user: str) -> Person:
        try:
            call = self._client.users_info(user=user, include_locale=True)
            answer = await asyncio.wait_for(call, ASKING_SECONDS)
            person = Person.read(answer["user"])
        except SlackApiError as error:
            if code_of(error) not in ("user_not_found", "user_not_visible"):
                raise SlackSilent(f"users.info: {code_of(error)}") from None
            person = Person(user, "", language_of(""), "", frozenset(), is_stranger=True)
        except (*TROUBLE, KeyError, TypeError) as error:
            raise SlackSilent(f"users.info: {code_of(error)}") from None
        self._known[user] = _Known(person, self._clock.now())
        return person


def code_of(error: BaseException) -> str:
    """Slack's code of an error, or its kind: never its text, which repeats what was sent."""
    if isinstance(error, SlackApiError):
        response: Any = error.response
        try:
            return str(response["error"])
        except (KeyError, TypeError, ValueError):
            return f"http_{getattr(response, 'status_code', 0)}"
    return type(error).__name__


class Authority:
    """Says of everybody who does something whether they may."""

    def __init__(self, directory: Directory, staff: Staff) -> None:
        self._directory = directory
        self._staff = staff

    async def judge(self, user: str) -> Actor | Refused:
        """Whether somebody may act.

        Raises:
            SlackSilent: it cannot be told now.
        """
        ourselves = await self._directory.ourselves()
        return authorise(await self._directory.person(user), self._staff, ourselves.workspace)
