"""Numbers, computed from the record and from nothing else.

A conversation counts in the span in which it was opened. "Resolved" means that somebody said so:
a customer who went quiet is counted apart, never as helped. What an agent marked as spam was no
customer: it is counted once, and in nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.analytics import schema
from bot.analytics.database import Database
from bot.analytics.views import conversations_view as episodes
from bot.domain.conversation import Outcome

SATISFIED = 4
"""The lowest score of a satisfied customer, out of 5."""


@dataclass(frozen=True, slots=True)
class Delay:
    """How long customers waited, in seconds; None when nobody did. ``count`` is of how many."""

    count: int
    median: float | None
    p95: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """A span of time in numbers.

    ``by_bot`` were confirmed by the customer and never needed a person; ``quiet`` went quiet
    without one; ``given_up`` asked for a person, and none had answered when it was closed.
    ``errors`` counts what failed, whatever it did to a customer. ``spam`` are not among the
    ``conversations``.

    ``csat`` is the share, from 0 to 1, of 4 and 5 among the ``rated`` conversations; None without any.
    That is the usual definition for a scale of five ("satisfied responses", 4 or 5, over all responses:
    https://help.delighted.com/article/240-how-is-csat-calculated). A conversation counts with its last
    rating, and one that nobody rated does not count. ``rating`` is the mean, from 1 to 5.
    """

    conversations: int
    still_open: int
    reopened: int
    handed_off: int
    by_bot: int
    by_agent: int
    quiet: int
    given_up: int
    customer_messages: int
    bot_messages: int
    agent_messages: int
    helped: int
    not_helped: int
    spam: int
    rated: int
    csat: float | None
    rating: float | None
    errors: int
    bot_delay: Delay
    human_delay: Delay


async def summary(database: Database, since: datetime, until: datetime) -> Summary:
    """What happened to the conversations opened at or after ``since`` and before ``until``.

    Raises:
        RecordUnavailable: the database cannot be reached.
    """
    async with database.reading() as connection:
        counts = (await connection.execute(_counts(since, until))).mappings().one()
        rated = (await connection.execute(_ratings(since, until))).mappings().one()
        spam = select(func.count()).where(*_opened(since, until), episodes.c.outcome == Outcome.SPAM.value)
        errors = schema.errors.c.at
        return Summary(
            **{name: int(value or 0) for name, value in counts.items()},
            spam=await connection.scalar(spam) or 0,
            rated=rated["rated"],
            csat=_ratio(rated["satisfied"], rated["rated"]),
            rating=_ratio(rated["total"], rated["rated"]),
            errors=await connection.scalar(select(func.count()).where(errors >= since, errors < until)) or 0,
            bot_delay=await _delay(connection, episodes.c.first_bot_answer_seconds, since, until),
            human_delay=await _delay(connection, episodes.c.first_human_answer_seconds, since, until),
        )


async def top_intents(
    database: Database, since: datetime, until: datetime, *, limit: int = 20
) -> list[tuple[str, int]]:
    """The intents understood most often, with how often: both of a message that asked two questions.

    Raises:
        RecordUnavailable: the database cannot be reached.
    """
    table = schema.understandings
    when = (table.c.at >= since, table.c.at < until)
    both = union_all(
        select(table.c.intent.label("intent")).where(*when),
        select(table.c.also.label("intent")).where(*when, table.c.also.is_not(None)),
    ).subquery()
    count = func.count().label("count")
    query = (
        select(both.c.intent, count)
        .group_by(both.c.intent)
        .order_by(count.desc(), both.c.intent)
        .limit(limit)
    )
    async with database.reading() as connection:
        return [(intent, times) for intent, times in await connection.execute(query)]


def _counts(since: datetime, until: datetime) -> Select[*tuple[Any, ...]]:
    alone = episodes.c.handoff_at.is_(None) & episodes.c.first_human_answer_at.is_(None)
    outcome = episodes.c.outcome
    conditions: dict[str, ColumnElement[bool]] = {
        "still_open": episodes.c.closed_at.is_(None),
        "handed_off": episodes.c.handoff_at.is_not(None),
        "by_bot": and_(outcome == "confirmed_by_customer", alone),
        "by_agent": outcome == "resolved_by_agent",
        "quiet": and_(outcome == "went_quiet", alone),
        "given_up": and_(
            episodes.c.handoff_at.is_not(None),
            episodes.c.first_human_answer_at.is_(None),
            episodes.c.closed_at.is_not(None),
        ),
    }
    sums = ("reopened", "customer_messages", "bot_messages", "agent_messages", "helped", "not_helped")
    return select(
        func.count().label("conversations"),
        *(func.sum(case((condition, 1), else_=0)).label(name) for name, condition in conditions.items()),
        *(func.sum(episodes.c[name]).label(name) for name in sums),
    ).where(*_within(since, until))


def _ratings(since: datetime, until: datetime) -> Select[*tuple[Any, ...]]:
    score = episodes.c.rating
    return select(
        func.count(score).label("rated"),
        func.sum(case((score >= SATISFIED, 1), else_=0)).label("satisfied"),
        func.sum(score).label("total"),
    ).where(*_within(since, until))


def _ratio(part: int | None, whole: int) -> float | None:
    return float(part or 0) / whole if whole else None


def _opened(since: datetime, until: datetime) -> tuple[ColumnElement[bool], ...]:
    return episodes.c.opened_at >= since, episodes.c.opened_at < until


def _within(since: datetime, until: datetime) -> tuple[ColumnElement[bool], ...]:
    """Conversations with customers, opened then."""
    return *_opened(since, until), func.coalesce(episodes.c.outcome, "") != Outcome.SPAM.value


async def _delay(
    connection: AsyncConnection, seconds: ColumnElement[float], since: datetime, until: datetime
) -> Delay:
    """Nearest-rank percentiles: always a delay that somebody had."""
    known = select(seconds).where(*_within(since, until), seconds.is_not(None))
    count = await connection.scalar(select(func.count()).select_from(known.subquery())) or 0

    async def ranked(share: float) -> float | None:
        rank = max(0, -int(-count * share // 1) - 1)
        value: float | None = await connection.scalar(known.order_by(seconds).limit(1).offset(rank))
        return value

    return Delay(count, await ranked(0.5), await ranked(0.95))
