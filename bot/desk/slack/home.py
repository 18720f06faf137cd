"""The app's Home page: an agent's conversations, the queue, the team's day, their availability.

Slack does not say when somebody leaves the page, so those who came today have it kept up to date: when
the board changes, one page at a time and at most one a second, which stays within Slack's limit of about
a hundred a minute a workspace (``views.publish``, Tier 4). How long ago something was is counted by the
reader's own Slack, so a page is published only when something else changed.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext
from slack_sdk.errors import SlackApiError

from bot.desk.slack import kit
from bot.desk.slack.authority import TROUBLE, code_of
from bot.desk.slack.context import ACTOR, Actor, Desk, DeskTeam
from bot.desk.slack.home_view import REFRESH, Mine, Page, home
from bot.desk.slack.names import Act
from bot.desk.slack.wording import say
from bot.domain.errors import RecordUnavailable, StoreUnavailable
from bot.domain.outgoing import CaseState
from bot.ports.board import Case
from bot.ports.service import TeamDay

log = structlog.get_logger(__name__)

EVERY = 5.0
"""Seconds between two looks at the pages, at least."""
PACE = 1.0
"""Seconds between two publications, at least."""
KEPT = 12 * 3600.0
"""Seconds a page is kept up to date after somebody looked at it."""
DAY_KEPT = 60.0
"""Seconds a team's figures are good for."""

Json = dict[str, Any]


def register(app: AsyncApp, desk: Desk) -> None:
    """Listen to visits and to the page's buttons. (*Claim* is everywhere the same.)"""
    homes = Homes(desk)

    @app.event("app_home_opened")
    async def opened(event: Json, context: AsyncBoltContext) -> None:
        actor: Actor | None = context.get(ACTOR)
        if actor is not None and event.get("tab") == "home":
            await _shown(homes, desk, actor)

    @app.action(REFRESH)
    async def refreshed(ack: AsyncAck, context: AsyncBoltContext) -> None:
        await ack()
        await _shown(homes, desk, context[ACTOR])

    @app.action(Act.AWAY)
    async def goes(ack: AsyncAck, context: AsyncBoltContext) -> None:
        await _say(homes, desk, ack, context[ACTOR], away=True)

    @app.action(Act.BACK)
    async def comes(ack: AsyncAck, context: AsyncBoltContext) -> None:
        await _say(homes, desk, ack, context[ACTOR], away=False)


async def _shown(homes: Homes, desk: Desk, actor: Actor) -> None:
    """Show the page; when Slack does not take it now, it is published as soon as it does."""
    try:
        await homes.visit(actor)
    except TROUBLE as error:
        log.warning("slack.home_not_published", user=actor.user, error=code_of(error))
    except StoreUnavailable:
        log.warning("slack.homes_not_read")
        words = kit.section(kit.text(say("care.not_now", actor.language)))
        await desk.client.views_publish(user_id=actor.user, view={"type": "home", "blocks": [words]})


async def _say(homes: Homes, desk: Desk, ack: AsyncAck, actor: Actor, *, away: bool) -> None:
    await desk.roster.say(actor.agent, away=away, at=desk.clock.now())
    await ack()
    await _shown(homes, desk, actor)


@dataclass(slots=True)
class _Visit:
    """Somebody's page. One publication at a time: what was read later is shown later."""

    actor: Actor
    until: float
    shown: str = ""
    publishing: asyncio.Lock = field(default_factory=asyncio.Lock)


class Homes:
    """Pages of those who came, kept up to date by a task that lives as long as there are any."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._visits: dict[str, _Visit] = {}
        self._keeper: asyncio.Task[None] | None = None
        self._workspace: str | None = None
        self._days: dict[str, tuple[float, TeamDay]] = {}

    async def visit(self, actor: Actor) -> None:
        """Show somebody their page as it is now, and keep it so.

        Raises:
            StoreUnavailable: not known now.
        """
        until = asyncio.get_running_loop().time() + KEPT
        visit = self._visits.setdefault(actor.user, _Visit(actor, until))
        visit.actor, visit.until, visit.shown = actor, until, ""
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.create_task(self._keep(), name="slack-homes")
        await self._publish(visit)

    async def close(self) -> None:
        """Keep no page any more."""
        self._visits.clear()
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)

    # --- keeping ---------------------------------------------------------------------------

    async def _keep(self) -> None:
        seen = ""
        while self._visits:
            try:
                revision = await self._desk.board.changed(seen, EVERY)
                if revision != seen or self._is_due():
                    await self._round()
                seen = revision
            except StoreUnavailable:
                log.warning("slack.homes_not_read")
            await asyncio.sleep(EVERY)

    def _is_due(self) -> bool:
        """Whether a page could not be shown, or need not be any more."""
        now = asyncio.get_running_loop().time()
        return any(not visit.shown or visit.until < now for visit in self._visits.values())

    async def _round(self) -> None:
        cases = await self._desk.board.cases()
        now = asyncio.get_running_loop().time()
        for user, visit in list(self._visits.items()):
            if visit.until < now:
                del self._visits[user]
            elif await self._tried(visit, cases):
                await asyncio.sleep(PACE)

    async def _tried(self, visit: _Visit, cases: Sequence[Case]) -> bool:
        """Whether the page was published. One that could not be is tried again; one that Slack will not
        have is let go of, until its owner comes again."""
        try:
            return await self._publish(visit, cases)
        except SlackApiError as error:
            log.warning("slack.home_refused", user=visit.actor.user, error=code_of(error))
            if not _may_pass(error):
                self._visits.pop(visit.actor.user, None)
            await asyncio.sleep(_asked_to_wait(error))
        except TROUBLE as error:
            log.warning("slack.home_not_published", user=visit.actor.user, error=code_of(error))
        visit.shown = ""
        return False

    async def _publish(self, visit: _Visit, cases: Sequence[Case] | None = None) -> bool:
        async with visit.publishing:
            cases = await self._desk.board.cases() if cases is None else cases
            view = home(await self._page(visit.actor, cases))
            digest = hashlib.sha256(json.dumps(view, sort_keys=True).encode()).hexdigest()
            if digest == visit.shown:
                return False
            await self._desk.client.views_publish(user_id=visit.actor.user, view=view)
            visit.shown = digest
            return True

    # --- reading ---------------------------------------------------------------------------

    async def _page(self, actor: Actor, cases: Sequence[Case]) -> Page:
        claimed = [case for case in cases if _is_of(case, actor)]
        return Page(
            actor=actor,
            presence=await self._desk.roster.presence(actor.agent.id),
            mine=[await self._mine(case) for case in claimed],
            queue=[case for case in cases if case.card.state is CaseState.WAITING],
            days=[(team, await self._day(team)) for team in self._teams_of(actor)],
            teams=self._desk.teams,
        )

    def _teams_of(self, actor: Actor) -> list[DeskTeam]:
        return [team for name, team in self._desk.teams.items() if not actor.teams or name in actor.teams]

    async def _mine(self, case: Case) -> Mine:
        lines = await self._desk.board.thread(case.conversation)
        thread = await self._desk.threads.of(case.conversation)
        url = await self._url(thread.place, thread.root) if thread else None
        return Mine(case, lines, url)

    async def _url(self, place: str, root: str) -> str:
        """Where a thread is. (As ``chat.getPermalink`` makes it: one call a process, not one a thread.)"""
        if self._workspace is None:
            self._workspace = str((await self._desk.client.auth_test())["url"]).rstrip("/")
        return f"{self._workspace}/archives/{place}/p{root.replace('.', '')}"

    async def _day(self, team: DeskTeam) -> TeamDay | None:
        clock = asyncio.get_running_loop().time()
        read_at, day = self._days.get(team.name, (-DAY_KEPT, None))
        if day is not None and clock - read_at < DAY_KEPT:
            return day
        now = self._desk.clock.now()
        try:
            day = await self._desk.service.team_day(team.name, self._morning(now), now)
        except RecordUnavailable:
            return None
        self._days[team.name] = (clock, day)
        return day

    def _morning(self, now: datetime) -> datetime:
        zone = ZoneInfo(self._desk.rules.time_zone)
        return now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)


def _may_pass(error: SlackApiError) -> bool:
    return code_of(error) == "ratelimited" or getattr(error.response, "status_code", 500) >= 500


def _asked_to_wait(error: SlackApiError) -> float:
    headers = getattr(error.response, "headers", None) or {}
    return float(headers.get("Retry-After") or 0)


def _is_of(case: Case, actor: Actor) -> bool:
    agent = case.card.agent
    return case.card.state is CaseState.CLAIMED and agent is not None and agent.id == actor.agent.id
