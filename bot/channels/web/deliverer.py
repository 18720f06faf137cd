"""From the outbox to the visitor's transcript. Every web process that has the visitor tails it."""

from __future__ import annotations

from bot.channels.web.rendering import SERVER, delete_frame, edit_frame, message_frame
from bot.channels.web.sessions import CHANNEL
from bot.domain.errors import DeliveryFailed, DeliveryRefused, StoreUnavailable
from bot.domain.ids import public_id
from bot.domain.outgoing import DeleteOut, EditOut, MessageOut, Outgoing
from bot.ports.delivery import Delivered, Pacing
from bot.ports.transcript import Added, Transcripts


class WebDeliverer:
    """Delivers to ``web:<account>``. Idempotent by message id: doubt needs nothing special."""

    def __init__(self, account: str, transcripts: Transcripts) -> None:
        self._account = account
        self._transcripts = transcripts

    @property
    def destination(self) -> str:
        """``web:<account>``."""
        return f"{CHANNEL}:{self._account}"

    @property
    def pacing(self) -> Pacing:
        """As fast as it comes."""
        return Pacing()

    async def deliver(self, entry: Outgoing, *, doubtful: bool) -> Delivered:  # noqa: ARG002
        """Add the entry to the transcript.

        Raises:
            DeliveryFailed: the live state cannot be reached.
            DeliveryRefused: not something a web chat shows, or a change of a message it has not.
        """
        try:
            return await self._deliver(entry)
        except StoreUnavailable as error:
            raise DeliveryFailed("store_unavailable", doubtful=True) from error

    async def _deliver(self, entry: Outgoing) -> Delivered:
        entry_id, chat, payload = entry.id, entry.chat, entry.payload
        if not isinstance(payload, MessageOut | EditOut | DeleteOut):
            raise DeliveryRefused("not_for_a_chat")
        message_id = public_id(payload.message_id)
        match payload:
            case MessageOut():
                await self._transcripts.append(chat, SERVER + message_id, message_frame(payload, entry.at))
            case EditOut():
                frame = edit_frame(entry_id, payload)
                added = await self._transcripts.edit(chat, SERVER + entry_id, SERVER + message_id, frame)
                if added is Added.NO_SUCH_MESSAGE:
                    raise DeliveryRefused("message_gone")
            case DeleteOut():
                frame = delete_frame(entry_id, payload)
                await self._transcripts.delete(chat, SERVER + entry_id, SERVER + message_id, frame)
        return Delivered(message_id)
