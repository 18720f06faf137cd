"""The record, read for those who serve. Implements ``bot.ports.service.ServiceReader``."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Select, exists, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.analytics import schema
from bot.analytics.customers import NUMBERS, customers, number_of
from bot.analytics.database import Database
from bot.analytics.rows import key_of, storable
from bot.analytics.team_day import Step, Story, team_day
from bot.domain.events import ReceiptStatus
from bot.domain.identity import ChatId
from bot.domain.message import Attachment, AttachmentKind, Author, Line
from bot.ports.service import CustomerFound, TeamDay

LONGEST_SEARCH = 200
"""Characters of what is searched for."""
WORDS = 6
AT_ONCE = 500

_AGENT: ColumnElement[str] = literal_column("'agent'")
"""Written out, so that the index of agents' messages is seen to fit."""


class SqlService:
    """Reads the record. It may be a second behind, and holds no writer up."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def team_day(self, team: str, since: datetime, until: datetime) -> TeamDay:
        """What a team did at or after ``since`` and before ``until``; see ``bot.analytics.team_day``.

        Raises:
            RecordUnavailable: the database cannot be reached.
        """
        async with self._database.reading() as connection:
            conversations = (await connection.execute(_active(team, since, until))).scalars().all()
            stories = await _stories(connection, team, conversations)
            scores = await _scores(connection, team, since, until)
        return team_day(team, stories, scores, since, until)

    async def conversation(self, conversation: str, *, limit: int = 200) -> Sequence[Line]:
        """What was said to and by the customer, in order, as it stands now: without notes, deleted
        messages without their text. Files are named, not offered.

        Raises:
            RecordUnavailable: the database cannot be reached.
        """
        async with self._database.reading() as connection:
            rows = [dict(row) for row in (await connection.execute(_said(conversation, limit))).mappings()]
            edits, deleted = await _changes(connection, rows)
        rows.sort(key=lambda row: (row["at"], *_place(row["fact_id"])))
        return [_line(row, edits.get(row["message_id"]), row["message_id"] in deleted) for row in rows]

    async def customer(self, chat: ChatId) -> CustomerFound | None:
        """One customer, with their last ten conversations.

        Raises:
            RecordUnavailable: the database cannot be reached.
        """
        async with self._database.reading() as connection:
            number = await number_of(connection, chat)
            found = [] if number is None else await customers(connection, [number])
        return found[0] if found else None

    async def find_customers(self, words: str, *, limit: int = 5) -> Sequence[CustomerFound]:
        """Customers whose name holds every word, or who gave that email or order number; latest seen
        first. Case and accents do not matter. At least two characters.

        Raises:
            RecordUnavailable: the database cannot be reached.
        """
        key = key_of(words[:LONGEST_SEARCH])
        if len(key) < 2:
            return ()
        async with self._database.reading() as connection:
            # More than asked for, since ``last_seen`` may be a minute behind.
            given = await connection.execute(_by_what_they_gave(key).limit(limit + NUMBERS))
            named = await connection.execute(_by_name(key).limit(limit + NUMBERS))
            numbers = dict.fromkeys([*given.scalars(), *named.scalars()])
            return await customers(connection, list(numbers), limit=limit)


# --- a team's day ----------------------------------------------------------------------------


def _active(team: str, since: datetime, until: datetime) -> CompoundSelect[Any]:
    """Conversations in which a case of the team moved, or an agent wrote, whatever their team."""
    steps, said = schema.handoffs, schema.messages
    moved = select(steps.c.conversation_id).where(
        steps.c.team == team, steps.c.at >= since, steps.c.at < until
    )
    wrote = select(said.c.conversation_id).where(
        said.c.author == _AGENT, said.c.at >= since, said.c.at < until
    )
    return moved.union(wrote)


async def _stories(connection: AsyncConnection, team: str, conversations: Sequence[str]) -> Iterable[Story]:
    """Of the conversations that the team ever had."""
    steps: dict[str, list[Step]] = defaultdict(list)
    words: dict[str, list[datetime]] = defaultdict(list)
    for some in _parts(conversations):
        for name, *told in await connection.execute(_steps(some)):
            steps[name].append(Step(*told))
    theirs = [name for name, taken in steps.items() if any(step.team == team for step in taken)]
    for some in _parts(theirs):
        for name, at in await connection.execute(_words(some)):
            words[name].append(at)
    return [(steps[name], words[name]) for name in theirs]


def _parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), AT_ONCE):
        yield names[start : start + AT_ONCE]


def _steps(conversations: Sequence[str]) -> Select[Any]:
    step, change = schema.handoffs, schema.conversation_changes
    ended = (
        select(change.c.outcome)
        .where(
            change.c.conversation_id == step.c.conversation_id,
            change.c.at == step.c.at,
            change.c.change == "closed",
        )
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(step.c.conversation_id, step.c.at, step.c.step, step.c.team, step.c.agent_id, ended)
        .where(step.c.conversation_id.in_(conversations))
        .order_by(step.c.at)
    )


def _words(conversations: Sequence[str]) -> Select[Any]:
    """What agents wrote and did not take back before it left."""
    said, fate = schema.messages, schema.receipts
    taken_back = exists().where(
        fate.c.identity_id == said.c.identity_id,
        fate.c.message_id == said.c.message_id,
        fate.c.status == ReceiptStatus.DROPPED,
    )
    return (
        select(said.c.conversation_id, said.c.at)
        .where(said.c.conversation_id.in_(conversations), said.c.author == "agent", said.c.kind != "note")
        .where(~taken_back)
        .order_by(said.c.at)
    )


async def _scores(connection: AsyncConnection, team: str, since: datetime, until: datetime) -> list[int]:
    """The last score of each conversation rated then: a customer may change their mind."""
    table = schema.ratings
    query = select(table.c.conversation_id, table.c.fact_id, table.c.score).where(
        table.c.team == team, table.c.at >= since, table.c.at < until
    )
    found = await connection.execute(query.order_by(table.c.at))
    return list({name or fact_id: score for name, fact_id, score in found}.values())


# --- a conversation --------------------------------------------------------------------------


def _said(conversation: str, limit: int) -> Select[Any]:
    said, texts = schema.messages, schema.message_texts
    last = (
        select(said.c.fact_id, said.c.at, said.c.identity_id, said.c.message_id, said.c.author, said.c.kind)
        .where(said.c.conversation_id == storable(conversation), said.c.kind != "note")
        .order_by(said.c.at.desc(), said.c.fact_id.desc())
        .limit(limit)
        .subquery()
    )
    return select(last, texts.c.text, texts.c.author_name, texts.c.attachments).outerjoin(
        texts, texts.c.fact_id == last.c.fact_id
    )


async def _changes(
    connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, str | None], set[str]]:
    """The last text of each edited message, and the deleted ones. A conversation is of one chat."""
    if not rows:
        return {}, set()
    edits, deletions, texts = schema.message_edits, schema.message_deletions, schema.message_texts
    chat, names = rows[0]["identity_id"], [row["message_id"] for row in rows]
    edited = await connection.execute(
        select(edits.c.message_id, edits.c.at, edits.c.fact_id, texts.c.text)
        .join(texts, texts.c.fact_id == edits.c.fact_id)
        .where(edits.c.identity_id == chat, edits.c.message_id.in_(names))
    )
    in_order = sorted(edited, key=lambda row: (row.at, *_place(row.fact_id)))
    deleted = await connection.execute(
        select(deletions.c.message_id).where(
            deletions.c.identity_id == chat, deletions.c.message_id.in_(names)
        )
    )
    return {row.message_id: row.text for row in in_order}, set(deleted.scalars())


def _place(fact_id: str) -> tuple[str, int]:
    """Facts of one turn share its time, and end in their number."""
    turn, _, number = fact_id.rpartition("-")
    return (turn, int(number)) if number.isdecimal() else (fact_id, 0)


def _line(row: Mapping[str, Any], edited: str | None, is_deleted: bool) -> Line:
    text = row["text"] if edited is None else edited
    shown = f"[{text}]" if row["kind"] == "press" and text else text
    return Line(
        message_id=row["message_id"],
        author=Author(row["author"]),
        text="" if is_deleted else shown or "",
        at=row["at"],
        attachments=() if is_deleted else tuple(map(_file, row["attachments"] or ())),
        author_name=row["author_name"] or "",
    )


def _file(kept: Mapping[str, Any]) -> Attachment:
    return Attachment(kept["id"], kept["name"], kept["mime"], kept["size"], AttachmentKind(kept["kind"]))


# --- customers -------------------------------------------------------------------------------


def _by_what_they_gave(key: str) -> Select[Any]:
    people, keys = schema.identities, schema.entity_keys
    values = {key, key.replace(" ", ""), re.sub(r"\D", "", key) if "@" not in key else key} - {""}
    gave = select(keys.c.identity_id).where(keys.c.value.in_(sorted(values)))
    return _latest_first(select(people.c.identity_id).where(people.c.identity_id.in_(gave)))


def _by_name(key: str) -> Select[Any]:
    people = schema.identities
    holds = [people.c.name_key.contains(word, autoescape=True) for word in key.split()[:WORDS]]
    return _latest_first(select(people.c.identity_id).where(people.c.name_key.is_not(None), *holds))


def _latest_first(query: Select[Any]) -> Select[Any]:
    seen = schema.identities.c.last_seen
    return query.order_by(seen.is_(None), seen.desc())
