"""Where a desk of our own keeps what its agents see: cases, and the thread of each.

A desk that lives on somebody else's platform has no board: that platform is it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.domain.identity import ChatId
from bot.domain.message import Attachment
from bot.domain.outgoing import CaseCard, CaseFate, CaseLine, CaseState


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """How new a change is: the chat's epoch when it was decided, then the time in milliseconds.

    Delivery is at least once, so an old card may come again after a newer one: it changes nothing.
    """

    epoch: int
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A conversation at a desk. ``number`` is short, for people; it stays the case's own."""

    conversation: str
    chat: ChatId
    number: int
    card: CaseCard
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadLine:
    """One message of a thread as it stands now. The text of a deleted one is gone for good.

    ``fate`` is what became of an agent's reply, None while that is not known.
    """

    said: CaseLine
    edited: bool = False
    deleted: bool = False
    fate: CaseFate | None = None


def is_live(card: CaseCard) -> bool:
    """Whether a case wants a person, or has one."""
    return card.state in (CaseState.WAITING, CaseState.CLAIMED)


class Board(Protocol):
    """Keeps cases. Every change is idempotent: making it again changes nothing.

    All of it raises ``StoreUnavailable`` when it is not known whether it was done.
    """

    async def put_card(self, conversation: str, chat: ChatId, card: CaseCard, version: Version) -> None:
        """Show a case, or change its card. An older version than the present one is ignored."""
        ...

    async def add_line(self, conversation: str, chat: ChatId, line: CaseLine) -> None:
        """Add a message to the thread, once by its id; the oldest go when there are too many."""
        ...

    async def edit_line(self, conversation: str, message_id: str, text: str, version: Version) -> None:
        """Change what a message says. A message not there, or deleted, stays so."""
        ...

    async def set_file(self, conversation: str, message_id: str, attachment: Attachment) -> None:
        """A file of a message has come, known by its id. A message not there, or deleted, stays so."""
        ...

    async def delete_line(self, conversation: str, message_id: str) -> None:
        """Take a message back: that it was there stays, what it said does not."""
        ...

    async def set_fate(self, conversation: str, fate: CaseFate, version: Version) -> None:
        """What became of a reply, even one that is not in the thread (yet)."""
        ...

    async def cases(self, *, closed: bool = False) -> Sequence[Case]:
        """Cases that wait or are claimed, urgent ones first, then the longest waiting; or those that
        ended, latest first."""
        ...

    async def case(self, conversation: str) -> Case | None:
        """One case."""
        ...

    async def numbered(self, number: int) -> Case | None:
        """The case with that number."""
        ...

    async def thread(self, conversation: str) -> Sequence[ThreadLine]:
        """What was said, in order."""
        ...

    async def changed(self, since: str, timeout: float) -> str:
        """The board's present revision, as soon as it is not ``since`` or ``timeout`` seconds (at
        most 5) have passed. Begin with ``""``, which answers at once."""
        ...
