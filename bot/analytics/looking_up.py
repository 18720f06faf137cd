"""What customers are found by, for records that were kept before there was a way to look them up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, text

from bot.analytics.rows import key_of

AT_ONCE = 1_000
LOOKED_UP = ("order_number", "email")

# By a migration: it names the columns as they were then, whatever the schema becomes.
_LAST_SEEN = """
UPDATE identities SET last_seen = (
  SELECT MAX(m.at) FROM messages m WHERE m.identity_id = identities.identity_id AND m.author = 'customer')
WHERE erased_at IS NULL
"""
_NAMES = """
SELECT i.identity_id, (
  SELECT t.author_name FROM messages m JOIN message_texts t ON t.fact_id = m.fact_id
  WHERE m.identity_id = i.identity_id AND m.author = 'customer' AND t.author_name IS NOT NULL
  ORDER BY m.at DESC LIMIT 1) AS name
FROM identities i WHERE i.erased_at IS NULL AND i.identity_id > :after ORDER BY i.identity_id LIMIT :count
"""
_NAME = "UPDATE identities SET name = :name, name_key = :name_key WHERE identity_id = :identity_id"
_VALUES = """
SELECT fact_id, at, identity_id, entities FROM entity_values
WHERE erased_at IS NULL AND fact_id > :after ORDER BY fact_id LIMIT :count
"""
_KEY = """
INSERT INTO entity_keys (fact_id, number, at, identity_id, value)
VALUES (:fact_id, :number, :at, :identity_id, :value)
"""


def fill(connection: Connection) -> None:
    """Fill the columns and the table that migration 0003 makes."""
    connection.execute(text(_LAST_SEEN))
    for page in _pages(connection, _NAMES, 0):
        rows = [
            {"identity_id": row["identity_id"], "name": row["name"], "name_key": key_of(row["name"])}
            for row in page
            if row["name"]
        ]
        if rows:
            connection.execute(text(_NAME), rows)
    for page in _pages(connection, _VALUES, ""):
        rows = [key for row in page for key in _keys(row)]
        if rows:
            connection.execute(text(_KEY), rows)


def _pages(connection: Connection, query: str, first: int | str) -> Iterator[list[dict[str, Any]]]:
    """By the first column, which is unique."""
    after: Any = first
    while True:
        found = connection.execute(text(query), {"after": after, "count": AT_ONCE})
        page = [dict(row) for row in found.mappings()]
        if not page:
            return
        yield page
        after = next(iter(page[-1].values()))


def _keys(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    entities = row["entities"]
    if isinstance(entities, str):  # SQLite: JSON as text
        entities = json.loads(entities)
    values = [key_of(one["value"]) for one in entities or () if one["name"] in LOOKED_UP and one["value"]]
    for number, value in enumerate(dict.fromkeys(values)):
        kept = {name: row[name] for name in ("fact_id", "at", "identity_id")}
        yield {**kept, "number": number, "value": value}
