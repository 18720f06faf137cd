"""The way in, for channels and desks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bot.domain.chat import Speaker
from bot.domain.events import Event


@dataclass(frozen=True, slots=True)
class Appended:
    """The event is durable. ``new`` is False when its id was known already.

    ``speaker`` is who spoke in the chat at that moment, None for a chat not seen before: enough
    to show a typing indicator that does not lie.
    """

    new: bool
    speaker: Speaker | None


class Inbox(Protocol):
    """Takes events. An adapter confirms to its platform only after ``append`` has returned."""

    def clean(self, text: str) -> str:
        """The text as it will be kept: control characters out, secrets masked for good."""
        ...

    async def append(self, event: Event) -> Appended:
        """Store an event, cleaned, once: appending the same ``event.id`` again changes nothing.

        Raises:
            StoreUnavailable: nothing was promised; the platform will send it again.
        """
        ...

    async def park(self, source: str, raw: str, error: str) -> None:
        """Keep a raw update that cannot be read, masked, where staff see it.

        Raises:
            StoreUnavailable: nothing was promised.
        """
        ...
