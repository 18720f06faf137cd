"""Agents in Slack: what sends to them, and what both sides of it need. What listens is in ``slack_intake``,
which takes longer to load.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from slack_sdk.web.async_client import AsyncWebClient

from bot.app import parts
from bot.app.core import Core
from bot.desk.slack.client import close_client, make_client
from bot.desk.slack.context import DeskTeam
from bot.desk.slack.deliverer import SlackDeliverer
from bot.desk.slack.files import SlackFiles
from bot.desk.slack.names import NAME
from bot.knowledge.files import FileKnowledge
from bot.media.fetcher import MediaFetcher
from bot.ports.delivery import Deliverer
from bot.settings import DEFAULT_TEAM, Settings
from handlers.replies import Replies


def teams(settings: Settings, replies: Replies) -> dict[str, DeskTeam]:
    """The teams, as Slack knows them."""
    return {
        name: DeskTeam(
            name=name,
            titles={language: replies.find(f"team.{name}", language) or name for language in parts.LANGUAGES},
            channels=team.channels,
            language=team.language,
            strict=team.strict,
            agents=team.agents,
            leads=team.leads,
        )
        for name, team in settings.teams.items()
    }


async def deliverers(core: Core, stack: AsyncExitStack, known: FileKnowledge) -> list[Deliverer]:
    """What shows cases in Slack, and what fetches agents' files from there."""
    settings = core.settings
    client = await open_client(settings, stack)
    files = SlackFiles(client, max_bytes=settings.media.max_mb * 1024 * 1024)
    stack.push_async_callback(files.close)
    store = parts.media(settings)
    shown = SlackDeliverer(
        client,
        threads=core.threads,
        board=core.board,
        media=store,
        knowledge=known,
        roster=core.roster,
        teams=teams(settings, parts.replies(settings)),
        default_team=DEFAULT_TEAM,
        admins=settings.slack.admins,
        undo_seconds=settings.slack.undo_seconds,
        lag_seconds=settings.slack.lag_seconds,
        clock=core.clock,
    )
    return [shown, MediaFetcher(NAME, files, store, core.inbox, core.clock)]


async def open_client(settings: Settings, stack: AsyncExitStack) -> AsyncWebClient:
    """Slack's Web API; hung up at the end."""
    client = make_client(bot_token(settings), settings.slack.api_base)
    stack.push_async_callback(close_client, client)
    return client


def bot_token(settings: Settings) -> str:
    """The app's token; empty when Slack is off."""
    return settings.slack.bot_token.get_secret_value() if settings.slack.bot_token else ""
