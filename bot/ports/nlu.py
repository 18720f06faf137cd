"""Understanding text."""

from __future__ import annotations

from typing import Protocol

from bot.domain.understanding import Understanding


class Nlu(Protocol):
    """Parses text, with a deadline of its own."""

    async def parse(self, text: str) -> Understanding:
        """What the text means.

        Raises:
            NluUnavailable: no answer in time, one retry included.
        """
        ...


class ModelHost(Protocol):
    """Where NLU processes are, and which model each one runs."""

    async def replicas(self) -> list[str]:
        """Base URLs of the parse servers that answer."""
        ...


class LanguageDetector(Protocol):
    """Tells the language of a short text."""

    def detect(self, text: str) -> str | None:
        """An ISO 639-1 code we speak, or None when the text does not tell."""
        ...
