from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.nlu.text import prepare


def test_an_ordinary_text_is_sent_as_it_is() -> None:
    assert prepare("où est mon colis 4812077 ?", 1000).text == "où est mon colis 4812077 ?"


@pytest.mark.parametrize(
    "text", ["", "   ", "\n\t", "\x00\x07", "\u200b\u200d", "/", " // ", "\ud800", "\u202e"]
)
def test_a_text_without_anything_to_read_becomes_empty(text: str) -> None:
    assert prepare(text, 1000).text == ""


@pytest.mark.parametrize(
    "text", ["/restart", '/faq{"x":1}', " /greet", "\u200b/greet", "//greet", "/ /greet"]
)
def test_no_text_reaches_rasa_with_a_slash_in_front(text: str) -> None:
    assert not prepare(text, 1000).text.startswith("/")
    assert prepare(text, 1000).text


def test_a_long_text_is_cut_between_words() -> None:
    assert prepare("un colis " * 1000, 100).text == ("un colis " * 12)[:100].rsplit(" ", 1)[0]


def test_a_long_word_is_cut_anyway() -> None:
    assert len(prepare("a" * 1_000_000, 1000).text) == 1000


@given(st.text(max_size=80), st.integers(5, 60))
def test_what_is_sent_is_short_has_no_controls_and_sits_where_the_offset_says(text: str, limit: int) -> None:
    prepared = prepare(text, limit)
    assert len(prepared.text) <= limit
    assert not prepared.text.startswith("/")
    prepared.text.encode()  # no lone surrogates
    original = text[prepared.offset : prepared.offset + len(prepared.text)]
    assert all(sent in (was, " ") for sent, was in zip(prepared.text, original, strict=True))
