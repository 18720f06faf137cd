"""From frames of the protocol to events. Pure: whatever a client sends, an Incoming or a Refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.channels.commands import parse_command
from bot.channels.web.limits import (
    BUTTON_BYTES,
    FILES_A_MESSAGE,
    FRAME_CHARACTERS,
    LABEL_CHARACTERS,
    TEXT_CHARACTERS,
    is_client_id,
    is_own_id,
)
from bot.channels.web.rendering import customer_frame
from bot.domain.events import (
    ButtonPress,
    Command,
    CustomerCommand,
    CustomerDelete,
    CustomerEdit,
    CustomerEvent,
    CustomerMessage,
    Receipt,
    ReceiptStatus,
)
from bot.domain.identity import ChatId, Profile
from bot.domain.message import Attachment
from bot.ports.transcript import Frame

HUMAN_BUTTON = "human"


class Refused(Exception):
    """A frame we do not take. ``code`` is the protocol's; ``client_id`` is the frame's id, if it has one;
    ``limit`` the limit it is over, if that is why."""

    def __init__(self, code: str, client_id: str | None = None, *, limit: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.client_id = client_id
        self.limit = limit


@dataclass(frozen=True, slots=True)
class Customer:
    """Who writes, when, and how texts are cleaned."""

    chat: ChatId
    profile: Profile
    at: datetime
    clean: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Incoming:
    """What a frame comes to: an event, and what the transcript shows of it.

    ``target`` is the message that an edit or a deletion is about; ``frame`` is None when there
    is nothing to show.
    """

    client_id: str
    event: CustomerEvent
    frame: Frame | None
    target: str | None = None


def read_frame(raw: str | None) -> dict[str, Any]:
    """The JSON object of a text frame; None stands for a binary one.

    Raises:
        Refused: ``bad_frame``, or ``too_long`` for one over the limit.
    """
    if raw is None:
        raise Refused("bad_frame")
    try:
        frame = json.loads(raw)
    except (ValueError, RecursionError) as error:
        if len(raw) > FRAME_CHARACTERS:
            raise Refused("too_long", limit=TEXT_CHARACTERS) from error
        raise Refused("bad_frame") from error
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
        raise Refused("bad_frame", known_id(frame))
    if len(raw) > FRAME_CHARACTERS:
        raise Refused("too_long", known_id(frame), limit=TEXT_CHARACTERS)
    return frame


def known_id(frame: object) -> str | None:
    """The frame's id, when it is one a client may use."""
    value = frame.get("id") if isinstance(frame, dict) else None
    return value if isinstance(value, str) and is_client_id(value) else None


def file_ids(frame: Frame) -> tuple[str, ...]:
    """The files a message brings.

    Raises:
        Refused: ``bad_frame`` when it is no list of at most ten ids.
    """
    ids = frame.get("attachments") or []
    if not isinstance(ids, list) or len(ids) > FILES_A_MESSAGE or not all(is_client_id(one) for one in ids):
        raise Refused("bad_frame", known_id(frame))
    return tuple(dict.fromkeys(ids))


def message(frame: Frame, customer: Customer, attachments: Sequence[Attachment] = ()) -> Incoming:
    """The customer wrote, or sent files, or typed one of our commands.

    Raises:
        Refused: ``bad_frame``, ``too_long`` or ``empty``.
    """
    client_id = _own_id(frame)
    text = customer.clean(_text(frame, client_id))
    if not text.strip() and not attachments:
        raise Refused("empty", client_id)
    command = None if attachments else parse_command(text)
    event: CustomerEvent
    if command is not None:
        event = _command(client_id, customer, *command)
    else:
        event = CustomerMessage(**_common(client_id, customer), text=text, attachments=tuple(attachments))
    return Incoming(client_id, event, customer_frame(client_id, text, customer.at, attachments))


def press(frame: Frame, customer: Customer) -> Incoming:
    """The customer tapped a button.

    Raises:
        Refused: ``bad_frame``.
    """
    client_id = _own_id(frame)
    button = frame.get("button")
    if not isinstance(button, str) or not 0 < len(button.encode("utf-8", "replace")) <= BUTTON_BYTES:
        raise Refused("bad_frame", client_id)
    label = frame.get("label")
    shown = customer.clean(label)[:LABEL_CHARACTERS].strip() if isinstance(label, str) else ""
    event: CustomerEvent
    if button == HUMAN_BUTTON:
        event = _command(client_id, customer, Command.HUMAN, "")
    else:
        event = ButtonPress(**_common(client_id, customer), button=customer.clean(button))
    return Incoming(client_id, event, customer_frame(client_id, shown, customer.at) if shown else None)


def edit(frame: Frame, customer: Customer) -> Incoming:
    """The customer changed a message of theirs.

    Raises:
        Refused: ``bad_frame``, ``too_long`` or ``empty``.
    """
    client_id, target = _own_id(frame), _target(frame)
    text = customer.clean(_text(frame, client_id))
    if not text.strip():
        raise Refused("empty", client_id)
    event = CustomerEdit(**_common(client_id, customer), edited_id=target, text=text)
    return Incoming(client_id, event, _change("edit", client_id, target, text=text), target)


def delete(frame: Frame, customer: Customer) -> Incoming:
    """The customer took a message of theirs back.

    Raises:
        Refused: ``bad_frame``.
    """
    client_id, target = _own_id(frame), _target(frame)
    event = CustomerDelete(**_common(client_id, customer), deleted_id=target)
    return Incoming(client_id, event, _change("delete", client_id, target), target)


def seen(frame: Frame, customer: Customer) -> Receipt:
    """The customer saw a message of ours.

    Raises:
        Refused: ``bad_frame``.
    """
    message_id = _id(frame)
    return Receipt(
        id=event_id(customer.chat, f"seen {message_id}"),  # no client id has a space
        chat=customer.chat,
        at=customer.at,
        message_id=message_id,
        status=ReceiptStatus.SEEN,
    )


def event_id(chat: ChatId, client_id: str) -> str:
    """Client ids are unique in a session, so the session is part of the event's id."""
    return f"{chat}:{client_id}"


def _common(client_id: str, customer: Customer) -> dict[str, Any]:
    return {
        "id": event_id(customer.chat, client_id),
        "chat": customer.chat,
        "at": customer.at,
        "message_id": client_id,
        "profile": customer.profile,
    }


def _command(client_id: str, customer: Customer, command: Command, argument: str) -> CustomerCommand:
    return CustomerCommand(**_common(client_id, customer), command=command, argument=argument)


def _change(kind: str, client_id: str, target: str, **more: str) -> Frame:
    return {"type": kind, "id": client_id, "message": target, "author": "customer", **more}


def _id(frame: Frame) -> str:
    client_id = known_id(frame)
    if client_id is None:
        raise Refused("bad_frame")
    return client_id


def _own_id(frame: Frame) -> str:
    """The id of something new of the client's."""
    client_id = _id(frame)
    if not is_own_id(client_id):
        raise Refused("bad_frame", client_id)
    return client_id


def _target(frame: Frame) -> str:
    target = frame.get("message")
    if not isinstance(target, str) or not is_client_id(target):
        raise Refused("bad_frame", known_id(frame))
    return target


def _text(frame: Frame, client_id: str) -> str:
    text = frame.get("text", "")
    if not isinstance(text, str):
        raise Refused("bad_frame", client_id)
    if len(text) > TEXT_CHARACTERS:
        raise Refused("too_long", client_id, limit=TEXT_CHARACTERS)
    return text
