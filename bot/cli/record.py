"""The record, for commands that read it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.analytics.database import Database
from bot.analytics.database import database_url as address_of
from bot.domain.errors import ConfigurationError


def check_exists(url: str) -> None:
    """Reading must not make an empty record.

    Raises:
        ConfigurationError: nothing was ever logged, or the address is wrong.
    """
    address = address_of(url)
    if address.get_backend_name() == "sqlite" and not Path(str(address.database)).exists():
        raise ConfigurationError(
            f"Nothing was logged yet: there is no {address.database}. Start Guichet first."
        )


@asynccontextmanager
async def open_record(url: str) -> AsyncIterator[Database]:
    """A way into it, closed at the end."""
    database = Database.open(url)
    try:
        yield database
    finally:
        await database.close()
