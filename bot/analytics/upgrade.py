"""Brings a database to the schema this version of Guichet works with."""

from __future__ import annotations

from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from bot.analytics.database import database_url, migrating
from bot.analytics.views import create_views, drop_views
from bot.domain.errors import ConfigurationError

log = structlog.get_logger(__name__)

MIGRATIONS = Path(__file__).with_name("migrations")


def upgrade(url: str) -> bool:
    """Create or upgrade the schema, in one transaction; returns whether anything changed.

    Safe to call from several processes at once. Blocking: from async code, in a thread.

    Raises:
        ConfigurationError: the address is wrong, or the database is of a newer Guichet.
        RecordUnavailable: the database cannot be reached.
    """
    with migrating(url) as connection:
        scripts = ScriptDirectory(str(MIGRATIONS))
        head = scripts.get_current_head()
        present = MigrationContext.configure(connection).get_current_revision()
        if present == head:
            return False
        if present is not None and present not in {script.revision for script in scripts.walk_revisions()}:
            raise ConfigurationError(
                f"The database at {_shown(url)} was used by a newer version of Guichet (schema {present}): "
                "run that version, or name another database in GUICHET_DATABASE__URL."
            )
        _move(connection)
        log.info("schema_upgraded", before=present, after=head)
        return True


def _move(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    drop_views(connection)
    command.upgrade(config, "head")
    create_views(connection)


def _shown(url: str) -> str:
    return database_url(url).render_as_string(hide_password=True)
