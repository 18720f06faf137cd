"""The live state: sharded, leased, atomic. See docs/adr/0002.

A chat hashes to one of N shards. One owner at a time holds a shard's lease; every write it makes
is checked against the lease's fencing token in the same atomic step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from bot.domain.chat import Chat
from bot.domain.deadletter import DeadLetter
from bot.domain.decision import TimerChange
from bot.domain.events import Event
from bot.domain.facts import Fact
from bot.domain.identity import ChatId
from bot.domain.outgoing import Outgoing
from bot.ports.inbox import Appended


@dataclass(frozen=True, slots=True)
class Lease:
    """A right that ends by itself. ``token`` grows with each holder: a stale one is refused."""

    name: str
    owner: str
    token: int


class LeaseStore(Protocol):
    """Who may do what, now."""

    async def acquire(self, name: str, owner: str, ttl: float) -> Lease | None:
        """Take a free lease for ``ttl`` seconds; None when somebody else holds it."""
        ...

    async def renew(self, lease: Lease, ttl: float) -> bool:
        """Keep it ``ttl`` seconds more; False when it was lost."""
        ...

    async def release(self, lease: Lease) -> None:
        """Give it up, if it is still ours."""
        ...


T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Entry(Generic[T_co]):
    """Something read from a shard's stream. ``id`` is the stream's own, in order.

    ``value`` is None when the record cannot be read back; ``raw`` is then what to park.
    """

    shard: int
    id: str
    value: T_co | None
    raw: str = ""


Cursors = Mapping[int, str]
"""The last entry id read of each shard; ``"0"`` to begin."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A chat's state and version; None and 0 for a chat not seen before."""

    chat: Chat | None
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """All that one turn decided."""

    shard: int
    entry_id: str
    event_id: str
    chat: Chat
    version: int
    outgoing: tuple[Outgoing, ...] = ()
    facts: tuple[Fact, ...] = ()
    timers: tuple[TimerChange, ...] = ()


class CommitResult(StrEnum):
    """What became of a commit."""

    DONE = "done"
    ALREADY = "already"
    """It had been done before: the inbox entry is gone and the version is its own."""
    STALE = "stale"
    """The chat has another version than the turn was made from: load again, run again."""
    GONE = "gone"
    """The entry was handled by somebody else."""


class TurnStore(Protocol):
    """What a worker needs."""

    @property
    def shards(self) -> int:
        """How many shards there are."""
        ...

    def shard_of(self, chat: ChatId) -> int:
        """Where a chat lives."""
        ...

    async def announce(self, owner: str, ttl: float) -> int:
        """Say that a worker is here for ``ttl`` seconds; returns how many are, this one included."""
        ...

    async def withdraw(self, owner: str) -> None:
        """The worker has gone: the others may have its share."""
        ...

    async def acquire_shard(self, shard: int, owner: str, ttl: float) -> Lease | None:
        """Take a shard, whose writes are then fenced by the lease."""
        ...

    async def renew_shards(self, leases: Mapping[int, Lease], ttl: float) -> frozenset[int]:
        """Keep shards; returns those that were lost."""
        ...

    async def release_shard(self, shard: int, lease: Lease) -> None:
        """Give a shard up, if it is still ours."""
        ...

    async def read_events(self, cursors: Cursors, *, count: int, block: float) -> list[Entry[Event]]:
        """Events after the cursors, in order within a shard; waits up to ``block`` seconds."""
        ...

    async def load(self, chat: ChatId) -> Loaded:
        """The chat's state."""
        ...

    async def commit(self, lease: Lease, commit: Commit) -> CommitResult:
        """Apply a turn, all or nothing.

        Raises:
            Fenced: the lease is not ours any more; nothing was written.
            StoreUnavailable: it is not known whether it was written; commit the same again.
        """
        ...

    async def park_event(self, lease: Lease, entry: Entry[Event], letter: DeadLetter) -> None:
        """Move an event out of the way, to the dead letters; a readable entry becomes the
        letter's payload.

        Raises:
            Fenced: the lease is not ours any more; nothing was written.
        """
        ...


class SendAdvice(StrEnum):
    """Whether to make the call."""

    GO = "go"
    DOUBT = "doubt"
    """A call for this entry was begun before and its end is not known."""
    OBSOLETE = "obsolete"
    """The speaker has changed since, or it was taken back before a call was made: do not send."""


@dataclass(frozen=True, slots=True)
class SendPermit:
    """The answer to "may I send this now?"; ``attempts`` counts this one."""

    advice: SendAdvice
    attempts: int


SENDER = "sender:"
"""What the names of senders' leases begin with."""


def sender_lease(destination: str) -> str:
    """The name of the lease that whoever sends to a destination holds."""
    return f"{SENDER}{destination}"


class OutboxStore(Protocol):
    """What a sender needs. The sender holds the lease ``sender:<destination>``."""

    @property
    def shards(self) -> int:
        """How many shards there are."""
        ...

    async def raise_fence(self, destination: str, lease: Lease) -> None:
        """Tell every shard that older holders of this lease may not write any more."""
        ...

    async def read_outgoing(
        self, destination: str, cursors: Cursors, *, count: int, block: float
    ) -> list[Entry[Outgoing]]:
        """Entries for a destination after the cursors, in order within a shard."""
        ...

    async def begin_send(self, lease: Lease, entry: Entry[Outgoing]) -> SendPermit:
        """Mark the entry as being sent, just before the call; looks at the chat's epoch.

        Raises:
            Fenced: another sender has taken over.
        """
        ...

    async def defer_send(
        self, lease: Lease, entry: Entry[Outgoing], until: datetime, *, doubtful: bool, counted: bool = True
    ) -> None:
        """The call failed or must wait: it is tried again after ``until``, by whoever sends then.

        ``doubtful``: an attempt may have succeeded. ``counted``: False for a delay that the
        destination asked for, which is no failed attempt.
        """
        ...

    async def deferred(self, destination: str, entries: Sequence[Entry[Outgoing]]) -> Mapping[str, datetime]:
        """Until when each entry (by its stream id and shard, ``"shard/id"``) was deferred, if it was."""
        ...

    async def finish_send(
        self,
        lease: Lease,
        entry: Entry[Outgoing],
        *,
        facts: Sequence[Fact] = (),
        events: Sequence[Event] = (),
        letter: DeadLetter | None = None,
    ) -> None:
        """The entry is done with: remove it, log, tell the chat, park it if it failed for good
        (a readable entry becomes the letter's payload).

        Raises:
            Fenced: another sender has taken over.
        """
        ...


class TimerStore(Protocol):
    """What the scheduler needs."""

    @property
    def shards(self) -> int:
        """How many shards there are."""
        ...

    async def fire_due(self, now: datetime, *, limit: int = 100) -> int:
        """Turn due timers into TimerDue events, atomically; returns how many."""
        ...


class LogStore(Protocol):
    """What the archiver needs."""

    @property
    def shards(self) -> int:
        """How many shards there are."""
        ...

    async def read_facts(self, cursors: Cursors, *, count: int, block: float) -> list[Entry[Fact]]:
        """Facts after the cursors."""
        ...

    async def drop_facts(self, entries: Sequence[Entry[Fact]]) -> None:
        """They are in SQL: forget them here."""
        ...


class DeadLetterStore(Protocol):
    """What could not be handled."""

    async def list_dead(self, *, limit: int = 100) -> list[DeadLetter]:
        """Parked letters, oldest first."""
        ...

    async def resend(self, letter_id: str, *, chat: ChatId | None = None) -> bool:
        """Put an event or an outgoing entry back where it was; False when there is none such. With a
        ``chat``, only an outgoing entry of that one.

        Raises:
            NotUnderstandable: a raw update, or a record that no version of ours can read.
        """
        ...

    async def discard(self, letter_id: str) -> bool:
        """Forget a letter."""
        ...


class InboxStore(Protocol):
    """Where the inbox keeps events."""

    async def append(self, event: Event) -> Appended:
        """Store an event once."""
        ...

    async def park(self, letter: DeadLetter) -> None:
        """Keep a raw update that cannot be read."""
        ...


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """A running role, as ``guichet status`` shows it."""

    role: str
    pid: int
    host: str
    started_at: datetime
    seen_at: datetime
    detail: dict[str, str] = field(default_factory=dict)


class ProcessStore(Protocol):
    """Who is running."""

    async def beat(self, process: ProcessInfo, ttl: float) -> None:
        """Say that a role runs; forgotten after ``ttl`` seconds without another beat."""
        ...

    async def processes(self) -> list[ProcessInfo]:
        """Roles heard of lately."""
        ...

    async def leave(self, process: ProcessInfo) -> None:
        """A role stopped on purpose."""
        ...

    async def backlog(self) -> Mapping[str, int]:
        """How much waits: ``inbox``, ``outbox``, ``log``, ``timers``, ``dead``."""
        ...
