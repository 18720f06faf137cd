"""The record for analysis, in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bot.domain.facts import Fact
from bot.ports.store import Entry


class Record(Protocol):
    """Where facts are kept for good."""

    async def store(self, facts: Sequence[Fact]) -> int:
        """Write facts, each once by its id; returns how many were new.

        Raises:
            RecordUnavailable: nothing is known to be written; store the same again.
        """
        ...

    async def park(self, entries: Sequence[Entry[Fact]]) -> None:
        """Keep entries of the log that cannot be read back, each once, where staff see them.

        Raises:
            RecordUnavailable: nothing is known to be written; park the same again.
        """
        ...
