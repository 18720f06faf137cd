"""Every key Guichet uses, in one place.

All keys of a shard carry its hash tag (``{07}``), so that whatever a turn commits is in one slot,
on one Redis or on Redis Cluster.
"""

from __future__ import annotations

import hashlib

from bot.domain.identity import ChatId
from bot.domain.ids import digest

ROOT = "guichet"


def shard_of(chat: ChatId, shards: int) -> int:
    """The shard a chat hashes to; the same for ever, as long as ``shards`` is."""
    hashed = hashlib.blake2b(str(chat).encode(), digest_size=8).digest()
    return int.from_bytes(hashed) % shards


class ShardKeys:
    """The keys of one shard."""

    def __init__(self, shard: int) -> None:
        self.shard = shard
        self.prefix = f"{ROOT}:{{{shard:02d}}}"
        self.lease = f"{self.prefix}:lease"
        self.lease_token = f"{self.prefix}:lease-token"
        self.inbox = f"{self.prefix}:in"
        self.log = f"{self.prefix}:log"
        self.timers = f"{self.prefix}:timers"
        self.timer_events = f"{self.prefix}:timer-events"
        self.dead = f"{self.prefix}:dead"

    def seen(self, event_id: str) -> str:
        """Set while an event id is known. Ids hold the chat's, and what clients made up: hashed, the key
        is short and names nobody."""
        return f"{self.prefix}:seen:{digest(event_id)}"

    def chat(self, chat: ChatId) -> str:
        """The state of a chat: a hash of version, epoch, speaker, last event and state."""
        return f"{self.prefix}:chat:{chat}"

    def outbox(self, destination: str) -> str:
        """Entries for one destination, in order."""
        return f"{self.prefix}:out:{destination}"

    def sending(self, destination: str) -> str:
        """Entries of that outbox that were begun or deferred: a hash by entry id."""
        return f"{self.prefix}:sending:{destination}"

    def fence(self, destination: str) -> str:
        """The newest token among the holders of a destination's lease."""
        return f"{self.prefix}:fence:{destination}"

    def transcript(self, chat: ChatId) -> str:
        """What a customer sees on a channel that has no memory of its own: a stream of frames."""
        return f"{self.prefix}:transcript:{chat}"

    def transcript_ids(self, chat: ChatId) -> str:
        """Where in the transcript each message is."""
        return f"{self.prefix}:transcript-ids:{chat}"

    def platform_ids(self, chat: ChatId) -> str:
        """What the platform calls the messages we sent: a hash by our message id."""
        return f"{self.prefix}:platform-ids:{chat}"

    def platform_ids_ages(self, chat: ChatId) -> str:
        """When each of those was sent."""
        return f"{self.prefix}:platform-ids-ages:{chat}"

    def threads(self, desk: str, chat: ChatId) -> str:
        """The set of a chat's conversations that have a thread at a desk."""
        return f"{self.prefix}:threads:{desk}:{chat}"

    def once(self, chat: ChatId, what: str) -> str:
        """Set once something that is done once was done in a chat."""
        return f"{self.prefix}:once:{what}:{chat}"


class BoardKeys:
    """The keys of a desk's board, all in one slot."""

    def __init__(self, desk: str) -> None:
        self.prefix = f"{ROOT}:{{board:{desk}}}"
        self.open = f"{self.prefix}:open"
        self.closed = f"{self.prefix}:closed"
        self.numbers = f"{self.prefix}:numbers"
        self.last_number = f"{self.prefix}:last-number"
        self.pulse = f"{self.prefix}:pulse"
        self.lists = (self.open, self.closed, self.last_number, self.numbers, self.pulse)

    def case(self, conversation: str) -> str:
        """The card and its version: a hash."""
        return f"{self.prefix}:case:{conversation}"

    def order(self, conversation: str) -> str:
        """The thread's message ids, in order."""
        return f"{self.prefix}:order:{conversation}"

    def lines(self, conversation: str) -> str:
        """What each message of the thread says."""
        return f"{self.prefix}:lines:{conversation}"

    def fates(self, conversation: str) -> str:
        """What became of each reply."""
        return f"{self.prefix}:fates:{conversation}"

    def of_chat(self, chat: ChatId) -> str:
        """The set of a chat's conversations."""
        return f"{self.prefix}:chat:{chat}"

    def waits(self, team: str) -> str:
        """How long customers of a team waited lately: a list, latest first."""
        return f"{self.prefix}:waits:{team}"


class ThreadKeys:
    """The keys of a conversation's thread at a desk, all in one slot."""

    def __init__(self, desk: str, conversation: str) -> None:
        prefix = f"{ROOT}:{{thread:{desk}:{conversation}}}"
        self.thread = f"{prefix}:thread"
        self.roots = f"{prefix}:roots"
        self.ids = f"{prefix}:ids"
        self.names = f"{prefix}:names"
        self.notes = f"{prefix}:notes"
        self.all = (self.thread, self.roots, self.ids, self.names, self.notes)


def thread_at(desk: str, place: str, root: str) -> str:
    """The conversation whose thread begins with that message."""
    return f"{ROOT}:thread-at:{desk}:{place}:{root}"


def said_of(agent_id: str) -> str:
    """What an agent said of their availability."""
    return f"{ROOT}:roster:said:{agent_id}"


def seen_of(agent_id: str) -> str:
    """Whether a desk saw an agent online, lately."""
    return f"{ROOT}:roster:seen:{agent_id}"


def lease(name: str) -> str:
    """A lease that is not a shard's, and its token beside it (same slot)."""
    return f"{ROOT}:{{lease:{name}}}"


def lease_token(name: str) -> str:
    """The counter behind a lease's fencing tokens."""
    return f"{ROOT}:{{lease:{name}}}:token"


SHARDS = f"{ROOT}:shards"
"""How many shards this store was laid out with; written once."""

PROCESSES = f"{ROOT}:processes"
"""A hash of running roles."""

DESTINATIONS = f"{ROOT}:destinations"
"""The set of destinations that ever had a sender."""

WORKERS = f"{ROOT}:workers"
"""The sorted set of workers, by when they are forgotten."""
