"""A database comes to the schema of this version, whoever starts first."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect

from bot.analytics import schema, views
from bot.analytics.database import database_url as address_of
from bot.analytics.database import migrating
from bot.analytics.looking_up import fill
from bot.analytics.upgrade import MIGRATIONS, upgrade
from bot.domain.errors import ConfigurationError, RecordUnavailable


def test_the_migrations_lead_to_the_schema_the_code_works_with(database_url: str) -> None:
    with migrating(database_url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []


def test_the_views_have_the_columns_they_promise(database_url: str) -> None:
    with migrating(database_url) as connection:
        for view in views.VIEWS:
            present = [column["name"] for column in inspect(connection).get_columns(view.name)]
            assert present == [column.name for column in view.columns]


def test_upgrading_twice_changes_nothing_the_second_time(database_url: str) -> None:
    assert upgrade(database_url) is False


def test_a_new_file_is_made_with_its_folder(tmp_path: Path) -> None:
    assert upgrade(f"sqlite:///{tmp_path}/new/folder/record.db") is True


def test_processes_that_start_together_upgrade_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/record.db"
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(upgrade, [url] * 4)) == [False, False, False, True]


@pytest.mark.postgres
def test_processes_that_start_together_upgrade_postgresql_once(postgres) -> None:  # type: ignore[no-untyped-def]
    url = postgres.create("starting_together", "template1")
    try:
        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(upgrade, [url] * 4)) == [False, False, False, True]
    finally:
        postgres.drop("starting_together")


def test_a_record_of_the_first_version_is_kept_and_grows(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/record.db"
    with migrating(url) as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql(
            "INSERT INTO understandings (fact_id, at, message_id, intent, confidence, ranking, entities, ms, "
            "handler) VALUES ('f', '2026-11-22', 'm', 'greet', 0.9, '[]', '[]', 1, 'small_talk.greet')"
        )
    assert upgrade(url) is True
    with sqlite3.connect(tmp_path / "record.db") as connection:
        found = connection.execute("SELECT intent, also, explanation FROM understandings").fetchall()
    assert found == [("greet", None, None)]


def test_customers_of_an_earlier_version_are_found_like_new_ones(database_url: str) -> None:
    """The new columns and the table are filled from what the record held."""
    with migrating(database_url) as connection:
        connection.exec_driver_sql(
            'INSERT INTO identities (identity_id, channel, account, "user", first_seen) '
            "VALUES (1, 'web', 'main', 'v1', '2026-11-22'), (2, 'web', 'main', 'v2', '2026-11-22')"
        )
        for number, name in enumerate(["'Zoé'", "'Zoé Martin'", "NULL"]):
            connection.exec_driver_sql(
                "INSERT INTO messages (fact_id, at, identity_id, message_id, author, kind, attachments) "
                f"VALUES ('f{number}', '2026-11-2{number}', 1, 'm{number}', 'customer', 'text', 0)"
            )
            connection.exec_driver_sql(
                "INSERT INTO message_texts (fact_id, at, identity_id, text, author_name) "
                f"VALUES ('f{number}', '2026-11-2{number}', 1, 'bonjour', {name})"
            )
        connection.exec_driver_sql(
            "INSERT INTO entity_values (fact_id, at, identity_id, entities) VALUES ('f1', '2026-11-21', 1, "
            """'[{"name": "order_number", "value": "1234567"}, {"name": "postcode", "value": "75011"}, """
            """{"name": "email", "value": "Zoé@example.org"}, """
            """{"name": "email", "value": "zoe@example.org"}]')"""
        )
        fill(connection)
        people = connection.exec_driver_sql(
            "SELECT name, name_key, last_seen IS NULL FROM identities ORDER BY identity_id"
        )
        keys = connection.exec_driver_sql("SELECT fact_id, number, value FROM entity_keys ORDER BY number")
        assert [tuple(row) for row in people] == [("Zoé Martin", "zoe martin", 0), (None, None, 1)]
        assert [tuple(row) for row in keys] == [("f1", 0, "1234567"), ("f1", 1, "zoe@example.org")]


def test_a_database_of_a_newer_version_is_refused_in_one_sentence(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/record.db"
    upgrade(url)
    with sqlite3.connect(tmp_path / "record.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigurationError, match="newer version of Guichet"):
        upgrade(url)


def test_a_failed_upgrade_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/record.db"
    with monkeypatch.context() as patched:
        patched.setattr("bot.analytics.upgrade.create_views", lambda connection: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            upgrade(url)
    with sqlite3.connect(tmp_path / "record.db") as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []


def test_the_views_of_an_earlier_version_make_way(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/record.db"
    upgrade(url)
    with sqlite3.connect(tmp_path / "record.db") as connection:
        for name in ("alembic_version", *schema.metadata.tables):
            connection.execute(f'DROP TABLE "{name}"')
    assert upgrade(url) is True


def test_a_server_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(RecordUnavailable):
        upgrade(f"postgresql://nobody@/nothing?host={tmp_path}")


def test_sqlite_keeps_what_it_confirmed_and_overwrites_what_it_erased(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/record.db"
    with migrating(url) as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("sqlite:////var/lib/guichet.db", "sqlite+aiosqlite"),
        ("sqlite+pysqlite:////var/lib/guichet.db", "sqlite+aiosqlite"),
        ("postgresql://a:b@host/db", "postgresql+psycopg"),
        ("postgres://a:b@host/db", "postgresql+psycopg"),
        ("postgresql+asyncpg://a:b@host/db", "postgresql+psycopg"),
    ],
)
def test_any_usual_address_gets_our_driver(given: str, driver: str) -> None:
    assert address_of(given).drivername == driver


@pytest.mark.parametrize("given", ["", "guichet.db", "mysql://host/db", "sqlite://", "sqlite:///:memory:"])
def test_any_other_address_gets_one_sentence(given: str) -> None:
    with pytest.raises(ConfigurationError, match="GUICHET_DATABASE__URL"):
        address_of(given)
