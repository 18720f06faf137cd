"""What every record keeps, and keeps once: SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import func, select, text

from bot.analytics import schema
from bot.analytics.database import Database
from bot.analytics.record import SqlRecord
from bot.analytics.views import conversations_view, messages_view
from bot.domain.conversation import HandoffReason, Outcome
from bot.domain.errors import RecordUnavailable
from bot.domain.events import ReceiptStatus
from bot.domain.facts import (
    Audited,
    ConversationChanged,
    Episode,
    ErrorLogged,
    Fact,
    FactBody,
    FeedbackGiven,
    HandoffChanged,
    HandoffStep,
    MessageDeleted,
    MessageEdited,
    MessageKind,
    MessageLogged,
    Proposed,
    Rated,
    ReceiptLogged,
    Understood,
)
from bot.domain.identity import ChatId
from bot.domain.message import Attachment, Author
from bot.domain.understanding import Entity, Example, Explanation, Guess, Question, Verdict
from bot.ports.clock import SystemClock
from bot.ports.record import Record
from bot.ports.store import Entry
from tests.fakes.facts import CHAT, OTHER_CHAT, after, fact, said

UNDERSTOOD = Understood(
    message_id="m1",
    intent="order_status",
    confidence=0.93,
    ranking=(Guess("order_status", 0.93), Guess("faq_delivery", 0.04)),
    entities=(Entity("order_number", "AB12345", 18, 25),),
    ms=12.5,
    handler="order_status",
    questions=(
        Question(0, 10, (Guess("faq_change_address", 0.9),)),
        Question(12, 20, (Guess("order_status", 0.93), Guess("faq_delivery", 0.04))),
    ),
    explanation=Explanation(
        0.97,
        Verdict.IN,
        "sentence",
        "near_examples",
        (Example("où est mon colis ?\x00", "order_status", 0.91),),
    ),
)
EVERY_BODY: list[FactBody] = [
    ConversationChanged(change=Episode.OPENED, contact_id="p_1"),
    MessageLogged(
        message_id="m1",
        author=Author.CUSTOMER,
        author_name="Zoé",
        text="où est mon colis AB12345 ?",
        language="fr",
        attachments=(Attachment("a_1", "reçu.pdf", "application/pdf", 1024),),
    ),
    UNDERSTOOD,
    MessageEdited(message_id="m1", author=Author.CUSTOMER, text="où est mon colis AB12346 ?"),
    MessageDeleted(message_id="m9", author=Author.CUSTOMER),
    HandoffChanged(step=HandoffStep.REQUESTED, reason=HandoffReason.ASKED, team="care", urgent=True),
    ReceiptLogged(message_id="m2", destination="web:main", status=ReceiptStatus.DELIVERED, attempts=2),
    FeedbackGiven(topic="faq_delivery", helped=True),
    Rated(score=4, agent_id="slack:U1", team="care", reason_id="m1"),
    Audited(action="reveal", agent_id="slack:U1", subject="m1"),
    Proposed(
        agent_id="slack:U1",
        agent_name="Léa",
        intent="faq_invoice",
        question="une facture ?",
        answer="La voici.",
        language="fr",
        message_id="m1",
    ),
    ErrorLogged(where="nlu", error="nlu_unavailable", detail="2.0 s"),
]


@pytest.fixture
def record(database: Database) -> SqlRecord:
    return SqlRecord(database, SystemClock())


def every_fact(prefix: str = "f", chat: ChatId = CHAT) -> list[Fact]:
    return [
        fact(body, id=f"{prefix}_{number}", at=after(number), chat=chat, model="model-1")
        for number, body in enumerate(EVERY_BODY)
    ]


async def rows(database: Database, source: Any) -> list[dict[str, Any]]:
    async with database.reading() as connection:
        return [dict(row) for row in (await connection.execute(select(source))).mappings()]


async def count_all(database: Database) -> dict[str, int]:
    async with database.reading() as connection:
        return {
            name: (await connection.execute(select(func.count()).select_from(table))).scalar_one()
            for name, table in schema.metadata.tables.items()
        }


def test_the_sql_record_is_a_record(record: SqlRecord) -> None:
    promised: Record = record
    assert promised is record


async def test_every_kind_of_fact_is_kept_in_full(database: Database, record: SqlRecord) -> None:
    assert await record.store(every_fact()) == len(EVERY_BODY)

    (message,) = await rows(database, schema.messages)
    assert message["at"] == after(1)
    assert (message["conversation_id"], message["model"], message["author"]) == ("c_1", "model-1", "customer")
    (understood,) = await rows(database, schema.understandings)
    assert understood["ranking"][0] == {"intent": "order_status", "confidence": 0.93}
    assert understood["entities"] == ["order_number"]
    assert (understood["intent"], understood["also"]) == ("order_status", "faq_change_address")
    assert understood["questions"][0] == {
        "start": 0,
        "end": 10,
        "ranking": [{"intent": "faq_change_address", "confidence": 0.9}],
    }
    assert understood["explanation"] == {
        "in_scope": 0.97,
        "verdict": "in",
        "stage": "sentence",
        "reason": "near_examples",
        "nearest": [{"text": "où est mon colis ?", "intent": "order_status", "similarity": 0.91}],
    }
    (values,) = await rows(database, schema.entity_values)
    assert values["entities"] == [{"name": "order_number", "value": "AB12345", "start": 18, "end": 25}]
    (handoff,) = await rows(database, schema.handoffs)
    assert (handoff["reason"], handoff["team"], handoff["urgent"]) == ("asked", "care", True)
    (receipt,) = await rows(database, schema.receipts)
    assert (receipt["status"], receipt["attempts"]) == ("delivered", 2)
    (opinion,) = await rows(database, schema.feedback)
    assert opinion["helped"] is True
    (rating,) = await rows(database, schema.ratings)
    assert (rating["score"], rating["team"], rating["reason_id"]) == (4, "care", "m1")
    (audit,) = await rows(database, schema.audits)
    assert (audit["action"], audit["agent_id"], audit["subject"]) == ("reveal", "slack:U1", "m1")
    (proposal,) = await rows(database, schema.proposals)
    assert (proposal["status"], proposal["intent"], proposal["agent_name"]) == ("open", "faq_invoice", "Léa")
    (texts,) = await rows(database, schema.proposal_texts)
    assert (texts["question"], texts["answer"], texts["reason"]) == ("une facture ?", "La voici.", None)
    (error,) = await rows(database, schema.errors)
    assert (error["where"], error["error"], error["detail"]) == ("nlu", "nlu_unavailable", "2.0 s")
    (identity,) = await rows(database, schema.identities)
    assert (identity["channel"], identity["user"], identity["contact_id"]) == ("web", CHAT.user, "p_1")
    assert (identity["name"], identity["name_key"], identity["last_seen"]) == ("Zoé", "zoe", after(1))
    (key,) = await rows(database, schema.entity_keys)
    assert key["value"] == "ab12345"


async def test_a_customer_is_known_by_the_name_they_gave_last(database: Database, record: SqlRecord) -> None:
    named = [("Zoé", 0), ("Zoé Martin", 60), ("", 120), ("Zoé M.", 3600)]
    for number, (name, seconds) in enumerate(named):
        message = replace(said("bonjour", f"m{number}"), author_name=name)
        await record.store([fact(message, at=after(seconds))])
    await record.store([fact(replace(said("Oui ?", "b1", Author.BOT), author_name="Alba"), at=after(9000))])
    (identity,) = await rows(database, schema.identities)
    assert (identity["name"], identity["name_key"]) == ("Zoé M.", "zoe m.")
    assert identity["last_seen"] == after(3600)


async def test_a_proposal_about_a_message_that_is_taken_back_says_nothing_any_more(
    database: Database, record: SqlRecord
) -> None:
    proposed = Proposed(agent_id="slack:U1", question="une facture ?", message_id="m1")
    await record.store([fact(said("une facture ?")), fact(proposed), fact(UNDERSTOOD)])
    await record.store([fact(MessageDeleted(message_id="m1", author=Author.CUSTOMER), at=after(9))])
    (texts,) = await rows(database, schema.proposal_texts)
    (key,) = await rows(database, schema.entity_keys)
    assert (texts["question"], key["value"]) == (None, None)


async def test_why_can_be_asked_of_either_database_in_the_same_words(
    database: Database, record: SqlRecord
) -> None:
    await record.store(every_fact())
    asked = (
        "SELECT v.also, u.explanation -> 'nearest' -> 0 ->> 'text' FROM v_messages v "
        "JOIN understandings u USING (identity_id, message_id) WHERE u.explanation ->> 'verdict' = 'in'"
    )
    async with database.reading() as connection:
        found = (await connection.execute(text(asked))).all()
    assert [tuple(row) for row in found] == [("faq_change_address", "où est mon colis ?")]


async def test_without_a_second_question_or_an_explanation_their_places_are_empty(
    database: Database, record: SqlRecord
) -> None:
    plain = replace(UNDERSTOOD, questions=(), explanation=None)
    await record.store([fact(plain, id="f")])
    (understood,) = await rows(database, schema.understandings)
    assert (understood["also"], understood["questions"], understood["explanation"]) == (None, None, None)
    async with database.reading() as connection:
        empty = await connection.scalar(text("SELECT COUNT(*) FROM understandings WHERE questions IS NULL"))
    assert empty == 1


async def test_storing_the_same_facts_again_changes_nothing(database: Database, record: SqlRecord) -> None:
    await record.store(every_fact())
    before = await count_all(database)

    assert await record.store(every_fact()) == 0
    assert await record.store([*every_fact(), *every_fact()]) == 0

    assert await count_all(database) == before


async def test_of_a_batch_seen_in_part_only_the_rest_is_new(database: Database, record: SqlRecord) -> None:
    facts = every_fact()
    await record.store(facts[:4])
    assert await record.store(facts) == len(facts) - 4
    assert (await count_all(database))["facts"] == len(facts)


async def test_one_fact_twice_in_a_batch_is_stored_once(database: Database, record: SqlRecord) -> None:
    one = fact(said("bonjour"))
    assert await record.store([one, one]) == 1
    assert len(await rows(database, schema.messages)) == 1


async def test_two_archivers_at_once_store_everything_once(database: Database, database_url: str) -> None:
    other = Database.open(database_url)
    facts = [
        one
        for number in range(40)
        for one in every_fact(f"f{number}", ChatId("web", "main", f"visitor-{number % 7}"))
    ]
    batches = [facts[start : start + 30] for start in range(0, len(facts), 30)]

    async def archive(database: Database, batches: list[list[Fact]]) -> int:
        record = SqlRecord(database, SystemClock())
        return sum([await record.store(batch) for batch in batches])

    try:
        new = await asyncio.gather(
            archive(database, batches), archive(other, batches[::-1]), archive(other, batches)
        )
    finally:
        await other.close()

    assert sum(new) == len(facts)
    assert (await count_all(database))["facts"] == len(facts)
    assert len(await rows(database, schema.messages)) == 40
    assert len(await rows(database, schema.identities)) == 7


async def test_the_same_message_id_in_two_chats_is_two_messages(
    database: Database, record: SqlRecord
) -> None:
    await record.store([fact(said("un")), fact(said("deux"), chat=OTHER_CHAT)])
    texts = {row["channel"]: row["text"] for row in await rows(database, messages_view)}
    assert texts == {"web": "un", "telegram": "deux"}


async def test_an_edited_message_shows_its_last_text_and_keeps_its_history(
    database: Database, record: SqlRecord
) -> None:
    edits = [MessageEdited(message_id="m1", author=Author.CUSTOMER, text=text) for text in ("deux", "trois")]
    await record.store([fact(said("un")), *(fact(edit, at=after(1 + n)) for n, edit in enumerate(edits))])

    (message,) = await rows(database, messages_view)
    assert (message["text"], message["edits"]) == ("trois", 2)
    assert {row["text"] for row in await rows(database, schema.message_texts)} == {"un", "deux", "trois"}


async def test_a_deleted_message_loses_every_text_it_had_and_its_values(
    database: Database, record: SqlRecord
) -> None:
    await record.store(
        [
            fact(replace(said("mon numéro est AB12345"), author_name="Zoé")),
            fact(UNDERSTOOD),
            fact(MessageEdited(message_id="m1", author=Author.CUSTOMER, text="AB12346")),
            fact(said("autre chose", "m2")),
        ]
    )
    await record.store([fact(MessageDeleted(message_id="m1", author=Author.CUSTOMER), at=after(9))])

    messages = {row["message_id"]: row for row in await rows(database, messages_view)}
    assert messages["m1"]["text"] is None
    assert messages["m1"]["author_name"] is None
    assert messages["m1"]["deleted_at"] == after(9)
    assert messages["m2"]["text"] == "autre chose"
    assert [row["entities"] for row in await rows(database, schema.entity_values)] == [None]


async def test_an_edit_that_comes_after_the_deletion_says_nothing(
    database: Database, record: SqlRecord
) -> None:
    await record.store([fact(said("un")), fact(MessageDeleted(message_id="m1", author=Author.CUSTOMER))])
    await record.store([fact(MessageEdited(message_id="m1", author=Author.CUSTOMER, text="deux"))])
    assert [row["text"] for row in await rows(database, schema.message_texts)] == [None, None]


async def test_text_no_database_takes_is_made_storable(database: Database, record: SqlRecord) -> None:
    assert await record.store([fact(said("a\x00b\ud800c")), fact(said("☕", "m\x00\udfff"))]) == 2
    assert [row["text"] for row in await rows(database, messages_view)] == ["ab?c", "☕"]


@pytest.mark.parametrize(
    "poison",
    [
        ReceiptLogged(
            message_id="m2", destination="web:main", status=ReceiptStatus.DELIVERED, attempts=2**70
        ),
        replace(UNDERSTOOD, confidence=math.nan, ranking=(Guess("a", math.nan),)),
        replace(UNDERSTOOD, intent=None),  # type: ignore[arg-type]
        replace(UNDERSTOOD, intent={"a": 1}),  # type: ignore[arg-type]
    ],
    ids=["a number beyond 64 bits", "not a number", "a missing value", "another type"],
)
async def test_a_fact_the_database_refuses_is_parked_and_holds_nothing_up(
    database: Database, record: SqlRecord, poison: FactBody
) -> None:
    good = [fact(said(f"message {number}", f"m{number}")) for number in range(9)]
    batch = [*good[:4], fact(poison, id="f_poison"), *good[4:]]

    assert await record.store(batch) == 9
    assert await record.store(batch) == 0

    assert len(await rows(database, schema.messages)) == 9
    (error,) = await rows(database, schema.errors)
    assert error["where"] == "archiver"
    assert "f_poison" in error["detail"]
    (parked,) = await rows(database, schema.parked_facts)
    assert parked["fact_id"] == error["fact_id"]
    assert "f_poison" in parked["raw"]


async def test_a_fact_whose_chat_cannot_be_stored_is_parked_out_of_it(
    database: Database, record: SqlRecord
) -> None:
    before_time = datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))
    assert await record.store([fact(said("un"), at=before_time), fact(said("deux", "m2"))]) == 1
    (parked,) = await rows(database, schema.parked_facts)
    assert parked["identity_id"] is None


async def test_an_unreadable_log_entry_is_parked_once_without_its_text_in_the_errors(
    database: Database, record: SqlRecord
) -> None:
    entry: Entry[Fact] = Entry(3, "17-0", None, '["MessageLogged", {"text": "bonjour\x00"')
    await record.park([entry])
    await record.park([entry])

    (error,) = await rows(database, schema.errors)
    assert "bonjour" not in str(error)
    assert "3/17-0" in error["detail"]
    (parked,) = await rows(database, schema.parked_facts)
    assert parked["raw"] == '["MessageLogged", {"text": "bonjour"'


async def test_a_database_without_our_tables_is_unavailable_and_nothing_is_parked(
    database: Database, record: SqlRecord
) -> None:
    async with database.writing() as connection:
        await connection.execute(text("ALTER TABLE facts RENAME TO elsewhere"))
    with pytest.raises(RecordUnavailable):
        await record.store(every_fact())
    async with database.writing() as connection:
        await connection.execute(text("ALTER TABLE elsewhere RENAME TO facts"))
    assert await record.store(every_fact()) == len(EVERY_BODY)
    assert (await count_all(database))["parked_facts"] == 0


async def test_an_error_says_nothing_of_what_was_stored(database: Database, record: SqlRecord) -> None:
    async with database.writing() as connection:
        await connection.execute(text("ALTER TABLE message_texts RENAME TO elsewhere"))
    with pytest.raises(RecordUnavailable) as raised:
        await record.store([fact(said("un secret"))])
    assert "un secret" not in f"{raised.value} {raised.value.__cause__}"


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_a_lost_connection_loses_nothing_and_parks_nothing(
    database: Database, record: SqlRecord, postgres: Any, database_url: str
) -> None:
    async def write_while_the_server_restarts() -> None:
        async with database.writing() as connection:
            postgres.cut_connections(database_url)
            await connection.execute(text("SELECT 1"))

    await record.store(every_fact("a"))
    with pytest.raises(RecordUnavailable):
        await write_while_the_server_restarts()

    assert await record.store(every_fact("b")) == len(EVERY_BODY)
    assert (await count_all(database))["parked_facts"] == 0


async def test_a_conversation_is_one_row_with_what_it_took(database: Database, record: SqlRecord) -> None:
    story: list[tuple[float, FactBody]] = [
        (0, ConversationChanged(change=Episode.OPENED, contact_id="p_1")),
        (0, replace(said("bonjour"), language="fr")),
        (0, said("Bonjour ! Je suis un assistant automatique.", "b1", Author.BOT)),
        (
            0.8,
            ReceiptLogged(message_id="b1", destination="web:main", status=ReceiptStatus.DELIVERED),
        ),
        (30, said("je veux parler à quelqu'un", "m2")),
        (
            30,
            HandoffChanged(step=HandoffStep.REQUESTED, reason=HandoffReason.ASKED, team="care"),
        ),
        (60, HandoffChanged(step=HandoffStep.CLAIMED, reason=HandoffReason.ASKED, agent_id="U1")),
        (
            65,
            MessageLogged(message_id="n1", author=Author.AGENT, text="cliente fidèle", kind=MessageKind.NOTE),
        ),
        (90, said("Bonjour, je suis Inès.", "a1", Author.AGENT)),
        (
            92,
            ReceiptLogged(message_id="a1", destination="web:main", status=ReceiptStatus.MAYBE_DUPLICATE),
        ),
        (95, FeedbackGiven(topic="faq_delivery", helped=False)),
        (
            100,
            ConversationChanged(
                change=Episode.CLOSED, contact_id="p_1", language="fr", outcome=Outcome.RESOLVED_BY_AGENT
            ),
        ),
    ]
    await record.store([fact(body, at=after(seconds)) for seconds, body in story])

    (row,) = await rows(database, conversations_view)
    expected = {
        "conversation_id": "c_1",
        "channel": "web",
        "contact_id": "p_1",
        "language": "fr",
        "opened_at": after(0),
        "closed_at": after(100),
        "outcome": "resolved_by_agent",
        "reopened": 0,
        "first_bot_answer_seconds": pytest.approx(0.8, abs=0.002),
        "handoff_reason": "asked",
        "team": "care",
        "agent_id": "U1",
        "urgent": False,
        "first_human_answer_seconds": pytest.approx(62, abs=0.002),
        "customer_messages": 2,
        "bot_messages": 1,
        "agent_messages": 1,
        "helped": 0,
        "not_helped": 1,
    }
    assert {name: row[name] for name in expected} == expected


async def test_a_reopened_conversation_is_open_again(database: Database, record: SqlRecord) -> None:
    closed = ConversationChanged(change=Episode.CLOSED, contact_id="p_1", outcome=Outcome.WENT_QUIET)
    changes = [
        ConversationChanged(change=Episode.OPENED, contact_id="p_1"),
        closed,
        ConversationChanged(change=Episode.REOPENED, contact_id="p_1"),
    ]
    await record.store([fact(change, at=after(number)) for number, change in enumerate(changes)])

    (row,) = await rows(database, conversations_view)
    assert (row["closed_at"], row["outcome"], row["reopened"]) == (None, None, 1)

    await record.store([fact(closed, at=after(9))])
    (row,) = await rows(database, conversations_view)
    assert (row["closed_at"], row["outcome"], row["reopened"]) == (after(9), "went_quiet", 1)
