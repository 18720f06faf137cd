"""What the record tells those who serve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.analytics.database import Database
from bot.analytics.personal_data import RecordedPersonalData
from bot.analytics.record import SqlRecord
from bot.analytics.service import SqlService
from bot.domain.conversation import HandoffReason, Outcome
from bot.domain.events import ReceiptStatus
from bot.domain.facts import (
    ConversationChanged,
    Episode,
    Fact,
    FactBody,
    HandoffChanged,
    HandoffStep,
    MessageDeleted,
    MessageEdited,
    MessageKind,
    Rated,
    ReceiptLogged,
    Understood,
)
from bot.domain.identity import ChatId
from bot.domain.message import Attachment, Author, Line
from bot.domain.understanding import Entity, Guess
from bot.ports.clock import SystemClock
from bot.ports.service import CustomerFound, PastConversation, ServiceReader, TeamDay
from tests.fakes.facts import CHAT, NOON, OTHER_CHAT, after, fact, said

DAY = (NOON, NOON + timedelta(hours=12))
EMPTY = TeamDay(handled=0, first_response=None, resolution=None, ratings=0, satisfaction=None)


@pytest.fixture
def service(database: Database) -> SqlService:
    return SqlService(database)


@pytest.fixture
def record(database: Database) -> SqlRecord:
    return SqlRecord(database, SystemClock())


def turn(seconds: float, *bodies: FactBody, conversation: str = "c_1", chat: ChatId = CHAT) -> list[Fact]:
    """What one turn logs: one time, and ids that differ in their number."""
    return [
        fact(
            body, id=f"l_{conversation}{seconds}-{n}", at=after(seconds), chat=chat, conversation=conversation
        )
        for n, body in enumerate(bodies)
    ]


def step(which: HandoffStep, team: str | None = "care", agent: str | None = None) -> HandoffChanged:
    return HandoffChanged(step=which, reason=HandoffReason.ASKED, team=team, agent_id=agent)


def closed(outcome: Outcome) -> ConversationChanged:
    return ConversationChanged(change=Episode.CLOSED, contact_id="p_1", language="fr", outcome=outcome)


def agent_says(text: str = "Bonjour, ici Léa", message_id: str = "a1") -> FactBody:
    return said(text, message_id, Author.AGENT)


NOTE = replace(said("une note", "n1", Author.AGENT), kind=MessageKind.NOTE)
OPENED = ConversationChanged(change=Episode.OPENED, contact_id="p_1", language="fr")
ASKED, CLAIMED = step(HandoffStep.REQUESTED), step(HandoffStep.CLAIMED, agent="slack:U1")
RESOLVED = step(HandoffStep.RESOLVED, agent="slack:U1")
RELEASED = step(HandoffStep.RELEASED, agent="slack:U1")


def test_it_is_a_service_reader(service: SqlService) -> None:
    promised: ServiceReader = service
    assert promised is service


# --- a team's day ------------------------------------------------------------------------------


async def day(record: SqlRecord, service: SqlService, *turns: list[Fact], team: str = "care") -> TeamDay:
    await record.store([one for turn in turns for one in turn])
    return await service.team_day(team, *DAY)


async def test_a_team_that_did_nothing_has_no_figures(service: SqlService) -> None:
    assert await service.team_day("care", *DAY) == EMPTY


async def test_a_case_is_handled_answered_and_resolved(record: SqlRecord, service: SqlService) -> None:
    found = await day(
        record,
        service,
        turn(0, OPENED, said("un humain svp"), ASKED),
        turn(60, CLAIMED),
        turn(65, NOTE),
        turn(90, agent_says()),
        turn(200, agent_says("Voilà", "a2")),
        turn(300, RESOLVED, closed(Outcome.RESOLVED_BY_AGENT)),
        turn(310, Rated(score=5, team="care", agent_id="slack:U1")),
        turn(320, Rated(score=4, team="care", agent_id="slack:U1", reason_id="m9")),
    )
    assert found == TeamDay(handled=1, first_response=90, resolution=300, ratings=1, satisfaction=4)


async def test_an_answer_taken_back_before_it_left_is_no_first_response(
    record: SqlRecord, service: SqlService
) -> None:
    dropped = ReceiptLogged(message_id="a1", destination="web:main", status=ReceiptStatus.DROPPED)
    found = await day(
        record,
        service,
        turn(0, OPENED, said("un humain svp"), ASKED),
        turn(60, CLAIMED),
        turn(65, agent_says()),
        turn(67, dropped),
        turn(90, agent_says("Voilà", "a2")),
    )
    assert found.first_response == 90


async def test_medians_and_means_are_over_the_cases_that_have_them(
    record: SqlRecord, service: SqlService
) -> None:
    turns = []
    for number, seconds in enumerate([10, 20, 90]):
        name = f"c_{number}"
        turns += [
            turn(0, OPENED, ASKED, conversation=name),
            turn(seconds, CLAIMED, agent_says(), conversation=name),
            turn(100 + seconds, RELEASED, conversation=name),
            turn(110 + seconds, Rated(score=number + 1, team="care"), conversation=name),
        ]
    turns.append(turn(0, OPENED, ASKED, conversation="waiting"))
    assert await day(record, service, *turns) == TeamDay(
        handled=3, first_response=20, resolution=120, ratings=3, satisfaction=2
    )


async def test_only_what_a_person_ended_is_handled(record: SqlRecord, service: SqlService) -> None:
    found = await day(
        record,
        service,
        turn(0, OPENED, ASKED, conversation="quiet"),
        turn(50, step(HandoffStep.RESOLVED), closed(Outcome.WENT_QUIET), conversation="quiet"),
        turn(0, OPENED, ASKED, conversation="back"),
        turn(50, step(HandoffStep.RELEASED), conversation="back"),
        turn(0, OPENED, ASKED, conversation="unclaimed"),
        turn(50, step(HandoffStep.RESOLVED), closed(Outcome.RESOLVED_BY_AGENT), conversation="unclaimed"),
    )
    assert found == replace(EMPTY, handled=1, resolution=50)


async def test_spam_counts_for_nothing(record: SqlRecord, service: SqlService) -> None:
    found = await day(
        record,
        service,
        turn(0, OPENED, ASKED),
        turn(10, CLAIMED, agent_says()),
        turn(20, RESOLVED, closed(Outcome.SPAM)),
    )
    assert found == EMPTY


async def test_who_steps_in_unasked_handles_a_case_nobody_waited_for(
    record: SqlRecord, service: SqlService
) -> None:
    found = await day(
        record,
        service,
        turn(0, OPENED),
        turn(10, CLAIMED, agent_says()),
        turn(20, RESOLVED, closed(Outcome.RESOLVED_BY_AGENT)),
    )
    assert found == replace(EMPTY, handled=1)


async def test_a_transferred_case_counts_for_who_had_it_from_when_the_customer_asked(
    record: SqlRecord, service: SqlService
) -> None:
    turns = [
        turn(0, OPENED, ASKED),
        turn(10, CLAIMED, agent_says()),
        turn(40, step(HandoffStep.REQUEUED, team="orders")),
        turn(60, step(HandoffStep.CLAIMED, team="orders", agent="slack:U2"), agent_says("Paul", "a2")),
        turn(90, step(HandoffStep.RESOLVED, team="orders", agent="slack:U2"),
             closed(Outcome.RESOLVED_BY_AGENT)),
    ]  # fmt: skip
    assert await day(record, service, *turns) == replace(EMPTY, first_response=10)
    assert await service.team_day("orders", *DAY) == replace(EMPTY, handled=1, resolution=90)


async def test_what_happens_in_the_span_counts_whenever_it_began(
    record: SqlRecord, service: SqlService
) -> None:
    await record.store(
        [
            *turn(-7200, OPENED, ASKED),
            *turn(-7100, CLAIMED),
            *turn(30, agent_says()),
            *turn(0, OPENED, ASKED, conversation="c_2"),
            *turn(60, CLAIMED, agent_says(), conversation="c_2"),
        ]
    )
    assert (await service.team_day("care", *DAY)).first_response == 60
    assert (await service.team_day("care", NOON, after(60))).first_response == 7230
    assert await service.team_day("care", after(61), after(90)) == EMPTY


async def test_a_reopened_conversation_is_another_case(record: SqlRecord, service: SqlService) -> None:
    turns = []
    for start in (0, 1000):
        turns += [
            turn(start, OPENED, ASKED),
            turn(start + 5, step(HandoffStep.ESCALATED)),
            turn(start + 20, CLAIMED, agent_says("oui", f"a{start}")),
            turn(start + 50, RESOLVED, closed(Outcome.RESOLVED_BY_AGENT)),
        ]
    assert await day(record, service, *turns) == replace(EMPTY, handled=2, first_response=20, resolution=50)


# --- a conversation ----------------------------------------------------------------------------


async def test_a_conversation_is_told_in_order_as_it_stands_now(
    record: SqlRecord, service: SqlService
) -> None:
    photo = Attachment("f_1", "colis.jpg", "image/jpeg", 12, source="tg:1")
    bot = [said(f"réponse {n}", f"b{n}", Author.BOT) for n in range(12)]
    await record.store(
        [
            *turn(0, OPENED, replace(said("bonjour"), author_name="Zoé", attachments=(photo,))),
            *turn(1, said("ou est mon coli", "m2"), *bot),
            *turn(2, MessageEdited(message_id="m2", author=Author.CUSTOMER, text="où est mon coli")),
            *turn(3, MessageEdited(message_id="m2", author=Author.CUSTOMER, text="où est mon colis ?")),
            *turn(4, replace(said("faq:menu", "p1"), kind=MessageKind.PRESS)),
            *turn(5, NOTE),
            *turn(6, said("pardon", "m3")),
            *turn(7, MessageDeleted(message_id="m3", author=Author.CUSTOMER)),
            *turn(8, said("d'une autre conversation", "m4"), conversation="c_2"),
        ]
    )
    lines = await service.conversation("c_1")
    assert lines[0] == Line(
        "m1", Author.CUSTOMER, "bonjour", after(0), (replace(photo, kind=photo.kind, source=None),), "Zoé"
    )
    assert [line.text for line in lines[1:]] == [
        "où est mon colis ?", *(one.text for one in bot), "[faq:menu]", "",
    ]  # fmt: skip
    assert lines[-1].message_id == "m3"


async def test_the_last_messages_are_told_of_a_long_one_and_nothing_of_an_unknown_one(
    record: SqlRecord, service: SqlService
) -> None:
    await record.store([one for n in range(30) for one in turn(n, said(f"{n}", f"m{n}"))])
    assert [line.text for line in await service.conversation("c_1", limit=3)] == ["27", "28", "29"]
    assert await service.conversation("c_9") == []


async def test_an_erased_conversation_is_told_without_words(
    database: Database, record: SqlRecord, service: SqlService
) -> None:
    await record.store(turn(0, replace(said("je suis Zoé"), author_name="Zoé")))
    await RecordedPersonalData(database, SystemClock(), days=365).erase(CHAT)
    (line,) = await service.conversation("c_1")
    assert (line.text, line.author_name) == ("", "")


# --- customers ---------------------------------------------------------------------------------


def gave(value: str, name: str = "order_number", message_id: str = "m1") -> Understood:
    return Understood(
        message_id=message_id, intent="order_status", confidence=0.9, ranking=(Guess("order_status", 0.9),),
        entities=(Entity(name, value, 0, len(value)),), ms=1, handler="order_status",
    )  # fmt: skip


def customer(number: int, name: str, *bodies: FactBody, at: float = 0) -> list[Fact]:
    chat = ChatId("web", "main", f"v{number}")
    message = replace(said("bonjour"), author_name=name)
    return turn(at, OPENED, message, *bodies, conversation=f"c_{number}", chat=chat)


def names(found: Sequence[CustomerFound]) -> list[str]:
    return [one.name for one in found]


async def test_a_customer_is_told_with_their_last_ten_conversations(
    record: SqlRecord, service: SqlService
) -> None:
    for number in range(12):
        name, start = f"c_{number}", number * 1000
        await record.store(
            [
                *turn(start, OPENED, replace(said("?", f"m{number}"), author_name="Zoé"), conversation=name),
                *turn(start + 1, replace(said("!", f"b{number}", Author.BOT), topic="faq_invoice"),
                      replace(said("!", f"d{number}", Author.BOT), topic="faq_refill"), conversation=name),
            ]
        )  # fmt: skip
    await record.store(
        [
            *turn(11_100, closed(Outcome.RESOLVED_BY_AGENT), conversation="c_11"),
            *turn(11_110, Rated(score=2), conversation="c_11"),
            *turn(11_120, Rated(score=3), conversation="c_11"),
        ]
    )
    found = await service.customer(CHAT)
    assert found is not None
    assert (found.chat, found.name, found.language) == (CHAT, "Zoé", "fr")
    assert (found.first_seen, found.last_seen) == (after(0), after(11_000))
    assert [one.id for one in found.conversations] == [f"c_{n}" for n in range(11, 1, -1)]
    assert found.conversations[0] == PastConversation(
        id="c_11", opened_at=after(11_000), closed_at=after(11_100), outcome="resolved_by_agent",
        topics=("faq_invoice", "faq_refill"), rating=3,
    )  # fmt: skip
    assert (found.conversations[1].closed_at, found.conversations[1].outcome) == (None, None)
    assert await service.customer(OTHER_CHAT) is None


async def test_customers_are_found_by_any_part_of_their_name(record: SqlRecord, service: SqlService) -> None:
    await record.store(
        [*customer(1, "Zoé Martin"), *customer(2, "Martine Aubry", at=5), *customer(3, "100 % Bio")]
    )
    assert names(await service.find_customers("martin")) == ["Martine Aubry", "Zoé Martin"]
    assert names(await service.find_customers("  MARTIN   zoe ")) == ["Zoé Martin"]
    assert names(await service.find_customers("0 %")) == ["100 % Bio"]
    assert names(await service.find_customers("%%")) == []
    assert names(await service.find_customers("z")) == []
    assert names(await service.find_customers("")) == []
    assert names(await service.find_customers("zo\x00é")) == ["Zoé Martin"]


async def test_a_number_or_an_email_must_be_the_whole_one_the_customer_gave(
    record: SqlRecord, service: SqlService
) -> None:
    await record.store(
        [
            *customer(1, "Zoé", gave("1234567"), gave("Zoe@Example.org", "email")),
            *customer(2, "Tom", gave("75011", "postcode"), gave("1234568")),
        ]
    )
    for words in ("1234567", "#1234567", "n° 1234567", "123 4567"):
        assert names(await service.find_customers(words)) == ["Zoé"], words
    assert names(await service.find_customers("zoe@example.ORG")) == ["Zoé"]
    for words in ("123456", "example.org", "75011"):
        assert names(await service.find_customers(words)) == [], words


async def test_who_was_seen_last_comes_first_to_the_second(record: SqlRecord, service: SqlService) -> None:
    for number in range(30):
        await record.store(customer(number, f"Marie {number}", at=number))
    again = turn(400, said("encore", "m2"), conversation="c_4", chat=ChatId("web", "main", "v4"))
    await record.store(again)
    soon = turn(35, said("encore", "m2"), conversation="c_27", chat=ChatId("web", "main", "v27"))
    await record.store(soon)
    assert names(await service.find_customers("marie", limit=3)) == ["Marie 4", "Marie 27", "Marie 29"]


async def test_an_erased_customer_is_not_found(
    database: Database, record: SqlRecord, service: SqlService
) -> None:
    await record.store(customer(1, "Zoé Martin", gave("1234567")))
    await RecordedPersonalData(database, SystemClock(), days=365).erase(ChatId("web", "main", "v1"))
    assert await service.find_customers("zoe") == []
    assert await service.find_customers("1234567") == []
