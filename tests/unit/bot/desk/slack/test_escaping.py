"""Other people's words in Slack have no effect, and nothing of them is lost."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.desk.slack.escaping import (
    SECTION,
    cut,
    escaped,
    moment,
    mrkdwn,
    one_line,
    pieces,
    plain,
    unescaped,
)
from tests.builders import NOW
from tests.fakes.slack.texts import links, pings, sent


@pytest.mark.parametrize(
    "text",
    [
        "<!channel> <!here> <!everyone>",
        "<@U123> @lea @here",
        "<http://evil.example|cliquez>",
        "https://evil.example et www.evil.example",
        "&lt;!channel&gt;",
        "<!subteam^S1>",
    ],
)
def test_nothing_pings_or_links(text: str) -> None:
    stored = sent(escaped(text))
    assert pings(stored) == []
    assert links(stored) == []


@pytest.mark.parametrize("mark", ["*gras*", "_italique_", "~barré~", "`code`", ":tada:"])
def test_nothing_formats(mark: str) -> None:
    assert mark not in escaped(mark)
    assert escaped(mark).replace("\u2060", "") == mark


@pytest.mark.parametrize("text", ["> une citation", "bonjour\n> une citation", "  >une citation"])
def test_a_line_is_no_quotation(text: str) -> None:
    """Slack reads the entity at the beginning of a line as the mark it stands for."""
    assert not any(line.lstrip().startswith("&gt;") for line in escaped(text).splitlines())


def test_ordinary_words_stay_as_they_are() -> None:
    text = "Bonjour, où est mon colis n° 1234567 ? C'est urgent : merci (vraiment) !"
    assert escaped(text) == text


@settings(deadline=None, max_examples=60)
@given(st.text())
def test_what_is_escaped_reads_as_it_was_typed(text: str) -> None:
    assert unescaped(escaped(text)).replace("\u2060", "") == text.replace("\u2060", "")


@settings(deadline=None, max_examples=60)
@given(st.text())
def test_no_angle_bracket_survives(text: str) -> None:
    assert not set("<>") & set(escaped(text))


def test_an_entity_that_somebody_typed_is_shown_as_typed() -> None:
    assert plain("&lt;b&gt; & co")["text"] == "&amp;lt;b&amp;gt; & co"


def test_a_plain_text_is_never_empty_nor_an_emoji() -> None:
    assert plain("")["text"]
    assert plain(":tada:")["emoji"] is False


def test_our_own_mrkdwn_links_nothing_by_itself() -> None:
    assert mrkdwn("x")["verbatim"] is True


@settings(deadline=None, max_examples=60)
@given(st.text(min_size=1, max_size=300), st.integers(min_value=4, max_value=40))
def test_pieces_fit_and_together_are_the_text(text: str, limit: int) -> None:
    some = list(pieces(text, limit))
    assert "".join(some) == text
    assert all(0 < len(piece.encode("utf-16-le")) // 2 <= limit for piece in some)


def test_pieces_break_between_words() -> None:
    assert list(pieces("un deux trois", 10)) == ["un deux ", "trois"]


@settings(deadline=None, max_examples=60)
@given(st.text(), st.integers(min_value=1, max_value=50))
def test_what_is_cut_fits(text: str, limit: int) -> None:
    assert len(cut(text, limit).encode("utf-16-le", "surrogatepass")) // 2 <= limit


def test_a_cut_is_seen() -> None:
    assert cut("abcdef", 4) == "abc…"
    assert one_line("a\n  b\tc", 10) == "a b c"
    assert len(plain("x" * 9000)["text"]) == SECTION


def test_a_moment_is_read_in_each_readers_own_zone() -> None:
    assert (
        moment(NOW) == f"<!date^{int(NOW.timestamp())}^{{date_short_pretty}} {{time}}|2026-11-22 09:30 UTC>"
    )
