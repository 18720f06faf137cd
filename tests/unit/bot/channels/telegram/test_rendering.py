"""Our text, buttons and files in Telegram's form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.telegram.limits import PHOTO_BYTES, TEXT_UNITS
from bot.channels.telegram.rendering import (
    FilePart,
    TextPart,
    fits,
    keyboard,
    method_of,
    parts_of,
    split,
    units,
)
from bot.domain.message import Attachment, AttachmentKind, Button
from bot.domain.outgoing import MessageOut


def rows(*buttons: Button) -> list[list[str]]:
    board = keyboard(buttons)
    return [[button.text for button in row] for row in board.inline_keyboard] if board else []


def test_a_short_text_is_one_piece_and_a_blank_one_none() -> None:
    assert split("  Bonjour !\n") == ["Bonjour !"]
    assert split(" \n\t") == []


def test_a_long_text_is_cut_where_a_reader_pauses() -> None:
    paragraph = "Une phrase. " * 20
    pieces = split(f"{paragraph}\n\n{paragraph}", 300)
    assert [piece.count("Une phrase.") for piece in pieces] == [20, 20]
    assert split("un deux trois", 8) == ["un deux", "trois"]


def test_length_is_counted_as_telegram_counts_it() -> None:
    assert units("aé🙂") == 4
    assert split("🙂" * 5, 4) == ["🙂🙂", "🙂🙂", "🙂"]


def test_lone_surrogates_are_replaced_as_no_encoder_takes_them() -> None:
    assert split("a\ud800b") == ["a\ufffdb"]


@given(st.text(st.characters(codec=None), max_size=200), st.integers(2, 50))
def test_no_piece_is_too_long_blank_or_unencodable_and_nothing_said_is_lost(text: str, limit: int) -> None:
    pieces = split(text, limit)
    assert all(0 < units(piece) <= limit and piece.strip() and piece.encode() for piece in pieces)
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert "".join("".join(pieces).split()) == "".join(joined.split())


def test_short_buttons_share_a_row_and_long_ones_have_their_own() -> None:
    yes, no = Button("yes:x", "Oui"), Button("no:x", "Non")
    question = Button("faq:return_cost", "Combien coûte un retour ?")
    assert rows(yes, no, question) == [["Oui", "Non"], ["Combien coûte un retour ?"]]


def test_a_button_telegram_would_refuse_is_left_out_and_the_rest_stays() -> None:
    too_long, blank = Button("é" * 33, "Trop long"), Button("menu", " ")
    assert rows(too_long, blank, Button("menu", "Menu")) == [["Menu"]]
    assert keyboard([too_long, blank]) is None
    assert fits(Button("é" * 32, "Tout juste"))


def test_a_label_is_one_line_and_not_endless() -> None:
    ((label,),) = rows(Button("menu", "une\nligne " + "x" * 80))
    assert label.startswith("une ligne x")
    assert len(label) == 64


def test_buttons_hang_on_the_last_text_before_the_files() -> None:
    file = Attachment("f", "notice.pdf", "application/pdf", stored=True)
    long = "mot " * (TEXT_UNITS // 3)
    parts = parts_of(MessageOut(text=long, buttons=(Button("menu", "Menu"),), attachments=(file,)))
    assert [type(part) for part in parts] == [TextPart, TextPart, FilePart]
    assert [part.keyboard is not None for part in parts] == [False, True, False]


def test_without_text_they_hang_on_the_last_file() -> None:
    file = Attachment("f", "notice.pdf", "application/pdf", stored=True)
    parts = parts_of(MessageOut(text="", buttons=(Button("menu", "Menu"),), attachments=(file, file)))
    assert [part.keyboard is not None for part in parts] == [False, True]


@pytest.mark.parametrize(
    ("kind", "mime", "size", "method"),
    [
        (AttachmentKind.IMAGE, "image/png", 1, "photo"),
        (AttachmentKind.IMAGE, "image/png", PHOTO_BYTES + 1, "document"),
        (AttachmentKind.IMAGE, "image/svg+xml", 1, "document"),
        (AttachmentKind.VIDEO, "video/mp4", 1, "video"),
        (AttachmentKind.VOICE, "audio/ogg", 1, "voice"),
        (AttachmentKind.AUDIO, "audio/mpeg", 1, "audio"),
        (AttachmentKind.DOCUMENT, "application/pdf", 1, "document"),
    ],
)
def test_a_file_goes_the_way_it_shows_best(kind: AttachmentKind, mime: str, size: int, method: str) -> None:
    assert method_of(Attachment("f", "x", mime, size, kind)) == method
