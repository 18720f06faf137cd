"""Keeps facts in SQL, each once.

A batch is one transaction: it claims the ids nobody stored before, and writes the rows of those
only. So a batch stored twice, by one archiver or by two at once, changes nothing, and what was
erased meanwhile stays erased.
"""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import structlog
from prometheus_client import Counter
from sqlalchemy import Table, bindparam, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.analytics import schema
from bot.analytics.database import Database, DataRefused
from bot.analytics.erasing import erase_deleted
from bot.analytics.rows import Row, key_of, rows_of, storable
from bot.domain.errors import RecordUnavailable
from bot.domain.facts import ConversationChanged, Fact, MessageDeleted, MessageEdited, MessageLogged
from bot.domain.identity import ChatId
from bot.domain.ids import derived_id
from bot.domain.message import Author
from bot.ports.clock import Clock
from bot.ports.store import Entry

log = structlog.get_logger(__name__)

PARKED = Counter("guichet_record_parked_total", "Facts that could not be read or stored.", ["why"])

AT_ONCE = 500
"""Chats looked up in one statement."""
SEEN_EVERY = timedelta(minutes=1)
"""How far behind a customer's ``last_seen`` may be."""
RAW_LIMIT = 64 * 1024
"""Characters kept of a fact that cannot be stored."""


class SqlRecord:
    """The record for analysis, in SQLite or PostgreSQL. Implements ``bot.ports.record.Record``."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def store(self, facts: Sequence[Fact]) -> int:
        """Write facts, each once by its id; returns how many were new.

        A fact the database refuses for what it holds is parked, so that it holds nothing up.

        Raises:
            RecordUnavailable: nothing is known to be written; store the same again.
        """
        unique = list({fact.id: fact for fact in facts}.values())
        return await self._store(unique) if unique else 0

    async def park(self, entries: Sequence[Entry[Fact]]) -> None:
        """Keep entries of the log that cannot be read back, each once.

        Raises:
            RecordUnavailable: nothing is known to be written; park the same again.
        """
        for entry in entries:
            parked_id = derived_id("f", "unreadable", entry.shard, entry.id, entry.raw)
            detail = f"log entry {entry.shard}/{entry.id}, {len(entry.raw)} characters"
            await self._park(parked_id, "unreadable", detail, entry.raw, None)

    async def _store(self, facts: Sequence[Fact]) -> int:
        try:
            return await self._write(facts)
        except DataRefused as refused:
            if len(facts) == 1:
                await self._park_fact(facts[0], str(refused))
                return 0
        half = len(facts) // 2
        return await self._store(facts[:half]) + await self._store(facts[half:])

    async def _write(self, facts: Sequence[Fact]) -> int:
        async with self._database.writing() as connection:
            claimed = await _claim(connection, facts)
            new = [fact for fact in facts if fact.id in claimed]
            if not new:
                return 0
            identities = await _identities(connection, new)
            await _know_customers(connection, new, identities)
            await _link_contacts(connection, new, identities)
            await _insert(connection, new, identities)
            changed = {
                (identities[fact.chat], storable(fact.body.message_id))
                for fact in new
                if isinstance(fact.body, MessageDeleted | MessageEdited)
            }
            await erase_deleted(connection, changed, self._clock.now())
            return len(new)

    async def _park_fact(self, fact: Fact, reason: str) -> None:
        parked_id = derived_id("f", "refused", fact.id)
        raw = json.dumps(dataclasses.asdict(fact), default=str, ensure_ascii=False)
        detail = f"fact {fact.id} ({type(fact.body).__name__}), {len(raw)} characters"
        try:
            await self._park(parked_id, reason, detail, raw, fact)
        except DataRefused:  # the envelope is at fault: keep it, out of its chat
            await self._park(parked_id, reason, detail, raw, None)

    async def _park(self, parked_id: str, reason: str, detail: str, raw: str, fact: Fact | None) -> None:
        row: Row = {"fact_id": parked_id, "at": self._clock.now()}
        error = {**row, "where": "archiver", "error": reason, "detail": storable(detail)}
        try:
            async with self._database.writing() as connection:
                if fact is not None:
                    row["identity_id"] = (await _identities(connection, [fact]))[fact.chat]
                    error |= {"identity_id": row["identity_id"], "conversation_id": fact.conversation}
                await connection.execute(_once(connection, schema.errors), error)
                kept = {**row, "raw": storable(raw)[:RAW_LIMIT]}
                await connection.execute(_once(connection, schema.parked_facts), kept)
        except DataRefused as refused:
            if fact is None:
                raise RecordUnavailable(f"a fact cannot even be parked: {refused}") from refused
            raise
        PARKED.labels("unreadable" if reason == "unreadable" else "refused").inc()
        log.error("fact_parked", parked=parked_id, reason=reason, detail=detail)


async def _claim(connection: AsyncConnection, facts: Sequence[Fact]) -> set[str]:
    """The ids not stored before, now ours. Sorted, so that two archivers cannot lock each other out."""
    rows = [{"fact_id": fact.id, "kind": type(fact.body).__name__} for fact in facts]
    rows.sort(key=lambda row: row["fact_id"])
    claim = _once(connection, schema.facts).returning(schema.facts.c.fact_id)
    return set((await connection.execute(claim, rows)).scalars())


async def _identities(connection: AsyncConnection, facts: Iterable[Fact]) -> dict[ChatId, int]:
    """The number of each chat, given now to those seen for the first time.

    On PostgreSQL the rows stay locked till the end, so that an erasure comes before or after.
    """
    first_seen: dict[ChatId, Any] = {}
    for fact in facts:
        first_seen[fact.chat] = min(fact.at, first_seen.get(fact.chat, fact.at))
    known = await _look_up(connection, list(first_seen))
    missing = sorted(chat for chat in first_seen if chat not in known)
    if missing:
        rows = [
            dict(zip(("channel", "account", "user"), _key(chat), strict=True), first_seen=first_seen[chat])
            for chat in missing
        ]
        await connection.execute(_once(connection, schema.identities), rows)
        known |= await _look_up(connection, missing)
    return known


async def _look_up(connection: AsyncConnection, chats: Sequence[ChatId]) -> dict[ChatId, int]:
    table = schema.identities
    columns = (table.c.channel, table.c.account, table.c.user)
    by_key: dict[tuple[str, ...], int] = {}
    for start in range(0, len(chats), AT_ONCE):
        keys = [_key(chat) for chat in chats[start : start + AT_ONCE]]
        query = select(table.c.identity_id, *columns).where(tuple_(*columns).in_(keys))
        query = query.order_by(table.c.identity_id).with_for_update(key_share=True)
        for number, *key in await connection.execute(query):
            by_key[tuple(key)] = number
    return {chat: by_key[_key(chat)] for chat in chats if _key(chat) in by_key}


def _key(chat: ChatId) -> tuple[str, str, str]:
    return storable(chat.channel), storable(chat.account), storable(chat.user)


async def _know_customers(
    connection: AsyncConnection, facts: Iterable[Fact], identities: Mapping[ChatId, int]
) -> None:
    """What they call themselves, and when they last wrote: to be found by."""
    heard: dict[int, Row] = {}
    for fact in facts:
        if isinstance(fact.body, MessageLogged) and fact.body.author is Author.CUSTOMER:
            name = storable(fact.body.author_name).strip()
            said = heard.setdefault(identities[fact.chat], {"name": None, "last_seen": fact.at})
            said["last_seen"] = max(said["last_seen"], fact.at)
            said["name"] = name or said["name"]
    if not heard:
        return
    stale = await _stale(connection, heard)
    for name in ("name", "last_seen"):
        rows = [{"number": number, name: heard[number][name]} for number in sorted(stale[name])]
        if rows:
            await connection.execute(_SETTING[name], [_with_key(row) for row in rows])


def _with_key(row: Row) -> Row:
    return {**row, "name_key": key_of(row["name"])} if "name" in row else row


async def _stale(connection: AsyncConnection, heard: Mapping[int, Row]) -> dict[str, set[int]]:
    """Whose row says something else. It mostly does not: a row is written now and then, not each time."""
    table = schema.identities
    found: dict[str, set[int]] = {"name": set(), "last_seen": set()}
    numbers = sorted(heard)
    for start in range(0, len(numbers), AT_ONCE):
        some = table.c.identity_id.in_(numbers[start : start + AT_ONCE])
        for number, name, seen in await connection.execute(
            select(table.c.identity_id, table.c.name, table.c.last_seen).where(some)
        ):
            said = heard[number]
            if said["name"] not in (None, name):
                found["name"].add(number)
            if seen is None or said["last_seen"] - seen >= SEEN_EVERY:
                found["last_seen"].add(number)
    return found


def _setting(*names: str) -> Any:
    table = schema.identities
    values: dict[str, Any] = {name: bindparam(name) for name in names}
    return update(table).where(table.c.identity_id == bindparam("number")).values(values)


_SETTING = {"name": _setting("name", "name_key"), "last_seen": _setting("last_seen")}


async def _link_contacts(
    connection: AsyncConnection, facts: Iterable[Fact], identities: Mapping[ChatId, int]
) -> None:
    """Whose chat it is, as the latest change of a conversation says."""
    linked: dict[int, Row] = {}
    for fact in facts:
        if isinstance(fact.body, ConversationChanged) and fact.body.contact_id:
            number = identities[fact.chat]
            linked[number] = {"number": number, "contact_id": fact.body.contact_id, "first_seen": fact.at}
    if not linked:
        return
    rows = sorted(linked.values(), key=lambda row: row["contact_id"])
    contacts = [{key: row[key] for key in ("contact_id", "first_seen")} for row in rows]
    await connection.execute(_once(connection, schema.contacts), contacts)
    table = schema.identities
    link = update(table).where(table.c.identity_id == bindparam("number"))
    await connection.execute(link, [{key: row[key] for key in ("number", "contact_id")} for row in rows])


async def _insert(
    connection: AsyncConnection, facts: Iterable[Fact], identities: Mapping[ChatId, int]
) -> None:
    rows: dict[Table, list[Row]] = defaultdict(list)
    for fact in facts:
        for table, row in rows_of(fact, identities[fact.chat]):
            rows[table].append(row)
    for table, batch in rows.items():
        await connection.execute(_once(connection, table), batch)


def _once(connection: AsyncConnection, table: Table) -> Any:
    """An INSERT that changes nothing where the row is already there."""
    insert: Any = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    return insert(table).on_conflict_do_nothing()
