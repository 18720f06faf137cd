"""What a worker reads and commits."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.domain.chat import Chat
from bot.domain.deadletter import DeadLetter
from bot.domain.decision import CancelTimer, SetTimer
from bot.domain.errors import Fenced
from bot.domain.events import Event, TimerDue
from bot.domain.identity import ChatId
from bot.ports.store import Commit, CommitResult, Cursors, Entry, Lease, Loaded
from bot.storage import codec, scripts
from bot.storage.connection import Argument
from bot.storage.keys import WORKERS
from bot.storage.layout import Layout
from bot.storage.leases import acquire, held_by
from bot.storage.streams import StreamReader

_OUTBOX_AT = 7
"""The first outbox among the commit script's KEYS, counted from 1 as Lua does."""


class RedisTurns:
    """Implements TurnStore. A chat's state is kept ``keep_days`` after its last turn."""

    def __init__(self, layout: Layout, keep_days: float) -> None:
        self._layout = layout
        self._keep_seconds = int(keep_days * 86_400)
        self._reader = StreamReader(layout.connection)
        self._inboxes = {keys.shard: keys.inbox for keys in layout.of}

    @property
    def shards(self) -> int:
        """How many shards there are."""
        return self._layout.shards

    def shard_of(self, chat: ChatId) -> int:
        """Where a chat lives."""
        return self._layout.shard_of(chat)

    async def announce(self, owner: str, ttl: float) -> int:
        """Say that a worker is here; returns how many are."""
        now = datetime.now(UTC)
        until = _ms(now + timedelta(seconds=ttl))
        return int(await self._layout.connection.call(scripts.ANNOUNCE, [WORKERS], owner, _ms(now), until))

    async def withdraw(self, owner: str) -> None:
        """The worker has gone."""
        await self._layout.connection.do("ZREM", WORKERS, owner)

    async def acquire_shard(self, shard: int, owner: str, ttl: float) -> Lease | None:
        """Take a shard."""
        keys = self._layout.of[shard]
        return await acquire(
            self._layout.connection, f"shard:{shard}", owner, ttl, key=keys.lease, token_key=keys.lease_token
        )

    async def renew_shards(self, leases: Mapping[int, Lease], ttl: float) -> frozenset[int]:
        """Keep shards; returns those that were lost."""
        call = self._layout.connection.call
        renewed = await asyncio.gather(
            *(
                call(scripts.RENEW, [self._layout.of[shard].lease], held_by(lease), int(ttl * 1000))
                for shard, lease in leases.items()
            )
        )
        return frozenset(shard for shard, kept in zip(leases, renewed, strict=True) if not kept)

    async def release_shard(self, shard: int, lease: Lease) -> None:
        """Give a shard up, if it is still ours."""
        await self._layout.connection.call(scripts.RELEASE, [self._layout.of[shard].lease], held_by(lease))

    async def read_events(self, cursors: Cursors, *, count: int, block: float) -> list[Entry[Event]]:
        """Events after the cursors."""
        return await self._reader.read(self._inboxes, cursors, codec.decode_event, count=count, block=block)

    async def load(self, chat: ChatId) -> Loaded:
        """The chat's state."""
        key = self._layout.keys_of(chat).chat(chat)
        version, state = await self._layout.connection.do("HMGET", key, "v", "d")
        return Loaded(codec.decode_chat(state), int(version)) if state else Loaded(None, 0)

    async def commit(self, lease: Lease, commit: Commit) -> CommitResult:
        """Apply a turn, all or nothing."""
        keys, arguments = self._commit_call(lease, commit)
        reply = (await self._layout.connection.call(scripts.COMMIT, keys, *arguments)).decode()
        if reply == "fenced":
            raise Fenced(lease.name)
        return CommitResult(reply)

    async def park_event(self, lease: Lease, entry: Entry[Event], letter: DeadLetter) -> None:
        """Move an event to the dead letters."""
        keys = self._layout.of[entry.shard]
        if entry.value is not None:
            letter = replace(letter, payload=codec.encode_event(entry.value).decode())
        reply = await self._layout.connection.call(
            scripts.PARK_EVENT,
            [keys.lease, keys.inbox, keys.dead],
            held_by(lease),
            entry.id,
            letter.id,
            codec.encode_letter(letter),
        )
        if reply == b"fenced":
            raise Fenced(lease.name)

    async def close(self) -> None:
        """Stop reading."""
        await self._reader.close()

    def _commit_call(self, lease: Lease, commit: Commit) -> tuple[list[str], list[Argument]]:
        keys = self._layout.of[commit.shard]
        chat = commit.chat
        places = {out.destination: 0 for out in commit.outgoing}
        places = {destination: _OUTBOX_AT + index for index, destination in enumerate(places)}
        arguments: list[Argument] = [
            held_by(lease), commit.entry_id, commit.event_id, commit.version,
            codec.encode_chat(chat), chat.epoch, chat.speaker.value, self._keep_seconds,
            between_lines(chat.recalled),
        ]  # fmt: skip
        arguments.append(len(commit.outgoing))
        for out in commit.outgoing:
            arguments += (places[out.destination], codec.encode_outgoing(out))
        arguments.append(len(commit.facts))
        arguments.extend(codec.encode_fact(fact) for fact in commit.facts)
        set_timers = [change for change in commit.timers if isinstance(change, SetTimer)]
        arguments.append(len(set_timers))
        for timer in set_timers:
            event = _timer_event(chat, timer)
            arguments += (timer_member(chat.id, timer.name), _ms(timer.due), codec.encode_event(event))
        cancelled = [change.name for change in commit.timers if isinstance(change, CancelTimer)]
        arguments.append(len(cancelled))
        arguments.extend(timer_member(chat.id, name) for name in cancelled)
        names = [keys.lease, keys.inbox, keys.chat(chat.id), keys.log, keys.timers, keys.timer_events]
        return names + [keys.outbox(destination) for destination in places], arguments


def between_lines(ids: Sequence[str]) -> str:
    """Ids so that each can be found by what stands around it."""
    return "".join(f"\n{one}\n" for one in ids)


def timer_member(chat: ChatId, name: str) -> str:
    """A timer's name among all of a shard."""
    return f"{name}|{chat}"


def _timer_event(chat: Chat, timer: SetTimer) -> TimerDue:
    event_id = f"timer:{timer.name}:{_ms(timer.due)}:{chat.id}"
    return TimerDue(id=event_id, chat=chat.id, at=timer.due, name=timer.name)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
