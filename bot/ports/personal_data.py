"""Everything that keeps personal data says so here, so that erasing a person is a loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from bot.domain.identity import ChatId


@dataclass(frozen=True, slots=True)
class RetentionClass:
    """What is kept, why, and for how many days at most."""

    name: str
    purpose: str
    days: int


class PersonalData(Protocol):
    """A place that keeps something of a person, found by their chat."""

    @property
    def retention(self) -> RetentionClass:
        """What this place keeps, and how long."""
        ...

    async def export(self, chat: ChatId) -> list[dict[str, Any]]:
        """All it holds of this chat, readable by a person, JSON-ready."""
        ...

    async def erase(self, chat: ChatId) -> int:
        """Remove all of it; returns how many records went. Doing it again finds none."""
        ...
