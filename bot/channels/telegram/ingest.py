"""From a raw update to an event. Pure: the time and the names of files are passed in.

What a customer sends that is neither text nor a file we can fetch (a sticker, a place, a contact,
a poll …) becomes an attachment that has a name and no source: it is shown to the person who takes
over, and the bot can say honestly that it did not look at it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from bot.channels.commands import parse_command
from bot.channels.telegram.limits import UNSERVED_UPDATES
from bot.channels.telegram.updates import CallbackQuery, File, Membership, Message, Person, Place, Update
from bot.domain.events import (
    ButtonPress,
    Command,
    CustomerCommand,
    CustomerEdit,
    CustomerEvent,
    CustomerMessage,
)
from bot.domain.identity import ChatId, Profile
from bot.domain.message import Attachment, AttachmentKind

CHANNEL = "telegram"
OPAQUE_MIME = "application/x-telegram-"
NAME_CHARACTERS = 128
HUMAN_BUTTON = "human"

# A /start link carries up to 64 of these (core.telegram.org/bots/features#deep-linking).
_DEEP_LINK = re.compile(r"[A-Za-z0-9_-]{1,64}")

_OPAQUE_KINDS = (
    "sticker",
    "venue",  # comes with a location
    "location",
    "contact",
    "poll",
    "dice",
    "game",
    "story",
    "paid_media",
    "checklist",
    "invoice",
    "giveaway",
    "gift",
    "unique_gift",
    "passport_data",
    "users_shared",
    "chat_shared",
    "web_app_data",
)

_SERVICE_KINDS = frozenset(
    {
        "boost_added",
        "chat_background_set",
        "connected_website",
        "message_auto_delete_timer_changed",
        "pinned_message",
        "proximity_alert_triggered",
        "refunded_payment",
        "successful_payment",
        "write_access_allowed",
    }
)


@dataclass(frozen=True, slots=True)
class Origin:
    """What every event of an update shares."""

    account: str
    update_id: int
    at: datetime
    new_file_id: Callable[[], str]

    def chat(self, place: Place) -> ChatId:
        """The private chat as we name it."""
        return ChatId(CHANNEL, self.account, str(place.id))

    @property
    def event_id(self) -> str:
        """What the inbox is idempotent on."""
        return f"{CHANNEL}:{self.account}:{self.update_id}"


@dataclass(frozen=True, slots=True)
class Taken:
    """An event for the inbox. ``callback`` is to be answered so that the button stops spinning."""

    event: CustomerEvent
    callback: str | None = None


@dataclass(frozen=True, slots=True)
class InGroup:
    """Somebody wants us in a group."""

    place: int
    callback: str | None = None


@dataclass(frozen=True, slots=True)
class Ignored:
    """Understood, and knowingly nothing to do."""

    reason: str
    callback: str | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """To be parked. ``reason`` is ``malformed`` or ``unknown_kind``."""

    reason: str


Outcome = Taken | InGroup | Ignored | Unreadable


def read_update(raw: object, account: str, at: datetime, new_file_id: Callable[[], str]) -> Outcome:
    """What an update means to us. Never raises, whatever ``raw`` is.

    Args:
        raw: the update as decoded from JSON.
        account: the bot's own name in our chat ids.
        at: when we took it in; Telegram's dates are not trusted.
        new_file_id: makes an unguessable id for each file.
    """
    try:
        update = msgspec.convert(raw, Update)
        keys = msgspec.convert(raw, dict[str, Any])
    except (msgspec.ValidationError, UnicodeEncodeError):  # the latter for lone surrogates out of place
        return Unreadable("malformed")
    origin = Origin(account, update.update_id, at, new_file_id)
    if update.message is not None:
        return _message(update.message, keys["message"], origin)
    if update.edited_message is not None:
        return _edit(update.edited_message, origin)
    if update.callback_query is not None:
        return _press(update.callback_query, origin)
    if update.my_chat_member is not None:
        return _membership(update.my_chat_member)
    return Ignored("unserved_kind") if UNSERVED_UPDATES & keys.keys() else Unreadable("unknown_kind")


def _message(message: Message, raw: Mapping[str, Any], origin: Origin) -> Outcome:
    if (elsewhere := _not_private(message.chat)) is not None:
        return elsewhere
    files = tuple(_files(message, origin.new_file_id))
    text = message.text or message.caption or ""
    if not files and not text:
        if _SERVICE_KINDS & raw.keys():
            return Ignored("service_message")
        files = (_opaque(raw, origin.new_file_id()),)
    common: dict[str, Any] = _common(message, origin, str(message.message_id))
    if not files and (command := _command(text)) is not None:
        return Taken(CustomerCommand(**common, command=command[0], argument=command[1]))
    return Taken(CustomerMessage(**common, text=text, attachments=files, album=message.media_group_id))


def _edit(message: Message, origin: Origin) -> Outcome:
    if (elsewhere := _not_private(message.chat)) is not None:
        return elsewhere if isinstance(elsewhere, Ignored) else Ignored("group_edit")
    text = message.text if message.text is not None else message.caption
    if text is None:
        return Ignored("edit_without_text")  # a live location that moves, for one
    edited = str(message.message_id)
    common = _common(message, origin, f"{edited}.edit-{origin.update_id}")
    return Taken(CustomerEdit(**common, edited_id=edited, text=text))


def _press(query: CallbackQuery, origin: Origin) -> Outcome:
    if query.message is None or query.data is None:
        return Ignored("press_without_message", query.id)
    place = query.message.chat
    if (elsewhere := _not_private(place)) is not None:
        return InGroup(place.id, query.id) if isinstance(elsewhere, InGroup) else elsewhere
    common: dict[str, Any] = {
        "id": origin.event_id,
        "chat": origin.chat(place),
        "at": origin.at,
        "message_id": f"press-{origin.update_id}",
        "profile": _profile(query.sender),
    }
    if query.data == HUMAN_BUTTON:
        return Taken(CustomerCommand(**common, command=Command.HUMAN), query.id)
    return Taken(ButtonPress(**common, button=query.data), query.id)


def _membership(change: Membership) -> Outcome:
    joined = change.new_chat_member.status in ("member", "administrator")
    if (elsewhere := _not_private(change.chat)) is not None:
        return elsewhere if joined else Ignored("left_group")
    return Ignored("unblocked" if joined else "blocked")


def _not_private(place: Place) -> InGroup | Ignored | None:
    if place.type == "private":
        return None
    return InGroup(place.id) if place.type in ("group", "supergroup") else Ignored("not_a_private_chat")


def _common(message: Message, origin: Origin, message_id: str) -> dict[str, Any]:
    return {
        "id": origin.event_id,
        "chat": origin.chat(message.chat),
        "at": origin.at,
        "message_id": message_id,
        "profile": _profile(message.sender),
    }


def _command(text: str) -> tuple[Command, str] | None:
    """One of our commands, also as Telegram writes them: ``/help@our_bot``, ``/start <deep link>``."""
    head, _, rest = text.strip().partition(" ")
    name = head.partition("@")[0]
    if name == "/start" and _DEEP_LINK.fullmatch(rest):
        return Command.START, rest
    return parse_command(f"{name} {rest}")


def _profile(person: Person | None) -> Profile:
    if person is None:
        return Profile()
    name = f"{person.first_name} {person.last_name}".strip()
    return Profile(
        name=_printable(name), username=_printable(person.username), locale=person.language_code[:35]
    )


def _files(message: Message, new_file_id: Callable[[], str]) -> list[Attachment]:
    photo = max(message.photo, key=lambda size: (size.width * size.height, size.file_size), default=None)
    # An animation also comes as a document, for programs older than animations.
    document = message.document if message.animation is None else None
    found = (
        (photo, AttachmentKind.IMAGE, "image/jpeg", "photo.jpg"),
        (document, None, "application/octet-stream", "document"),
        (message.voice, AttachmentKind.VOICE, "audio/ogg", "voice.ogg"),
        (message.audio, AttachmentKind.AUDIO, "audio/mpeg", "audio.mp3"),
        (message.video, AttachmentKind.VIDEO, "video/mp4", "video.mp4"),
        (message.video_note, AttachmentKind.VIDEO, "video/mp4", "video.mp4"),
        (message.animation, AttachmentKind.VIDEO, "video/mp4", "animation.mp4"),
    )
    return [
        _attachment(file, kind, mime, name, new_file_id())
        for file, kind, mime, name in found
        if file is not None
    ]


def _attachment(file: File, kind: AttachmentKind | None, mime: str, name: str, file_id: str) -> Attachment:
    mime = _mime(file.mime_type) or mime
    return Attachment(
        id=file_id,
        name=_file_name(file.file_name) or name,
        mime=mime,
        size=file.file_size,
        kind=kind or AttachmentKind.of(mime),
        source=file.file_id,
    )


def _opaque(raw: Mapping[str, Any], file_id: str) -> Attachment:
    kind = next((kind for kind in _OPAQUE_KINDS if kind in raw), "unknown")
    return Attachment(id=file_id, name=kind, mime=f"{OPAQUE_MIME}{kind}")


def _mime(text: str) -> str:
    return text if re.fullmatch(r"[\w.+-]{1,64}/[\w.+-]{1,64}", text, re.ASCII) else ""


def _file_name(text: str) -> str:
    """The last part of what the sender's device calls the file, cut at its front to keep the suffix."""
    return _printable(re.split(r"[/\\]", text)[-1], keep_end=True).strip(". ")


def _printable(text: str, *, keep_end: bool = False) -> str:
    shown = "".join(character for character in text if character.isprintable())
    return shown[-NAME_CHARACTERS:] if keep_end else shown[:NAME_CHARACTERS]
