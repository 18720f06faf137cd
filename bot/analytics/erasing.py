"""Empties what was said. Rows stay, so that what comes again finds its place taken."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, exists, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.analytics import schema

CONTENT: dict[Table, tuple[str, ...]] = {
    schema.message_texts: ("text", "author_name", "attachments"),
    schema.entity_values: ("entities",),
    schema.entity_keys: ("value",),
    schema.proposal_texts: ("question", "answer", "reason"),
}
"""The tables that hold what people said, and in which columns."""


def emptying(table: Table, now: datetime) -> Any:
    """An UPDATE that empties the rows not emptied before; say which with ``where``."""
    nothing = dict.fromkeys(CONTENT[table])
    return update(table).where(table.c.erased_at.is_(None)).values(**nothing, erased_at=now)


async def erase_deleted(
    connection: AsyncConnection, messages: Iterable[tuple[int, str]], now: datetime
) -> None:
    """Empty the texts of those messages, by chat number and message id, that were taken back."""
    for identity_id, message_id in sorted(messages):
        for table, sources in _SAID.items():
            found = union_all(
                *(select(source.c.fact_id).where(_is(source, identity_id, message_id)) for source in sources)
            )
            taken_back = exists().where(_is(schema.message_deletions, identity_id, message_id))
            await connection.execute(emptying(table, now).where(table.c.fact_id.in_(found), taken_back))


_SAID = {
    schema.message_texts: (schema.messages, schema.message_edits),
    schema.entity_values: (schema.understandings,),
    schema.entity_keys: (schema.understandings,),
    schema.proposal_texts: (schema.proposals,),
}


def _is(table: Table, identity_id: int, message_id: str) -> ColumnElement[bool]:
    return (table.c.identity_id == identity_id) & (table.c.message_id == message_id)
