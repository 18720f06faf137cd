"""Puts what the engine tells a desk on that desk's board."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot.domain.chat import RECENT_TEXT
from bot.domain.errors import DeliveryFailed, DeliveryRefused, StoreUnavailable
from bot.domain.events import ReceiptStatus
from bot.domain.message import Author, Draft, Line
from bot.domain.outgoing import (
    CaseAlert,
    CaseCard,
    CaseDelete,
    CaseEdit,
    CaseFate,
    CaseFile,
    CaseHeld,
    CaseLine,
    CaseRefused,
    CaseUnheld,
    Outgoing,
)
from bot.ports.board import Board, Version, is_live
from bot.ports.delivery import Delivered, Pacing

NAME = "terminal"
DESTINATION = f"desk:{NAME}"
HELD = "held"
"""The detail of the fate of a reply that was held: an agent at a board cannot be asked."""


class BoardDeliverer:
    """Delivers ``desk:<name>``. A board is idempotent, so doubt needs no thought.

    Args:
        board: where.
        destination: the desk's, ``desk:terminal`` unless told.
    """

    pacing = Pacing()

    def __init__(self, board: Board, destination: str = DESTINATION) -> None:
        self._board = board
        self.destination = destination

    async def deliver(self, entry: Outgoing, *, doubtful: bool) -> Delivered:  # noqa: ARG002
        """Change the board.

        Raises:
            DeliveryFailed: the store cannot be reached.
            DeliveryRefused: nothing a desk shows.
        """
        if entry.conversation is None:
            raise DeliveryRefused("no_conversation")
        try:
            return Delivered(platform_id=await self._apply(entry, entry.conversation))
        except StoreUnavailable as error:
            raise DeliveryFailed("store_unavailable", doubtful=True) from error

    async def _apply(self, entry: Outgoing, conversation: str) -> str | None:
        """Make the change; returns the id of the message concerned, if it is about one."""
        payload = entry.payload
        version = Version(entry.epoch, _milliseconds(entry.at))
        match payload:
            case CaseCard():
                await self._put(entry, conversation, payload, version)
                return None
            case CaseLine():
                await self._board.add_line(conversation, entry.chat, payload)
                return payload.line.message_id
            case CaseEdit():
                await self._board.edit_line(conversation, payload.message_id, payload.text, version)
            case CaseDelete():
                await self._board.delete_line(conversation, payload.message_id)
            case CaseFate():
                await self._board.set_fate(conversation, payload, version)
            case CaseFile():
                await self._set_file(conversation, payload)
            case CaseHeld(draft=draft):
                await self._tell_held(entry, conversation, draft, version)
                return draft.message_id
            case CaseUnheld(draft=draft):
                return draft.message_id
            case CaseRefused() | CaseAlert():
                return None  # the board shows whose the case is, and how it stands
            case _:
                raise DeliveryRefused(f"not_for_a_desk:{type(payload).__name__}")
        return payload.message_id

    async def _set_file(self, conversation: str, file: CaseFile) -> None:
        """A file that will never come stays what it is: one that is not there."""
        if not file.reason:
            await self._board.set_file(conversation, file.message_id, file.attachment)

    async def _tell_held(self, entry: Outgoing, conversation: str, draft: Draft, version: Version) -> None:
        """The agent sees what they wrote, and that it was not sent."""
        line = Line(
            draft.message_id,
            Author.AGENT,
            draft.text,
            draft.at,
            draft.attachments,
            author_name=draft.agent.name,
        )
        await self._board.add_line(conversation, entry.chat, CaseLine(line=line))
        fate = CaseFate(message_id=draft.message_id, status=ReceiptStatus.DROPPED, detail=HELD)
        await self._board.set_fate(conversation, fate, version)

    async def _put(self, entry: Outgoing, conversation: str, card: CaseCard, version: Version) -> None:
        """A case that (re)appears brings what was said before it: the thread begins with that. The
        lines go first: should we be interrupted, the card still tells that they are to be added."""
        before = await self._board.case(conversation)
        if is_live(card) and (before is None or not is_live(before.card)):
            for line in card.recent:
                await self._board.add_line(conversation, entry.chat, CaseLine(line=_marked(line)))
        await self._board.put_card(conversation, entry.chat, card, version)


def _marked(line: Line) -> Line:
    """A line of a card, with a mark when the chat kept its beginning only."""
    return replace(line, text=f"{line.text}…") if len(line.text) >= RECENT_TEXT else line


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
