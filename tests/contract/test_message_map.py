"""What every message map does, over each server we support."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.domain.identity import ChatId
from bot.ports.message_map import MessageMap
from bot.ports.personal_data import PersonalData
from bot.storage.connection import Connection
from bot.storage.layout import Layout
from bot.storage.message_map import RedisMessageMap
from tests.fakes.telegram import NOON, FixedClock
from tests.servers import Server

INES = ChatId("telegram", "7", "42")
LOU = ChatId("telegram", "7", "43")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture(params=["valkey_server", pytest.param("redis_server", marks=pytest.mark.redis), "cluster"])
async def connection(request: pytest.FixtureRequest) -> AsyncIterator[Connection]:
    server: Server = request.getfixturevalue(request.param)
    connection = await Connection.open(server.url)
    await connection.client.flushall()
    yield connection
    await connection.close()


@pytest.fixture
async def messages(connection: Connection, clock: FixedClock) -> RedisMessageMap:
    return RedisMessageMap(await Layout.open(connection, 8), clock)


async def test_it_is_what_the_ports_ask_for(messages: RedisMessageMap) -> None:
    port: MessageMap = messages
    data: PersonalData = messages
    assert port is data
    assert data.retention.days == 7


async def test_parts_are_found_in_order_and_nothing_is_found_of_what_was_never_sent(
    messages: RedisMessageMap,
) -> None:
    await messages.remember(INES, "m1", 0, "101")
    await messages.remember(INES, "m1", 1, "102")
    assert await messages.find(INES, "m1") == ("101", "102")
    assert await messages.find(INES, "m2") == ()
    assert await messages.find(LOU, "m1") == ()


async def test_saying_it_twice_changes_nothing(messages: RedisMessageMap) -> None:
    await messages.remember(INES, "m1", 0, "101")
    await messages.remember(INES, "m1", 0, "999")
    assert await messages.find(INES, "m1") == ("101",)


async def test_a_part_whose_predecessor_is_missing_is_not_taken_for_it(messages: RedisMessageMap) -> None:
    await messages.remember(INES, "m1", 1, "102")
    assert await messages.find(INES, "m1") == ()


async def test_after_a_week_a_message_is_forgotten_and_younger_ones_are_not(
    messages: RedisMessageMap, clock: FixedClock
) -> None:
    await messages.remember(INES, "old", 0, "101")
    clock.at = NOON + timedelta(days=6)
    await messages.remember(INES, "young", 0, "102")
    clock.at = NOON + timedelta(days=8)
    await messages.remember(INES, "new", 0, "103")
    assert await messages.find(INES, "old") == ()
    assert await messages.find(INES, "young") == ("102",)


async def test_what_is_not_used_any_more_goes_by_itself(
    messages: RedisMessageMap, connection: Connection
) -> None:
    await messages.remember(INES, "m1", 0, "101")
    await messages.first_time(INES, "notice")
    kept = [key async for key in connection.client.scan_iter("*telegram*")]
    assert len(kept) == 3
    assert all([await connection.client.ttl(key) > 0 for key in kept])


async def test_the_first_time_comes_once_a_chat(messages: RedisMessageMap) -> None:
    assert await messages.first_time(INES, "notice")
    assert not await messages.first_time(INES, "notice")
    assert await messages.first_time(INES, "other")
    assert await messages.first_time(LOU, "notice")


async def test_a_persons_messages_can_be_shown_and_erased(messages: RedisMessageMap) -> None:
    await messages.remember(INES, "m1", 0, "101")
    await messages.remember(INES, "m2", 0, "102")
    await messages.remember(LOU, "m1", 0, "201")
    shown = sorted(await messages.export(INES), key=lambda row: row["message"])
    assert shown == [
        {"message": "m1", "platform_ids": ["101"]},
        {"message": "m2", "platform_ids": ["102"]},
    ]
    assert await messages.erase(INES) == 2
    assert await messages.erase(INES) == 0
    assert await messages.export(INES) == []
    assert await messages.find(LOU, "m1") == ("201",)
