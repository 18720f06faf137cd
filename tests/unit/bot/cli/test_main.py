"""The command line as a whole: exit statuses, one line for an error, nothing injected."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot import app
from bot.app.process import BEAT_TTL
from bot.cli.main import main
from bot.cli.output import plain, print_table
from bot.cli.run import _shown_to_a_newcomer
from bot.cli.status import still_there
from bot.cli.texts import ENGLISH, FRENCH, texts
from bot.ports.store import ProcessInfo
from bot.supervisor.machine import GROUPS

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GUICHET_CONFIG", "GUICHET_REDIS__URL", "GUICHET_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GUICHET_DATA_DIR", str(tmp_path / "var"))


def test_status_says_so_when_nothing_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == 3
    assert "var" in capsys.readouterr().out


def test_status_is_valid_json_even_when_nothing_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--json"]) == 3
    assert json.loads(capsys.readouterr().out) == {"processes": [], "backlog": {}}


def test_a_process_of_this_machine_that_was_killed_is_not_shown() -> None:
    def runs(pid: int, host: str) -> ProcessInfo:
        return ProcessInfo(role="worker", pid=pid, host=host, started_at=NOON, seen_at=NOON)

    found = [runs(1, "here"), runs(2, "here"), runs(2, "there")]
    assert still_there(found, "here", lambda pid: pid == 1) == [found[0], found[2]]


def test_a_table_that_is_piped_keeps_each_row_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    row = ("u_" + "f" * 32, "update", "telegram:123456789", "a rather long explanation of what was wrong")
    print_table(("id", "kind", "source", "error"), [row])
    assert capsys.readouterr().out.splitlines()[1].split() == " ".join(row).split()


def test_orders_that_cannot_be_read_are_said_before_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    orders = tmp_path / "orders.json"
    orders.write_text("{not json")
    monkeypatch.setenv("GUICHET_SHOP__FILE", str(orders))
    assert main(["check-config"]) == 2
    assert "orders.json" in capsys.readouterr().err


def test_a_token_that_cannot_be_one_is_said_before_the_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GUICHET_TELEGRAM__TOKEN", "only-half-copied")
    assert main(["check-config"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("GUICHET_TELEGRAM__TOKEN")
    assert "only-half" not in said


def test_what_runs_writes_for_its_owner_alone() -> None:
    before = os.umask(0o022)
    try:
        assert main(["run", "--role", "nonsense"]) == 2
        assert os.umask(0o022) == 0o077
    finally:
        os.umask(before)


def test_what_cannot_be_reached_is_one_line_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deadletters", "list"]) == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "guichet run" in said.err


def test_a_wrong_configuration_is_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUICHET_WEB__PROT", "1")
    assert main(["status"]) == 2
    assert capsys.readouterr().err.startswith("GUICHET_WEB__PROT is not a setting")


@pytest.mark.parametrize("arguments", [["nonsense"], ["status", "--nonsense"], ["run", "--role", "nonsense"]])
def test_misuse_is_one_line_and_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_bug_is_one_line_without_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ValueError("redis://:hidden-password@host")

    monkeypatch.setattr("bot.cli.status.load_settings", broken)
    assert main(["status"]) == 1
    said = capsys.readouterr().err
    assert "ValueError" in said
    assert "hidden-password" not in said


@pytest.mark.parametrize(
    "command", ["demo", "run", "status", "check-config", "deadletters", "desk", "log", "nlu"]
)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert command in capsys.readouterr().out


def test_all_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    listed = capsys.readouterr().out
    assert all(
        name in listed for name in ("demo", "run", "desk", "log", "nlu", "deadletters", "check-config")
    )


def test_check_config_accepts_what_is_in_the_repository(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["ok"]
    assert said["settings"]["web.port"] == 8080


def test_check_config_hides_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUICHET_TELEGRAM__TOKEN", "123:hidden-token")
    for arguments in (["check-config"], ["check-config", "--json"]):
        assert main(arguments) == 0
        assert "hidden-token" not in capsys.readouterr().out


def test_check_config_says_what_is_wrong_in_json_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "guichet.toml"
    path.write_text("[web]\nprot = 1\n")
    monkeypatch.setenv("GUICHET_CONFIG", str(path))
    assert main(["check-config", "--json"]) == 2
    said = json.loads(capsys.readouterr().out)
    assert not said["ok"]
    assert "web.prot" in said["error"]


def test_a_missing_secret_is_found_before_anything_starts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUICHET_REDIS__URL", "redis://127.0.0.1:1/0")
    assert main(["run"]) == 2
    assert "GUICHET_WEB__SECRET is not set" in capsys.readouterr().err


def test_what_customers_wrote_cannot_drive_the_terminal() -> None:
    assert plain("a\x1b[31mb\x07\u202ec") == "a [31mb  c"


def test_french_for_french_terminals() -> None:
    assert texts({"LANG": "fr_FR.UTF-8"}) is FRENCH
    assert texts({"LC_ALL": "C", "LANG": "fr_FR.UTF-8"}) is ENGLISH
    assert texts({}) is ENGLISH


def test_the_machine_runs_every_role_once() -> None:
    assert sorted(role for group in GROUPS for role in group) == sorted(app.ROLES)


def test_a_role_is_forgotten_only_after_several_missed_beats() -> None:
    assert BEAT_TTL >= 3


def test_what_a_process_logged_cannot_drive_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = json.dumps({"level": "error", "event": "turn.failed", "error": "\x1b]0;owned\x07"})
    _shown_to_a_newcomer("worker", line)
    said = capsys.readouterr().err
    assert "turn.failed" in said
    assert "\x1b" not in said
