"""The record for analysis, in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bot.domain.facts import Fact


class Record(Protocol):
    """Where facts are kept for good."""

    async def store(self, facts: Sequence[Fact]) -> int:
        """Write facts, each once by its id; returns how many were new.

        Raises:
            RecordUnavailable: nothing is known to be written; store the same again.
        """
        ...
