"""The way out: what a sender hands entries to. Channels, desks, the media fetcher, the mailer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

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
