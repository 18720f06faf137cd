"""The live state in memory, held to the same contract as the real one (tests/contract/test_store.py).

It lets the engine be driven through thousands of faults a minute. A clock of its own makes
leases end.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from bot.domain.deadletter import DeadLetter
from bot.domain.decision import CancelTimer, SetTimer
from bot.domain.errors import Fenced
from bot.domain.events import Event, TimerDue
from bot.domain.facts import Fact
from bot.domain.identity import ChatId
from bot.domain.outgoing import MessageOut, Outgoing
from bot.ports.inbox import Appended
from bot.ports.store import Commit, CommitResult, Cursors, Entry, Lease, Loaded, SendAdvice, SendPermit
from bot.storage import codec
from bot.storage.keys import shard_of

T = TypeVar("T")


@dataclass
class _Stream:
    entries: dict[int, Any] = field(default_factory=dict)
    last: int = 0

    def add(self, value: Any) -> None:
        self.last += 1
        self.entries[self.last] = value

    def after(self, shard: int, cursor: str, count: int) -> list[Entry[Any]]:
        later = [number for number in self.entries if number > int(cursor)]
        return [Entry(shard, str(number), self.entries[number]) for number in later[:count]]


@dataclass
class _Held:
    lease: Lease
    until: float


class MemoryStore:
    """Implements InboxStore, TurnStore, OutboxStore, LeaseStore, LogStore and TimerStore."""

    def __init__(self, shards: int = 8, clock: Callable[[], float] = lambda: 0.0) -> None:
        self.shards = shards
        self.clock = clock
        self._readers: set[asyncio.Event] = set()
        self.seen: set[str] = set()
        self.inboxes: dict[int, _Stream] = defaultdict(_Stream)
        self.outboxes: dict[tuple[int, str], _Stream] = defaultdict(_Stream)
        self.logs: dict[int, _Stream] = defaultdict(_Stream)
        self.chats: dict[ChatId, tuple[Any, int, str]] = {}
        self.leases: dict[str, _Held] = {}
        self.tokens: dict[str, int] = defaultdict(int)
        self.fences: dict[tuple[int, str], int] = {}
        self.sending: dict[tuple[int, str, str], tuple[str, int, datetime | None]] = {}
        self.timers: dict[int, dict[tuple[str, ChatId], datetime]] = defaultdict(dict)
        self.letters: dict[str, DeadLetter] = {}
        self.workers: dict[str, float] = {}
        self.writes: list[tuple[str, int]] = []
        """Every fenced write, by the name of its right and its token."""

    def shard_of(self, chat: ChatId) -> int:
        return shard_of(chat, self.shards)

    def _changed(self) -> None:
        """Wake whoever waits to read."""
        for waiting in self._readers:
            waiting.set()

    async def _read(self, look: Callable[[], list[Entry[Any]]], block: float) -> list[Entry[Any]]:
        loop = asyncio.get_running_loop()
        deadline, woken = loop.time() + block, asyncio.Event()
        self._readers.add(woken)
        try:
            while not (found := look()) and (left := deadline - loop.time()) > 0:
                woken.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(woken.wait(), left)
            await asyncio.sleep(0)
            return found
        finally:
            self._readers.discard(woken)

    # --- inbox -----------------------------------------------------------------------------

    async def append(self, event: Event) -> Appended:
        state = self.chats.get(event.chat)
        speaker = state[0].speaker if state else None
        if event.id in self.seen:
            return Appended(False, speaker)
        self.seen.add(event.id)
        self.inboxes[self.shard_of(event.chat)].add(_copied(event))
        self._changed()
        return Appended(True, speaker)

    async def park(self, letter: DeadLetter) -> None:
        self.letters.setdefault(letter.id, letter)

    # --- leases ----------------------------------------------------------------------------

    async def acquire(self, name: str, owner: str, ttl: float) -> Lease | None:
        held = self._held(name)
        if held is not None:
            if held.lease.owner != owner:
                return None
            held.until = self.clock() + ttl
            return held.lease
        self.tokens[name] += 1
        lease = Lease(name, owner, self.tokens[name])
        self.leases[name] = _Held(lease, self.clock() + ttl)
        return lease

    async def renew(self, lease: Lease, ttl: float) -> bool:
        held = self._held(lease.name)
        if held is None or held.lease != lease:
            return False
        held.until = self.clock() + ttl
        return True

    async def release(self, lease: Lease) -> None:
        held = self._held(lease.name)
        if held is not None and held.lease == lease:
            del self.leases[lease.name]

    async def announce(self, owner: str, ttl: float) -> int:
        self.workers = {name: until for name, until in self.workers.items() if until > self.clock()}
        self.workers[owner] = self.clock() + ttl
        return len(self.workers)

    async def withdraw(self, owner: str) -> None:
        self.workers.pop(owner, None)

    async def acquire_shard(self, shard: int, owner: str, ttl: float) -> Lease | None:
        return await self.acquire(f"shard:{shard}", owner, ttl)

    async def renew_shards(self, leases: Mapping[int, Lease], ttl: float) -> frozenset[int]:
        return frozenset([shard for shard, lease in leases.items() if not await self.renew(lease, ttl)])

    async def release_shard(self, shard: int, lease: Lease) -> None:
        await self.release(lease)

    def _held(self, name: str) -> _Held | None:
        held = self.leases.get(name)
        if held is not None and held.until <= self.clock():
            del self.leases[name]
            return None
        return held

    def _check(self, lease: Lease) -> None:
        held = self._held(lease.name)
        if held is None or held.lease != lease:
            raise Fenced(lease.name)

    # --- turns -----------------------------------------------------------------------------

    async def read_events(self, cursors: Cursors, *, count: int, block: float) -> list[Entry[Event]]:
        return await self._read(lambda: _after(self.inboxes, cursors, count), block)

    async def load(self, chat: ChatId) -> Loaded:
        state = self.chats.get(chat)
        return Loaded(state[0], state[1]) if state else Loaded(None, 0)

    async def commit(self, lease: Lease, commit: Commit) -> CommitResult:
        self._check(lease)
        _, version, last_event = self.chats.get(commit.chat.id, (None, 0, ""))
        inbox = self.inboxes[commit.shard]
        if int(commit.entry_id) not in inbox.entries:
            mine = version == commit.version + 1 and last_event == commit.event_id
            return CommitResult.ALREADY if mine else CommitResult.GONE
        if version != commit.version:
            return CommitResult.STALE
        self.writes.append((lease.name, lease.token))
        self.chats[commit.chat.id] = (commit.chat, version + 1, commit.event_id)
        for out in commit.outgoing:
            self.outboxes[commit.shard, out.destination].add(_copied_out(out))
        for fact in commit.facts:
            self.logs[commit.shard].add(fact)
        for change in commit.timers:
            match change:
                case SetTimer():
                    self.timers[commit.shard][change.name, commit.chat.id] = change.due
                case CancelTimer():
                    self.timers[commit.shard].pop((change.name, commit.chat.id), None)
        del inbox.entries[int(commit.entry_id)]
        self._changed()
        return CommitResult.DONE

    async def park_event(self, lease: Lease, entry: Entry[Event], letter: DeadLetter) -> None:
        self._check(lease)
        if entry.value is not None:
            letter = replace(letter, payload=codec.encode_event(entry.value).decode())
        self.letters.setdefault(letter.id, letter)
        self.inboxes[entry.shard].entries.pop(int(entry.id), None)

    # --- outbox ----------------------------------------------------------------------------

    async def raise_fence(self, destination: str, lease: Lease) -> None:
        for shard in range(self.shards):
            if self.fences.get((shard, destination), 0) > lease.token:
                raise Fenced(lease.name)
            self.fences[shard, destination] = lease.token

    async def read_outgoing(
        self, destination: str, cursors: Cursors, *, count: int, block: float
    ) -> list[Entry[Outgoing]]:
        streams = {shard: self.outboxes[shard, destination] for shard in cursors}
        return await self._read(lambda: _after(streams, cursors, count), block)

    async def begin_send(self, lease: Lease, entry: Entry[Outgoing]) -> SendPermit:
        out = entry.value
        assert out is not None
        self._check_fence(lease, entry.shard)
        if int(entry.id) not in self.outboxes[entry.shard, out.destination].entries:
            raise Fenced(lease.name)
        key = (entry.shard, out.destination, entry.id)
        state, attempts, _ = self.sending.get(key, ("new", 0, None))
        chat = self.chats.get(out.chat)
        if out.yields and chat is not None and chat[0].epoch > out.epoch:
            return SendPermit(SendAdvice.OBSOLETE, attempts)
        recalled = chat[0].recalled if chat is not None else ()
        taken_back = isinstance(out.payload, MessageOut) and out.payload.message_id in recalled
        if taken_back and state not in ("sending", "doubt"):
            return SendPermit(SendAdvice.OBSOLETE, attempts)
        self.writes.append((f"{lease.name}/{entry.shard}", lease.token))
        self.sending[key] = ("sending", attempts + 1, None)
        advice = SendAdvice.DOUBT if state in ("sending", "doubt") else SendAdvice.GO
        return SendPermit(advice, attempts + 1)

    async def defer_send(
        self, lease: Lease, entry: Entry[Outgoing], until: datetime, *, doubtful: bool, counted: bool = True
    ) -> None:
        self._check_fence(lease, entry.shard)
        destination = lease.name.removeprefix("sender:")
        key = (entry.shard, destination, entry.id)
        if int(entry.id) in self.outboxes[entry.shard, destination].entries:
            attempts = self.sending.get(key, ("new", 0, None))[1]
            attempts = max(0, attempts - 1 + int(counted))
            self.sending[key] = ("doubt" if doubtful else "deferred", attempts, until)

    async def deferred(self, destination: str, entries: Sequence[Entry[Outgoing]]) -> Mapping[str, datetime]:
        found = {
            f"{entry.shard}/{entry.id}": self.sending.get(
                (entry.shard, destination, entry.id), ("", 0, None)
            )[2]
            for entry in entries
        }
        return {key: until for key, until in found.items() if until is not None}

    async def finish_send(
        self,
        lease: Lease,
        entry: Entry[Outgoing],
        *,
        facts: Sequence[Fact] = (),
        events: Sequence[Event] = (),
        letter: DeadLetter | None = None,
    ) -> None:
        self._check_fence(lease, entry.shard)
        destination = lease.name.removeprefix("sender:")
        entries = self.outboxes[entry.shard, destination].entries
        if int(entry.id) not in entries:
            return
        del entries[int(entry.id)]
        self.sending.pop((entry.shard, destination, entry.id), None)
        for fact in facts:
            self.logs[entry.shard].add(fact)
        for event in events:
            self.inboxes[entry.shard].add(event)
        self._changed()
        if letter is not None:
            if entry.value is not None:
                letter = replace(letter, payload=codec.encode_outgoing(entry.value).decode())
            self.letters.setdefault(letter.id, letter)

    def _check_fence(self, lease: Lease, shard: int) -> None:
        if self.fences.get((shard, lease.name.removeprefix("sender:"))) != lease.token:
            raise Fenced(lease.name)

    # --- timers, log -----------------------------------------------------------------------

    async def fire_due(self, now: datetime, *, limit: int = 100) -> int:
        fired = 0
        for shard, timers in self.timers.items():
            due = [key for key, moment in timers.items() if moment <= now][:limit]
            for name, chat in due:
                moment = timers.pop((name, chat))
                event_id = f"timer:{name}:{int(moment.timestamp() * 1000)}:{chat}"
                self.inboxes[shard].add(TimerDue(id=event_id, chat=chat, at=moment, name=name))
                fired += 1
        self._changed()
        return fired

    async def read_facts(self, cursors: Cursors, *, count: int, block: float) -> list[Entry[Fact]]:
        return await self._read(lambda: _after(self.logs, cursors, count), block)

    async def drop_facts(self, entries: Sequence[Entry[Fact]]) -> None:
        for entry in entries:
            self.logs[entry.shard].entries.pop(int(entry.id), None)


def _copied(event: Event) -> Event:
    return codec.decode_event(codec.encode_event(event))


def _copied_out(entry: Outgoing) -> Outgoing:
    return codec.decode_outgoing(codec.encode_outgoing(entry))


def _after(streams: Mapping[int, _Stream], cursors: Cursors, count: int) -> list[Entry[Any]]:
    return [
        entry for shard, cursor in cursors.items() for entry in streams[shard].after(shard, cursor, count)
    ]
