"""What every desk must do with what the engine tells it, delivered at least once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from bot.desk.terminal.deliverer import BoardDeliverer
from bot.domain.conversation import HandoffReason
from bot.domain.errors import DeliveryFailed, DeliveryRefused, StoreUnavailable
from bot.domain.events import ReceiptStatus
from bot.domain.identity import Profile
from bot.domain.message import Attachment, Author, Line
from bot.domain.outgoing import (
    CaseCard,
    CaseDelete,
    CaseEdit,
    CaseFate,
    CaseLine,
    CaseState,
    DeskPayload,
    MediaFetch,
    Outgoing,
    Payload,
)
from bot.ports.board import ThreadLine
from bot.ports.delivery import Deliverer
from bot.storage.board import RedisBoard
from bot.storage.connection import Connection
from bot.storage.layout import Layout
from tests.builders import LEA, NOW

CARD = CaseCard(
    state=CaseState.WAITING,
    profile=Profile("Léa"),
    channel="web",
    language="fr",
    since=NOW,
    reason=HandoffReason.ASKED,
    team="care",
    recent=(Line("m1", Author.CUSTOMER, "une personne svp", NOW),),
)


@dataclass
class Desk:
    """A desk under test, and a way to read what it shows."""

    deliverer: Deliverer
    board: RedisBoard
    connection: Connection
    count: int = 0

    async def tell(self, payload: Payload, *, epoch: int = 1, twice: bool = True, **more: Any) -> str | None:
        self.count += 1
        values: dict[str, Any] = {
            "id": f"o{self.count}",
            "destination": self.deliverer.destination,
            "chat": LEA,
            "conversation": "c_1",
            "epoch": epoch,
            "at": NOW,
            "payload": payload,
        }
        entry = Outgoing(**{**values, **more})
        delivered = await self.deliverer.deliver(entry, doubtful=False)
        if twice:
            assert await self.deliverer.deliver(entry, doubtful=True) == delivered
        return delivered.platform_id

    async def thread(self) -> list[ThreadLine]:
        return list(await self.board.thread("c_1"))

    async def card(self) -> CaseCard:
        case = await self.board.case("c_1")
        assert case is not None
        return case.card


@pytest.fixture(params=["terminal"])
async def desk(request: pytest.FixtureRequest, valkey_url: str) -> AsyncIterator[Desk]:
    connection = await Connection.open(valkey_url)
    board = RedisBoard(await Layout.open(connection, 8), desk=request.param)
    yield Desk(BoardDeliverer(board, f"desk:{request.param}"), board, connection)
    await connection.close()


async def test_a_card_and_what_was_said_before_it_are_shown_once(desk: Desk) -> None:
    await desk.tell(CARD)
    assert await desk.card() == CARD
    assert [line.said.line.text for line in await desk.thread()] == ["une personne svp"]


async def test_a_card_that_only_changes_repeats_no_lines(desk: Desk) -> None:
    """Its recent lines are shortened; the whole ones are coming."""
    await desk.tell(CARD)
    long = "x" * 1000
    recent = (*CARD.recent, Line("m2", Author.CUSTOMER, long[:300], NOW))
    await desk.tell(replace(CARD, state=CaseState.CLAIMED, recent=recent), epoch=2)
    await desk.tell(CaseLine(line=Line("m2", Author.CUSTOMER, long, NOW)), epoch=2)
    assert [line.said.line.text for line in await desk.thread()] == ["une personne svp", long]


async def test_a_case_that_comes_back_from_the_bot_brings_what_the_bot_said(desk: Desk) -> None:
    await desk.tell(CARD)
    await desk.tell(replace(CARD, state=CaseState.RELEASED), epoch=2)
    recent = (*CARD.recent, Line("b1", Author.BOT, "Je reprends la main.", NOW))
    await desk.tell(replace(CARD, recent=recent), epoch=3)
    assert [line.said.line.text for line in await desk.thread()] == [
        "une personne svp",
        "Je reprends la main.",
    ]


async def test_lines_notes_edits_deletes_and_fates_are_shown(desk: Desk) -> None:
    await desk.tell(CARD)
    file = Attachment("f_1", "photo.jpg", "image/jpeg", 10)
    said = CaseLine(line=Line("m2", Author.CUSTOMER, "voici", NOW, (file,)))
    assert await desk.tell(said) == "m2"
    await desk.tell(CaseLine(line=Line("n1", Author.AGENT, "note", NOW), note=True))
    await desk.tell(CaseLine(line=Line("a1", Author.AGENT, "bonjour", NOW)))
    await desk.tell(CaseEdit(message_id="m2", text="voilà"))
    await desk.tell(CaseDelete(message_id="m1"))
    fate = CaseFate(message_id="a1", status=ReceiptStatus.FAILED, detail="blocked")
    await desk.tell(fate)
    first, second, note, reply = await desk.thread()
    assert (first.deleted, first.said.line.text) == (True, "")
    assert (second.edited, second.said.line.text, second.said.line.attachments) == (True, "voilà", (file,))
    assert note.said.note
    assert reply.fate == fate


@pytest.mark.parametrize(
    "payload",
    [
        CaseEdit(message_id="x", text="y"),
        CaseDelete(message_id="x"),
        CaseFate(message_id="x", status=ReceiptStatus.SEEN),
    ],
)
async def test_news_of_a_message_that_is_not_there_is_no_failure(desk: Desk, payload: DeskPayload) -> None:
    await desk.tell(payload)
    assert await desk.thread() == []


async def test_what_is_not_for_a_desk_is_refused(desk: Desk) -> None:
    with pytest.raises(DeliveryRefused):
        await desk.tell(MediaFetch(message_id="m", attachment=Attachment("f", "a", "b")))
    with pytest.raises(DeliveryRefused):
        await desk.tell(CARD, conversation=None)


async def test_a_store_that_is_away_is_tried_again(desk: Desk) -> None:
    class Away:
        def __getattr__(self, name: str) -> Any:
            raise StoreUnavailable(name)

    deliverer = BoardDeliverer(Away())  # type: ignore[arg-type]
    with pytest.raises(DeliveryFailed):
        await Desk(deliverer, desk.board, desk.connection).tell(CARD)
