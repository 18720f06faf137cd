"""What every desk must do with what the engine tells it, delivered at least once.

A desk joins by a subclass of ``Desk`` that reads what it shows, and a line in ``DESKS``.
"""

from __future__ import annotations

import abc
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from bot.desk.terminal.deliverer import BoardDeliverer
from bot.domain.conversation import HandoffReason, ServiceLevel
from bot.domain.errors import DeliveryFailed, DeliveryRefused, StoreUnavailable
from bot.domain.events import DraftChoice, ReceiptStatus
from bot.domain.identity import Agent, Profile
from bot.domain.message import Attachment, Author, Draft, HoldReason, Line
from bot.domain.outgoing import (
    Alert,
    CaseAlert,
    CaseCard,
    CaseDelete,
    CaseEdit,
    CaseFate,
    CaseFile,
    CaseHeld,
    CaseLine,
    CaseRefused,
    CaseState,
    CaseUnheld,
    DeskPayload,
    MediaFetch,
    Outgoing,
    Payload,
    Refusal,
)
from bot.ports.delivery import Deliverer
from bot.storage.board import RedisBoard
from bot.storage.connection import Connection
from bot.storage.layout import Layout
from bot.storage.threads import RedisThreads
from tests.builders import LEA, NOW
from tests.fakes.slack_show import LEA_DUMAS, Show, seen, showing

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
PHOTO = Attachment("f_1", "photo.jpg", "image/jpeg", 10)


@dataclass(frozen=True)
class Shown:
    """One message as an agent sees it. ``failed``: it is plain that it did not arrive."""

    text: str
    note: bool = False
    edited: bool = False
    deleted: bool = False
    failed: bool = False


class Desk(abc.ABC):
    """A desk under test, and a way to read what it shows."""

    deliverer: Deliverer
    agent: Agent
    """Who works there."""
    _count = 0

    async def tell(self, payload: Payload, *, epoch: int = 1, twice: bool = True, **more: Any) -> str | None:
        """Deliver something; by default again, as after a crash."""
        self._count += 1
        values: dict[str, Any] = {
            "id": f"o{self._count}",
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

    @abc.abstractmethod
    async def thread(self) -> list[Shown]:
        """What was said in ``c_1``, in order."""

    @abc.abstractmethod
    async def state(self) -> CaseState | None:
        """What the card of ``c_1`` says; None when there is none."""

    async def texts(self) -> list[str]:
        """What was said, without its marks."""
        return [shown.text for shown in await self.thread()]


class TerminalDesk(Desk):
    """The desk in the terminal."""

    agent = Agent("terminal:marie", "Marie")

    def __init__(self, board: RedisBoard) -> None:
        self.board = board
        self.deliverer = BoardDeliverer(board)

    async def thread(self) -> list[Shown]:
        return [
            Shown(
                text=line.said.line.text,
                note=line.said.note,
                edited=line.edited,
                deleted=line.deleted,
                failed=line.fate is not None
                and line.fate.status in (ReceiptStatus.FAILED, ReceiptStatus.DROPPED),
            )
            for line in await self.board.thread("c_1")
        ]

    async def state(self) -> CaseState | None:
        case = await self.board.case("c_1")
        return case.card.state if case else None


@asynccontextmanager
async def terminal(valkey_url: str) -> AsyncIterator[TerminalDesk]:
    connection = await Connection.open(valkey_url)
    yield TerminalDesk(RedisBoard(await Layout.open(connection, 8)))
    await connection.close()


class SlackDesk(Desk):
    """The desk in Slack, read as Slack shows it."""

    agent = LEA_DUMAS

    def __init__(self, show: Show) -> None:
        self.show = show
        self.deliverer = show.deliverer

    async def thread(self) -> list[Shown]:
        card, *below = await self._messages()
        told = {one["block_id"][:22] for message in below for one in message.get("blocks", ())}
        first = [
            _shown([block], {}, on_card=True)
            for block in card["attachments"][0]["blocks"]
            if block["block_id"].startswith("l:") and block["block_id"][:22] not in told
        ]
        return [*first, *(_shown(blocks, message) for message in below for blocks in _lines(message))]

    async def state(self) -> CaseState | None:
        thread = await self.show.threads.of("c_1")
        if thread is None:
            return None
        words = seen((await self._messages())[0])
        return next((state for state, sign in _SIGNS.items() if sign in words), None)

    async def _messages(self) -> list[dict[str, Any]]:
        return [await self.show.card(), *await self.show.below()]


_SIGNS = {
    CaseState.WAITING: "*En attente*",
    CaseState.CLAIMED: "Léa Dumas",
    CaseState.RELEASED: "*Rendue",
    CaseState.CLOSED: "*Terminée*",
}


def _lines(message: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
    """A message's blocks, by the line of the conversation they belong to."""
    lines: dict[str, list[dict[str, Any]]] = {}
    for block in message.get("blocks", ()):
        if block["block_id"].startswith("l:"):
            lines.setdefault(block["block_id"][:22], []).append(block)
    return list(lines.values())


def _shown(
    blocks: Sequence[Mapping[str, Any]], message: Mapping[str, Any], *, on_card: bool = False
) -> Shown:
    parts = {block["block_id"][23:]: block for block in blocks}
    text = "".join(seen({"blocks": [block]}) for part, block in parts.items() if part.isdigit())
    deleted = text == "Message retiré par son auteur"
    return Shown(
        text="" if deleted else text.partition(" : ")[2] if on_card else text,
        note="🔒" in (seen({"blocks": [parts["h"]]}) if "h" in parts else ""),
        edited="o" in parts,
        deleted=deleted,
        failed=any(one["name"] == "warning" for one in message.get("reactions", ())),
    )


@asynccontextmanager
async def slack(valkey_url: str) -> AsyncIterator[SlackDesk]:
    connection = await Connection.open(valkey_url)
    threads = RedisThreads(await Layout.open(connection, 8))
    async with showing(threads=threads) as show:
        show.now.at = NOW + timedelta(hours=1)
        yield SlackDesk(show)
    await connection.close()


DESKS: Mapping[str, Callable[[str], AbstractAsyncContextManager[Desk]]] = {
    "terminal": terminal,
    "slack": slack,
}
"""By name: what opens a desk, given an empty Valkey."""


@pytest.fixture(params=DESKS)
async def desk(request: pytest.FixtureRequest, valkey_url: str) -> AsyncIterator[Desk]:
    async with DESKS[request.param](valkey_url) as opened:
        yield opened


def line(message_id: str, text: str, author: Author = Author.CUSTOMER, **more: Any) -> CaseLine:
    return CaseLine(line=Line(message_id, author, text, NOW), **more)


# --- cards -----------------------------------------------------------------------------------


async def test_a_card_and_what_was_said_before_it_are_shown_once(desk: Desk) -> None:
    await desk.tell(CARD)
    assert await desk.state() is CaseState.WAITING
    assert await desk.texts() == ["une personne svp"]


async def test_a_card_that_only_changes_repeats_no_lines(desk: Desk) -> None:
    """Its recent lines are shortened; the whole ones are coming."""
    await desk.tell(CARD)
    long = "x" * 1000
    recent = (*CARD.recent, Line("m2", Author.CUSTOMER, long[:300], NOW))
    claimed = replace(CARD, state=CaseState.CLAIMED, agent=desk.agent, hushed=True, recent=recent)
    await desk.tell(claimed, epoch=2)
    await desk.tell(line("m2", long), epoch=2)
    assert await desk.texts() == ["une personne svp", long]
    assert await desk.state() is CaseState.CLAIMED


async def test_an_older_card_that_comes_again_changes_nothing(desk: Desk) -> None:
    await desk.tell(CARD)
    await desk.tell(replace(CARD, state=CaseState.CLAIMED, agent=desk.agent), epoch=2)
    await desk.tell(CARD)
    assert await desk.state() is CaseState.CLAIMED


async def test_a_case_that_comes_back_from_the_bot_brings_what_the_bot_said(desk: Desk) -> None:
    await desk.tell(CARD)
    await desk.tell(replace(CARD, state=CaseState.RELEASED), epoch=2)
    recent = (*CARD.recent, Line("b1", Author.BOT, "Je reprends la main.", NOW))
    await desk.tell(replace(CARD, recent=recent), epoch=3)
    assert await desk.texts() == ["une personne svp", "Je reprends la main."]


@pytest.mark.parametrize("level", list(ServiceLevel))
async def test_how_a_case_stands_is_only_another_card(desk: Desk, level: ServiceLevel) -> None:
    await desk.tell(CARD)
    late = replace(CARD, level=level, due=NOW, back_at=NOW, snoozed_until=NOW, answered=True)
    await desk.tell(late)
    assert await desk.state() is CaseState.WAITING
    assert await desk.texts() == ["une personne svp"]


# --- what is said ------------------------------------------------------------------------------


async def test_lines_notes_edits_deletes_and_fates_are_shown(desk: Desk) -> None:
    await desk.tell(CARD)
    await desk.tell(CaseLine(line=Line("m2", Author.CUSTOMER, "voici", NOW)))
    await desk.tell(line("n1", "note", Author.AGENT, note=True))
    await desk.tell(line("a1", "bonjour", Author.AGENT))
    await desk.tell(CaseEdit(message_id="m2", text="voilà"))
    await desk.tell(CaseDelete(message_id="m1"))
    await desk.tell(CaseFate(message_id="a1", status=ReceiptStatus.FAILED, detail="blocked"))
    first, second, note, reply = await desk.thread()
    assert (first.deleted, first.text) == (True, "")
    assert (second.edited, second.text) == (True, "voilà")
    assert (note.note, note.text) == (True, "note")
    assert (reply.failed, reply.text) == (True, "bonjour")


@pytest.mark.parametrize(
    "status", [ReceiptStatus.DELIVERED, ReceiptStatus.SEEN, ReceiptStatus.MAYBE_DUPLICATE]
)
async def test_a_reply_that_arrived_is_not_shown_as_failed(desk: Desk, status: ReceiptStatus) -> None:
    await desk.tell(CARD)
    await desk.tell(line("a1", "bonjour", Author.AGENT))
    await desk.tell(CaseFate(message_id="a1", status=status))
    assert [shown.failed for shown in await desk.thread()] == [False, False]


@pytest.mark.parametrize(
    "payload",
    [
        CaseEdit(message_id="x", text="y"),
        CaseDelete(message_id="x"),
        CaseFate(message_id="x", status=ReceiptStatus.SEEN),
        CaseFile(message_id="x", attachment=PHOTO),
        CaseFile(message_id="x", attachment=PHOTO, reason="media_gone"),
    ],
)
async def test_news_of_a_message_that_is_not_there_is_no_failure(desk: Desk, payload: DeskPayload) -> None:
    await desk.tell(CARD)
    await desk.tell(payload)
    assert await desk.texts() == ["une personne svp"]


# --- to one agent, and alarms --------------------------------------------------------------------


async def test_what_is_said_to_one_agent_or_to_the_staff_is_no_message_of_the_conversation(
    desk: Desk,
) -> None:
    await desk.tell(CARD)
    draft = Draft("a1", desk.agent, HoldReason.COLLEAGUE, NOW, "Une précision")
    for payload in (
        CaseUnheld(draft=draft, choice=DraftChoice.DISCARD),
        CaseRefused(agent=desk.agent, action="claim", reason=Refusal.TAKEN, holder=Agent("x", "Paul")),
        *(CaseAlert(kind=kind, team="care", agent=desk.agent, detail="4") for kind in Alert),
    ):
        await desk.tell(payload)
    assert await desk.texts() == ["une personne svp"]
    assert await desk.state() is CaseState.WAITING


@pytest.mark.parametrize("reason", [HoldReason.COLLEAGUE, HoldReason.CLOSED, HoldReason.MENTION])
async def test_what_is_held_is_never_shown_as_sent(desk: Desk, reason: HoldReason) -> None:
    await desk.tell(CARD)
    draft = Draft("a1", desk.agent, reason, NOW, "Une précision")
    await desk.tell(CaseHeld(draft=draft, holder=Agent("x", "Paul")))
    assert all(shown.failed for shown in (await desk.thread())[1:])


async def test_what_is_not_for_a_desk_is_refused(desk: Desk) -> None:
    with pytest.raises(DeliveryRefused):
        await desk.tell(MediaFetch(message_id="m", attachment=Attachment("f", "a", "b")))
    with pytest.raises(DeliveryRefused):
        await desk.tell(CARD, conversation=None)


# --- the desk with a board ---------------------------------------------------------------------


@pytest.fixture
async def board_desk(valkey_url: str) -> AsyncIterator[TerminalDesk]:
    async with terminal(valkey_url) as opened:
        yield opened


async def test_a_board_names_the_message_it_was_told_of_and_keeps_its_files(board_desk: TerminalDesk) -> None:
    await board_desk.tell(CARD)
    said = CaseLine(line=Line("m2", Author.CUSTOMER, "voici", NOW, (PHOTO,)))
    assert await board_desk.tell(said) == "m2"
    stored = replace(PHOTO, stored=True)
    assert await board_desk.tell(CaseFile(message_id="m2", attachment=stored)) == "m2"
    gone = CaseFile(message_id="m2", attachment=PHOTO, reason="media_gone")
    await board_desk.tell(gone)
    assert [one.said.line.attachments for one in await board_desk.board.thread("c_1")] == [(), (stored,)]


async def test_what_a_board_was_told_to_hold_is_there_once_it_is_sent_after_all(
    board_desk: TerminalDesk,
) -> None:
    await board_desk.tell(CARD)
    draft = Draft("a1", board_desk.agent, HoldReason.COLLEAGUE, NOW, "Une précision")
    await board_desk.tell(CaseHeld(draft=draft))
    await board_desk.tell(CaseUnheld(draft=draft, choice=DraftChoice.SEND), epoch=2)
    await board_desk.tell(line("a1", "Une précision", Author.AGENT), epoch=2)
    await board_desk.tell(CaseFate(message_id="a1", status=ReceiptStatus.DELIVERED), epoch=2)
    assert [(shown.text, shown.failed) for shown in await board_desk.thread()][1:] == [
        ("Une précision", False)
    ]


async def test_a_board_whose_store_is_away_is_tried_again(board_desk: TerminalDesk) -> None:
    class Away:
        def __getattr__(self, name: str) -> Any:
            raise StoreUnavailable(name)

    board_desk.deliverer = BoardDeliverer(Away())  # type: ignore[arg-type]
    with pytest.raises(DeliveryFailed):
        await board_desk.tell(CARD)
