"""How sure the bot must be is said in one place, and the others repeat it."""

from __future__ import annotations

import re
from dataclasses import asdict

from bot.settings import PROJECT, UnderstandingSettings
from handlers.care import Thresholds

IN_FORCE = asdict(Thresholds())


def test_the_settings_are_by_default_the_numbers_of_the_behaviour() -> None:
    settings = UnderstandingSettings().model_dump()
    assert settings == {name: IN_FORCE[name] for name in settings}


def test_the_file_of_settings_shows_the_same() -> None:
    text = (PROJECT / "config" / "guichet.toml").read_text(encoding="utf-8")
    section = text.partition("[understanding]")[2].partition("\n[")[0]
    shown = {name: float(value) for name, value in re.findall(r"^# (\w+) = ([0-9.]+)", section, re.MULTILINE)}
    assert shown == UnderstandingSettings().model_dump()
