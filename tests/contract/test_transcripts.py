"""What a transcript promises, on every server it may live on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.domain.identity import ChatId
from bot.ports.transcript import START, Added, Page
from bot.storage.connection import Connection
from bot.storage.transcripts import PAGE, RedisTranscripts
from tests.servers import Server

CHAT = ChatId("web", "main", "v1")
OTHER = ChatId("web", "main", "v2")


@pytest.fixture(
    params=[
        "valkey_server",
        pytest.param("redis_server", marks=pytest.mark.redis),
        pytest.param("tls_server", marks=pytest.mark.redis),
        "cluster",
    ]
)
async def connection(request: pytest.FixtureRequest) -> AsyncIterator[Connection]:
    server: Server = request.getfixturevalue(request.param)
    opened = await Connection.open(server.url)
    for chat in (CHAT, OTHER):
        await RedisTranscripts(opened, 8).erase(chat)
    yield opened
    await opened.close()


@pytest.fixture
def transcripts(connection: Connection) -> RedisTranscripts:
    return RedisTranscripts(connection, 8)


def said(message_id: str, text: str = "bonjour", **more: Any) -> dict[str, Any]:
    return {"type": "message", "id": message_id, "text": text, **more}


def changed(change_id: str, target: str, **more: Any) -> dict[str, Any]:
    return {"type": "edit" if more else "delete", "id": change_id, "message": target, **more}


def shown(page: Page) -> list[tuple[str, str | None]]:
    return [(item.frame["id"], item.frame.get("text")) for item in page.items]


async def test_items_come_back_in_order_and_as_they_were(transcripts: RedisTranscripts) -> None:
    frame = said("a", "é \ud800 \x00 \"'", buttons=[{"id": "x"}], reply_to=None)
    assert await transcripts.append(CHAT, "s:a", frame) is Added.NEW
    await transcripts.append(CHAT, "s:b", said("b", "deux"))
    page = await transcripts.read(CHAT, START)
    assert [item.key for item in page.items] == ["s:a", "s:b"]
    assert page.items[0].frame == frame
    assert not page.more
    assert shown(await transcripts.read(OTHER, START)) == []


async def test_the_same_key_is_one_item(transcripts: RedisTranscripts) -> None:
    await transcripts.append(CHAT, "s:a", said("a", "un"))
    assert await transcripts.append(CHAT, "s:a", said("a", "autre")) is Added.KNOWN
    assert shown(await transcripts.read(CHAT, START)) == [("a", "un")]


async def test_reading_goes_on_from_a_position_or_a_message(transcripts: RedisTranscripts) -> None:
    await transcripts.append(CHAT, "s:a", said("a"))
    first = await transcripts.read(CHAT, START)
    await transcripts.append(CHAT, "s:b", said("b"))
    assert shown(await transcripts.read(CHAT, first.position)) == [("b", "bonjour")]
    assert await transcripts.position_of(CHAT, "c:a", "s:a") == first.position
    assert await transcripts.position_of(CHAT, "s:nothing") is None
    assert (await transcripts.read(CHAT, first.position)).position != first.position


async def test_a_long_transcript_comes_in_pages(transcripts: RedisTranscripts) -> None:
    for n in range(PAGE + 5):
        await transcripts.append(CHAT, f"s:{n}", said(str(n)))
    page = await transcripts.read(CHAT, START)
    assert len(page.items) == PAGE
    assert page.more
    rest = await transcripts.read(CHAT, page.position)
    assert [item.frame["id"] for item in rest.items] == [str(n) for n in range(PAGE, PAGE + 5)]
    assert not rest.more
    assert len(await transcripts.export(CHAT)) == PAGE + 5


async def test_an_edited_message_shows_its_last_text_and_the_edit_says_it_too(
    transcripts: RedisTranscripts,
) -> None:
    await transcripts.append(CHAT, "c:a", said("a", "bonjuor"))
    before = (await transcripts.read(CHAT, START)).position
    assert await transcripts.edit(CHAT, "c:b", "c:a", changed("b", "a", text="bonjour")) is Added.NEW
    assert await transcripts.edit(CHAT, "c:b", "c:a", changed("b", "a", text="bonjour")) is Added.KNOWN
    await transcripts.edit(CHAT, "c:c", "c:a", changed("c", "a", text="bonsoir"))
    page = await transcripts.read(CHAT, START)
    assert page.items[0].frame == said("a", "bonsoir", edited=True)
    assert shown(await transcripts.read(CHAT, before)) == [("b", "bonsoir"), ("c", "bonsoir")]


async def test_what_a_deleted_message_said_is_nowhere_any_more(
    transcripts: RedisTranscripts, connection: Connection
) -> None:
    await transcripts.append(CHAT, "c:a", said("a", "un secret"))
    await transcripts.edit(CHAT, "c:b", "c:a", changed("b", "a", text="un autre secret"))
    assert await transcripts.delete(CHAT, "c:c", "c:a", changed("c", "a")) is Added.NEW
    assert await transcripts.delete(CHAT, "c:c", "c:a", changed("c", "a")) is Added.KNOWN
    assert shown(await transcripts.read(CHAT, START)) == [("c", None)]
    for key in transcripts._keys(CHAT):
        dumped = await connection.do("DUMP", key)
        assert b"secret" not in dumped


async def test_what_is_not_there_cannot_be_changed(transcripts: RedisTranscripts) -> None:
    edit = changed("b", "a", text="x")
    assert await transcripts.edit(CHAT, "c:b", "c:a", edit) is Added.NO_SUCH_MESSAGE
    assert await transcripts.delete(CHAT, "c:b", "c:a", changed("b", "a")) is Added.NO_SUCH_MESSAGE
    await transcripts.append(CHAT, "c:a", said("a"))
    await transcripts.delete(CHAT, "c:d", "c:a", changed("d", "a"))
    assert await transcripts.edit(CHAT, "c:b", "c:a", edit) is Added.NO_SUCH_MESSAGE


async def test_a_transcript_is_bounded_and_forgets_the_oldest(connection: Connection) -> None:
    transcripts = RedisTranscripts(connection, 8, longest=3)
    for n in range(5):
        await transcripts.append(CHAT, f"s:{n}", said(str(n), f"texte {n}"))
    assert shown(await transcripts.read(CHAT, START)) == [(str(n), f"texte {n}") for n in (2, 3, 4)]
    assert await transcripts.position_of(CHAT, "s:1") is None
    stream, texts = transcripts._keys(CHAT)
    assert await connection.do("HLEN", texts) == 6
    assert await connection.do("XLEN", stream) == 3


async def test_a_transcript_expires_with_its_last_item(connection: Connection) -> None:
    transcripts = RedisTranscripts(connection, 8, days=30)
    await transcripts.append(CHAT, "s:a", said("a"))
    for key in transcripts._keys(CHAT):
        assert 29 * 86_400 < await connection.do("TTL", key) <= 30 * 86_400
    assert transcripts.retention.days == 30


async def test_a_person_is_exported_and_erased_without_their_neighbour(transcripts: RedisTranscripts) -> None:
    await transcripts.append(CHAT, "s:a", said("a"))
    await transcripts.append(CHAT, "s:b", said("b"))
    await transcripts.append(OTHER, "s:a", said("a"))
    assert [frame["id"] for frame in await transcripts.export(CHAT)] == ["a", "b"]
    assert await transcripts.erase(CHAT) == 2
    assert await transcripts.export(CHAT) == []
    assert await transcripts.erase(CHAT) == 0
    assert len(await transcripts.export(OTHER)) == 1


async def test_watchers_hear_of_every_chat_that_grew(transcripts: RedisTranscripts) -> None:
    heard: asyncio.Queue[ChatId | None] = asyncio.Queue()

    async def listen() -> None:
        async for chat in transcripts.watch():
            await heard.put(chat)

    listening = asyncio.create_task(listen())
    async with asyncio.timeout(5):
        assert await heard.get() is None, "anything may have changed before we listened"
        await transcripts.append(CHAT, "s:a", said("a"))
        assert await heard.get() == CHAT
        await transcripts.append(OTHER, "s:a", said("a"))
        assert await heard.get() == OTHER
        await transcripts.append(OTHER, "s:a", said("a"))
        await transcripts.delete(CHAT, "s:b", "s:a", changed("b", "a"))
        assert await heard.get() == CHAT
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening


async def test_a_watcher_cut_off_is_told_that_anything_may_have_changed(
    transcripts: RedisTranscripts, connection: Connection
) -> None:
    client: Any = connection.client
    everywhere = {"target_nodes": "all"} if connection.is_cluster else {}
    watch = transcripts.watch()
    async with asyncio.timeout(10):
        assert await anext(watch) is None
        await client.execute_command("CLIENT KILL", "TYPE", "pubsub", **everywhere)
        assert await anext(watch) is None
        await transcripts.append(CHAT, "s:a", said("a"))
        assert await anext(watch) == CHAT
    await watch.aclose()


async def test_a_watcher_can_be_stopped_at_any_moment(transcripts: RedisTranscripts) -> None:
    async def listen() -> None:
        async for _chat in transcripts.watch():
            pass

    for n in range(20):
        listening = asyncio.create_task(listen())
        await asyncio.sleep(n * 0.0005)
        listening.cancel()
        done, _ = await asyncio.wait([listening], timeout=5)
        assert done, f"still listening, cancelled after {n * 0.5} ms"
