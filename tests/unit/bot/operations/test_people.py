"""A person asks what is kept of them, everywhere, or to be forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.errors import RecordUnavailable
from bot.domain.identity import ChatId
from bot.operations.people import ErasureIncomplete, erase_person, export_person, places
from bot.ports.personal_data import RetentionClass
from tests.builders import LEA


class Place:
    """Keeps some records of whoever asks; notes in which order places were erased."""

    def __init__(self, name: str, records: int, order: list[str], *, away: bool = False) -> None:
        self.retention = RetentionClass(name, "to test the loop", 1)
        self.records = records
        self.away = away
        self._order = order

    async def export(self, chat: ChatId) -> list[dict[str, Any]]:
        if self.away:
            raise RecordUnavailable("away")
        return [{"n": n} for n in range(self.records)]

    async def erase(self, chat: ChatId) -> int:
        if self.away:
            raise RecordUnavailable("away")
        self._order.append(self.retention.name)
        gone, self.records = self.records, 0
        return gone


async def test_all_of_a_person_is_shown_then_gone_the_record_last() -> None:
    order: list[str] = []
    record, state, files = Place("record", 3, order), Place("live", 1, order), Place("media", 0, order)
    everywhere = places([state, files], [record])

    assert await export_person(LEA, everywhere) == {
        "live": [{"n": 0}],
        "record": [{"n": n} for n in range(3)],
    }
    erased = await erase_person(LEA, everywhere)

    assert (erased.by_place, erased.total) == ({"live": 1, "media": 0, "record": 3}, 4)
    assert order == ["live", "media", "record"]
    assert await export_person(LEA, everywhere) == {}
    assert (await erase_person(LEA, everywhere)).total == 0


async def test_a_place_that_is_away_keeps_no_other_from_erasing_and_is_named() -> None:
    order: list[str] = []
    everywhere = places([Place("live", 1, order, away=True), Place("media", 2, order)], [])
    with pytest.raises(ErasureIncomplete, match="live") as raised:
        await erase_person(LEA, everywhere)
    assert raised.value.failed == ("live",)
    assert order == ["media"]
    with pytest.raises(RecordUnavailable):
        await export_person(LEA, everywhere)


def test_two_places_of_one_name_would_hide_one_another() -> None:
    with pytest.raises(ValueError, match="share a name"):
        places([Place("media", 0, []), Place("media", 0, [])], [])
