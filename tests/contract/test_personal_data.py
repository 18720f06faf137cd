"""What every place that keeps something of people must do, told once.

A new implementation is added to ``PLACES`` here and to ``bot.app.people``; the last test compares.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.analytics.database import Database
from bot.analytics.personal_data import RecordedPersonalData
from bot.analytics.record import SqlRecord
from bot.app import people
from bot.app.core import open_core
from bot.domain.conversation import HandoffReason
from bot.domain.deadletter import DeadLetter, DeadLetterKind
from bot.domain.decision import SetTimer
from bot.domain.facts import Audited, MessageLogged, Proposed, Rated
from bot.domain.identity import ChatId, Profile
from bot.domain.message import Author, Line
from bot.domain.outgoing import CaseCard, CaseLine, CaseState, ResumeEmail
from bot.media.store import FolderStore
from bot.ports.board import Version
from bot.ports.personal_data import PersonalData
from bot.ports.store import Commit
from bot.ports.threads import Thread
from bot.settings import RedisSettings, Settings
from bot.storage.board import RedisBoard
from bot.storage.keys import BoardKeys
from bot.storage.message_map import RedisMessageMap
from bot.storage.personal_data import LiveStateData, RedisJournal
from bot.storage.state import RedisStore
from bot.storage.threads import RedisThreads
from bot.storage.transcripts import RedisTranscripts
from tests import builders
from tests.builders import NOW
from tests.fakes.databases import PostgresServer
from tests.fakes.desk import FixedClock

LEA = ChatId("telegram", "7", "4201")
BEN = ChatId("telegram", "7", "42")
"""His number begins hers: nothing may be found by a part of a name."""

Fill = Callable[[ChatId, str], Awaitable[None]]


@dataclass
class Kept:
    """A place, and what puts a person's data there: their words hold their name."""

    place: PersonalData
    fill: Fill


@pytest.fixture(params=["valkey", pytest.param("redis", marks=pytest.mark.redis), "cluster"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[RedisStore]:
    name = "cluster" if request.param == "cluster" else f"{request.param}_server"
    opened = await RedisStore.open(request.getfixturevalue(name).url, shards=8)
    client = opened.connection.client
    await client.flushall()
    await opened.connection.do("SET", "guichet:shards", 8)
    yield opened
    await opened.close()


# --- the places ------------------------------------------------------------------------------


async def live_state(store: RedisStore) -> Kept:
    shards: dict[int, object] = {}

    async def fill(chat: ChatId, name: str) -> None:
        said = f"je suis {name}"
        shard = store.turns.shard_of(chat)
        lease = shards.get(shard) or await store.turns.acquire_shard(shard, "w1", 30)
        shards[shard] = lease
        event = builders.message(said, chat=chat)
        await store.inbox.append(event)
        read = await store.turns.read_events({shard: "0"}, count=10, block=0.1)
        [entry] = [one for one in read if one.value and one.value.chat == chat]
        mail = builders.answer(
            to=chat, destination="email:resume", payload=ResumeEmail(to=said, language="fr")
        )
        commit = Commit(
            shard=shard,
            entry_id=entry.id,
            event_id=event.id,
            chat=builders.chat(chat, profile=Profile(name), email=f"{name}@example.org"),
            version=0,
            outgoing=(builders.answer(said, to=chat), mail),
            facts=(replace(builders.fact(of=chat), body=_said(said)),),
            timers=(SetTimer(name="idle", due=NOW),),
        )
        await store.turns.commit(lease, commit)  # type: ignore[arg-type]
        for destination in (chat.destination, "email:resume"):
            sender = await store.leases.acquire(f"sender:{destination}", "s1", 30)
            assert sender is not None
            await store.outbox.raise_fence(destination, sender)
        await store.inbox.append(builders.message(said, chat=chat, number=2))
        letter = DeadLetter(
            id=f"u_{name}", kind=DeadLetterKind.UPDATE, at=NOW, source=chat.destination, chat=None,
            error="malformed", payload=json.dumps({"from": {"id": int(chat.user), "name": name}}),
        )  # fmt: skip
        await store.inbox.park(letter)

    return Kept(store.personal_data, fill)


async def transcript(store: RedisStore) -> Kept:
    kept = RedisTranscripts(store.connection, 8)

    async def fill(chat: ChatId, name: str) -> None:
        await kept.append(chat, "c:1", {"type": "message", "id": "1", "text": f"je suis {name}"})
        await kept.append(chat, "c:2", {"type": "message", "id": "2", "text": "merci"})
        await kept.edit(chat, "c:3", "c:2", {"type": "edit", "id": "3", "message": "2", "text": name})

    return Kept(kept, fill)


def waiting_card(name: str) -> CaseCard:
    return CaseCard(
        state=CaseState.WAITING,
        profile=Profile(name),
        channel="telegram",
        language="fr",
        since=NOW,
        reason=HandoffReason.ASKED,
        team="care",
    )


async def board(store: RedisStore) -> Kept:
    kept = RedisBoard(store.layout, FixedClock())

    async def fill(chat: ChatId, name: str) -> None:
        said = Line("m1", Author.CUSTOMER, f"je suis {name}", NOW)
        await kept.put_card(f"c_{chat.user}", chat, waiting_card(name), Version(1, 1))
        await kept.add_line(f"c_{chat.user}", chat, CaseLine(line=said))

    return Kept(kept, fill)


async def message_map(store: RedisStore) -> Kept:
    kept = RedisMessageMap(store.layout, FixedClock())

    async def fill(chat: ChatId, name: str) -> None:
        await kept.remember(chat, f"m_{name}", 0, "1001")

    return Kept(kept, fill)


async def threads(store: RedisStore) -> Kept:
    kept = RedisThreads(store.layout)

    async def fill(chat: ChatId, name: str) -> None:
        conversation = f"c_{chat.user}"
        await kept.open(Thread(conversation, chat, "C1", f"{chat.user}.1"))
        await kept.move(Thread(conversation, chat, "C2", f"{chat.user}.2"))
        await kept.remember(conversation, f"m_{name}", f"{chat.user}.3")
        await kept.note(conversation, "card", f"of {name}")

    return Kept(kept, fill)


LIVE = {
    "live state": live_state,
    "transcript": transcript,
    "desk board": board,
    "message map": message_map,
    "desk threads": threads,
}


def media(folder: Path) -> Kept:
    kept = FolderStore(folder, clock=FixedClock())

    async def content() -> AsyncIterator[bytes]:
        yield b"%PDF-1.7 of somebody"

    async def fill(chat: ChatId, name: str) -> None:
        await kept.save(f"f_{name}", chat, f"facture {name}.pdf", "application/pdf", content())

    return Kept(kept, fill)


def record(database: Database) -> Kept:
    async def fill(chat: ChatId, name: str) -> None:
        bodies = (
            replace(_said(f"je suis {name}"), author_name=name),
            Proposed(agent_id="slack:U1", question=f"je suis {name}", answer=name, message_id="m1"),
            Rated(score=1, team="care", reason_id="m1"),
            Audited(action="reveal", agent_id="slack:U1", subject="m1"),
        )
        facts = [
            replace(builders.fact(of=chat), id=f"l_{name}-{number}", body=body)
            for number, body in enumerate(bodies)
        ]
        await SqlRecord(database, FixedClock()).store(facts)

    return Kept(RecordedPersonalData(database, FixedClock(), days=365), fill)


def _said(text: str) -> MessageLogged:
    return MessageLogged(message_id="m1", author=Author.CUSTOMER, text=text)


PLACES = (*LIVE, "media", "record", pytest.param("record on postgres", marks=pytest.mark.postgres))


@pytest.fixture(params=PLACES)
async def kept(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kept]:
    name = request.param
    async with AsyncExitStack() as stack:
        if name in LIVE:
            url = request.getfixturevalue("valkey_url")
            store = await RedisStore.open(url, shards=8)
            stack.push_async_callback(store.close)
            yield await LIVE[name](store)
        elif name == "media":
            yield media(tmp_path / "media")
        else:
            database = Database.open(_database_url(request, tmp_path, name))
            stack.push_async_callback(database.close)
            yield record(database)


def _database_url(request: pytest.FixtureRequest, tmp_path: Path, name: str) -> str:
    if name == "record":
        shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "record.db")
        return f"sqlite:///{tmp_path / 'record.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    request.addfinalizer(lambda: server.drop("test_personal_data"))
    return server.create("test_personal_data")


# --- what they promise -----------------------------------------------------------------------


async def test_one_person_is_erased_and_another_stays_as_they_were(kept: Kept) -> None:
    await kept.fill(LEA, "lea")
    await kept.fill(BEN, "ben")
    hers, his = await kept.place.export(LEA), await kept.place.export(BEN)
    assert "lea" in json.dumps(hers)
    assert "ben" not in json.dumps(hers)
    assert "lea" not in json.dumps(his)

    assert await kept.place.erase(LEA) > 0

    assert await kept.place.export(LEA) == []
    assert await kept.place.export(BEN) == his
    assert await kept.place.erase(LEA) == 0
    assert await kept.place.export(BEN) == his


async def test_it_keeps_nothing_of_who_never_wrote(kept: Kept) -> None:
    assert await kept.place.export(LEA) == []
    assert await kept.place.erase(LEA) == 0


async def test_it_says_why_it_keeps_and_how_long(kept: Kept) -> None:
    retention = kept.place.retention
    assert retention.name
    assert len(retention.purpose.split()) >= 3
    assert 0 < retention.days <= 400


async def test_the_live_state_forgets_wherever_it_lives(store: RedisStore) -> None:
    for made in LIVE.values():
        kept = await made(store)
        await kept.fill(LEA, "lea")
        await kept.fill(BEN, "ben")
        his = await kept.place.export(BEN)
        assert await kept.place.erase(LEA) > 0
        assert await kept.place.export(LEA) == []
        assert await kept.place.export(BEN) == his


async def test_nothing_of_an_erased_person_is_left_in_the_server(store: RedisStore) -> None:
    for made in LIVE.values():
        kept = await made(store)
        await kept.fill(LEA, "lea")
        await kept.place.erase(LEA)
    client = store.connection.client
    assert [key async for key in client.scan_iter(match="*4201*")] == []
    assert set((await store.processes.backlog()).values()) == {0}


async def test_dead_letters_and_cases_that_nobody_ends_are_let_go_of_in_time(store: RedisStore) -> None:
    clock = FixedClock()
    letters = LiveStateData(store.layout, 90, clock)
    cases = RedisBoard(store.layout, clock, live_days=90)
    await (await live_state(store)).fill(LEA, "lea")
    await cases.put_card("c_1", LEA, waiting_card("lea"), Version(1, 1))
    clock.time += timedelta(days=89)
    assert (await letters.purge(), await cases.purge()) == (0, 0)
    await cases.put_card("c_2", BEN, waiting_card("ben"), Version(1, 1))
    clock.time += timedelta(days=2)

    assert (await letters.purge(), await cases.purge()) == (1, 1)

    assert await store.dead.list_dead() == []
    assert [case.conversation for case in await cases.cases()] == ["c_2"]
    assert await cases.export(LEA) == []


async def test_a_case_that_outlives_the_index_of_its_chat_is_erased_all_the_same(store: RedisStore) -> None:
    cases = await board(store)
    await cases.fill(LEA, "lea")
    await store.connection.do("DEL", BoardKeys("terminal").of_chat(LEA))
    assert await cases.place.erase(LEA) == 1
    assert await cases.place.export(LEA) == []


async def test_the_journal_of_erased_data_is_written_anew(valkey_url: str) -> None:
    store = await RedisStore.open(valkey_url, shards=8)
    await store.connection.do("SET", "guichet:once", "lea-was-here")
    await store.connection.do("DEL", "guichet:once")
    folder = Path((await store.connection.client.config_get("dir"))["dir"]) / "appendonlydir"
    assert b"lea-was-here" in _bytes_in(folder)
    await RedisJournal(store.connection).purge()
    await RedisJournal(store.connection).purge()  # while it is at it
    async with asyncio.timeout(20):
        while b"lea-was-here" in _bytes_in(folder):
            await asyncio.sleep(0.05)
    await store.close()


def _bytes_in(folder: Path) -> bytes:
    found = b""
    for path in folder.glob("*"):
        with suppress(FileNotFoundError):  # one of those being replaced
            found += path.read_bytes()
    return found


async def test_every_place_that_is_wired_is_held_to_this(valkey_url: str, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, shards=8, redis=RedisSettings(url=valkey_url))  # type: ignore[arg-type]
    async with open_core(settings) as core:
        database = Database.open(settings.database_url)
        wired = {place.retention.name for place in people.all_places(core, database)}
        await database.close()
    assert wired == {name for name in PLACES if isinstance(name, str)}
