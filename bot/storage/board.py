"""A desk's board on Redis. All of a board is in one slot: a desk is small, and one script then
changes a case and the lists it stands in together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from bot.domain.errors import NotUnderstandable
from bot.domain.identity import ChatId
from bot.domain.message import Attachment
from bot.domain.outgoing import CaseCard, CaseFate, CaseLine
from bot.ports.board import Case, ThreadLine, Version, is_live
from bot.ports.clock import Clock, SystemClock
from bot.ports.personal_data import RetentionClass
from bot.storage import board_scripts as scripts
from bot.storage.keys import BoardKeys
from bot.storage.layout import Layout

T = TypeVar("T")

MAX_LINES = 500
CLOSED_DAYS = 30
LIVE_DAYS = 90
"""A case nobody touched for so long is nobody's: its chat has been forgotten by then."""
LONGEST_WAIT = 5.0
WAITS = 50
WAITS_SECONDS = 6 * 3600
"""How many waits of a team are known, and for how long."""

_encode = msgspec.json.Encoder().encode
_NO_REVISION = "0-0"


class _Kept(msgspec.Struct):
    """A line as it is stored. ``version`` is that of its last edit."""

    said: CaseLine
    version: tuple[int, int] | None = None
    deleted: bool = False


_card = msgspec.json.Decoder(CaseCard)
_kept = msgspec.json.Decoder(_Kept)
_fate = msgspec.json.Decoder(CaseFate)


class RedisBoard:
    """Board, Waits and PersonalData for one desk.

    Args:
        layout: where.
        clock: tells when a case changed.
        desk: the desk's name.
        max_lines: how many messages of a thread are kept.
        closed_days: how long a case that ended is kept.
        live_days: how long a case is kept that nobody ends, after its last change.
    """

    def __init__(
        self,
        layout: Layout,
        clock: Clock | None = None,
        *,
        desk: str = "terminal",
        max_lines: int = MAX_LINES,
        closed_days: int = CLOSED_DAYS,
        live_days: int = LIVE_DAYS,
    ) -> None:
        self._connection = layout.connection
        self._keys = BoardKeys(desk)
        self._clock = clock or SystemClock()
        self._max_lines = max_lines
        self._closed_days = closed_days
        self._closed_seconds = closed_days * 86_400
        self._live_days = live_days

    # --- changes ---------------------------------------------------------------------------

    async def put_card(self, conversation: str, chat: ChatId, card: CaseCard, version: Version) -> None:
        """Show a case, or change its card."""
        keys = self._keys
        await self._connection.call(
            scripts.PUT_CARD,
            [*self._case_keys(conversation), keys.of_chat(chat), *keys.lists, keys.waits(card.team)],
            conversation,
            str(chat),
            _encode(card),
            f"{version.epoch}:{version.at_ms}",
            int(is_live(card)),
            _ms(self._clock.now()),
            self._closed_seconds,
            self._closed_seconds,
            card.state.value,
            _ms(card.since),
            0 if card.back_at is None else _ms(card.back_at),
            version.at_ms,
            WAITS,
            WAITS_SECONDS,
        )

    async def add_line(self, conversation: str, chat: ChatId, line: CaseLine) -> None:
        """Add a message to the thread."""
        await self._connection.call(
            scripts.ADD_LINE,
            [*self._case_keys(conversation), self._keys.of_chat(chat), self._keys.pulse],
            conversation,
            line.line.message_id,
            _encode(_Kept(line)),
            self._max_lines,
            self._closed_seconds,
            self._closed_seconds,
        )

    async def edit_line(self, conversation: str, message_id: str, text: str, version: Version) -> None:
        """Change what a message says."""
        version_of = (version.epoch, version.at_ms)

        def edited(kept: _Kept) -> _Kept | None:
            if kept.deleted or (kept.version is not None and kept.version > version_of):
                return None
            return _Kept(_reworded(kept.said, text), version_of)

        if await self._change_line(conversation, message_id, edited):
            await self._change_recent(conversation, message_id, text)

    async def set_file(self, conversation: str, message_id: str, attachment: Attachment) -> None:
        """A file of a message has come."""

        def with_file(kept: _Kept) -> _Kept | None:
            files = tuple(attachment if f.id == attachment.id else f for f in kept.said.line.attachments)
            if kept.deleted or files == kept.said.line.attachments:
                return None
            line = replace(kept.said.line, attachments=files)
            return _Kept(replace(kept.said, line=line), kept.version)

        await self._change_line(conversation, message_id, with_file)

    async def delete_line(self, conversation: str, message_id: str) -> None:
        """Take a message back."""

        def deleted(kept: _Kept) -> _Kept | None:
            if kept.deleted:
                return None
            bare = replace(kept.said, line=replace(kept.said.line, text="", attachments=()))
            return _Kept(bare, kept.version, deleted=True)

        await self._change_line(conversation, message_id, deleted)
        await self._change_recent(conversation, message_id, None)

    async def set_fate(self, conversation: str, fate: CaseFate, version: Version) -> None:
        """What became of a reply."""
        await self._connection.call(
            scripts.SET_FATE,
            [self._keys.case(conversation), self._keys.fates(conversation), self._keys.pulse],
            fate.message_id,
            _encode(fate),
            f"{version.epoch}:{version.at_ms}",
            self._closed_seconds,
        )

    # --- reading ---------------------------------------------------------------------------

    async def cases(self, *, closed: bool = False) -> Sequence[Case]:
        """Cases that are live, or those that ended."""
        names = await self._connection.do(
            "ZREVRANGE", self._keys.closed if closed else self._keys.open, 0, -1
        )
        found = await asyncio.gather(*(self.case(name.decode()) for name in names))
        cases = [case for case in found if case is not None]
        if not closed:
            cases.sort(key=lambda case: (not case.card.urgent, case.card.since, case.number))
        return cases

    async def case(self, conversation: str) -> Case | None:
        """One case."""
        fields = await self._connection.do(
            "HMGET", self._keys.case(conversation), "chat", "number", "card", "updated"
        )
        if fields[0] is None:
            return None
        chat, number, card, updated = fields
        return Case(
            conversation=conversation,
            chat=ChatId.parse(chat.decode()),
            number=int(number),
            card=_read(_card, card),
            updated_at=datetime.fromtimestamp(int(updated) / 1000, UTC),
        )

    async def numbered(self, number: int) -> Case | None:
        """The case with that number."""
        names = await self._connection.do("ZRANGEBYSCORE", self._keys.numbers, number, number)
        return await self.case(names[0].decode()) if names else None

    async def thread(self, conversation: str) -> Sequence[ThreadLine]:
        """What was said."""
        keys = self._keys
        order, lines, fates = await asyncio.gather(
            self._connection.do("ZRANGE", keys.order(conversation), 0, -1),
            self._connection.do("HGETALL", keys.lines(conversation)),
            self._connection.do("HGETALL", keys.fates(conversation)),
        )
        said, fated = _pairs(lines), _pairs(fates)
        return [_thread_line(said[name], fated.get(name)) for name in order if name in said]

    async def recent(self, team: str) -> Sequence[float]:
        """Seconds between asking (or, asked out of hours, the team's return) and being claimed, of the
        team's last cases, oldest first; a case that went back to the queue counts for each time it waited."""
        oldest = _ms(self._clock.now()) - 1000 * WAITS_SECONDS
        found = await self._connection.do("LRANGE", self._keys.waits(team), 0, -1)
        waits = [tuple(map(int, one.split())) for one in reversed(found)]
        return [waited / 1000 for at, waited in waits if at >= oldest]

    async def changed(self, since: str, timeout: float) -> str:
        """The present revision, waited for."""
        if since:
            await self._connection.blocking_read(
                {self._keys.pulse: since}, count=1, block=min(timeout, LONGEST_WAIT)
            )
        newest = await self._connection.do("XREVRANGE", self._keys.pulse, "+", "-", "COUNT", 1)
        return newest[0][0].decode() if newest else _NO_REVISION

    # --- personal data ---------------------------------------------------------------------

    @property
    def retention(self) -> RetentionClass:
        """What a desk's agents see of a conversation."""
        days = max(self._closed_days, self._live_days)
        return RetentionClass("desk board", "shows agents the conversations they answer", days)

    async def export(self, chat: ChatId) -> list[dict[str, Any]]:
        """Cards and threads."""
        found: list[dict[str, Any]] = []
        for conversation in await self._conversations(chat):
            case, thread = await asyncio.gather(self.case(conversation), self.thread(conversation))
            if case is None and not thread:
                continue
            found.append(
                {
                    "conversation": conversation,
                    "card": msgspec.to_builtins(case.card) if case else None,
                    "thread": msgspec.to_builtins(thread),
                }
            )
        return found

    async def erase(self, chat: ChatId) -> int:
        """Remove the cases of a chat; returns how many went."""
        gone = await self._remove(await self._conversations(chat))
        await self._connection.do("DEL", self._keys.of_chat(chat))
        return gone

    async def purge(self) -> int:
        """Remove cases that nobody touched or ended in time. (Those that ended expire by themselves.)"""
        oldest = self._clock.now() - timedelta(days=self._live_days)
        silent = [
            case
            for case in await self.cases()
            if case.updated_at < oldest
            and all(line.said.line.at < oldest for line in await self.thread(case.conversation))
        ]
        return await self._remove([case.conversation for case in silent])

    # --- inside ----------------------------------------------------------------------------

    async def _remove(self, conversations: Sequence[str]) -> int:
        keys = self._keys
        gone = 0
        for conversation in conversations:
            gone += bool(await self._connection.do("DEL", *self._case_keys(conversation)))
            for index in (keys.open, keys.closed, keys.numbers):
                await self._connection.do("ZREM", index, conversation)
        await self._connection.do("XADD", keys.pulse, "MAXLEN", 1, "*", "c", "1")
        return gone

    async def _conversations(self, chat: ChatId) -> list[str]:
        """By the chat's index, which may expire before a case that stays open; so those are looked at."""
        indexed = await self._connection.do("SMEMBERS", self._keys.of_chat(chat))
        still_open = [case.conversation for case in await self.cases() if case.chat == chat]
        return sorted({*map(bytes.decode, indexed), *still_open})

    def _case_keys(self, conversation: str) -> list[str]:
        keys = self._keys
        return [
            keys.case(conversation),
            keys.order(conversation),
            keys.lines(conversation),
            keys.fates(conversation),
        ]

    async def _change_line(
        self, conversation: str, message_id: str, change: Callable[[_Kept], _Kept | None]
    ) -> bool:
        return await self._change(self._keys.lines(conversation), message_id, _kept, change)

    async def _change_recent(self, conversation: str, message_id: str, text: str | None) -> None:
        """The card holds the last lines, too: an edit or a deletion reaches those."""

        def changed(card: CaseCard) -> CaseCard | None:
            recent = tuple(
                replace(line, text=text or "") if line.message_id == message_id else line
                for line in card.recent
                if text is not None or line.message_id != message_id
            )
            return None if recent == card.recent else replace(card, recent=recent)

        await self._change(self._keys.case(conversation), "card", _card, changed)

    async def _change(
        self, key: str, field: str, decoder: msgspec.json.Decoder[T], change: Callable[[T], T | None]
    ) -> bool:
        """Read, change, write if it is still what was read; False when there is nothing to change."""
        while True:
            before = await self._connection.do("HGET", key, field)
            after = None if before is None else change(_read(decoder, before))
            if before is None or after is None:
                return False
            if await self._connection.call(
                scripts.REPLACE, [key, self._keys.pulse], field, before, _encode(after)
            ):
                return True


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _reworded(said: CaseLine, text: str) -> CaseLine:
    return replace(said, line=replace(said.line, text=text))


def _thread_line(line: bytes, fate: bytes | None) -> ThreadLine:
    kept = _read(_kept, line)
    return ThreadLine(
        said=kept.said,
        edited=kept.version is not None,
        deleted=kept.deleted,
        fate=_read(_fate, fate.partition(b" ")[2]) if fate else None,
    )


def _read(decoder: msgspec.json.Decoder[T], raw: bytes) -> T:
    try:
        return decoder.decode(raw)
    except msgspec.MsgspecError as error:
        raise NotUnderstandable(f"board: {error}") from error


def _pairs(reply: Any) -> dict[bytes, bytes]:
    """HGETALL answers a map or a flat list, by protocol."""
    return dict(reply) if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))
