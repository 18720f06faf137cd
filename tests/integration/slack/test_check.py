"""``guichet slack``, as an operator runs it."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.cli.main import main
from bot.desk.slack.manifest import scopes
from tests.fakes.slack import SlackStandIn
from tests.integration.slack.people import CHANNEL, workspace

ROOT = Path(__file__).resolve().parents[3]
CONFIG = f"""
[slack]
admins = ["U0ADMIN"]
[teams.care]
channels = ["{CHANNEL}"]
agents = ["U0LEA", "U0OMAR"]
leads = ["U0LEAD"]
[teams.care.hours]
monday = "09:00-19:00"
"""


@pytest.fixture
async def slack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SlackStandIn]:
    async with workspace(scopes=",".join(scopes(ROOT / "config" / "slack-manifest.yml"))) as running:
        file = tmp_path / "guichet.toml"
        file.write_text(CONFIG)
        for name, value in {
            "GUICHET_CONFIG": str(file),
            "GUICHET_DATA_DIR": str(tmp_path / "var"),
            "GUICHET_SLACK__BOT_TOKEN": running.bot_token,
            "GUICHET_SLACK__APP_TOKEN": running.app_token,
            "GUICHET_SLACK__API_BASE": running.api_url,
            "LC_ALL": "en_GB.UTF-8",
        }.items():
            monkeypatch.setenv(name, value)
        yield running


async def run(*arguments: str) -> int:
    """The command, beside the loop that Slack's stand-in runs on."""
    return await asyncio.to_thread(main, ["slack", *arguments])


async def test_all_is_ready(slack: SlackStandIn, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("check") == 0
    said = capsys.readouterr().out
    assert "All is ready." in said
    assert f"channel #{slack.channel(CHANNEL).name} is ready" in said
    assert "✗" not in said
    assert not {slack.bot_token, slack.app_token} & set(said.split())


async def test_what_is_missing_is_named_and_the_status_says_so(
    slack: SlackStandIn, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    slack.remove_bot(CHANNEL)
    slack.workspace.people["U0OMAR"].is_restricted = True
    assert await run("check", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    wrong = [one for one in found["findings"] if one["level"] == "problem"]
    assert [one["what"] for one in wrong] == ["channel_not_member", "person_guest"]
    assert "/invite @guichet" in wrong[0]["remedy"]
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    assert await run("check") == 1
    assert "À corriger : 2." in capsys.readouterr().out


async def test_without_a_token_slack_is_off(
    slack: SlackStandIn, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GUICHET_SLACK__BOT_TOKEN")
    monkeypatch.delenv("GUICHET_SLACK__APP_TOKEN")
    assert await run("check") == 1
    assert "Slack is off" in capsys.readouterr().err
    assert await run("check", "--json") == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["what"] == "off"


async def test_a_mistake_in_the_saved_replies_is_found_before_the_start(
    slack: SlackStandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    replies = tmp_path / "config" / "saved_replies.toml"
    replies.write_text(replies.read_text(encoding="utf-8").replace("{agent}", "{agnet}"), encoding="utf-8")
    monkeypatch.setenv("GUICHET_CONFIG_DIR", str(tmp_path / "config"))
    assert await asyncio.to_thread(main, ["check-config"]) == 2
    assert "unknown placeholder {agnet}" in capsys.readouterr().err


async def test_the_manifest_is_printed_for_either_mode(
    slack: SlackStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run("manifest") == 0
    assert "socket_mode_enabled: true" in capsys.readouterr().out
    assert await run("manifest", "--url", "https://chat.example/") == 0
    printed = capsys.readouterr().out
    assert "request_url: https://chat.example/slack/events" in printed
    assert "socket_mode_enabled: false" in printed
    assert await run("manifest", "--url", "http://chat.example") == 2
