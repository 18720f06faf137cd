"""Who has claimed a conversation hears that the bot is silent only when it is, on every store: real time,
real senders."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.domain.errors import DeliveryFailed, DeliveryRefused
from bot.domain.events import Event, Hushed
from bot.domain.message import Author
from bot.domain.outgoing import Hush, MessageOut, Outgoing
from bot.engine.sender import Sender, SenderRules
from bot.ports.delivery import Delivered, Pacing
from bot.ports.store import Commit, CommitResult
from bot.storage.state import RedisStore
from tests.builders import LEA, answer, chat, message
from tests.fakes.memory_store import MemoryStore

SHARDS = 8


class House:
    """A store, a sender of the web chat, and what befalls its messages (by their text)."""

    destination = "web:main"
    pacing = Pacing()

    def __init__(self, inbox: Any, turns: Any, outbox: Any, leases: Any, letters: Callable[[], Any]) -> None:
        self.inbox, self.turns, self.outbox, self.leases = inbox, turns, outbox, leases
        self.letters = letters
        self.version = 0
        self.calls: list[str] = []
        self.shown: list[str] = []
        self.shown_when_hushed: list[str] = []
        self.slow = asyncio.Event()
        self.troubles: dict[str, list[Exception]] = {}

    async def deliver(self, entry: Outgoing, *, doubtful: bool) -> Delivered:
        assert isinstance(entry.payload, MessageOut)
        text = entry.payload.text
        self.calls.append(text)
        if text == "slow":
            await self.slow.wait()
        if self.troubles.get(text):
            raise self.troubles[text].pop(0)
        self.shown.append(text)
        return Delivered()

    async def turn(self, *entries: Outgoing, epoch: int = 1) -> None:
        """A turn that leaves the chat at that epoch."""
        await self.inbox.append(message(number=self.version))
        lease = await self.turns.acquire_shard(self.turns.shard_of(LEA), "w", 30.0)
        (entry,) = [one for one in await self._read() if not isinstance(one.value, Hushed)]
        commit = Commit(
            shard=entry.shard, entry_id=entry.id, event_id=entry.value.id, chat=chat(epoch=epoch),
            version=self.version, outgoing=entries,
        )  # fmt: skip
        assert await self.turns.commit(lease, commit) is CommitResult.DONE
        self.version += 1

    async def claimed(self) -> None:
        """A person takes the floor."""
        await self.turn(answer(number=90, epoch=2, payload=Hush()), epoch=2)

    async def hushed(self) -> list[Event]:
        return [one.value for one in await self._read(block=0.05) if isinstance(one.value, Hushed)]

    async def until_hushed(self) -> None:
        await eventually(self.hushed)
        assert [event.epoch for event in await self.hushed()] == [2]  # type: ignore[attr-defined]
        self.shown_when_hushed = list(self.shown)

    async def _read(self, block: float = 2.0) -> list[Any]:
        found = await self.turns.read_events(dict.fromkeys(range(SHARDS), "0"), count=99, block=block)
        return list(found)

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        rules = SenderRules(attempts=2, first_pause=0.05, longest_pause=0.05)
        task = asyncio.create_task(Sender(self.outbox, self.leases, self, "s", rules).run(stop))
        try:
            yield
        finally:
            stop.set()
            await task


async def eventually(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not await holds():
            await asyncio.sleep(0.01)


@pytest.fixture(params=["memory", "valkey"])
async def house(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    if request.param == "memory":
        memory = MemoryStore(SHARDS)

        async def parked() -> list[Any]:
            return list(memory.letters.values())

        yield House(memory, memory, memory, memory, parked)
        return
    store = await RedisStore.open(request.getfixturevalue("valkey_url"), shards=SHARDS)
    yield House(store.inbox, store.turns, store.outbox, store.leases, store.dead.list_dead)
    await store.close()


def bot(text: str, number: int = 1, **more: Any) -> Outgoing:
    lasting = more.pop("lasting", False)
    return answer(
        number=number, payload=MessageOut(text=text, message_id=f"m_{number}", lasting=lasting), **more
    )


async def test_the_bot_s_message_under_way_is_waited_for(house: House) -> None:
    await house.turn(bot("slow"), bot("behind", 2))
    async with house.sending():
        await eventually(lambda: _is(house.calls == ["slow"]))
        await house.claimed()
        assert await house.hushed() == []
        house.slow.set()
        await house.until_hushed()
    assert house.shown == ["slow"], "what was not under way is dropped"


async def test_what_is_tried_again_is_dropped_first(house: House) -> None:
    house.troubles["flaky"] = [DeliveryFailed("reset")]
    await house.turn(bot("flaky"))
    await house.claimed()
    async with house.sending():
        await house.until_hushed()
    assert house.shown == []


async def test_what_must_be_said_whoever_speaks_is_said_first_though_it_is_tried_again(house: House) -> None:
    house.troubles["112"] = [DeliveryFailed("reset")]
    await house.turn(bot("112", lasting=True))
    await house.claimed()
    async with house.sending():
        await house.until_hushed()
    assert house.shown_when_hushed == ["112"]


async def test_what_may_not_leave_yet_is_waited_for(house: House) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=0.4)
    reply = MessageOut(text="à demain", author=Author.AGENT, message_id="m_1")
    await house.turn(answer(payload=reply, not_before=soon))
    await house.claimed()
    async with house.sending():
        await house.until_hushed()
    assert house.shown_when_hushed == ["à demain"]
    assert datetime.now(UTC) >= soon


async def test_what_is_parked_is_out_of_the_way(house: House) -> None:
    house.troubles["112"] = [DeliveryRefused("blocked")]
    await house.turn(bot("112", lasting=True))
    await house.claimed()
    async with house.sending():
        await house.until_hushed()
    assert house.shown == []
    assert [letter.error for letter in await house.letters()] == ["blocked"]


async def _is(value: bool) -> bool:
    return value
