"""What could not be handled or delivered: parked where staff see it, and can resend it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class DeadLetterKind(StrEnum):
    """Where it came from."""

    UPDATE = "update"
    EVENT = "event"
    OUTGOING = "outgoing"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """``payload`` is the masked JSON of the update, event or outbox entry; ``error`` is our code
    and its detail; ``source`` the channel or destination. ``chat`` is None for a raw update."""

    id: str
    kind: DeadLetterKind
    at: datetime
    source: str
    chat: str | None
    error: str
    payload: str
