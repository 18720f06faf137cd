"""The files of replies: complete and alike, or no start."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bot.domain.errors import ConfigurationError
from handlers.replies import MAX_LENGTH, load_replies
from tests.fakes.care import REPLIES

CONFIG = Path(__file__).parents[3] / "config" / "replies"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for path in CONFIG.glob("*.toml"):
        shutil.copy(path, tmp_path)
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_reply_is_filled_in():
    assert (
        REPLIES.get("agent.takes_over", "fr", name="Léa") == "Léa, de l'équipe Maison Alba, prend le relais."
    )


def test_what_a_customer_typed_is_never_taken_for_a_placeholder():
    assert "{name}" in REPLIES.get("agent.takes_over", "en", name="{name}")


def test_who_speaks_neither_language_is_answered_in_english():
    assert REPLIES.get("small_talk.greet", "de") == REPLIES.get("small_talk.greet", "en")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('greet = "Hello. What can I do for you?"\n', "", "en.toml: the reply 'small_talk.greet' is missing"),
        ("[small_talk]", '[small_talk]\ngreat = "Hi"', "'small_talk.great' is used nowhere"),
        ("Hello. What can I do for you?", "", "'small_talk.greet' is empty"),
        ("Hello. What can I do for you?", "x" * (MAX_LENGTH + 1), "longer than"),
        ("Hello. What can I do for you?", "Hello {name}", "nobody fills: 'name'"),
        ("Hello. What can I do for you?", "Hello {", "stray brace"),
        ("Hello. What can I do for you?", "Hello {}", "strange placeholder"),
        ("{name} from the Maison Alba team", "Someone", "other placeholders"),
        ('"Hello. What can I do for you?"', "7", "must be a text"),
        ("[small_talk]", "[small_talk", "cannot be read"),
        ("[team]", '[team]\nvip = "VIPs"', "'team.vip' is missing"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_the_key(files, old, new, said):
    change(files / "en.toml", old, new)
    with pytest.raises(ConfigurationError) as refused:
        load_replies(files)
    assert said in str(refused.value)


def test_a_missing_file_is_refused(files):
    (files / "en.toml").unlink()
    with pytest.raises(ConfigurationError, match=r"en\.toml"):
        load_replies(files)


def test_the_operator_may_name_a_team_more(files):
    for language in ("fr", "en"):
        change(files / f"{language}.toml", "[team]", '[team]\nvip = "VIP"')
    assert load_replies(files).find("team.vip", "fr") == "VIP"


# --- what the words must hold --------------------------------------------------------------


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize(
    ("intent", "must"),
    [
        ("distress", ["3114", "15", "112"]),
        ("adverse_reaction", ["15", "112"]),
        ("threat", ["17", "112"]),
        ("minor", ["119", "112"]),
        ("withdrawal", ["14", "maison-alba.example/retractation"]),
        ("data_request", ["dpo@maison-alba.example"]),
    ],
)
def test_protected_wording_holds_what_it_must(language, intent, must):
    text = REPLIES.get(f"protected.{intent}", language)
    assert all(word in text for word in must)


def test_french_is_written_with_vous_and_straight_apostrophes():
    for key, text in REPLIES.texts["fr"].items():
        assert "’" not in text, key
        assert not {" tu ", " ton ", " ta ", " tes "} & {f" {word} " for word in text.lower().split()}, key


def test_button_labels_fit_on_a_button():
    for texts in REPLIES.texts.values():
        assert all(len(text) <= 30 for key, text in texts.items() if key.startswith("button."))
