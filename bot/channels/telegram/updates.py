"""The part of a Telegram update that we read, typed.

Stricter than python-telegram-bot's ``Update.de_json``, which checks no types and would pass an
object where a text belongs on to whoever uses it first; and more lenient, since a field we do not
read cannot make a message unreadable. Fields are named as in core.telegram.org/bots/api#update.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

Id = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Name = Annotated[str, msgspec.Meta(max_length=512, pattern=r"^[^\x00-\x1f\ud800-\udfff]*\Z")]
"""Something only machines read, kept as it is: no control characters, no lone surrogates."""


class Person(msgspec.Struct):
    """Who did it."""

    id: Id
    first_name: str = ""
    last_name: str = ""
    username: str = ""
    language_code: Name = ""


class Place(msgspec.Struct):
    """Where: ``private``, ``group``, ``supergroup`` or ``channel``."""

    id: Id
    type: Name


class File(msgspec.Struct):
    """A photo size, document, voice, audio, video, animation or round video."""

    file_id: Name
    file_size: Count = 0
    file_name: str = ""
    mime_type: str = ""
    width: Count = 0
    height: Count = 0


class Message(msgspec.Struct):
    """A message, or its edited form."""

    message_id: Id
    chat: Place
    sender: Person | None = msgspec.field(name="from", default=None)
    text: str | None = None
    caption: str | None = None
    media_group_id: Name | None = None
    photo: list[File] = []
    document: File | None = None
    voice: File | None = None
    audio: File | None = None
    video: File | None = None
    video_note: File | None = None
    animation: File | None = None


class Anchor(msgspec.Struct):
    """The message a pressed button hangs on; Telegram may give no more than this of an old one."""

    message_id: Id
    chat: Place


class CallbackQuery(msgspec.Struct):
    """A button was pressed."""

    id: Name
    sender: Person = msgspec.field(name="from")
    message: Anchor | None = None
    data: Name | None = None


class Member(msgspec.Struct):
    """The bot's own standing in a chat."""

    status: Name


class Membership(msgspec.Struct):
    """The bot was added, removed, blocked or unblocked."""

    chat: Place
    new_chat_member: Member


class Update(msgspec.Struct):
    """One update; at most one of the optional fields is there."""

    update_id: Id
    message: Message | None = None
    edited_message: Message | None = None
    callback_query: CallbackQuery | None = None
    my_chat_member: Membership | None = None
