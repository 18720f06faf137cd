"""What is kept of one person, everywhere: shown, and erased. A loop, because every place that keeps
something of people implements ``PersonalData``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from bot.domain.errors import GuichetError
from bot.domain.identity import ChatId
from bot.ports.personal_data import PersonalData

log = structlog.get_logger(__name__)

Places = Sequence[PersonalData]


class ErasureIncomplete(GuichetError):
    """Some places could not be reached: erase again. What went is gone.

    Args:
        failed: the places' names.
    """

    def __init__(self, failed: Sequence[str]) -> None:
        super().__init__(f"not everything could be erased ({', '.join(failed)}): erase again")
        self.failed = tuple(failed)


@dataclass(frozen=True, slots=True)
class Erased:
    """How many records went, by place."""

    by_place: dict[str, int]

    @property
    def total(self) -> int:
        """In all places."""
        return sum(self.by_place.values())


def places(live: Iterable[PersonalData], record: Iterable[PersonalData]) -> Places:
    """All places, in the order they are erased in: what feeds the record goes before the record,
    or facts under way would bring back what was erased there.

    Raises:
        ValueError: two places have the same name.
    """
    ordered = (*live, *record)
    names = [place.retention.name for place in ordered]
    if len(set(names)) < len(names):
        raise ValueError(f"two places of personal data share a name: {names}")
    return ordered


async def export_person(chat: ChatId, places: Places) -> dict[str, list[dict[str, Any]]]:
    """All that is kept of a chat, JSON-ready, by place. Empty places are left out.

    Raises:
        GuichetError: a place cannot be reached; half an answer would look like a whole one.
    """
    found = {place.retention.name: await place.export(chat) for place in places}
    return {name: records for name, records in found.items() if records}


async def erase_person(chat: ChatId, places: Places) -> Erased:
    """Remove all that is kept of a chat. Doing it again finds nothing.

    Raises:
        ErasureIncomplete: some places could not be reached; the others were erased.
    """
    gone: dict[str, int] = {}
    failed: list[str] = []
    for place in places:
        name = place.retention.name
        try:
            gone[name] = await place.erase(chat)
        except GuichetError as error:
            log.warning("erasure.failed", place=name, error=type(error).__name__)
            failed.append(name)
    log.info("erasure.done", gone=gone, failed=failed)
    if failed:
        raise ErasureIncomplete(failed)
    return Erased(gone)
