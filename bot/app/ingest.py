"""Ingest: fetches what platforms do not bring by themselves, and gives conversations out."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from bot.app import parts
from bot.app.core import Core
from bot.app.runner import LEASE_TTL, Runner
from bot.engine.leases import Singleton
from bot.ports.store import Lease


async def build(core: Core, stack: AsyncExitStack) -> list[Runner]:
    """The poller of Telegram and the socket to Slack, each one at a time wherever it runs; who is online,
    and who is given what.

    Raises:
        ConfigurationError: a token does not look like one, or what agents are shown cannot be read.
    """
    runners = [*await _telegram(core, stack), *await _slack(core, stack)]
    return runners or [_idle]


async def _telegram(core: Core, stack: AsyncExitStack) -> list[Runner]:
    if core.settings.telegram.mode != "polling":
        return []
    telegram = await parts.telegram(core, stack)
    if telegram is None:
        return []
    singleton = Singleton(core.store.leases, f"ingest:telegram:{telegram.account}", core.owner, LEASE_TTL)
    poller = telegram.poller()

    async def poll(_lease: Lease, ended: asyncio.Event) -> None:
        await poller.run(ended)

    async def run(stop: asyncio.Event) -> None:
        await singleton.run(stop, poll)

    return [run]


async def _slack(core: Core, stack: AsyncExitStack) -> list[Runner]:
    if core.settings.slack.bot_token is None:
        return []
    from bot.app import slack_intake  # its libraries take long to load

    return await slack_intake.ingesting(core, stack)


async def _idle(stop: asyncio.Event) -> None:
    """Nothing is configured; it waits, so that it is not taken for dead."""
    await stop.wait()
