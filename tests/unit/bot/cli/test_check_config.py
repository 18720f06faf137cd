"""``guichet check-config`` looks at teams as the start would."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bot.cli.main import main

RASA_DATA = Path(__file__).resolve().parents[4] / "rasa_project" / "data"
HOURS = "[teams.care.hours]\nmonday = '09:00-19:00'\n"


def said_of(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    path = tmp_path / "guichet.toml"
    path.write_text(text)
    monkeypatch.setenv("GUICHET_CONFIG", str(path))
    monkeypatch.setenv("GUICHET_DATA_DIR", str(tmp_path / "var"))
    return main(["check-config", "--json"])


def test_teams_are_shown_key_by_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    team = "[teams.beauty]\nchannels = ['C0BEAUTY', 'C1BEAUTY']\nintents = ['faq_routine']\n"
    assert said_of(HOURS + team, tmp_path, monkeypatch) == 0
    shown = json.loads(capsys.readouterr().out)["settings"]
    assert shown["teams.beauty.channels"] == "C0BEAUTY, C1BEAUTY"
    assert shown["teams.care.hours.monday"] == "09:00-19:00"
    assert shown["slack.mode"] == "socket"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HOURS + "[teams.logistics]\n", "'logistics' has no name for customers"),
        ("[teams.beauty]\n", "'care' has none"),
        (HOURS + "[teams.beauty.hours]\nmonday = '19:00-09:00'\n", "ends before it begins"),
    ],
)
def test_what_would_stop_the_start_is_said(
    text: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert said_of(text, tmp_path, monkeypatch) == 2
    assert said in json.loads(capsys.readouterr().out)["error"]


def test_a_mistake_in_a_training_file_is_told_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "rasa_project"
    shutil.copytree(RASA_DATA, project / "data")
    monkeypatch.setenv("GUICHET_RASA_PROJECT", str(project))
    assert said_of(HOURS, tmp_path, monkeypatch) == 0
    capsys.readouterr()
    thanks = project / "data" / "intents" / "thanks.yml"
    lines = thanks.read_text().splitlines()
    number = max(k for k, line in enumerate(lines) if line.startswith("      - "))
    lines[number] = lines[number].replace("- ", "", 1)
    thanks.write_text("\n".join(lines))
    assert said_of(HOURS, tmp_path, monkeypatch) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert f"{thanks}, line {number + 1}: an example must begin" in error
