"""The way out: what a sender hands entries to. Channels, desks, the media fetcher, the mailer."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from bot.domain.outgoing import Outgoing


@dataclass(frozen=True, slots=True)
class Pacing:
    """How fast a destination takes messages, per second; None for no limit."""

    overall: float | None = None
    per_chat: float | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """The destination took it. ``platform_id`` is its own name for the message."""

    platform_id: str | None = None
    maybe_duplicate: bool = False


class Deliverer(Protocol):
    """Delivers outbox entries of one destination. Order per chat is the sender's business."""

    @property
    def destination(self) -> str:
        """``channel:account``, ``desk:name``, ``media:channel`` …"""
        ...

    @property
    def pacing(self) -> Pacing:
        """The destination's published limits."""
        ...

    async def deliver(self, entry: Outgoing, *, doubtful: bool) -> Delivered:
        """Make the call. ``doubtful``: an earlier call for the same entry may have succeeded;
        reconcile if the destination can tell, send again and say ``maybe_duplicate`` if not.

        Raises:
            DeliveryDelayed: the destination asks to wait.
            DeliveryFailed: try again later.
            DeliveryRefused: it will never take it.
        """
        ...


@runtime_checkable
class JoiningDeliverer(Deliverer, Protocol):
    """A deliverer whose destination has a budget of its own, and where entries can go together.

    The sender asks it which lane an entry goes in (each is in order), waits until it is admitted, then
    hands over with it those right behind it in the lane that join it.
    """

    def lane(self, entry: Outgoing) -> Hashable:
        """What is kept in order: entries of one lane. Must hold the chat or something narrower. Asked as
        each entry is read, in the order they were written."""
        ...

    async def admit(self, entry: Outgoing) -> None:
        """Wait until the destination's limits have room for this entry, the urgent ones first."""
        ...

    def joins(self, ahead: Sequence[Outgoing], entry: Outgoing) -> bool:
        """Whether an entry can go in the same call as those ahead of it."""
        ...

    async def deliver_joined(self, entries: Sequence[Outgoing], *, doubtful: bool) -> Sequence[Delivered]:
        """Make the call for all of them; what became of each, in order. All or none: an error is
        everybody's. ``doubtful``: some of them may be there already, joined with these or with others.

        Raises:
            DeliveryDelayed, DeliveryFailed, DeliveryRefused: as for ``deliver``.
        """
        ...
