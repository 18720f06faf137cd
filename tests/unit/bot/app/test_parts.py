"""What the wiring makes of settings and files."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.app import parts
from bot.domain.errors import ConfigurationError
from bot.settings import PROJECT, RetentionSettings, Settings


def test_the_privacy_notice_promises_what_the_settings_do() -> None:
    days = RetentionSettings(messages=111, transcripts=22, chats=33, media=44)
    notice = parts.privacy(Settings(config_dir=PROJECT / "config", retention=days))
    for language, day in (("fr", "jours"), ("en", "days")):
        assert all(f"{number} {day}" in notice[language] for number in (111, 22, 33, 44))
        assert "{" not in notice[language]


def test_a_notice_that_promises_an_unknown_number_of_days_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "privacy"
    folder.mkdir()
    for language in parts.LANGUAGES:
        (folder / f"{language}.md").write_text("{days:for_ever} days", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="for_ever"):
        parts.privacy(Settings(config_dir=tmp_path))
