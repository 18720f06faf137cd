"""What the bot knows, as the admin's files say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Answer:
    """An FAQ entry in one language. ``title`` is short enough for a button. ``while_waiting``: the bot may
    give it to a customer who waits for a person."""

    intent: str
    language: str
    title: str
    text: str
    team: str
    related: tuple[str, ...] = ()
    while_waiting: bool = False


class Knowledge(Protocol):
    """Reads FAQ entries. An edited answer is live in seconds."""

    def answer(self, intent: str, language: str) -> Answer | None:
        """The entry in that language, or in the other one when it has no text in this one."""
        ...

    def intents(self) -> Sequence[str]:
        """All FAQ intents."""
        ...
