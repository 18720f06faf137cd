"""Where a desk on somebody else's platform keeps which conversation is which thread there.

The platform is that desk's memory of what was said; what is kept here are names only: of the thread, of
each message in it, and what is shown there now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from bot.domain.identity import ChatId


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation's thread: ``root`` is the platform's id of its first message, in ``place``."""

    conversation: str
    chat: ChatId
    place: str
    root: str


class Threads(Protocol):
    """Remembers threads as long as chats are kept. Every change may be made twice.

    All of it raises ``StoreUnavailable`` when it is not known whether it was done.
    """

    async def open(self, thread: Thread) -> Thread:
        """Bind a conversation to a thread, unless it has one: returns the one it has now."""
        ...

    async def move(self, thread: Thread) -> None:
        """Bind a conversation to another thread (its place was deleted); the old one still leads to it."""
        ...

    async def of(self, conversation: str) -> Thread | None:
        """A conversation's thread."""
        ...

    async def at(self, place: str, root: str) -> Thread | None:
        """The thread of the conversation that begins, or began before it was moved, with that message;
        None when it is no conversation."""
        ...

    async def remember(self, conversation: str, message_id: str, platform_id: str) -> None:
        """A message of ours is shown there under that id. Several ids of one message are kept in order."""
        ...

    async def find(self, conversation: str, message_id: str) -> tuple[str, ...]:
        """The platform's ids of a message."""
        ...

    async def named(self, conversation: str, platform_id: str) -> str | None:
        """Our id of the message shown under that id."""
        ...

    async def note(self, conversation: str, name: str, value: str | None) -> None:
        """Keep (None: forget) something the desk must know again after a restart, by name. What is noted
        of a conversation without a thread is kept for a day."""
        ...

    async def notes(self, conversation: str) -> Mapping[str, str]:
        """All that was noted."""
        ...
