"""What a message event of Slack's means. Pure: what was said, changed or taken back, and by whom.

The kinds of message are told apart here, since each surprises: the app's own messages come back as events,
an edit is an event of its own (also for a link that got a preview), so is a deletion, and a reply that is
shown in the channel too comes as ``thread_broadcast``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bot.desk.slack.plain_text import Names, Plain, plain
from bot.domain.ids import derived_id
from bot.domain.message import Attachment, AttachmentKind

Json = Mapping[str, Any]

SPOKEN = frozenset({"", "file_share", "thread_broadcast", "me_message"})
"""Subtypes of what a person said; every other one is Slack's or an app's."""
SOURCE = "slack:"
"""What an attachment's source begins with; a file's id at Slack follows."""
_MARKER = re.compile(r"^[\s•>▪◦\-*\u200b\ufeff]*(?:;;|note\s*:|\U0001f512\ufe0f?)\s*", re.IGNORECASE)
_LOOKED_AT = 200
_FILE_ID = re.compile(r"[A-Z0-9]{2,40}")


@dataclass(frozen=True, slots=True)
class File:
    """A file of a message, as Slack declares it. ``size`` in bytes, 0 when it does not say."""

    id: str
    name: str
    mime: str
    size: int
    mode: str
    subtype: str = ""

    @property
    def is_unknown(self) -> bool:
        """Slack does not say what it is: it must be asked (``files.info``)."""
        return self.mode == "file_access"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    channel: str
    ts: str
    root: str
    user: str

    @property
    def key(self) -> str:
        """What is unique of the message at Slack."""
        return f"{self.channel}:{self.ts}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(_Event):
    """Somebody wrote in a thread. ``parent`` is who began the thread."""

    raw: Json
    parent: str = ""
    files: tuple[File, ...] = ()

    def plain(self, names: Names = str) -> Plain:
        """What they wrote."""
        return plain(self.raw, names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed(_Event):
    """Somebody changed what they wrote. ``edit`` is unique to the change."""

    raw: Json
    before: Json
    edit: str
    files: tuple[File, ...] = ()

    def plain(self, names: Names = str) -> Plain:
        """What it says now."""
        return plain(self.raw, names)

    def plain_before(self, names: Names = str) -> Plain:
        """What it said."""
        return plain(self.before, names)

    @property
    def is_real(self) -> bool:
        """Whether the words changed, and not a preview beside them."""
        return self.plain().text != self.plain_before().text


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted(_Event):
    """A message was taken back."""

    before: Json
    files: tuple[File, ...] = ()

    def plain_before(self, names: Names = str) -> Plain:
        """What it said."""
        return plain(self.before, names)


Seen = Said | Changed | Deleted


def read(event: Json) -> Seen | None:
    """What a message event tells of a thread; None for what concerns no conversation: messages outside
    threads, of apps (ourselves included), of Slack itself.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: not shaped as Slack's events are.
    """
    channel = str(event["channel"])
    match event.get("subtype") or "":
        case "message_changed":
            return _changed(channel, event)
        case "message_deleted":
            return _deleted(channel, event)
        case subtype if subtype in SPOKEN:
            return _said(channel, event)
        case _:
            return None


def _said(channel: str, event: Json) -> Said | None:
    root = event.get("thread_ts")
    if _is_no_persons(event) or not root or root == event["ts"]:
        return None
    return Said(
        channel=channel,
        ts=str(event["ts"]),
        root=str(root),
        user=str(event["user"]),
        raw=event,
        parent=str(event.get("parent_user_id") or ""),
        files=_files(event),
    )


def _changed(channel: str, event: Json) -> Changed | Deleted | None:
    after, before = event["message"], event.get("previous_message") or {}
    if after.get("subtype") == "tombstone":
        return _taken_back(channel, {**before, "ts": after["ts"]}) if before else None
    root = after.get("thread_ts")
    if _is_no_persons(after) or not root or root == after["ts"] or not before:
        return None
    return Changed(
        channel=channel,
        ts=str(after["ts"]),
        root=str(root),
        user=str(after["user"]),
        raw=after,
        before=before,
        edit=str((after.get("edited") or {}).get("ts") or event["ts"]),
        files=_files(after),
    )


def _deleted(channel: str, event: Json) -> Deleted | None:
    before = event.get("previous_message")
    return _taken_back(channel, {**before, "ts": event["deleted_ts"]}) if before else None


def _taken_back(channel: str, before: Json) -> Deleted | None:
    root = before.get("thread_ts")
    if _is_no_persons(before) or not root or root == before["ts"]:
        return None
    return Deleted(
        channel=channel,
        ts=str(before["ts"]),
        root=str(root),
        user=str(before["user"]),
        before=before,
        files=_files(before),
    )


def _is_no_persons(message: Json) -> bool:
    return bool(
        message.get("bot_id") or not message.get("user") or (message.get("subtype") or "") not in SPOKEN
    )


# --- what it is meant as -----------------------------------------------------------------------


class Meaning(StrEnum):
    """Whom a message is for."""

    REPLY = "reply"
    NOTE = "note"
    ASK = "ask"
    """It calls a colleague: it may be meant for them."""
    UNMARKED = "unmarked"
    """A note, since only the *Reply* button sends in this team."""


def meaning(said: Plain, *, strict: bool) -> Meaning:
    """Whom it is for. In doubt not for the customer."""
    if is_note(said.text):
        return Meaning.NOTE
    if strict:
        return Meaning.UNMARKED
    return Meaning.ASK if said.calls else Meaning.REPLY


def is_note(text: str) -> bool:
    """Whether it is marked as internal: ``;;``, ``note:`` or 🔒 at its beginning, however that is typed."""
    return _MARKER.match(_folded(text)) is not None


def unmarked(text: str) -> str:
    """A note without its mark."""
    as_typed = _MARKER.match(text)
    if as_typed is not None:
        return text[as_typed.end() :].strip()
    folded = _folded(text)
    found = _MARKER.match(folded)
    return (folded[found.end() :] + text[_LOOKED_AT:]).strip() if found else text


def _folded(text: str) -> str:
    """The beginning in plain characters: a full-width ``；；`` marks a note too."""
    return unicodedata.normalize("NFKC", text[:_LOOKED_AT])


# --- files -------------------------------------------------------------------------------------


def _files(message: Json) -> tuple[File, ...]:
    found = []
    for file in message.get("files") or ():
        asked = file.get("file_access") == "check_file_info"
        found.append(
            File(
                id=str(file["id"]),
                name=str(file.get("name") or file.get("title") or ""),
                mime=str(file.get("mimetype") or ""),
                size=_size(file.get("size")),
                mode="file_access" if asked else str(file.get("mode") or ""),
                subtype=str(file.get("subtype") or ""),
            )
        )
    return tuple(found)


def _size(given: object) -> int:
    return given if isinstance(given, int) and not isinstance(given, bool) and given > 0 else 0


class FileFault(StrEnum):
    """Why a file cannot go to a customer."""

    TYPE = "file_type"
    SIZE = "file_size"
    ELSEWHERE = "file_elsewhere"
    """It is not kept at Slack, but linked from somewhere else, or gone."""


def fault(file: File, *, limit: int, allowed: Callable[[str], bool]) -> FileFault | None:
    """What is wrong with a file, as far as Slack's word goes: the media store looks at the bytes."""
    if file.mode not in ("hosted", "snippet", "file_access") or not _FILE_ID.fullmatch(file.id):
        return FileFault.ELSEWHERE
    if file.size > limit:
        return FileFault.SIZE
    return None if file.is_unknown or allowed(file.mime) else FileFault.TYPE


def attachments(said: Said | Changed) -> tuple[Attachment, ...]:
    """Its files, to be fetched. The same message gives the same ids."""
    return tuple(_attachment(said.key, file) for file in said.files)


def _attachment(message: str, file: File) -> Attachment:
    voice = file.subtype == "slack_audio"
    return Attachment(
        id=derived_id("f", "slack", message, file.id),
        name=file.name or "file",
        mime=file.mime,
        size=file.size,
        kind=AttachmentKind.VOICE if voice else AttachmentKind.of(file.mime),
        source=f"{SOURCE}{file.id}",
    )


def names_of(files: Sequence[File]) -> str:
    """For a note: what was with it."""
    return ", ".join(file.name for file in files if file.name)
