"""Our text, buttons and files as Telegram takes them: plain text, never a parse mode."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.channels.telegram.limits import (
    CALLBACK_BYTES,
    KEYBOARD_BUTTONS,
    LABEL_CHARACTERS,
    PHOTO_BYTES,
    TEXT_UNITS,
)
from bot.domain.message import Attachment, AttachmentKind, Button
from bot.domain.outgoing import MessageOut

ROW_CHARACTERS = 28
ROW_BUTTONS = 3
"""Buttons share a row while their labels can be read on a small phone."""

_BREAKS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"(?<=[.!?…])\s"), re.compile(r"\s"))


@dataclass(frozen=True, slots=True)
class TextPart:
    """One ``sendMessage``."""

    text: str
    keyboard: InlineKeyboardMarkup | None = None


@dataclass(frozen=True, slots=True)
class FilePart:
    """One ``sendPhoto``, ``sendDocument`` …; ``method`` is the last word of it."""

    attachment: Attachment
    method: str
    keyboard: InlineKeyboardMarkup | None = None


Part = TextPart | FilePart


def parts_of(message: MessageOut) -> tuple[Part, ...]:
    """The calls a message takes, in order: its text, then its files. Buttons hang on the last text."""
    texts = split(message.text)
    board = keyboard(message.buttons)
    text_board, file_board = (board, None) if texts else (None, board)
    last_text, last_file = len(texts) - 1, len(message.attachments) - 1
    return (
        *(TextPart(text, text_board if at == last_text else None) for at, text in enumerate(texts)),
        *(
            FilePart(file, method_of(file), file_board if at == last_file else None)
            for at, file in enumerate(message.attachments)
        ),
    )


def split(text: str, limit: int = TEXT_UNITS) -> list[str]:
    """Cut a text into pieces of at most ``limit`` UTF-16 units, where a reader would pause.

    A blank text has no pieces. Lone surrogates, which no encoder takes, become U+FFFD.
    """
    rest = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").strip()
    pieces = []
    while units(rest) > limit:
        head = _fitting(rest, limit)
        cut = _pause(head)
        pieces.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [piece for piece in (*pieces, rest) if piece]


def units(text: str) -> int:
    """How long Telegram finds a text: UTF-16 code units."""
    return len(text) + sum(character > "\uffff" for character in text)


def _fitting(text: str, limit: int) -> str:
    """The longest beginning within ``limit`` units."""
    taken = 0
    for at, character in enumerate(text):
        taken += 2 if character > "\uffff" else 1
        if taken > limit:
            return text[:at]
    return text


def _pause(head: str) -> int:
    """Where to cut: the last paragraph, line, sentence or word, unless that wastes half the room."""
    for breaks in _BREAKS:
        ends = [found.end() for found in breaks.finditer(head)]
        if ends and ends[-1] > len(head) // 2:
            return ends[-1]
    return len(head)


def keyboard(buttons: Sequence[Button]) -> InlineKeyboardMarkup | None:
    """Buttons under a message, or None when there is none that Telegram would take."""
    rows: list[list[InlineKeyboardButton]] = []
    room = 0
    for button in filter(fits, buttons[:KEYBOARD_BUTTONS]):
        label = _label(button.label)
        if not rows or len(rows[-1]) == ROW_BUTTONS or len(label) > room:
            rows.append([])
            room = ROW_CHARACTERS
        rows[-1].append(InlineKeyboardButton(label, callback_data=button.id))
        room -= len(label)
    return InlineKeyboardMarkup(rows) if rows else None


def fits(button: Button) -> bool:
    """Whether Telegram takes the button."""
    return 1 <= len(button.id.encode("utf-8", "replace")) <= CALLBACK_BYTES and bool(button.label.strip())


def _label(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LABEL_CHARACTERS else text[: LABEL_CHARACTERS - 1].rstrip() + "…"


def method_of(file: Attachment) -> str:
    """How Telegram shows the file best; anything doubtful is a document."""
    match file.kind, file.mime:
        case AttachmentKind.IMAGE, "image/jpeg" | "image/png" | "image/webp" if file.size <= PHOTO_BYTES:
            return "photo"
        case AttachmentKind.VIDEO, "video/mp4":
            return "video"
        case AttachmentKind.VOICE, "audio/ogg":
            return "voice"
        case AttachmentKind.AUDIO, "audio/mpeg" | "audio/mp4":
            return "audio"
    return "document"
