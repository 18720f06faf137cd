"""The one way in: no store ever sees what must not be kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.deadletter import DeadLetter, DeadLetterKind
from bot.domain.errors import StoreUnavailable
from bot.domain.events import (
    AgentNote,
    AgentReply,
    AgentTeach,
    AgentTransfer,
    ButtonPress,
    Command,
    CustomerCommand,
    CustomerEdit,
    Event,
    MediaReady,
)
from bot.domain.identity import Agent, Profile
from bot.domain.message import Attachment
from bot.engine.inbox import AGENT_TEXT_LIMIT, NAME_LIMIT, PARKED_LIMIT, TEXT_LIMIT, Inbox
from bot.ports.inbox import Appended
from tests.builders import LEA, NOW, message
from tests.fakes.engine import LoopClock
from tests.fakes.memory_store import MemoryStore

CARD = "4970 1000 0000 0014"
MASKED = "[carte/card ••••]"
SUSPECT = f"ma carte\x00 {CARD}"
CLEAN = f"ma carte {MASKED}"
MAYA = Agent("a_1", "Maya")


class Watched:
    """Keeps what the store was given."""

    def __init__(self, error: Exception | None = None) -> None:
        self.events: list[Event] = []
        self.letters: list[DeadLetter] = []
        self.error = error

    async def append(self, event: Event) -> Appended:
        if self.error:
            raise self.error
        self.events.append(event)
        return Appended(True, None)

    async def park(self, letter: DeadLetter) -> None:
        self.letters.append(letter)


async def taken_in(event: Event) -> Event:
    store = Watched()
    await Inbox(store).append(event)
    [kept] = store.events
    return kept


COMMON: dict[str, Any] = {"id": "web:main:1", "chat": LEA, "at": NOW}


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (message(SUSPECT), "text"),
        (CustomerEdit(**COMMON, message_id="2", edited_id="1", text=SUSPECT), "text"),
        (ButtonPress(**COMMON, message_id="2", button=SUSPECT), "button"),
        (CustomerCommand(**COMMON, message_id="2", command=Command.HUMAN, argument=SUSPECT), "argument"),
        (AgentReply(**COMMON, agent=MAYA, message_id="m", text=SUSPECT), "text"),
        (AgentNote(**COMMON, agent=MAYA, message_id="m", text=SUSPECT), "text"),
        (AgentTeach(**COMMON, agent=MAYA, question=SUSPECT), "question"),
        (AgentTeach(**COMMON, agent=MAYA, answer=SUSPECT), "answer"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Event) else "",
)
async def test_whoever_wrote_it_the_store_sees_it_cleaned_and_masked(event: Event, field: str) -> None:
    expected: Any = replace(event, **{field: CLEAN})  # type: ignore[arg-type]
    assert await taken_in(event) == expected


async def test_a_name_may_hold_no_secret_and_no_second_line() -> None:
    kept = await taken_in(message(profile=Profile(f"Léa\n{CARD}", f"lea{CARD}", "fr")))
    assert kept.profile == Profile(f"Léa {MASKED}", f"lea{MASKED}", "fr")  # type: ignore[attr-defined]


async def test_nor_may_an_agent_s_a_team_s_or_a_file_s() -> None:
    transfer = AgentTransfer(**COMMON, agent=MAYA, team=f"care {CARD}\n" + "x" * 500)
    team = (await taken_in(transfer)).team  # type: ignore[attr-defined]
    assert team.startswith(f"care {MASKED} xxx")
    assert len(team) == NAME_LIMIT
    reply = AgentReply(**COMMON, agent=Agent("a_1", "May\x07a"), message_id="m", text="")
    assert (await taken_in(reply)).agent == MAYA  # type: ignore[attr-defined]
    file = Attachment("f_1", f"{CARD}.pdf", "application/pdf", source="tg:1")
    expected = replace(file, name=f"{MASKED}.pdf")
    assert (await taken_in(message(attachments=(file,)))).attachments == (expected,)  # type: ignore[attr-defined]
    ready = MediaReady(**COMMON, message_id="1", attachment=file)
    assert await taken_in(ready) == replace(ready, attachment=expected)


async def test_what_is_too_long_is_cut_after_it_was_masked() -> None:
    """A number across the limit is masked whole: its first half alone would not be recognised."""
    kept = await taken_in(
        message("é" * (TEXT_LIMIT - 9) + " " + CARD, profile=Profile("L" * 500, "", "f" * 500))
    )
    assert kept.text == "é" * (TEXT_LIMIT - 9) + " " + MASKED[:8]  # type: ignore[attr-defined]
    assert len(kept.profile.locale) == NAME_LIMIT  # type: ignore[attr-defined]
    assert len(kept.profile.name) == NAME_LIMIT  # type: ignore[attr-defined]


async def test_what_is_clean_already_stays_the_same() -> None:
    assert await taken_in(message("où est ma commande 1234567 ?")) == message("où est ma commande 1234567 ?")


async def test_nothing_is_promised_when_the_store_cannot_be_reached() -> None:
    with pytest.raises(StoreUnavailable):
        await Inbox(Watched(StoreUnavailable("away"))).append(message())


async def test_it_tells_what_was_known_already(store: MemoryStore) -> None:
    inbox = Inbox(store)
    assert [(await inbox.append(message())).new for _ in range(2)] == [True, False]


async def test_a_raw_update_is_parked_masked_once_and_findable() -> None:
    store = Watched()
    inbox = Inbox(store, LoopClock())
    raw = '{"update_id": 7, "message": {"text": "ma carte 4970 1000 0000 0014"}}'
    await inbox.park("telegram:main", raw, "unknown_kind")
    await inbox.park("telegram:main", raw, "unknown_kind")
    first, again = store.letters
    assert first.id == again.id
    assert (first.kind, first.source, first.error) == (DeadLetterKind.UPDATE, "telegram:main", "unknown_kind")
    assert (first.at.replace(microsecond=0), first.chat) == (NOW, None)
    assert first.payload == '{"update_id":7,"message":{"text":"ma carte [carte/card ••••]"}}'


async def test_a_raw_update_of_any_size_is_parked_in_part() -> None:
    store = Watched()
    await Inbox(store).park("telegram:main", "x" * 10 * PARKED_LIMIT + CARD, "not_json")
    assert len(store.letters[0].payload) == PARKED_LIMIT


async def test_a_long_answer_of_an_agent_s_is_kept_whole() -> None:
    """Their desk tells them what is too long; nothing they write is cut without a word."""
    long = "é" * 10_000
    kept = await taken_in(AgentReply(**COMMON, agent=MAYA, message_id="m", text=long))
    assert isinstance(kept, AgentReply)
    assert kept.text == long
    endless = await taken_in(AgentReply(**COMMON, agent=MAYA, message_id="m", text="é" * 40_000))
    assert isinstance(endless, AgentReply)
    assert len(endless.text) == AGENT_TEXT_LIMIT
