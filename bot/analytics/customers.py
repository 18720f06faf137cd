"""Customers as those who serve them see them: who they are, and their last conversations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.analytics import schema
from bot.analytics.rows import storable
from bot.domain.identity import ChatId
from bot.ports.service import CustomerFound, PastConversation

CONVERSATIONS = 10
TOPICS = 5
"""How much is told of one customer."""
NUMBERS = 20
"""How many more than asked for are looked at, to tell who was seen last."""

Row = Mapping[str, Any]


async def number_of(connection: AsyncConnection, chat: ChatId) -> int | None:
    """The number of a chat; None for one that is not known, or was erased."""
    table = schema.identities
    number: int | None = await connection.scalar(
        select(table.c.identity_id).where(
            table.c.channel == storable(chat.channel),
            table.c.account == storable(chat.account),
            table.c.user == storable(chat.user),
        )
    )
    return number


async def customers(
    connection: AsyncConnection, numbers: Sequence[int], *, limit: int = 1
) -> list[CustomerFound]:
    """Some customers by the numbers of their chats, latest seen first; those erased are left out."""
    people = schema.identities
    query = select(people).where(people.c.identity_id.in_(numbers), people.c.user.is_not(None))
    found = [dict(row) for row in (await connection.execute(query)).mappings()]
    seen = await _seen(connection, numbers)
    for row in found:
        row["last_seen"] = seen.get(row["identity_id"]) or row["last_seen"] or row["first_seen"]
    found.sort(key=lambda row: row["last_seen"], reverse=True)
    return [await _customer(connection, row) for row in found[:limit]]


async def _seen(connection: AsyncConnection, numbers: Sequence[int]) -> dict[int, datetime]:
    """When each last wrote."""
    table = schema.messages
    query = (
        select(table.c.identity_id, func.max(table.c.at, type_=schema.UtcDateTime()))
        .where(table.c.identity_id.in_(numbers), table.c.author == "customer")
        .group_by(table.c.identity_id)
    )
    return await _pairs(connection, query)


async def _customer(connection: AsyncConnection, row: Row) -> CustomerFound:
    opened = await _opened(connection, row["identity_id"])
    conversations = await _conversations(connection, opened)
    return CustomerFound(
        chat=ChatId(row["channel"], row["account"], row["user"]),
        name=row["name"] or "",
        language=await _language(connection, row["identity_id"]),
        first_seen=row["first_seen"],
        last_seen=row["last_seen"],
        conversations=tuple(conversations),
    )


async def _opened(connection: AsyncConnection, number: int) -> dict[str, datetime]:
    table = schema.conversation_changes
    query = (
        select(table.c.conversation_id, table.c.at)
        .where(
            table.c.identity_id == number, table.c.change == "opened", table.c.conversation_id.is_not(None)
        )
        .order_by(table.c.at.desc())
        .limit(CONVERSATIONS)
    )
    return await _pairs(connection, query)


async def _language(connection: AsyncConnection, number: int) -> str | None:
    table = schema.conversation_changes
    query = (
        select(table.c.language)
        .where(table.c.identity_id == number, table.c.language.is_not(None))
        .order_by(table.c.at.desc())
        .limit(1)
    )
    language: str | None = await connection.scalar(query)
    return language


async def _conversations(
    connection: AsyncConnection, opened: Mapping[str, datetime]
) -> list[PastConversation]:
    changes, said, rated = schema.conversation_changes, schema.messages, schema.ratings
    last: dict[str, Row] = {}
    query = select(changes).where(changes.c.conversation_id.in_(opened)).order_by(changes.c.at)
    for row in (await connection.execute(query.order_by(changes.c.change.desc()))).mappings():
        last[row["conversation_id"]] = dict(row)
    topics: dict[str, dict[str, None]] = defaultdict(dict)
    answered = select(said.c.conversation_id, said.c.topic, func.min(said.c.at).label("first")).where(
        said.c.conversation_id.in_(opened), said.c.topic.is_not(None)
    )
    for name, topic, _first in await connection.execute(
        answered.group_by(said.c.conversation_id, said.c.topic).order_by("first")
    ):
        topics[name][topic] = None
    scores = select(rated.c.conversation_id, rated.c.score).where(rated.c.conversation_id.in_(opened))
    ratings: dict[str, int] = await _pairs(connection, scores.order_by(rated.c.at))
    return [
        _past(name, at, last[name], tuple(topics[name])[:TOPICS], ratings.get(name))
        for name, at in opened.items()
    ]


async def _pairs(connection: AsyncConnection, query: Select[Any]) -> dict[Any, Any]:
    found: Any = await connection.execute(query)
    return dict(found.all())


def _past(
    name: str, opened_at: datetime, last: Row, topics: tuple[str, ...], rating: int | None
) -> PastConversation:
    is_closed = last["change"] == "closed"
    return PastConversation(
        id=name,
        opened_at=opened_at,
        closed_at=last["at"] if is_closed else None,
        outcome=last["outcome"] if is_closed else None,
        topics=topics,
        rating=rating,
    )
