"""FAQ answers from Rasa's own files; an edited answer is live in seconds, without training."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import structlog
from prometheus_client import Counter
from watchfiles import awatch

from bot.domain.errors import ConfigurationError
from bot.knowledge.reading import BadFile, Entries, read_entries
from bot.ports.knowledge import Answer

log = structlog.get_logger(__name__)

REJECTED = Counter("guichet_knowledge_rejected", "Edits of the FAQ files that could not be used")


class FileKnowledge:
    """The Knowledge port over ``data/faq/*.yml``.

    Raises:
        ConfigurationError: at the start, when the files cannot be used. Later the last good state
            stays in use, and the log names file and line.
    """

    def __init__(self, data: Path) -> None:
        self._data = data
        self._entries: Entries = read_entries(data)

    def answer(self, intent: str, language: str) -> Answer | None:
        """The entry in that language, or in the other one when it has no text in this one."""
        answers = self._entries.get(intent)
        if not answers:
            return None
        return answers.get(language) or next(iter(answers.values()))

    def intents(self) -> Sequence[str]:
        """All FAQ intents."""
        return tuple(self._entries)

    async def reload(self) -> bool:
        """Read the files again; False when they cannot be used, and what was known stays."""
        try:
            entries = await asyncio.to_thread(read_entries, self._data)
        except ConfigurationError as error:
            return self._rejected(error)
        self._entries = entries
        log.info("knowledge_reloaded", entries=len(entries))
        return True

    def _rejected(self, error: ConfigurationError) -> bool:
        REJECTED.inc()
        where = {"file": str(error.path), "line": error.line} if isinstance(error, BadFile) else {}
        problem = error.problem if isinstance(error, BadFile) else str(error)
        log.error("knowledge_rejected", problem=problem, **where)
        return False

    async def watch(self, stop: asyncio.Event) -> None:
        """Reload at each change of the files until ``stop`` is set."""
        async for _ in awatch(self._data, stop_event=stop, debounce=400, step=100):
            await self.reload()
