"""The archiver: brings the record's schema up to date, then moves facts into it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from bot.analytics.archiver import Archiver
from bot.analytics.database import Database
from bot.analytics.record import SqlRecord
from bot.analytics.upgrade import upgrade
from bot.app.core import Core
from bot.app.runner import Runner

LINGER = 0.4
"""Seconds the record may be behind, so that few messages do not each cost a transaction."""


async def build(core: Core, stack: AsyncExitStack) -> list[Runner]:
    """One archiver.

    Raises:
        ConfigurationError: the address is wrong, or the database is of a newer Guichet.
        RecordUnavailable: it cannot be reached.
    """
    url = core.settings.database_url
    await asyncio.to_thread(upgrade, url)
    database = Database.open(url)
    stack.push_async_callback(database.close)
    return [Archiver(core.store.log, SqlRecord(database, core.clock), core.clock, linger=LINGER).run]
