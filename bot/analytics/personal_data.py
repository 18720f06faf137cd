"""What the record keeps of a person: shown, erased, and let go in time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, delete, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.analytics import schema
from bot.analytics.database import Database
from bot.analytics.erasing import CONTENT, emptying
from bot.analytics.export import json_ready
from bot.analytics.rows import storable
from bot.analytics.views import messages_view
from bot.domain.identity import ChatId
from bot.ports.clock import Clock
from bot.ports.personal_data import RetentionClass

AT_ONCE = 5_000
"""Rows emptied in one transaction, so that archiving is not held up."""


class RecordedPersonalData:
    """Implements ``bot.ports.personal_data.PersonalData`` for the SQL record.

    Erasing empties texts, names, entity values and the link to the person; the facts that
    remain say what happened, to nobody in particular.

    Args:
        days: how long texts and identities are kept.
    """

    def __init__(self, database: Database, clock: Clock, *, days: int) -> None:
        self._database = database
        self._clock = clock
        self._days = days

    @property
    def retention(self) -> RetentionClass:
        """What this place keeps, and how long."""
        return RetentionClass(
            name="record", purpose="answering customers and improving the answers", days=self._days
        )

    async def export(self, chat: ChatId) -> list[dict[str, Any]]:
        """All it holds of this chat, readable by a person, JSON-ready, in order of time.

        Raises:
            RecordUnavailable: the database cannot be reached.
        """
        async with self._database.reading() as connection:
            number = await _number(connection, chat)
            if number is None:
                return []
            return [{"record": name, **row} async for name, row in _everything(connection, number)]

    async def erase(self, chat: ChatId) -> int:
        """Remove all of it; returns how many records went. Doing it again finds none.

        The chat's facts must have left the live log before, or the archiver brings them later.

        Raises:
            RecordUnavailable: nothing is known to be erased; erase again.
        """
        async with self._database.writing() as connection:
            number = await _number(connection, chat, lock=True)
            gone = await _delete_parked(connection, _mentions(chat))
            if number is not None:
                gone += await _erase_identity(connection, number, self._clock.now())
        if gone:
            await self._database.scrub()
        return gone

    async def erase_older_than(self, days: int) -> int:
        """Let go of texts, values and parked facts older than that, and of people who have not
        been heard of since; returns how many records went.

        Raises:
            RecordUnavailable: what went before stays gone; go on later.
        """
        now = self._clock.now()
        limit = now - timedelta(days=days)
        gone = 0
        for table in CONTENT:
            gone += await self._empty_before(table, limit, now)
        async with self._database.writing() as connection:
            gone += await _delete_parked(connection, schema.parked_facts.c.at < limit)
        gone += await self._forget_silent(limit, now)
        if gone:
            await self._database.scrub()
        return gone

    async def _empty_before(self, table: Table, limit: datetime, now: datetime) -> int:
        old = select(table.c.fact_id).where(table.c.at < limit, table.c.erased_at.is_(None)).limit(AT_ONCE)
        gone = 0
        while True:
            async with self._database.writing() as connection:
                emptied = await connection.execute(emptying(table, now).where(table.c.fact_id.in_(old)))
            gone += emptied.rowcount
            if emptied.rowcount < AT_ONCE:
                return gone

    async def _forget_silent(self, limit: datetime, now: datetime) -> int:
        """Erase who has not been heard of since: their messages and conversations are all older."""
        gone = 0
        while True:
            async with self._database.writing() as connection:
                silent = (await connection.execute(_silent_since(limit))).scalars().all()
                for number in silent:
                    gone += await _erase_identity(connection, number, now)
            if len(silent) < AT_ONCE:
                return gone


# --- reading ---------------------------------------------------------------------------------


async def _number(connection: AsyncConnection, chat: ChatId, *, lock: bool = False) -> int | None:
    table = schema.identities
    query = select(table.c.identity_id).where(
        table.c.channel == storable(chat.channel),
        table.c.account == storable(chat.account),
        table.c.user == storable(chat.user),
    )
    number: int | None = (await connection.execute(query.with_for_update() if lock else query)).scalar()
    return number


async def _everything(connection: AsyncConnection, number: int) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    for name, query in _queries(number).items():
        for row in (await connection.execute(query)).mappings():
            yield name, json_ready(row, skip=("fact_id", "identity_id", "name_key", "erased_at"))


def _queries(number: int) -> dict[str, Select[Any]]:
    people, contacts = schema.identities, schema.contacts
    texts, values = schema.message_texts, schema.entity_values
    edits, understandings = schema.message_edits, schema.understandings
    proposals, proposed = schema.proposals, schema.proposal_texts
    queries = {
        "identity": select(people, contacts.c.email)
        .outerjoin(contacts, people.c.contact_id == contacts.c.contact_id)
        .where(people.c.identity_id == number),
        "message": _of(messages_view, number, texts.c.text.label("first_text")).outerjoin(
            texts, texts.c.fact_id == messages_view.c.fact_id
        ),
        "edit": _of(edits, number, texts.c.text).join(texts, texts.c.fact_id == edits.c.fact_id),
        "understanding": _of(understandings, number, values.c.entities.label("entity_values")).outerjoin(
            values, values.c.fact_id == understandings.c.fact_id
        ),
        "proposal": _of(proposals, number, proposed.c.question, proposed.c.answer, proposed.c.reason).join(
            proposed, proposed.c.fact_id == proposals.c.fact_id
        ),
    }
    return queries | {table.name: _of(table, number) for table in _PLAIN}


_PLAIN = (
    schema.conversation_changes,
    schema.handoffs,
    schema.feedback,
    schema.ratings,
    schema.audits,
    schema.receipts,
    schema.errors,
    schema.parked_facts,
)


def _of(table: Any, number: int, *more: ColumnElement[Any]) -> Select[Any]:
    return select(table, *more).where(table.c.identity_id == number).order_by(table.c.at, table.c.fact_id)


# --- erasing ---------------------------------------------------------------------------------


async def _erase_identity(connection: AsyncConnection, number: int, now: datetime) -> int:
    """Empty a chat of all that is personal; returns how many records that were."""
    people, changes = schema.identities, schema.conversation_changes
    contact = await connection.scalar(select(people.c.contact_id).where(people.c.identity_id == number))
    who = people.c.identity_id == number
    nobody = {"user": None, "contact_id": None, "name": None, "name_key": None, "erased_at": now}
    await connection.execute(update(people).where(who).values(nobody))
    gone = 1
    for table in CONTENT:
        gone += (await connection.execute(emptying(table, now).where(table.c.identity_id == number))).rowcount
    gone += await _delete_parked(connection, schema.parked_facts.c.identity_id == number)
    await connection.execute(update(changes).where(changes.c.identity_id == number).values(contact_id=None))
    if contact is not None:
        gone += await _forget_contact(connection, contact)
    return gone


async def _forget_contact(connection: AsyncConnection, contact_id: str) -> int:
    """A person none of whose chats are left."""
    elsewhere = exists().where(schema.identities.c.contact_id == contact_id)
    gone = delete(schema.contacts).where(schema.contacts.c.contact_id == contact_id, ~elsewhere)
    return (await connection.execute(gone)).rowcount


async def _delete_parked(connection: AsyncConnection, which: ColumnElement[bool]) -> int:
    return (await connection.execute(delete(schema.parked_facts).where(which))).rowcount


def _mentions(chat: ChatId) -> ColumnElement[bool]:
    """Parked facts that nobody could read may be of this chat if they hold its user's id."""
    raw = schema.parked_facts.c.raw
    return schema.parked_facts.c.identity_id.is_(None) & raw.contains(storable(chat.user), autoescape=True)


def _silent_since(limit: datetime) -> Select[Any]:
    people = schema.identities
    heard = or_(
        *(
            exists().where(table.c.identity_id == people.c.identity_id, table.c.at >= limit)
            for table in (schema.messages, schema.conversation_changes)
        )
    )
    silent = select(people.c.identity_id).where(
        people.c.erased_at.is_(None), people.c.first_seen < limit, ~heard
    )
    return silent.order_by(people.c.identity_id).limit(AT_ONCE)
