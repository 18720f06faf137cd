"""Every place that keeps something of people, wired: shown, erased and let go of in time."""

from __future__ import annotations

from bot.analytics.database import Database
from bot.analytics.personal_data import RecordedPersonalData
from bot.app import parts
from bot.app.core import Core
from bot.operations.people import Places, places
from bot.operations.retention import Purge
from bot.storage.personal_data import RedisJournal


def all_places(core: Core, database: Database) -> Places:
    """All that implements ``PersonalData``. A new place is added here, and to the contract test."""
    live = (
        core.store.personal_data,
        core.transcripts,
        core.board,
        core.messages,
        core.threads,
        parts.media(core.settings),
    )
    return places(live, [_record(core, database)])


def purges(core: Core, database: Database) -> dict[str, Purge]:
    """What does not expire by itself. (A chat's state, transcripts, cases that ended, the message map,
    threads and event ids do: see bot/storage.)"""
    settings = core.settings
    record = _record(core, database)
    found: dict[str, Purge] = {
        "live state": core.store.personal_data.purge,
        "desk board": core.board.purge,
        "media": parts.media(settings).purge,
        "record": lambda: record.erase_older_than(settings.retention.messages),
    }
    if settings.redis_url is None:
        found["journal"] = RedisJournal(core.store.connection).purge  # an operator's server is their own
    return found


def _record(core: Core, database: Database) -> RecordedPersonalData:
    return RecordedPersonalData(database, core.clock, days=core.settings.retention.messages)
