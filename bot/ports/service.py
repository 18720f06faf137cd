"""What the record tells those who serve: a customer's past, a conversation in full, a team's day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.domain.identity import ChatId
from bot.domain.message import Line


@dataclass(frozen=True, slots=True)
class TeamDay:
    """A team's day so far. Times in seconds, medians over the cases that have them; None without any.

    Attributes:
        handled: cases that a person resolved or gave back.
        first_response: from asking for a person to a person's first words (open or closed cases).
        resolution: from asking for a person to the end.
        ratings: how many customers rated; ``satisfaction`` their mean, from 1 to 5.
    """

    handled: int
    first_response: float | None
    resolution: float | None
    ratings: int
    satisfaction: float | None


@dataclass(frozen=True, slots=True)
class PastConversation:
    """An episode of a customer's past, latest first in lists."""

    id: str
    opened_at: datetime
    closed_at: datetime | None
    outcome: str | None
    topics: tuple[str, ...] = ()
    rating: int | None = None


@dataclass(frozen=True, slots=True)
class CustomerFound:
    """A customer, as the record knows them."""

    chat: ChatId
    name: str
    language: str | None
    first_seen: datetime
    last_seen: datetime
    conversations: tuple[PastConversation, ...] = ()


class ServiceReader(Protocol):
    """Reads the record for those who serve. It may be a second behind.

    All of it raises ``RecordUnavailable``.
    """

    async def team_day(self, team: str, since: datetime, until: datetime) -> TeamDay:
        """What a team did in a span of time."""
        ...

    async def conversation(self, conversation: str, *, limit: int = 200) -> Sequence[Line]:
        """What was said in a conversation, in order, as it stands after edits and deletions (a deleted
        message has no text): the last ``limit`` messages."""
        ...

    async def customer(self, chat: ChatId) -> CustomerFound | None:
        """One customer, with their last ten conversations."""
        ...

    async def find_customers(self, words: str, *, limit: int = 5) -> Sequence[CustomerFound]:
        """Customers by name, email or order number: exact where the customer gave it (a number or an
        email in their messages), by part for a name; latest seen first."""
        ...
