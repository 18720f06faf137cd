"""Agents in Slack: what listens to them, put together once a process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from fastapi import APIRouter
from slack_sdk.web.async_client import AsyncWebClient

from bot.analytics.database import Database
from bot.analytics.service import SqlService
from bot.app import nlu, parts
from bot.app import teams as app_teams
from bot.app.core import Core
from bot.app.runner import LEASE_TTL, Runner
from bot.app.slack import bot_token, open_client, teams
from bot.app.worker import shop
from bot.desk.slack.app import SlackApp, build_app
from bot.desk.slack.authority import Directory, SlackSilent, Staff, agent_id
from bot.desk.slack.catching_up import CatchUp
from bot.desk.slack.context import Desk, Rules
from bot.desk.slack.names import NAME
from bot.desk.slack.presence import PresenceWatch
from bot.desk.slack.saved_replies import load_saved_replies
from bot.desk.slack.socket import SlackSocket
from bot.desk.slack.webhook import create_webhook
from bot.domain.identity import Agent
from bot.engine.inbox import TEXT_LIMIT
from bot.engine.leases import Singleton
from bot.knowledge.files import FileKnowledge
from bot.media.kinds import may_be
from bot.operations.assigning import Assignee, Assigner, PushTeam
from bot.ports.roster import Role
from bot.ports.store import Lease
from bot.settings import Settings, TeamSettings

SOCKET_LEASE = "ingest:slack"
CATCH_UP_LEASE = "web:slack-catch-up"
PRESENCE_LEASE = "ingest:slack-presence"


# --- what listens ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listening:
    """What takes in what agents do; made by :func:`listening`."""

    core: Core
    app: SlackApp
    client: AsyncWebClient
    known: FileKnowledge
    staff: tuple[str, ...]

    def webhook(self) -> APIRouter:
        """What Slack posts to.

        Raises:
            ConfigurationError: there is no signing secret.
        """
        slack = self.core.settings.slack
        secret = slack.signing_secret.get_secret_value() if slack.signing_secret else ""
        return create_webhook(self.app.bolt, secret, path=slack.path)

    def socket(self) -> Runner:
        """Holds the socket, one process at a time."""
        slack = self.core.settings.slack
        token = slack.app_token.get_secret_value() if slack.app_token else ""
        socket = SlackSocket(self.app.bolt, token, self.client, self._report, self.app.intake.missing.since)
        singleton = Singleton(self.core.store.leases, SOCKET_LEASE, self.core.owner, LEASE_TTL)
        catch_up = self._catch_up(lambda: socket.is_open)

        async def hold(_lease: Lease, ended: asyncio.Event) -> None:
            async with asyncio.TaskGroup() as both:
                both.create_task(socket.run(ended))
                both.create_task(catch_up.run(ended))

        async def run(stop: asyncio.Event) -> None:
            self._report("standing by")
            await singleton.run(stop, hold)

        return run

    def catching_up(self) -> Runner:
        """Where Slack posts to us: makes good what was missed, one process at a time. (Whoever holds the
        socket does so by itself.)"""
        singleton = Singleton(self.core.store.leases, CATCH_UP_LEASE, self.core.owner, LEASE_TTL)
        catch_up = self._catch_up(lambda: True)

        async def look(_lease: Lease, ended: asyncio.Event) -> None:
            await catch_up.run(ended)

        return lambda stop: singleton.run(stop, look)

    def _catch_up(self, is_open: Callable[[], bool]) -> CatchUp:
        core = self.core
        return CatchUp(self.client, self.app.intake, core.board, core.threads, core.clock, is_open)

    def warm_up(self) -> Runner:
        """Asks who the staff are, once: nobody's first words wait for Slack then."""
        return lambda stop: _warm(self.app.directory, self.staff, stop)

    def _report(self, state: str) -> None:
        self.core.detail[NAME] = state


@asynccontextmanager
async def listening(core: Core) -> AsyncIterator[Listening]:
    """The app and all it needs. Call it once a process.

    Raises:
        ConfigurationError: replies, saved replies, knowledge, the shop's or the database's address are wrong.
    """
    async with AsyncExitStack() as stack:
        settings = core.settings
        client = await open_client(settings, stack)
        known = parts.knowledge(settings)
        desk = await _desk(core, stack, client, known)
        staff = Staff.of(desk.teams, settings.slack.admins)
        app = build_app(
            desk,
            staff,
            bot_token=bot_token(settings),
            signing_secret=(
                settings.slack.signing_secret.get_secret_value() if settings.slack.signing_secret else ""
            ),
            allowed=may_be,
        )
        stack.push_async_callback(app.close)
        yield Listening(core, app, client, known, tuple(staff.members))


async def _desk(core: Core, stack: AsyncExitStack, client: AsyncWebClient, known: FileKnowledge) -> Desk:
    settings = core.settings
    database = Database.open(settings.database_url)
    stack.push_async_callback(database.close)
    return Desk(
        client=client,
        inbox=core.inbox,
        threads=core.threads,
        board=core.board,
        roster=core.roster,
        knowledge=known,
        nlu=await nlu.client(settings, stack),
        shop=await shop(settings, stack),
        service=SqlService(database),
        dead_letters=core.store.dead,
        clock=core.clock,
        teams=teams(settings, parts.replies(settings)),
        rules=Rules(
            undo_seconds=settings.slack.undo_seconds,
            reveal=frozenset(Role(role) for role in settings.slack.reveal),
            file_bytes=settings.media.max_mb * 1024 * 1024,
            text_limit=TEXT_LIMIT,
            time_zone=settings.hours.time_zone,
        ),
        saved_replies=load_saved_replies(settings.config_dir / "saved_replies.toml"),
        admins=settings.slack.admins,
    )


async def _warm(directory: Directory, staff: tuple[str, ...], stop: asyncio.Event) -> None:
    with contextlib.suppress(SlackSilent):
        await directory.ourselves()
    for user in staff:
        if stop.is_set():
            return
        await directory.remember(user)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 0.7)  # users.info: 100 calls a minute and more
    await stop.wait()


# --- the ingest role -----------------------------------------------------------------------------


async def ingesting(core: Core, stack: AsyncExitStack) -> list[Runner]:
    """The socket (in HTTP mode the web process listens), who is online, and who is given what.

    Raises:
        ConfigurationError: see :func:`listening`.
    """
    runners: list[Runner] = []
    if core.settings.slack.mode == "socket":
        heard = await stack.enter_async_context(listening(core))
        client, directory = heard.client, heard.app.directory
        runners += [heard.socket(), heard.known.watch, heard.warm_up()]
    else:
        client = await open_client(core.settings, stack)
        directory = Directory(client, core.clock)
    if pushed := _pushed(core.settings):
        runners += [_presence(core, client, pushed), _assigner(core, directory, pushed).run]
    return runners


def _pushed(settings: Settings) -> dict[str, TeamSettings]:
    """Teams whose conversations are given out."""
    return {name: team for name, team in settings.teams.items() if team.assign == "push"}


def _assigner(core: Core, directory: Directory, pushed: dict[str, TeamSettings]) -> Assigner:
    """Gives conversations out; under a lease of its own.

    Raises:
        ConfigurationError: hours that cannot be.
    """
    hours = app_teams.hours(core.settings)

    async def named(agent: str) -> Agent:
        person = await directory.remember(agent.removeprefix(f"{NAME}:"))
        return Agent(agent, person.name if person else "")

    return Assigner(
        core.board,
        core.roster,
        core.inbox,
        [_push_team(name, team) for name, team in pushed.items()],
        core.store.leases,
        core.owner,
        is_open=lambda team, at: hours.of(team).closes_at(at) is not None,
        named=named,
        lease_ttl=LEASE_TTL,
        clock=core.clock,
    )


def _push_team(name: str, team: TeamSettings) -> PushTeam:
    members = tuple(Assignee(agent_id(user), team.speaks.get(user, team.languages)) for user in team.members)
    return PushTeam(name=name, members=members, limit=team.limit)


def _presence(core: Core, client: AsyncWebClient, pushed: dict[str, TeamSettings]) -> Runner:
    """Looks who is online, one process at a time."""
    users = [user for team in pushed.values() for user in team.members]
    watch = PresenceWatch(client, core.roster, users)
    singleton = Singleton(core.store.leases, PRESENCE_LEASE, core.owner, LEASE_TTL)

    async def look(_lease: Lease, ended: asyncio.Event) -> None:
        await watch.run(ended)

    async def run(stop: asyncio.Event) -> None:
        await singleton.run(stop, look)

    return run
