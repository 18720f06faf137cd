"""What every roster must do, told once: the one on Redis, and the one in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.identity import Agent
from bot.ports.roster import Presence, Roster
from bot.storage import keys
from bot.storage.connection import Connection
from bot.storage.roster import SEEN_SECONDS, RedisRoster
from tests.fakes.threads import MemoryRoster
from tests.servers import Server

LEA, PAUL = Agent("slack:U1", "Léa"), Agent("slack:U2", "Paul")
NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
TEN = NINE + timedelta(hours=1)


@pytest.fixture
async def connection(valkey_url: str) -> AsyncIterator[Connection]:
    opened = await Connection.open(valkey_url)
    yield opened
    await opened.close()


@pytest.fixture(params=["memory", "valkey"])
def roster(request: pytest.FixtureRequest) -> Roster:
    if request.param == "memory":
        return MemoryRoster()
    return RedisRoster(request.getfixturevalue("connection"))


async def test_an_agent_nobody_has_heard_of_is_here(roster: Roster) -> None:
    assert await roster.presence(LEA.id) == Presence()
    assert (await roster.presence(LEA.id)).is_here


async def test_who_goes_away_is_away_since_they_first_said_so_and_back_when_they_are(roster: Roster) -> None:
    await roster.say(LEA, away=True, at=NINE)
    await roster.say(LEA, away=True, at=TEN)
    assert await roster.presence(LEA.id) == Presence(away=True, since=NINE)
    assert (await roster.presence(PAUL.id)).is_here
    await roster.say(LEA, away=False, at=TEN)
    assert await roster.presence(LEA.id) == Presence(away=False, since=TEN)


async def test_what_comes_late_changes_nothing(roster: Roster) -> None:
    await roster.say(LEA, away=False, at=TEN)
    await roster.say(LEA, away=True, at=NINE)
    assert not (await roster.presence(LEA.id)).away


async def test_what_the_desk_saw_and_what_they_said_are_two_things(roster: Roster) -> None:
    await roster.saw(LEA.id, online=False)
    assert await roster.presence(LEA.id) == Presence(online=False)
    assert not (await roster.presence(LEA.id)).is_here
    await roster.saw(LEA.id, online=True)
    await roster.say(LEA, away=True, at=NINE)
    assert not (await roster.presence(LEA.id)).is_here


async def test_what_was_seen_is_forgotten_after_some_minutes_and_that_they_are_away_never(
    connection: Connection,
) -> None:
    roster = RedisRoster(connection)
    await roster.saw(LEA.id, online=True)
    await roster.say(LEA, away=True, at=NINE)
    assert 0 < await connection.do("TTL", keys.seen_of(LEA.id)) <= SEEN_SECONDS
    assert await connection.do("TTL", keys.said_of(LEA.id)) == -1
    await roster.say(LEA, away=False, at=TEN)
    assert await connection.do("TTL", keys.said_of(LEA.id)) > 0


@pytest.fixture
async def on_any_server(request: pytest.FixtureRequest) -> AsyncIterator[RedisRoster]:
    server: Server = request.getfixturevalue(request.param)
    opened = await Connection.open(server.url)
    await opened.client.flushall()
    yield RedisRoster(opened)
    await opened.close()


@pytest.mark.parametrize(
    "on_any_server", [pytest.param("redis_server", marks=pytest.mark.redis), "cluster"], indirect=True
)
async def test_every_server_keeps_it(on_any_server: RedisRoster) -> None:
    await on_any_server.say(PAUL, away=True, at=NINE)
    await on_any_server.saw(PAUL.id, online=True)
    assert await on_any_server.presence(PAUL.id) == Presence(away=True, online=True, since=NINE)
