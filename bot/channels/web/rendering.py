"""From our messages to frames of the protocol, and from stored frames to what a browser gets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from urllib.parse import quote

from bot.domain.ids import public_id
from bot.domain.message import Attachment, Author
from bot.domain.outgoing import DeleteOut, EditOut, MessageOut
from bot.ports.transcript import Frame

SERVER = "s:"
CLIENT = "c:"


def message_frame(message: MessageOut, at: datetime) -> Frame:
    """A message of the bot, of a person or of the house."""
    frame: Frame = {
        "type": "message",
        "id": public_id(message.message_id),
        "author": message.author.value,
        "text": message.text,
        "buttons": [{"id": button.id, "label": button.label} for button in message.buttons],
        "reply_to": message.reply_to,
        "attachments": attachment_frames(message.attachments),
        "at": at.isoformat(timespec="seconds"),
    }
    return {**frame, "name": message.author_name} if message.author_name else frame


def customer_frame(message_id: str, text: str, at: datetime, attachments: Sequence[Attachment] = ()) -> Frame:
    """The customer's own message."""
    return {
        "type": "message",
        "id": message_id,
        "author": Author.CUSTOMER.value,
        "text": text,
        "buttons": [],
        "reply_to": None,
        "attachments": attachment_frames(attachments),
        "at": at.isoformat(timespec="seconds"),
    }


def edit_frame(frame_id: str, edit: EditOut) -> Frame:
    """A message changed."""
    return {
        "type": "edit",
        "id": frame_id,
        "message": public_id(edit.message_id),
        "author": edit.author.value,
        "text": edit.text,
    }


def delete_frame(frame_id: str, delete: DeleteOut) -> Frame:
    """A message was taken back."""
    message = public_id(delete.message_id)
    return {"type": "delete", "id": frame_id, "message": message, "author": delete.author.value}


def attachment_frames(attachments: Sequence[Attachment]) -> list[Frame]:
    """Files of a message, without addresses: those are signed when a frame leaves."""
    return [
        {"id": item.id, "name": item.name, "mime": item.mime, "size": item.size}
        for item in attachments
        if item.stored
    ]


def with_addresses(frame: Frame, file_pass: Callable[[str], str]) -> Frame:
    """The frame as the browser gets it: each attachment with its address."""
    if not frame.get("attachments"):
        return frame
    return {
        **frame,
        "attachments": [
            {**item, "url": f"/chat/files/{quote(item['id'], safe='')}?pass={file_pass(item['id'])}"}
            for item in frame["attachments"]
        ],
    }
