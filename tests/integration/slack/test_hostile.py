"""Customers who try things, and agents who look where they should not: against Slack's stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.desk.slack.names import Act, Shortcut, packed
from bot.domain.chat import RECENT_TEXT
from bot.domain.events import AgentReveal
from bot.domain.identity import Profile
from bot.domain.message import Attachment, Author, Line
from bot.domain.outgoing import CaseCard, CaseFile, CaseLine, CaseState
from bot.ports.board import ThreadLine
from tests.builders import NOW
from tests.fakes.slack_features import house, words
from tests.fakes.slack_listening import CHANNEL, CONVERSATION, listening
from tests.fakes.slack_show import Show, a_card, says, seen, showing
from tests.integration.slack.test_buttons import buttons, view

NAMED = "lea.dupont@example.fr"
FILE = Attachment("f_1", "cv lea.dupont@example.fr 06 12 34 56 78.pdf", "application/pdf", 3, stored=True)


@pytest.fixture
async def show() -> AsyncIterator[Show]:
    async with showing() as one:
        yield one


def said_by(name: str, text: str, message_id: str, **more: object) -> CaseLine:
    line = says(text, message_id, **more)
    return replace(line, line=replace(line.line, author_name=name))


# --- an id that looks like an agent's -----------------------------------------------------------


async def test_a_customers_message_is_shown_whatever_its_id_says(show: Show) -> None:
    await show.open()
    await show.tell(says("personne ne me lira", "slack:C1:1763.2"))
    assert "personne ne me lira" in (await show.reads())[0]


async def test_so_it_is_when_the_conversation_begins_again(show: Show) -> None:
    await show.open()
    await show.tell(a_card(state=CaseState.RELEASED), epoch=2)
    line = Line("slack:C1:1763.2", Author.CUSTOMER, "dit au bot", datetime.now(UTC), author_name="Zoé")
    again: CaseCard = a_card(recent=(line,))
    await show.tell(again, epoch=3)
    assert any("dit au bot" in text for text in await show.reads())


# --- names ----------------------------------------------------------------------------------------


async def test_the_personal_data_in_a_name_is_shortened_wherever_it_stands(show: Show) -> None:
    line = Line("m1", Author.CUSTOMER, "une personne", datetime.now(UTC), author_name=NAMED)
    await show.open(recent=(line,), profile=Profile(NAMED))
    await show.tell(said_by(NAMED, "bonjour", "m2"))
    (below,) = await show.below()
    assert "lea.dupont" not in str((await show.card(), below))
    assert "l•••@e•••.fr" in below["username"]
    assert "l•••@e•••.fr" in seen(below)


async def test_so_it_is_in_a_files_name(show: Show) -> None:
    line = Line("m1", Author.CUSTOMER, "", datetime.now(UTC), (FILE,), "Zoé")
    await show.open(recent=(line,))
    await show.tell(says("voici", "m2", files=(replace(FILE, stored=False, source="tg"),)))
    show.files.content["f_1"] = b"pdf"
    await show.tell(CaseFile(message_id="m2", attachment=FILE))
    calls = [call.arguments for call in show.slack.calls if call.method.startswith("files.")]
    shown = str((await show.card(), await show.below(), calls))
    assert "lea.dupont" not in shown
    assert "12 34" not in shown
    assert "06 •• •• •• 78.pdf" in shown


async def test_so_it_is_in_the_whole_conversation() -> None:
    async with listening() as it:
        line = Line("m1", Author.CUSTOMER, "bonjour", NOW, (FILE,), NAMED)
        it.record.conversations[CONVERSATION] = [line]
        card = await it.card(buttons(Act.HISTORY))
        await it.user().press(CHANNEL, card, Act.HISTORY)
        shown = words(await view(it, holds="bonjour"))
        assert "lea.dupont" not in shown
        assert "12 34" not in shown


async def test_a_saved_reply_does_not_tell_the_address_somebody_is_called_by() -> None:
    async with house() as at_work:
        at_work.case(profile=Profile(NAMED))
        await at_work.user().shortcut(Shortcut.SAVED, "C1", await at_work.thread())
        shown = words(await at_work.modal(holds="je suis Anna"))
        assert "lea.dupont" not in shown
        assert "Bonjour {customer}" in shown


@pytest.mark.parametrize("cut", ["0612345", "06 12 34 56", "lea.dupont@exam", "+33 6 12 34"])
async def test_half_a_number_where_the_chat_cut_a_message_is_not_shown(show: Show, cut: str) -> None:
    await show.open()
    await show.tell(a_card(state=CaseState.RELEASED), epoch=2)
    text = f"{'mot ' * 100}"[: RECENT_TEXT - len(cut) - 1] + f" {cut}"
    line = Line("m7", Author.CUSTOMER, text, datetime.now(UTC), author_name="Zoé")
    await show.tell(a_card(recent=(line,)), epoch=3)
    assert "mot mot" in str(await show.reads())
    assert cut not in str(await show.reads())


async def test_words_the_chat_cut_stay(show: Show) -> None:
    await show.open()
    await show.tell(a_card(state=CaseState.RELEASED), epoch=2)
    line = Line("m7", Author.CUSTOMER, "語" * RECENT_TEXT, datetime.now(UTC), author_name="Zoé")
    await show.tell(a_card(recent=(line,)), epoch=3)
    assert "語" * RECENT_TEXT in str(await show.reads())


# --- looking without trace -------------------------------------------------------------------------


async def test_nothing_is_revealed_but_what_the_record_says() -> None:
    async with listening() as it:
        it.board.lines[CONVERSATION] = [
            ThreadLine(said=CaseLine(line=Line(one, Author.CUSTOMER, f"{one}@example.fr", NOW)))
            for one in ("first", "second")
        ]
        card = await it.card(buttons(Act.REVEAL, value=packed(CONVERSATION, "first", "second")))
        await it.user().press(CHANNEL, card, Act.REVEAL)
        shown = words(await view(it))
        (event,) = it.events
        assert isinstance(event, AgentReveal)
        assert event.subject == "first|second"
        assert "second@" not in shown


async def test_a_message_may_be_called_customer_and_still_be_revealed() -> None:
    async with listening() as it:
        said = CaseLine(line=Line("customer", Author.CUSTOMER, NAMED, NOW))
        it.board.lines[CONVERSATION] = [ThreadLine(said=said)]
        card = await it.card(buttons(Act.REVEAL, value=packed(CONVERSATION, "customer")))
        await it.user().press(CHANNEL, card, Act.REVEAL)
        await view(it, holds=NAMED)
        assert len(it.events) == 1
