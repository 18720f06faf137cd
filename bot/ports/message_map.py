"""What a platform calls the messages we sent: needed to edit or take back one of them."""

from __future__ import annotations

from typing import Protocol

from bot.domain.identity import ChatId


class MessageMap(Protocol):
    """Remembers for a few days, so that it stays small; platforms refuse edits of old messages too.

    A long message may take several of the platform's: its parts are numbered from 0.
    """

    async def remember(self, chat: ChatId, message_id: str, part: int, platform_id: str) -> None:
        """Part ``part`` of ``message_id`` was sent. Parts come in order; saying it twice changes nothing.

        Raises:
            StoreUnavailable: it may not be remembered.
        """
        ...

    async def find(self, chat: ChatId, message_id: str) -> tuple[str, ...]:
        """The platform's ids of all parts sent so far, in order; () when none is known.

        Raises:
            StoreUnavailable: not known now.
        """
        ...

    async def first_time(self, chat: ChatId, what: str) -> bool:
        """True once, ever, for something to be done once in a chat; False after that.

        Raises:
            StoreUnavailable: not known now.
        """
        ...
