"""What a sender reads, begins and finishes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from bot.domain.deadletter import DeadLetter
from bot.domain.errors import Fenced
from bot.domain.events import Event
from bot.domain.facts import Fact
from bot.domain.outgoing import MessageOut, Outgoing
from bot.ports.store import SENDER, Cursors, Entry, Lease, SendAdvice, SendPermit
from bot.storage import codec, keys, scripts
from bot.storage.layout import Layout
from bot.storage.streams import StreamReader
from bot.storage.turns import between_lines


class RedisOutbox:
    """Implements OutboxStore."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._reader = StreamReader(layout.connection)

    @property
    def shards(self) -> int:
        """How many shards there are."""
        return self._layout.shards

    async def raise_fence(self, destination: str, lease: Lease) -> None:
        """Shut older holders of the lease out of every shard."""
        raised = await asyncio.gather(
            *(
                self._layout.connection.call(scripts.RAISE_FENCE, [shard.fence(destination)], lease.token)
                for shard in self._layout.of
            )
        )
        if not all(raised):
            raise Fenced(lease.name)
        await self._layout.connection.do("SADD", keys.DESTINATIONS, destination)

    async def read_outgoing(
        self, destination: str, cursors: Cursors, *, count: int, block: float
    ) -> list[Entry[Outgoing]]:
        """Entries for a destination after the cursors."""
        outboxes = {shard: self._layout.of[shard].outbox(destination) for shard in cursors}
        return await self._reader.read(outboxes, cursors, codec.decode_outgoing, count=count, block=block)

    async def begin_send(self, lease: Lease, entry: Entry[Outgoing]) -> SendPermit:
        """Mark the entry as being sent."""
        out = _value(entry)
        shard = self._layout.of[entry.shard]
        advice, attempts = await self._layout.connection.call(
            scripts.BEGIN_SEND,
            [shard.fence(out.destination), shard.outbox(out.destination), shard.sending(out.destination),
             shard.chat(out.chat)],
            lease.token, entry.id, out.epoch, int(out.yields), _recallable(out),
        )  # fmt: skip
        if advice in (b"fenced", b"gone"):
            raise Fenced(lease.name)
        return SendPermit(SendAdvice(advice.decode()), int(attempts))

    async def defer_send(
        self, lease: Lease, entry: Entry[Outgoing], until: datetime, *, doubtful: bool, counted: bool = True
    ) -> None:
        """The call failed or must wait."""
        destination = _destination(lease)
        shard = self._layout.of[entry.shard]
        reply = await self._layout.connection.call(
            scripts.DEFER_SEND,
            [shard.fence(destination), shard.outbox(destination), shard.sending(destination)],
            lease.token, entry.id, "doubt" if doubtful else "deferred", int(until.timestamp() * 1000),
            int(counted),
        )  # fmt: skip
        if reply == b"fenced":
            raise Fenced(lease.name)

    async def deferred(self, destination: str, entries: Sequence[Entry[Outgoing]]) -> Mapping[str, datetime]:
        """Until when each entry was deferred, by ``shard/id``."""
        by_shard: dict[int, list[str]] = {}
        for entry in entries:
            by_shard.setdefault(entry.shard, []).append(entry.id)
        replies = await asyncio.gather(
            *(
                self._layout.connection.do("HMGET", self._layout.of[shard].sending(destination), *ids)
                for shard, ids in by_shard.items()
            )
        )
        return {
            f"{shard}/{entry_id}": datetime.fromtimestamp(until / 1000, UTC)
            for (shard, ids), values in zip(by_shard.items(), replies, strict=True)
            for entry_id, value in zip(ids, values, strict=True)
            if value and (until := int(value.rpartition(b"|")[2]))
        }

    async def finish_send(
        self,
        lease: Lease,
        entry: Entry[Outgoing],
        *,
        facts: Sequence[Fact] = (),
        events: Sequence[Event] = (),
        letter: DeadLetter | None = None,
    ) -> None:
        """The entry is done with."""
        if letter is not None and entry.value is not None:
            letter = replace(letter, payload=codec.encode_outgoing(entry.value).decode())
        destination = _destination(lease)
        shard = self._layout.of[entry.shard]
        reply = await self._layout.connection.call(
            scripts.FINISH_SEND,
            [shard.fence(destination), shard.outbox(destination), shard.sending(destination),
             shard.log, shard.inbox, shard.dead],
            lease.token, entry.id,
            letter.id if letter else "", codec.encode_letter(letter) if letter else b"",
            len(facts), *(codec.encode_fact(fact) for fact in facts),
            len(events), *(codec.encode_event(event) for event in events),
        )  # fmt: skip
        if reply == b"fenced":
            raise Fenced(lease.name)

    async def close(self) -> None:
        """Stop reading."""
        await self._reader.close()


def _recallable(out: Outgoing) -> str:
    return between_lines([out.payload.message_id]) if isinstance(out.payload, MessageOut) else ""


def _destination(lease: Lease) -> str:
    return lease.name.removeprefix(SENDER)


def _value(entry: Entry[Outgoing]) -> Outgoing:
    if entry.value is None:
        raise ValueError("an unreadable entry cannot be sent, only parked")
    return entry.value
