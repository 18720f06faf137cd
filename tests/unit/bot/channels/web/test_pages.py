from __future__ import annotations

import pytest

from bot.channels.web.pages import Look, _asset, notice_html, origins, readable_on, same_origin
from bot.channels.web.texts import ERRORS, RESUME_BODY, RESUME_SUBJECT, error_text, language_of
from bot.domain.errors import ConfigurationError

NOTICE = {"fr": "texte", "en": "text"}


def test_everything_a_visitor_loads_is_under_30_kb() -> None:
    names = ("chat.html", "chat.css", "chat.js", "guichet.js", "privacy.html")
    assert sum(len(_asset(name).encode()) for name in names) < 30_000


def test_pages_have_no_inline_script_style_or_handler() -> None:
    for name in ("chat.html", "privacy.html"):
        page = _asset(name)
        assert "<style" not in page
        assert " style=" not in page
        assert " on" not in page.replace(" one", "")
        assert "<script>" not in page
    for name in ("chat.js", "guichet.js"):
        assert "innerHTML" not in _asset(name)


def test_text_on_the_accent_colour_can_always_be_read() -> None:
    assert readable_on("#7a4a2b") == "#ffffff"
    assert readable_on("#ffd54a") == "#16130f"
    assert readable_on("#000000") == "#ffffff"


def test_a_notice_shows_what_was_written_and_runs_nothing() -> None:
    shown = notice_html("## Qui <b>lit</b>\n\nune\nligne & demie\n\n- un\n- deux\n\n## Titre\nsuite")
    assert shown == (
        "<h2>Qui &lt;b&gt;lit&lt;/b&gt;</h2>\n<p>une ligne &amp; demie</p>\n"
        "<ul><li>un</li><li>deux</li></ul>\n<h2>Titre</h2>\n<p>suite</p>"
    )


@pytest.mark.parametrize("accent", ["brown", "#fff", "#12345g", "#123456;}body{display:none"])
def test_a_colour_that_is_none_is_a_configuration_error(accent: str) -> None:
    with pytest.raises(ConfigurationError, match="#rrggbb"):
        Look("x", accent, (), NOTICE)


def test_a_notice_without_one_of_the_languages_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="en"):
        Look("x", "#123456", (), {"fr": "texte", "en": " "})


@pytest.mark.parametrize(
    ("origin", "ok"),
    [
        (None, True),
        ("https://chat.example", True),
        ("http://chat.example", True),
        ("https://shop.example", True),
        ("https://evil.example", False),
        ("https://chat.example.evil.example", False),
        ("https://evil.example/chat.example", False),
        ("null", False),
        ("", False),
        ("file://", False),
        ("http://[", False),
    ],
)
def test_only_our_own_and_allowed_pages_are_let_in(origin: str | None, ok: bool) -> None:
    assert same_origin(origin, "chat.example", origins(["https://Shop.example/"])) is ok


@pytest.mark.parametrize("origin", ["shop.example", "https://", "https://x/path", "js:x", "*", "https://a b"])
def test_an_origin_that_is_none_is_a_configuration_error(origin: str) -> None:
    with pytest.raises(ConfigurationError, match="origin"):
        origins([origin])


def test_every_text_is_there_in_both_languages() -> None:
    assert ERRORS["fr"].keys() == ERRORS["en"].keys()
    assert RESUME_BODY.keys() == RESUME_SUBJECT.keys() == ERRORS.keys()
    assert error_text("too_long", "fr", limit=4000).count("4 000") == 1
    assert "4,000" in error_text("too_long", "en", limit=4000)


def test_the_language_is_what_was_asked_then_what_is_accepted_then_french() -> None:
    assert language_of("en", "fr") == "en"
    assert language_of("de", "de-DE, en;q=0.5, fr;q=0.3") == "en"
    assert language_of(12, "") == "fr"
    assert language_of([], "") == "fr"
    assert language_of({"en": 1}, "") == "fr"
