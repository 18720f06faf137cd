"""What every keeper of threads must do, told once: the one on Redis, and the one in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.domain.errors import StoreUnavailable
from bot.domain.identity import ChatId
from bot.ports.personal_data import PersonalData
from bot.ports.threads import Thread, Threads
from bot.storage import keys
from bot.storage.connection import Connection
from bot.storage.keys import ThreadKeys
from bot.storage.layout import Layout
from bot.storage.threads import DAY, MARGIN, RedisThreads
from tests.fakes.threads import MemoryThreads
from tests.servers import Server

LEA = ChatId("web", "main", "lea")
TOM = ChatId("telegram", "7", "42")
HERS = Thread("c_1", LEA, "C1", "1700000000.000100")
HIS = Thread("c_2", TOM, "C1", "1700000000.000200")
ELSEWHERE = Thread("c_1", LEA, "C2", "1700000009.000100")


@pytest.fixture(params=["valkey_server", pytest.param("redis_server", marks=pytest.mark.redis), "cluster"])
async def kept(request: pytest.FixtureRequest) -> AsyncIterator[RedisThreads]:
    server: Server = request.getfixturevalue(request.param)
    connection = await Connection.open(server.url)
    await connection.client.flushall()
    yield RedisThreads(await Layout.open(connection, 8), days=90)
    await connection.close()


@pytest.fixture(
    params=["memory", "valkey_server", pytest.param("redis_server", marks=pytest.mark.redis), "cluster"]
)
async def threads(request: pytest.FixtureRequest) -> AsyncIterator[Threads]:
    if request.param == "memory":
        yield MemoryThreads()
        return
    server: Server = request.getfixturevalue(request.param)
    connection = await Connection.open(server.url)
    await connection.client.flushall()
    yield RedisThreads(await Layout.open(connection, 8), days=90)
    await connection.close()


# --- what all of them do ---------------------------------------------------------------------


async def test_a_conversation_has_one_thread_and_is_found_by_it(threads: Threads) -> None:
    assert await threads.open(HERS) == HERS
    await threads.open(HIS)
    assert await threads.of("c_1") == HERS
    assert await threads.at("C1", HERS.root) == HERS
    assert await threads.at("C1", HIS.root) == HIS


async def test_the_first_thread_stays_whoever_opens_another(threads: Threads) -> None:
    await threads.open(HERS)
    assert await threads.open(ELSEWHERE) == HERS
    assert await threads.open(HERS) == HERS
    assert await threads.of("c_1") == HERS
    assert await threads.at("C2", ELSEWHERE.root) is None


async def test_what_is_no_thread_is_no_conversation(threads: Threads) -> None:
    await threads.open(HERS)
    assert await threads.of("c_9") is None
    assert await threads.at("C1", "1.2") is None
    assert await threads.at("C9", HERS.root) is None


async def test_a_moved_conversation_is_still_found_by_its_old_thread(threads: Threads) -> None:
    await threads.open(HERS)
    await threads.move(ELSEWHERE)
    await threads.move(ELSEWHERE)
    assert await threads.of("c_1") == ELSEWHERE
    assert await threads.at("C2", ELSEWHERE.root) == ELSEWHERE
    assert await threads.at("C1", HERS.root) == ELSEWHERE
    assert await threads.open(HERS) == ELSEWHERE


async def test_messages_are_known_by_both_names_in_order_and_once(threads: Threads) -> None:
    await threads.open(HERS)
    for platform_id in ("10.1", "10.2", "10.1"):
        await threads.remember("c_1", "m_1", platform_id)
    await threads.remember("c_2", "m_1", "10.3")
    assert await threads.find("c_1", "m_1") == ("10.1", "10.2")
    assert await threads.named("c_1", "10.2") == "m_1"
    assert await threads.named("c_1", "10.3") is None
    assert await threads.find("c_1", "m_2") == ()


async def test_notes_are_kept_changed_and_forgotten_by_name(threads: Threads) -> None:
    await threads.note("c_1", "posting", "C1")
    await threads.open(HERS)
    await threads.note("c_1", "pointer", "C2 11.1")
    await threads.note("c_1", "pointer", "C2 «12.1»")
    await threads.note("c_1", "gone", "x")
    await threads.note("c_1", "gone", None)
    await threads.note("c_1", "never", None)
    assert await threads.notes("c_1") == {"posting": "C1", "pointer": "C2 «12.1»"}
    assert await threads.notes("c_2") == {}


# --- what Redis must see to --------------------------------------------------------------------


async def test_a_thread_lives_as_long_as_the_chat_and_anew_with_each_message(kept: RedisThreads) -> None:
    do = kept._connection.do
    await kept.open(HERS)
    await kept.move(ELSEWHERE)
    await kept.remember("c_1", "m_1", "10.1")
    ways = [keys.thread_at("slack", one.place, one.root) for one in (HERS, ELSEWHERE)]
    beyond = [*ways, kept._index(LEA)]
    within = [key for key in ThreadKeys("slack", "c_1").all if await do("EXISTS", key)]
    assert len(within) == 4
    for key in (*within, *beyond):
        await do("EXPIRE", key, DAY)

    await kept.note("c_1", "x", "y")

    assert all([await do("TTL", key) > 89 * DAY for key in within])
    assert all([await do("TTL", key) > 90 * DAY for key in beyond])


async def test_what_leads_to_a_thread_outlives_it(kept: RedisThreads) -> None:
    await kept.open(HERS)
    lives = await kept._connection.do("TTL", ThreadKeys("slack", "c_1").thread)
    assert lives <= 90 * DAY
    assert await kept._connection.do("TTL", keys.thread_at("slack", "C1", HERS.root)) >= lives + MARGIN - 5


async def test_what_is_noted_without_a_thread_goes_the_next_day_for_nobody_could_erase_it(
    kept: RedisThreads,
) -> None:
    await kept.note("c_1", "posting", "C1")
    await kept.remember("c_1", "m_1", "10.1")
    of = ThreadKeys("slack", "c_1")
    assert 0 < await kept._connection.do("TTL", of.notes) <= DAY
    assert 0 < await kept._connection.do("TTL", of.ids) <= DAY
    await kept.open(HERS)
    assert await kept._connection.do("TTL", of.notes) > 89 * DAY


async def test_a_crash_before_the_way_back_was_written_is_mended_by_doing_it_again(
    kept: RedisThreads,
) -> None:
    await kept.open(HERS)
    await kept._connection.do("DEL", keys.thread_at("slack", "C1", HERS.root))
    assert await kept.at("C1", HERS.root) is None
    await kept.open(HERS)
    assert await kept.at("C1", HERS.root) == HERS


async def test_nothing_leads_to_a_thread_that_was_erased(kept: RedisThreads) -> None:
    data: PersonalData = kept
    await kept.open(HERS)
    await kept.move(ELSEWHERE)
    await kept.open(HIS)
    assert await data.erase(LEA) == 1
    assert await kept.of("c_1") is None
    assert await kept.at("C1", HERS.root) is None
    assert await kept.at("C2", ELSEWHERE.root) is None
    assert await kept.of("c_2") == HIS
    ways = [keys.thread_at("slack", one.place, one.root) for one in (HERS, ELSEWHERE)]
    assert [await kept._connection.do("EXISTS", way) for way in ways] == [0, 0]
    left = await kept._connection.client.keys("*c_1*") + await kept._connection.client.keys("*lea*")
    assert left == []


async def test_the_one_in_memory_can_be_down_for_tests() -> None:
    memory = MemoryThreads()
    memory.down = True
    with pytest.raises(StoreUnavailable):
        await memory.of("c_1")
