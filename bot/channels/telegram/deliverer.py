"""From outbox entries to Bot API calls."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

import structlog
from telegram import Bot, InputFile
from telegram.error import BadRequest, TelegramError

from bot.channels.telegram import limits
from bot.channels.telegram.client import translated
from bot.channels.telegram.ingest import CHANNEL
from bot.channels.telegram.rendering import FilePart, Part, TextPart, fits, parts_of, split
from bot.domain.errors import (
    DeliveryFailed,
    DeliveryRefused,
    MediaUnavailable,
    StoreUnavailable,
)
from bot.domain.identity import ChatId
from bot.domain.message import Attachment
from bot.domain.outgoing import DeleteOut, EditOut, MessageOut, Outgoing
from bot.ports.delivery import Delivered, Pacing
from bot.ports.media import MediaStore
from bot.ports.message_map import MessageMap

log = structlog.get_logger(__name__)

_IN_MEMORY = 1024 * 1024
_FILE = "file:"
"""Marks a part that is a file in the message map: its text cannot be edited."""


class TelegramDeliverer:
    """Delivers what the outbox holds for one bot.

    A message longer than Telegram takes goes out in parts, each remembered as it is sent, so that
    a retry continues where the last attempt stopped.

    Args:
        bot: the client, from :func:`~bot.channels.telegram.client.make_bot`.
        account: the bot's name in our chat ids.
        messages: remembers what Telegram calls each message.
        media: where the files of agents' messages are.
        pause: waits between two parts of one message; given the seconds.
    """

    def __init__(
        self,
        bot: Bot,
        account: str,
        messages: MessageMap,
        media: MediaStore,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._bot = bot
        self._account = account
        self._messages = messages
        self._media = media
        self._pause = pause

    @property
    def destination(self) -> str:
        """``telegram:<account>``."""
        return f"{CHANNEL}:{self._account}"

    @property
    def pacing(self) -> Pacing:
        """Telegram's published limits."""
        return Pacing(overall=limits.OVERALL_PER_SECOND, per_chat=limits.PER_CHAT_PER_SECOND)

    async def deliver(self, entry: Outgoing, *, doubtful: bool) -> Delivered:
        """Send, change or take back a message. A message resent in doubt says ``maybe_duplicate``.

        Raises:
            DeliveryDelayed: flood control, or Telegram refuses the token.
            DeliveryFailed: the network, the store or the media store; doubtful unless it is certain
                that nothing was sent.
            DeliveryRefused: blocked, chat_not_found, empty, message_gone, not_editable …
        """
        place = _place(entry.chat)
        try:
            return await self._deliver(entry, place, doubtful=doubtful)
        except TelegramError as error:
            ours = translated(error)
        except StoreUnavailable:
            ours = DeliveryFailed("store_unavailable")
        if isinstance(ours, DeliveryFailed):  # a doubt about an earlier attempt stays
            ours = DeliveryFailed(ours.reason, doubtful=ours.doubtful or doubtful)
        raise ours  # without the platform's error, whose text may hold the token

    async def _deliver(self, entry: Outgoing, place: int, *, doubtful: bool) -> Delivered:
        match entry.payload:
            case MessageOut() as message:
                return await self._send(entry.chat, place, message, doubtful=doubtful)
            case EditOut() as change:
                return await self._edit(entry.chat, place, change)
            case DeleteOut() as removal:
                return await self._delete(entry.chat, place, removal)
        raise DeliveryRefused("unsupported_payload")

    # --- sending -----------------------------------------------------------------------------

    async def _send(self, chat: ChatId, place: int, message: MessageOut, *, doubtful: bool) -> Delivered:
        parts = parts_of(message)
        if not parts:
            raise DeliveryRefused("empty")
        _tell_of_lost_buttons(message)
        sent = list(await self._sent(chat, message.message_id, among=len(parts), doubtful=doubtful))
        resent = doubtful and len(sent) < len(parts)
        for number in range(len(sent), len(parts)):
            if number:
                await self._pause(1 / limits.PER_CHAT_PER_SECOND)
            sent.append(await self._send_part(place, parts[number]))
            await self._remember(chat, message.message_id, number, sent[-1])
        return Delivered(platform_id=sent[0].removeprefix(_FILE), maybe_duplicate=resent)

    async def _remember(self, chat: ChatId, message_id: str, number: int, name: str) -> None:
        """Without this the message cannot be changed later; sending it again would be worse."""
        try:
            await self._messages.remember(chat, message_id, number, name)
        except StoreUnavailable:
            log.warning("telegram.message_not_remembered", message_id=message_id, part=number)

    async def _sent(self, chat: ChatId, message_id: str, *, among: int, doubtful: bool) -> tuple[str, ...]:
        """The parts an earlier attempt has sent; a first attempt at a short message has sent none."""
        if among == 1 and not doubtful:
            return ()
        return (await self._messages.find(chat, message_id))[:among]

    async def _send_part(self, place: int, part: Part) -> str:
        """Returns what the map keeps: Telegram's id, marked when it is a file's."""
        match part:
            case TextPart(text, board):
                sent = await self._bot.send_message(place, text, reply_markup=board)
                return str(sent.message_id)
            case FilePart():
                return _FILE + await self._send_file(place, part)

    async def _send_file(self, place: int, part: FilePart) -> str:
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as content:
            await self._copy(part.attachment, content)
            try:
                return await self._upload(place, part, part.method, content)
            except BadRequest:
                if part.method == "document":
                    raise
                # Not what it seems to be, too long a side …: any file can go as a document.
                return await self._upload(place, part, "document", content)

    async def _upload(self, place: int, part: FilePart, method: str, content: IO[bytes]) -> str:
        file = InputFile(content, filename=part.attachment.name, read_file_handle=False)
        send: Any = getattr(self._bot, f"send_{method}")
        sent = await send(place, file, reply_markup=part.keyboard)
        return str(sent.message_id)

    async def _copy(self, attachment: Attachment, content: IO[bytes]) -> None:
        """From the media store to a file at hand, as the client wants to read it twice at need."""
        taken = 0
        try:
            if await self._media.stat(attachment.id) is None:
                raise DeliveryRefused("file_gone")
            async for chunk in self._media.read(attachment.id):
                taken += len(chunk)
                if taken > limits.UPLOAD_BYTES:
                    raise DeliveryRefused("file_too_large")
                content.write(chunk)
        except MediaUnavailable as error:
            raise DeliveryFailed("media_unavailable") from error

    # --- changing ----------------------------------------------------------------------------

    async def _edit(self, chat: ChatId, place: int, change: EditOut) -> Delivered:
        """Change the texts there are; take away what is too much, add what is too little."""
        known = await self._known(chat, change.message_id)
        old = [name for name in known if not name.startswith(_FILE)]
        new = split(change.text)
        if not (old and new):
            raise DeliveryRefused("not_editable")
        for platform_id, text in zip(old, new, strict=False):
            await self._change(place, platform_id, text)
        for platform_id in old[len(new) :]:
            await self._take_back(place, platform_id)
        for number, text in enumerate(new[len(old) :], len(known)):
            await self._pause(1 / limits.PER_CHAT_PER_SECOND)
            name = await self._send_part(place, TextPart(text))
            await self._remember(chat, change.message_id, number, name)
        return Delivered(platform_id=old[0])

    async def _delete(self, chat: ChatId, place: int, removal: DeleteOut) -> Delivered:
        known = [name.removeprefix(_FILE) for name in await self._known(chat, removal.message_id)]
        for platform_id in known:
            await self._take_back(place, platform_id)
        return Delivered(platform_id=known[0])

    async def _known(self, chat: ChatId, message_id: str) -> tuple[str, ...]:
        known = await self._messages.find(chat, message_id)
        if not known:
            raise DeliveryRefused("message_unknown")
        return known

    async def _change(self, place: int, platform_id: str, text: str) -> None:
        with _already("message is not modified"):
            await self._bot.edit_message_text(text, chat_id=place, message_id=int(platform_id))

    async def _take_back(self, place: int, platform_id: str) -> None:
        with _already("message to delete not found"):
            await self._bot.delete_message(place, int(platform_id))


@contextmanager
def _already(refusal: str) -> Iterator[None]:
    """An earlier attempt, or the customer, has done it: Telegram's refusal is what we wanted."""
    try:
        yield
    except BadRequest as error:
        if refusal not in error.message.lower():
            raise


def _place(chat: ChatId) -> int:
    try:
        return int(chat.user)
    except ValueError:
        raise DeliveryRefused("chat_not_found") from None


def _tell_of_lost_buttons(message: MessageOut) -> None:
    lost = [button for button in message.buttons if not fits(button)]
    if lost:
        log.warning("telegram.buttons_left_out", message_id=message.message_id, count=len(lost))
