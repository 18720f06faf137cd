"""Connections that are kept between exchanges."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import hiredis
import pytest
from redis.exceptions import ResponseError

from bot.storage.lines import Lines


def packed(*command: str | int) -> bytes:
    whole: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]  # a wrong stub
    return whole


@pytest.fixture
async def lines(valkey_url: str) -> AsyncIterator[Lines]:
    opened = Lines(valkey_url, 5.0)
    yield opened
    await opened.close()


async def test_replies_come_in_order_and_a_refusal_is_one_of_them(lines: Lines) -> None:
    commands = [packed("SET", "a", "1"), packed("INCR", "a"), packed("LPUSH", "a", "x"), packed("GET", "a")]
    done, two, refused, value = await lines.exchange(commands, 5.0)
    assert (done, two, value) == (b"OK", 2, b"2")
    assert isinstance(refused, ResponseError)


async def test_a_line_that_the_server_closed_meanwhile_is_connected_afresh(
    lines: Lines, valkey_url: str
) -> None:
    first = await lines.exchange([packed("CLIENT", "ID")], 5.0)
    operator = Lines(valkey_url, 5.0)
    await operator.exchange([packed("CLIENT", "KILL", "ID", *first)], 5.0)
    await operator.close()
    async with asyncio.timeout(5):
        while not await lines._idle[0].can_read():  # until we have heard of it
            await asyncio.sleep(0.01)
    assert await lines.exchange([packed("CLIENT", "ID")], 5.0) != first


async def test_what_was_not_waited_for_is_nobody_elses_reply(lines: Lines) -> None:
    with pytest.raises(TimeoutError):
        await lines.exchange([packed("BLPOP", "nothing", 0)], 0.05)
    assert await lines.exchange([packed("PING")], 5.0) == [b"PONG"]


async def test_exchanges_at_once_do_not_wait_for_each_other(lines: Lines) -> None:
    waiting = asyncio.create_task(lines.exchange([packed("BLPOP", "later", 0)], 5.0))
    assert await lines.exchange([packed("LPUSH", "later", "now")], 5.0) == [1]
    assert await waiting == [[b"later", b"now"]]
