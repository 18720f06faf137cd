"""What the live state keeps of a person."""

from __future__ import annotations

import json
from typing import Any

from bot.domain.identity import ChatId
from bot.ports.personal_data import RetentionClass
from bot.storage import codec
from bot.storage.keys import ShardKeys
from bot.storage.layout import Layout


class LiveStateData:
    """Implements PersonalData over a chat's state and its dead letters.

    Events, outbox entries and facts under way are not searched: they leave within seconds for
    places that implement PersonalData themselves.
    """

    def __init__(self, layout: Layout, keep_days: float) -> None:
        self._layout = layout
        self.retention = RetentionClass("live state", "to carry on the conversation", int(keep_days))

    async def export(self, chat: ChatId) -> list[dict[str, Any]]:
        """The chat's state and letters."""
        keys = self._layout.keys_of(chat)
        state = await self._layout.connection.do("HGET", keys.chat(chat), "d")
        letters = await self._letters(keys, chat)
        found = [{"kind": "chat", **json.loads(state)}] if state else []
        return found + [{"kind": "dead letter", "id": name, "payload": payload} for name, payload in letters]

    async def erase(self, chat: ChatId) -> int:
        """Forget the chat and its letters."""
        keys = self._layout.keys_of(chat)
        letters = await self._letters(keys, chat)
        gone: int = await self._layout.connection.do("DEL", keys.chat(chat))
        if letters:
            gone += await self._layout.connection.do("HDEL", keys.dead, *(name for name, _ in letters))
        return gone

    async def _letters(self, keys: ShardKeys, chat: ChatId) -> list[tuple[str, str]]:
        letters = map(codec.decode_letter, await self._layout.connection.do("HVALS", keys.dead))
        return [(letter.id, letter.payload) for letter in letters if letter.chat == str(chat)]
