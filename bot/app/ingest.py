"""Ingest: fetches what platforms do not bring by themselves."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from bot.app import parts
from bot.app.core import Core
from bot.app.runner import LEASE_TTL, Runner
from bot.engine.leases import Singleton
from bot.ports.store import Lease


async def build(core: Core, stack: AsyncExitStack) -> list[Runner]:
    """The poller of Telegram, one at a time wherever it runs.

    Raises:
        ConfigurationError: the token does not look like one.
    """
    if core.settings.telegram.mode != "polling":
        return [_idle]
    telegram = await parts.telegram(core, stack)
    if telegram is None:
        return [_idle]
    singleton = Singleton(core.store.leases, f"ingest:telegram:{telegram.account}", core.owner, LEASE_TTL)
    poller = telegram.poller()

    async def poll(_lease: Lease, ended: asyncio.Event) -> None:
        await poller.run(ended)

    async def run(stop: asyncio.Event) -> None:
        await singleton.run(stop, poll)

    return [run]


async def _idle(stop: asyncio.Event) -> None:
    """Nothing is configured; it waits, so that it is not taken for dead."""
    await stop.wait()
