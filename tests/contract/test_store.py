"""What every store must do: embedded Valkey, Debian's Redis, TLS, Cluster, and the fake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.chat import Speaker
from bot.domain.deadletter import DeadLetter, DeadLetterKind
from bot.domain.decision import CancelTimer, SetTimer
from bot.domain.errors import ConfigurationError, Fenced, StoreUnavailable
from bot.domain.events import Hushed, Receipt, ReceiptStatus, TimerDue
from bot.domain.identity import ChatId
from bot.domain.message import Author
from bot.domain.outgoing import EditOut, Hush
from bot.ports.store import Commit, CommitResult, Entry, Lease, SendAdvice, sender_lease
from bot.storage.state import RedisStore
from tests.builders import LEA, NOW, answer, chat, fact, message
from tests.fakes.memory_store import MemoryStore

SHARDS = 8
TTL = 30.0


@dataclass
class Doors:
    """One store, by the ports it implements."""

    inbox: Any
    turns: Any
    outbox: Any
    timers: Any
    log: Any
    leases: Any
    patience: float = 0.3
    """Seconds within which what is there has been read: a Cluster's readers connect one by one."""

    async def only_event(self) -> Entry[Any]:
        [entry] = await self.turns.read_events(dict.fromkeys(range(SHARDS), "0"), count=10, block=5.0)
        return entry

    async def outgoing(self, destination: str = "web:main") -> list[Entry[Any]]:
        cursors = dict.fromkeys(range(SHARDS), "0")
        return await self.outbox.read_outgoing(destination, cursors, count=100, block=self.patience)

    async def facts(self) -> list[Entry[Any]]:
        return await self.log.read_facts(dict.fromkeys(range(SHARDS), "0"), count=100, block=self.patience)

    async def events(self) -> list[Any]:
        cursors = dict.fromkeys(range(SHARDS), "0")
        return [
            entry.value for entry in await self.turns.read_events(cursors, count=100, block=self.patience)
        ]

    async def lease(self, owner: str = "w1", of: ChatId = LEA) -> Lease:
        lease = await self.turns.acquire_shard(self.turns.shard_of(of), owner, TTL)
        assert lease is not None
        return lease

    async def sender(self, owner: str = "s1", destination: str = "web:main") -> Lease:
        lease = await self.leases.acquire(sender_lease(destination), owner, TTL)
        assert lease is not None
        await self.outbox.raise_fence(destination, lease)
        return lease


@pytest.fixture(
    params=[
        "memory",
        "valkey",
        pytest.param("redis", marks=pytest.mark.redis),
        pytest.param("tls", marks=pytest.mark.redis),
        "cluster",
    ]
)
async def doors(request: pytest.FixtureRequest) -> AsyncIterator[Doors]:
    if request.param == "memory":
        memory = MemoryStore(SHARDS)
        yield Doors(memory, memory, memory, memory, memory, memory)
        return
    fixture = {"valkey": "valkey_server", "redis": "redis_server", "tls": "tls_server"}
    server = request.getfixturevalue(fixture.get(request.param, request.param))
    store = await RedisStore.open(server.url, shards=SHARDS)
    await _emptied(store)
    store = await RedisStore.open(server.url, shards=SHARDS)
    patience = 1.5 if request.param == "cluster" else 0.3
    yield Doors(store.inbox, store.turns, store.outbox, store.timers, store.log, store.leases, patience)
    await store.close()


async def _emptied(store: RedisStore) -> None:
    client: Any = store.connection.client
    await client.flushall(
        target_nodes="primaries"
    ) if store.connection.is_cluster else await client.flushall()
    await store.close()


async def committed(doors: Doors, lease: Lease, entry: Entry[Any], **more: Any) -> CommitResult:
    values: dict[str, Any] = {"chat": chat(), "version": 0}
    commit = Commit(shard=entry.shard, entry_id=entry.id, event_id=entry.value.id, **{**values, **more})
    result: CommitResult = await doors.turns.commit(lease, commit)
    return result


# --- inbox ------------------------------------------------------------------------------------


async def test_an_event_appended_twice_is_one_event(doors: Doors) -> None:
    first = await doors.inbox.append(message())
    again = await doors.inbox.append(message())
    assert (first.new, again.new) == (True, False)
    assert await doors.events() == [message()]


async def test_a_retried_event_is_known_after_it_was_handled(doors: Doors) -> None:
    await doors.inbox.append(message())
    await committed(doors, await doors.lease(), await doors.only_event())
    again = await doors.inbox.append(message())
    assert not again.new
    assert again.speaker is Speaker.BOT
    assert await doors.events() == []


async def test_events_of_a_chat_are_read_in_order(doors: Doors) -> None:
    for number in range(20):
        await doors.inbox.append(message(number=number))
    assert [event.message_id for event in await doors.events()] == [str(number) for number in range(20)]


async def test_reading_consumes_nothing(doors: Doors) -> None:
    await doors.inbox.append(message())
    assert await doors.events() == await doors.events() == [message()]


async def test_a_reader_that_waits_is_woken_by_an_event(doors: Doors) -> None:
    cursors = dict.fromkeys(range(SHARDS), "0")
    reading = asyncio.create_task(doors.turns.read_events(cursors, count=10, block=5.0))
    await asyncio.sleep(0.05)
    await doors.inbox.append(message())
    [entry] = await asyncio.wait_for(reading, 4.0)
    assert entry.value == message()


# --- commit -----------------------------------------------------------------------------------


async def test_a_commit_applies_everything_at_once(doors: Doors) -> None:
    await doors.inbox.append(message())
    entry = await doors.only_event()
    timer = SetTimer(name="idle", due=NOW)
    result = await committed(
        doors,
        await doors.lease(),
        entry,
        outgoing=(answer(), answer(number=2)),
        facts=(fact(),),
        timers=(timer,),
    )
    assert result is CommitResult.DONE
    assert await doors.events() == []
    assert [out.value for out in await doors.outgoing()] == [answer(), answer(number=2)]
    assert [logged.value for logged in await doors.facts()] == [fact()]
    loaded = await doors.turns.load(LEA)
    assert (loaded.chat, loaded.version) == (chat(), 1)


async def test_a_commit_recognises_itself(doors: Doors) -> None:
    await doors.inbox.append(message())
    entry, lease = await doors.only_event(), await doors.lease()
    await committed(doors, lease, entry, outgoing=(answer(),))
    assert await committed(doors, lease, entry, outgoing=(answer(),)) is CommitResult.ALREADY
    assert len(await doors.outgoing()) == 1


async def test_a_commit_from_an_old_version_is_refused_whole(doors: Doors) -> None:
    await doors.inbox.append(message(number=1))
    lease = await doors.lease()
    await committed(doors, lease, await doors.only_event())
    await doors.inbox.append(message(number=2))
    entry = await doors.only_event()
    assert await committed(doors, lease, entry, outgoing=(answer(),), version=0) is CommitResult.STALE
    assert await doors.outgoing() == []
    assert len(await doors.events()) == 1


async def test_a_commit_of_an_entry_somebody_else_handled_is_refused(doors: Doors) -> None:
    await doors.inbox.append(message(number=1))
    lease, first = await doors.lease(), await doors.only_event()
    await committed(doors, lease, first)
    await doors.inbox.append(message(number=2))
    await committed(doors, lease, await doors.only_event(), version=1)
    assert await committed(doors, lease, first, outgoing=(answer(),)) is CommitResult.GONE
    assert await doors.outgoing() == []


async def test_a_commit_under_a_lost_lease_is_fenced(doors: Doors) -> None:
    await doors.inbox.append(message())
    entry, old = await doors.only_event(), await doors.lease("w1")
    await doors.turns.release_shard(entry.shard, old)
    new = await doors.lease("w2")
    with pytest.raises(Fenced):
        await committed(doors, old, entry, outgoing=(answer(),))
    assert await doors.outgoing() == []
    assert await committed(doors, new, entry) is CommitResult.DONE


async def test_parking_is_fenced_too(doors: Doors) -> None:
    await doors.inbox.append(message())
    entry, old = await doors.only_event(), await doors.lease("w1")
    await doors.turns.release_shard(entry.shard, old)
    letter = DeadLetter(
        id="d_1", kind=DeadLetterKind.EVENT, at=NOW, source="web:main", chat=str(LEA), error="bug", payload=""
    )
    with pytest.raises(Fenced):
        await doors.turns.park_event(old, entry, letter)
    await doors.turns.park_event(await doors.lease("w2"), entry, letter)
    assert await doors.events() == []


# --- leases -----------------------------------------------------------------------------------


async def test_a_lease_has_one_holder_and_its_token_grows(doors: Doors) -> None:
    first = await doors.leases.acquire("x", "a", TTL)
    assert await doors.leases.acquire("x", "b", TTL) is None
    assert await doors.leases.renew(first, TTL)
    await doors.leases.release(first)
    second = await doors.leases.acquire("x", "b", TTL)
    assert second.token > first.token
    assert not await doors.leases.renew(first, TTL)


async def test_a_stale_holder_cannot_release_the_new_one(doors: Doors) -> None:
    first = await doors.leases.acquire("x", "a", TTL)
    await doors.leases.release(first)
    second = await doors.leases.acquire("x", "b", TTL)
    await doors.leases.release(first)
    assert await doors.leases.renew(second, TTL)


async def test_lost_shards_are_named_when_renewed(doors: Doors) -> None:
    held = {shard: await doors.turns.acquire_shard(shard, "w1", TTL) for shard in (1, 2)}
    await doors.turns.release_shard(2, held[2])
    assert await doors.turns.renew_shards(held, TTL) == frozenset({2})


async def test_workers_count_each_other(doors: Doors) -> None:
    assert await doors.turns.announce("w1", TTL) == 1
    assert await doors.turns.announce("w2", TTL) == 2
    await doors.turns.withdraw("w1")
    assert await doors.turns.announce("w2", TTL) == 1


# --- outbox -----------------------------------------------------------------------------------


async def waiting(doors: Doors, *entries: Any, **of_the_chat: Any) -> list[Entry[Any]]:
    """Entries in the outbox, put there by a turn that left epoch 1."""
    await doors.inbox.append(message())
    left = chat(**of_the_chat)
    await committed(doors, await doors.lease(), await doors.only_event(), outgoing=entries, chat=left)
    return await doors.outgoing()


async def recalled(doors: Doors, *message_ids: str) -> None:
    """A later turn takes messages back."""
    await doors.inbox.append(message(number=99))
    changed = chat(recalled=message_ids)
    lease = await doors.lease()
    assert (
        await committed(doors, lease, await doors.only_event(), chat=changed, version=1) is CommitResult.DONE
    )


async def test_an_entry_is_begun_sent_and_gone(doors: Doors) -> None:
    [entry] = await waiting(doors, answer())
    lease = await doors.sender()
    permit = await doors.outbox.begin_send(lease, entry)
    assert (permit.advice, permit.attempts) == (SendAdvice.GO, 1)
    await doors.outbox.finish_send(lease, entry, facts=(fact(),))
    assert await doors.outgoing() == []
    assert len(await doors.facts()) == 1


async def test_after_a_crash_in_the_call_the_next_sender_doubts(doors: Doors) -> None:
    [entry] = await waiting(doors, answer())
    first = await doors.sender("s1")
    await doors.outbox.begin_send(first, entry)
    await doors.leases.release(first)
    permit = await doors.outbox.begin_send(await doors.sender("s2"), entry)
    assert (permit.advice, permit.attempts) == (SendAdvice.DOUBT, 2)


async def test_an_older_sender_is_fenced_out(doors: Doors) -> None:
    [entry] = await waiting(doors, answer())
    first = await doors.sender("s1")
    await doors.leases.release(first)
    await doors.sender("s2")
    for write in (
        doors.outbox.begin_send(first, entry),
        doors.outbox.finish_send(first, entry),
        doors.outbox.defer_send(first, entry, NOW, doubtful=False),
        doors.outbox.raise_fence("web:main", first),
    ):
        with pytest.raises(Fenced):
            await write
    assert len(await doors.outgoing()) == 1


async def test_what_the_bot_said_before_a_person_took_over_is_obsolete(doors: Doors) -> None:
    [entry] = await waiting(doors, answer(epoch=0))
    permit = await doors.outbox.begin_send(await doors.sender(), entry)
    assert permit.advice is SendAdvice.OBSOLETE


async def test_what_was_taken_back_before_a_call_began_is_obsolete_and_nothing_else_is(doors: Doors) -> None:
    edit = EditOut(message_id="m_1", author=Author.AGENT, text="x")
    first, other, longer, change = await waiting(
        doors,
        answer(number=1),
        answer(number=2),
        answer(number=11),
        answer(number=4, payload=edit),
        recalled=("m_1", "m_9"),
    )
    lease = await doors.sender()
    permits = [await doors.outbox.begin_send(lease, entry) for entry in (first, other, longer, change)]
    assert [permit.advice for permit in permits] == [SendAdvice.OBSOLETE, *[SendAdvice.GO] * 3]


async def test_taken_back_after_a_call_that_surely_failed_it_is_obsolete(doors: Doors) -> None:
    [entry] = await waiting(doors, answer())
    lease = await doors.sender()
    await doors.outbox.begin_send(lease, entry)
    await doors.outbox.defer_send(lease, entry, NOW, doubtful=False)
    await recalled(doors, "m_1")
    assert (await doors.outbox.begin_send(lease, entry)).advice is SendAdvice.OBSOLETE


@pytest.mark.parametrize("crashed", [True, False])
async def test_taken_back_when_it_may_have_left_it_is_still_to_be_found_out(
    doors: Doors, crashed: bool
) -> None:
    """Otherwise nobody knows what to delete."""
    [entry] = await waiting(doors, answer())
    lease = await doors.sender()
    await doors.outbox.begin_send(lease, entry)
    if not crashed:
        await doors.outbox.defer_send(lease, entry, NOW, doubtful=True)
    await recalled(doors, "m_1")
    assert (await doors.outbox.begin_send(lease, entry)).advice is SendAdvice.DOUBT


async def test_silence_is_told_once_however_often_it_is_finished(doors: Doors) -> None:
    [entry] = await waiting(doors, answer(payload=Hush()))
    lease = await doors.sender()
    told = Hushed(id="hushed:o_1", chat=LEA, at=NOW, epoch=1)
    for _ in range(2):
        await doors.outbox.finish_send(lease, entry, events=(told,))
    assert await doors.events() == [told]
    assert await doors.outgoing() == []


async def test_a_deferred_entry_tells_until_when(doors: Doors) -> None:
    [entry] = await waiting(doors, answer())
    lease, later = await doors.sender(), NOW + timedelta(minutes=5)
    await doors.outbox.begin_send(lease, entry)
    await doors.outbox.defer_send(lease, entry, later, doubtful=False)
    assert await doors.outbox.deferred("web:main", [entry]) == {f"{entry.shard}/{entry.id}": later}
    permit = await doors.outbox.begin_send(lease, entry)
    assert (permit.advice, permit.attempts) == (SendAdvice.GO, 2)


async def test_a_doubtful_failure_stays_doubtful(doors: Doors) -> None:
    [entry] = await waiting(doors, answer())
    lease = await doors.sender()
    await doors.outbox.begin_send(lease, entry)
    await doors.outbox.defer_send(lease, entry, NOW, doubtful=True)
    assert (await doors.outbox.begin_send(lease, entry)).advice is SendAdvice.DOUBT


async def test_a_delay_that_was_asked_for_is_no_attempt(doors: Doors) -> None:
    [entry] = await waiting(doors, answer())
    lease = await doors.sender()
    for _ in range(3):
        assert (await doors.outbox.begin_send(lease, entry)).attempts == 1
        await doors.outbox.defer_send(lease, entry, NOW, doubtful=False, counted=False)


async def test_finishing_twice_writes_once(doors: Doors) -> None:
    [entry] = await waiting(doors, answer())
    lease = await doors.sender()
    receipt = Receipt(id="r", chat=LEA, at=NOW, message_id="m_1", status=ReceiptStatus.DELIVERED)
    for _ in range(2):
        await doors.outbox.finish_send(lease, entry, facts=(fact(),), events=(receipt,))
    assert len(await doors.facts()) == 1
    assert await doors.events() == [receipt]


async def test_destinations_are_apart(doors: Doors) -> None:
    await waiting(doors, answer(), answer(number=2, destination="desk:terminal"))
    assert [entry.value.id for entry in await doors.outgoing("desk:terminal")] == ["o_2"]


# --- timers and log -----------------------------------------------------------------------------


async def test_a_due_timer_becomes_an_event_once(doors: Doors) -> None:
    await doors.inbox.append(message())
    timer = SetTimer(name="idle", due=NOW)
    await committed(doors, await doors.lease(), await doors.only_event(), timers=(timer,))
    assert await doors.timers.fire_due(NOW - timedelta(seconds=1)) == 0
    assert await doors.timers.fire_due(NOW) == 1
    assert await doors.timers.fire_due(NOW) == 0
    [event] = await doors.events()
    assert isinstance(event, TimerDue)
    assert (event.name, event.chat) == ("idle", LEA)


async def test_a_timer_is_replaced_and_cancelled_by_name(doors: Doors) -> None:
    lease = await doors.lease()
    later = NOW + timedelta(hours=1)
    for version, timers in enumerate(
        [(SetTimer(name="idle", due=NOW),), (SetTimer(name="idle", due=later),), (CancelTimer(name="idle"),)]
    ):
        await doors.inbox.append(message(number=version))
        await committed(doors, lease, await doors.only_event(), timers=timers, version=version)
        expected = {0: 0, 1: 0, 2: 0}[version]
        assert await doors.timers.fire_due(NOW - timedelta(seconds=1)) == expected
    assert await doors.timers.fire_due(later) == 0


async def test_facts_are_dropped_only_by_name(doors: Doors) -> None:
    await doors.inbox.append(message())
    await committed(doors, await doors.lease(), await doors.only_event(), facts=(fact(1), fact(2)))
    [first, _] = await doors.facts()
    await doors.log.drop_facts([first])
    assert [entry.value.id for entry in await doors.facts()] == ["l_2"]


# --- what only the real one can do ----------------------------------------------------------------


async def test_the_number_of_shards_never_changes(valkey_url: str) -> None:
    await (await RedisStore.open(valkey_url, shards=8)).close()
    with pytest.raises(ConfigurationError, match="8 shards"):
        await RedisStore.open(valkey_url, shards=16)


async def test_a_server_that_is_not_there_is_said_so() -> None:
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1"):
        await RedisStore.open("redis://127.0.0.1:1/0")


async def test_a_parked_event_can_be_sent_again(store: RedisStore) -> None:
    await store.inbox.append(message())
    [entry] = await store.turns.read_events(dict.fromkeys(range(8), "0"), count=1, block=1.0)
    lease = await store.turns.acquire_shard(entry.shard, "w", TTL)
    assert lease is not None
    letter = DeadLetter(
        id="d_1", kind=DeadLetterKind.EVENT, at=NOW, source="web:main", chat=str(LEA), error="bug", payload=""
    )
    await store.turns.park_event(lease, entry, letter)
    [parked] = await store.dead.list_dead()
    assert '"où est mon colis ?"' in parked.payload
    assert not await store.dead.resend("d_1", chat=LEA), "nothing that goes out"
    assert await store.dead.resend("d_1")
    assert not await store.dead.resend("d_1")
    [again] = await store.turns.read_events(dict.fromkeys(range(8), "0"), count=1, block=1.0)
    assert replace(message()) == again.value


async def test_each_time_it_is_sent_again_a_message_is_a_new_entry(store: RedisStore) -> None:
    """What becomes of it is told anew, and none of the tellings is taken for an earlier one."""
    memory = {"inbox": store.inbox, "turns": store.turns, "outbox": store.outbox}
    doors = Doors(**memory, timers=store.timers, log=store.log, leases=store.leases)
    later = NOW + timedelta(hours=1)
    [entry] = await waiting(doors, answer(not_before=later))
    lease = await doors.sender()
    for number in (1, 2):
        await doors.outbox.begin_send(lease, entry)
        letter = DeadLetter(
            id=f"d_{number}", kind=DeadLetterKind.OUTGOING, at=NOW, source="web:main", chat=str(LEA),
            error="blocked", payload="",
        )  # fmt: skip
        await doors.outbox.finish_send(lease, entry, letter=letter)
        assert await doors.outgoing() == []
        assert await store.dead.resend(f"d_{number}")
        assert not await store.dead.resend(f"d_{number}"), "twice is once"
        [entry] = await doors.outgoing()
        assert entry.value.id == "o_1" + "~" * number
        assert entry.value.not_before is None
        assert entry.value.payload == answer().payload
    await recalled(doors, "m_1")
    assert (await doors.outbox.begin_send(lease, entry)).advice is SendAdvice.OBSOLETE


async def test_a_letter_is_sent_again_only_for_whom_it_is_to(store: RedisStore) -> None:
    memory = {"inbox": store.inbox, "turns": store.turns, "outbox": store.outbox}
    doors = Doors(**memory, timers=store.timers, log=store.log, leases=store.leases)
    [entry] = await waiting(doors, answer(conversation="c_1"))
    lease = await doors.sender()
    await doors.outbox.begin_send(lease, entry)
    letter = DeadLetter(
        id="d_1", kind=DeadLetterKind.OUTGOING, at=NOW, source="web:main", chat=str(LEA), error="blocked",
        payload="",
    )  # fmt: skip
    await doors.outbox.finish_send(lease, entry, letter=letter)
    assert not await store.dead.resend("d_1", chat=replace(LEA, user="another"))
    assert await doors.outgoing() == []
    assert await store.dead.resend("d_1", chat=LEA)
    assert len(await doors.outgoing()) == 1


async def test_an_entry_of_another_version_is_handed_over_unread(store: RedisStore) -> None:
    key = store.layout.of[store.turns.shard_of(LEA)].inbox
    await store.connection.do("XADD", key, "*", "d", b'["HologramSent",{"id":"x"}]')
    [entry] = await store.turns.read_events(dict.fromkeys(range(8), "0"), count=1, block=1.0)
    assert entry.value is None
    assert "HologramSent" in entry.raw


async def test_a_dead_process_of_this_host_leaves_its_leases_to_the_living(store: RedisStore) -> None:
    dead = await store.turns.acquire_shard(1, "here:77:aa", TTL)
    await store.turns.acquire_shard(2, "here:88:bb", TTL)
    await store.turns.acquire_shard(3, "elsewhere:77:cc", TTL)
    await store.leases.acquire("scheduler", "here:77:aa", TTL)
    shards = [keys.lease for keys in store.layout.of]
    assert await store.leases.bury(shards, "here", lambda pid: pid != 77) == 2
    taken = await store.turns.acquire_shard(1, "here:99:dd", TTL)
    assert dead is not None
    assert taken is not None
    assert taken.token > dead.token
    assert await store.turns.acquire_shard(2, "here:99:dd", TTL) is None
    assert await store.turns.acquire_shard(3, "here:99:dd", TTL) is None
    assert await store.leases.acquire("scheduler", "here:99:dd", TTL) is not None
