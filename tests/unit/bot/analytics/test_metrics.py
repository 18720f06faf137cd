"""Numbers that are honest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.analytics.database import Database
from bot.analytics.metrics import Delay, summary, top_intents
from bot.analytics.record import SqlRecord
from bot.domain.conversation import HandoffReason, Outcome
from bot.domain.facts import (
    ConversationChanged,
    Episode,
    ErrorLogged,
    Fact,
    FeedbackGiven,
    HandoffChanged,
    HandoffStep,
    Rated,
    Understood,
)
from bot.domain.identity import ChatId
from bot.domain.message import Author
from bot.domain.understanding import Guess, Question
from bot.ports.clock import SystemClock
from tests.fakes.facts import after, fact, said


def episode(number: int, *bodies: Any, outcome: Outcome | None, answer_after: float = 1) -> list[Fact]:
    """A conversation a minute: asked at once, answered by the bot after so many seconds."""
    start, chat = number * 60, ChatId("web", "main", f"visitor-{number}")

    def at(seconds: float, body: Any) -> Fact:
        return fact(body, at=after(start + seconds), chat=chat, conversation=f"c_{number}")

    opened = ConversationChanged(change=Episode.OPENED, contact_id=f"p_{number}")
    closed = ConversationChanged(change=Episode.CLOSED, contact_id=f"p_{number}", outcome=outcome)
    return [
        at(0, opened),
        at(0, said("bonjour")),
        at(answer_after, said("Bonjour !", "b1", Author.BOT)),
        *(at(10 + n, body) for n, body in enumerate(bodies)),
        *([at(50, closed)] if outcome else []),
    ]


HANDOFF = HandoffChanged(step=HandoffStep.REQUESTED, reason=HandoffReason.UNSURE, team="care")


@pytest.fixture
async def week(database: Database) -> Database:
    helped, not_helped = FeedbackGiven(topic="t", helped=True), FeedbackGiven(topic="t", helped=False)
    facts = [
        *episode(0, helped, outcome=Outcome.CONFIRMED_BY_CUSTOMER, answer_after=1),
        *episode(1, not_helped, outcome=Outcome.WENT_QUIET, answer_after=2),
        *episode(
            2,
            HANDOFF,
            said("Inès ici", "a1", Author.AGENT),
            outcome=Outcome.RESOLVED_BY_AGENT,
            answer_after=3,
        ),
        *episode(3, HANDOFF, outcome=Outcome.WENT_QUIET, answer_after=4),
        *episode(4, ErrorLogged(where="nlu", error="down"), outcome=None, answer_after=5),
    ]
    await SqlRecord(database, SystemClock()).store(facts)
    return database


async def test_a_customer_who_went_quiet_is_never_counted_as_helped(week: Database) -> None:
    found = await summary(week, after(0), after(600))
    assert (found.conversations, found.still_open, found.handed_off) == (5, 1, 2)
    assert (found.by_bot, found.by_agent, found.quiet, found.given_up) == (1, 1, 1, 1)
    assert (found.helped, found.not_helped, found.errors) == (1, 1, 1)
    assert (found.customer_messages, found.bot_messages, found.agent_messages) == (5, 5, 1)


async def test_spam_is_counted_once_and_in_nothing_else(week: Database) -> None:
    before = await summary(week, after(0), after(600))
    await SqlRecord(week, SystemClock()).store(
        episode(5, HANDOFF, Rated(score=1), said("?", "a9", Author.AGENT), outcome=Outcome.SPAM)
    )
    now = await summary(week, after(0), after(600))
    assert (before.spam, now.spam) == (0, 1)
    assert replace(now, spam=0) == before


async def test_the_satisfied_are_those_who_gave_four_or_five_of_those_who_rated(week: Database) -> None:
    scores = {0: 5, 1: 3, 2: 4}
    facts = [
        fact(Rated(score=score), at=after(number * 60 + 55), conversation=f"c_{number}")
        for number, score in scores.items()
    ]
    changed = fact(Rated(score=1, reason_id="m9"), at=after(60), conversation="c_0")
    await SqlRecord(week, SystemClock()).store(facts)
    found = await summary(week, after(0), after(600))
    assert (found.rated, found.csat, found.rating) == (3, pytest.approx(2 / 3), pytest.approx(4))
    await SqlRecord(week, SystemClock()).store([changed])
    found = await summary(week, after(0), after(600))
    assert (found.rated, found.csat, found.rating) == (3, pytest.approx(1 / 3), pytest.approx(8 / 3))


async def test_nobody_rated_is_no_satisfaction_rather_than_none_satisfied(week: Database) -> None:
    found = await summary(week, after(0), after(600))
    assert (found.rated, found.csat, found.rating) == (0, None, None)


async def test_delays_are_delays_somebody_had(week: Database) -> None:
    found = await summary(week, after(0), after(600))
    assert found.bot_delay == Delay(5, pytest.approx(3, abs=0.01), pytest.approx(5, abs=0.01))
    assert found.human_delay == Delay(1, pytest.approx(1, abs=0.01), pytest.approx(1, abs=0.01))


async def test_a_conversation_counts_where_it_was_opened(week: Database) -> None:
    assert (await summary(week, after(60), after(180))).conversations == 2


async def test_an_empty_span_is_all_zeros_and_nobody_waited(database: Database) -> None:
    found = await summary(database, after(0), after(1))
    assert (found.conversations, found.by_bot, found.errors) == (0, 0, 0)
    assert found.bot_delay == Delay(0, None, None)


async def test_intents_come_by_how_often_they_were_understood(database: Database) -> None:
    await SqlRecord(database, SystemClock()).store(
        [fact(understood(name)) for name in ("greet", "faq_b", "faq_a", "greet")]
    )
    assert await top_intents(database, after(0), after(1)) == [("greet", 2), ("faq_a", 1), ("faq_b", 1)]
    assert await top_intents(database, after(0), after(1), limit=1) == [("greet", 2)]


async def test_both_questions_of_a_message_count(database: Database) -> None:
    both = [understood("faq_a", "faq_a", "faq_b"), understood("faq_b", "faq_b", "faq_c"), understood("faq_b")]
    await SqlRecord(database, SystemClock()).store([fact(one) for one in both])
    assert await top_intents(database, after(0), after(1)) == [("faq_b", 3), ("faq_a", 1), ("faq_c", 1)]


def understood(intent: str, *questions: str) -> Understood:
    return Understood(
        message_id="m",
        intent=intent,
        confidence=0.9,
        ranking=(Guess(intent, 0.9),),
        entities=(),
        ms=1,
        handler="faq",
        questions=tuple(Question(n, n + 1, (Guess(name, 0.9),)) for n, name in enumerate(questions)),
    )
