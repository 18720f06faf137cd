"""What agents proposed for the bot to learn, and what an admin decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, or_, select, update

from bot.analytics import schema
from bot.analytics.database import Database
from bot.analytics.rows import storable


class Status(StrEnum):
    """Where a proposal is."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One of them.

    Attributes:
        intent: the entry it belongs to; empty for a new one.
        customer: what the customer it began from calls themselves: it must not get into an example.
        erased: whether its texts are gone, with the customer or in time.
    """

    id: str
    at: datetime
    agent_id: str
    agent_name: str
    intent: str
    language: str
    question: str
    answer: str
    message_id: str
    conversation: str | None
    status: Status
    decided_at: datetime | None = None
    decided_by: str | None = None
    reason: str | None = None
    customer: str = ""
    erased: bool = False


class SqlProposals:
    """Reads proposals from the record, and writes decisions to it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self, *, decided: bool = False) -> Sequence[Proposal]:
        """Those that wait for a decision, oldest first; ``decided`` ones and erased ones, too, if wanted.

        Raises:
            RecordUnavailable: the database cannot be reached.
        """
        query = _proposals()
        if not decided:
            waits = schema.proposals.c.status == Status.OPEN.value
            query = query.where(waits, schema.proposal_texts.c.erased_at.is_(None))
        return await self._read(query)

    async def beginning(self, beginning: str) -> Sequence[Proposal]:
        """Those whose id begins so, with or without its ``l_``.

        Raises:
            RecordUnavailable: the database cannot be reached.
        """
        name, begun = schema.proposals.c.fact_id, storable(beginning)
        begins = [name.startswith(text, autoescape=True) for text in (begun, f"l_{begun}")]
        return await self._read(_proposals().where(or_(*begins)))

    async def decide(
        self, proposal_id: str, status: Status, *, by: str, at: datetime, intent: str = "", reason: str = ""
    ) -> bool:
        """Decide on one that is open; False when somebody did meanwhile.

        Raises:
            RecordUnavailable: nothing is known to be decided; decide again.
        """
        table, texts = schema.proposals, schema.proposal_texts
        values: dict[str, Any] = {"status": status.value, "decided_at": at, "decided_by": storable(by)}
        if intent:
            values["intent"] = intent
        which = (table.c.fact_id == proposal_id) & (table.c.status == Status.OPEN.value)
        async with self._database.writing() as connection:
            decided = (await connection.execute(update(table).where(which).values(values))).rowcount == 1
            if decided and reason:
                kept = (texts.c.fact_id == proposal_id) & texts.c.erased_at.is_(None)
                await connection.execute(update(texts).where(kept).values(reason=storable(reason)))
            return decided

    async def _read(self, query: Select[Any]) -> Sequence[Proposal]:
        async with self._database.reading() as connection:
            return [_proposal(dict(row)) for row in (await connection.execute(query)).mappings()]


def _proposals() -> Select[Any]:
    table, texts, people = schema.proposals, schema.proposal_texts, schema.identities
    said = (texts.c.question, texts.c.answer, texts.c.reason, texts.c.erased_at)
    return (
        select(table, *said, people.c.name)
        .outerjoin(texts, texts.c.fact_id == table.c.fact_id)
        .outerjoin(people, people.c.identity_id == table.c.identity_id)
        .order_by(table.c.at, table.c.fact_id)
    )


def _proposal(row: Mapping[str, Any]) -> Proposal:
    return Proposal(
        id=row["fact_id"],
        at=row["at"],
        agent_id=row["agent_id"],
        agent_name=row["agent_name"] or "",
        intent=row["intent"] or "",
        language=row["language"] or "",
        question=row["question"] or "",
        answer=row["answer"] or "",
        message_id=row["message_id"] or "",
        conversation=row["conversation_id"],
        status=Status(row["status"]),
        decided_at=row["decided_at"],
        decided_by=row["decided_by"],
        reason=row["reason"],
        customer=row["name"] or "",
        erased=row["erased_at"] is not None,
    )
