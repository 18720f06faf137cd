"""A person asks what is kept, or to be forgotten; time asks too."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from bot.analytics import schema
from bot.analytics.database import Database
from bot.analytics.personal_data import RecordedPersonalData
from bot.analytics.record import SqlRecord
from bot.analytics.views import conversations_view, messages_view
from bot.domain.events import ReceiptStatus
from bot.domain.facts import (
    Audited,
    ConversationChanged,
    Episode,
    Fact,
    MessageEdited,
    Proposed,
    Rated,
    ReceiptLogged,
    Understood,
)
from bot.domain.identity import ChatId
from bot.domain.message import Attachment, Author
from bot.domain.understanding import Entity, Guess
from bot.ports.personal_data import PersonalData
from bot.ports.store import Entry
from tests.fakes.facts import CHAT, NOON, OTHER_CHAT, after, fact, said

SECRETS = ("zoe@example.org", "Zoé Martin", "ordonnance-zoe.pdf", CHAT.user, "mon texte", "texte corrigé")


class FixedClock:
    def __init__(self, now: Any) -> None:
        self._now = now

    def now(self) -> Any:
        return self._now


@pytest.fixture
def record(database: Database) -> SqlRecord:
    return SqlRecord(database, FixedClock(NOON))


@pytest.fixture
def kept(database: Database) -> RecordedPersonalData:
    return RecordedPersonalData(database, FixedClock(after(3600)), days=365)


def story(chat: ChatId = CHAT, contact: str = "p_1", prefix: str = "f") -> list[Fact]:
    message = replace(
        said(f"mon texte, écrivez à {SECRETS[0]}"),
        author_name="Zoé Martin",
        attachments=(Attachment("a_1", "ordonnance-zoe.pdf", "application/pdf", 10),),
    )
    understood = Understood(
        message_id="m1",
        intent="contact",
        confidence=0.9,
        ranking=(Guess("contact", 0.9),),
        entities=(Entity("email", SECRETS[0], 21, 36),),
        ms=1,
        handler="faq",
    )
    bodies = [
        ConversationChanged(change=Episode.OPENED, contact_id=contact),
        message,
        understood,
        MessageEdited(message_id="m1", author=Author.CUSTOMER, text="texte corrigé"),
        said("Bonjour !", "b1", Author.BOT),
        Proposed(
            agent_id="slack:U1", question=f"mon texte, {SECRETS[0]}", answer="Zoé Martin", message_id="m1"
        ),
        Rated(score=2, team="care", reason_id="m1"),
        Audited(action="reveal", agent_id="slack:U1", subject="m1"),
    ]
    return [
        fact(body, id=f"{prefix}{n}", at=after(n), chat=chat, conversation=f"c_{prefix}")
        for n, body in enumerate(bodies)
    ]


async def everything(database: Database) -> str:
    """All tables, as text."""
    async with database.reading() as connection:
        found = [
            [list(row) for row in await connection.execute(select(table))]
            for table in schema.metadata.tables.values()
        ]
    return json.dumps(found, default=str, ensure_ascii=False)


async def conversations(database: Database) -> list[dict[str, Any]]:
    async with database.reading() as connection:
        return [dict(row) for row in (await connection.execute(select(conversations_view))).mappings()]


def test_it_is_a_place_of_personal_data(kept: RecordedPersonalData) -> None:
    promised: PersonalData = kept
    assert promised.retention.days == 365


async def test_an_export_holds_all_of_one_person_and_nothing_of_another(
    record: SqlRecord, kept: RecordedPersonalData
) -> None:
    await record.store([*story(), fact(said("le secret d'un autre"), chat=OTHER_CHAT)])

    exported = await kept.export(CHAT)

    shown = json.dumps(exported, ensure_ascii=False)
    assert all(secret in shown for secret in SECRETS)
    assert "le secret d'un autre" not in shown
    assert {row["record"] for row in exported} == {
        "identity",
        "message",
        "edit",
        "understanding",
        "proposal",
        "ratings",
        "audits",
        "conversation_changes",
    }


async def test_nobody_known_exports_nothing(kept: RecordedPersonalData) -> None:
    assert await kept.export(CHAT) == []


async def test_an_erased_person_is_gone_and_the_numbers_stay(
    database: Database, record: SqlRecord, kept: RecordedPersonalData
) -> None:
    await record.store(story())
    async with database.writing() as connection:
        await connection.execute(update(schema.contacts).values(email="zoe@example.org"))
    (before,) = await conversations(database)

    assert await kept.erase(CHAT) > 0

    shown = await everything(database)
    assert [secret for secret in (*SECRETS, "p_1") if secret in shown] == []
    (now,) = await conversations(database)
    assert now == {**before, "contact_id": None}
    assert await kept.export(CHAT) == []
    assert await kept.erase(CHAT) == 0


async def test_another_person_is_left_alone(
    database: Database, record: SqlRecord, kept: RecordedPersonalData
) -> None:
    await record.store([*story(), *story(OTHER_CHAT, "p_2", "g")])
    before = await kept.export(OTHER_CHAT)
    await kept.erase(CHAT)
    assert await kept.export(OTHER_CHAT) == before


async def test_facts_that_come_again_do_not_bring_an_erased_person_back(
    database: Database, record: SqlRecord, kept: RecordedPersonalData
) -> None:
    await record.store(story())
    await kept.erase(CHAT)

    assert await record.store(story()) == 0

    shown = await everything(database)
    assert [secret for secret in SECRETS if secret in shown] == []


async def test_an_erased_person_who_writes_again_begins_anew(
    database: Database, record: SqlRecord, kept: RecordedPersonalData
) -> None:
    await record.store(story())
    await kept.erase(CHAT)
    await record.store([fact(said("c'est encore moi"))])

    messages = [row for row in await kept.export(CHAT) if row["record"] == "message"]
    assert [row["text"] for row in messages] == ["c'est encore moi"]


async def test_a_contact_lives_as_long_as_one_of_their_chats(
    database: Database, record: SqlRecord, kept: RecordedPersonalData
) -> None:
    await record.store([*story(), *story(OTHER_CHAT, "p_1", "g")])
    async with database.writing() as connection:
        await connection.execute(update(schema.contacts).values(email="zoe@example.org"))

    await kept.erase(CHAT)
    (identity,) = [row for row in await kept.export(OTHER_CHAT) if row["record"] == "identity"]
    assert identity["email"] == "zoe@example.org"

    await kept.erase(OTHER_CHAT)
    assert "zoe@example.org" not in await everything(database)


async def test_what_could_not_be_read_is_erased_too_when_it_names_the_person(
    database: Database, record: SqlRecord, kept: RecordedPersonalData
) -> None:
    await record.park([Entry(0, "1-0", None, f'{{"user": "{CHAT.user}", "text": "mon texte"')])
    await record.park([Entry(0, "2-0", None, '{"user": "somebody", "text": "else"')])

    assert await kept.erase(CHAT) == 1

    shown = await everything(database)
    assert "mon texte" not in shown
    assert "somebody" in shown


async def test_what_could_not_be_stored_is_erased_too(
    database: Database, record: SqlRecord, kept: RecordedPersonalData
) -> None:
    failed = ReceiptStatus.FAILED
    poison = ReceiptLogged(
        message_id="b1", destination="web:main", status=failed, attempts=2**70, detail="mon texte"
    )
    await record.store([fact(poison), fact(said("mon texte"), chat=OTHER_CHAT)])
    assert [row["record"] for row in await kept.export(CHAT)] == ["identity", "errors", "parked_facts"]
    await kept.erase(CHAT)
    async with database.reading() as connection:
        assert (await connection.execute(select(schema.parked_facts))).all() == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_an_erased_text_is_not_left_in_the_files(
    database: Database, database_url: str, record: SqlRecord, kept: RecordedPersonalData
) -> None:
    path = Path(database_url.removeprefix("sqlite:///"))

    def bytes_on_disk() -> bytes:
        return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))

    await record.store(story())
    assert b"ordonnance-zoe" in bytes_on_disk()
    await kept.erase(CHAT)
    assert [secret for secret in SECRETS if secret.encode() in bytes_on_disk()] == []


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_an_erasure_waits_for_what_is_being_archived(
    database: Database, record: SqlRecord, kept: RecordedPersonalData
) -> None:
    """Without the lock on the chat, a batch under way writes texts of somebody erased meanwhile."""
    await record.store(story()[:1])
    store_more = SqlRecord(database, FixedClock(NOON))
    erased = 0
    for number in range(15):
        facts = [fact(said(f"mon texte {n}", f"m{number}_{n}"), conversation=None) for n in range(30)]
        _, gone = await asyncio.gather(store_more.store(facts), kept.erase(CHAT))
        erased += gone
    await kept.erase(CHAT)
    assert erased
    assert "mon texte" not in await everything(database)


async def test_old_texts_are_let_go_and_young_ones_kept(
    database: Database, record: SqlRecord, kept: RecordedPersonalData
) -> None:
    old = [replace(one, at=one.at - timedelta(days=400)) for one in story()]
    await record.store([*old, fact(said("un texte récent", "m7"))])
    await record.park([Entry(0, "1-0", None, "gibberish")])

    assert await kept.erase_older_than(365) > 0

    shown = await everything(database)
    assert "mon texte" not in shown
    assert "zoe@example.org" not in shown
    assert "un texte récent" in shown
    assert "gibberish" in shown
    assert CHAT.user in shown, "somebody who wrote lately is still known"
    assert await kept.erase_older_than(365) == 0


async def test_somebody_silent_for_long_is_forgotten(
    database: Database, record: SqlRecord, kept: RecordedPersonalData
) -> None:
    await record.store([replace(one, at=one.at - timedelta(days=400)) for one in story()])
    await kept.erase_older_than(365)
    shown = await everything(database)
    assert [secret for secret in (*SECRETS, "p_1") if secret in shown] == []
    async with database.reading() as connection:
        assert len((await connection.execute(select(messages_view))).all()) == 2


async def test_long_lists_are_let_go_in_several_transactions(
    database: Database, record: SqlRecord, kept: RecordedPersonalData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.analytics.personal_data.AT_ONCE", 3)
    long_ago = NOON - timedelta(days=400)
    await record.store([fact(said("mon texte", f"m{n}"), at=long_ago) for n in range(10)])
    async with database.writing() as connection:
        people = [
            {"channel": "web", "account": "main", "user": f"silent-{n}", "first_seen": long_ago}
            for n in range(7)
        ]
        await connection.execute(insert(schema.identities), people)

    assert await kept.erase_older_than(365) == 10 + 7 + 1

    shown = await everything(database)
    assert "mon texte" not in shown
    assert "silent-" not in shown
