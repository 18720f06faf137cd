"""Fixtures of the contract suites."""

from tests.fakes.databases import database, database_url, migrated_sqlite, postgres

__all__ = ["database", "database_url", "migrated_sqlite", "postgres"]
