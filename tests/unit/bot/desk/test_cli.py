"""``guichet desk`` from the outside."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot.cli.desk import EXIT_NOT_DONE, EXIT_UNAVAILABLE, app
from bot.desk.terminal.deliverer import BoardDeliverer
from bot.storage.board import RedisBoard
from bot.storage.connection import Connection
from bot.storage.layout import Layout
from tests.fakes.desk import SmallEngine

Run = Callable[..., Result]


@pytest.fixture
def guichet_desk(valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, as Marie, on an empty store."""
    monkeypatch.setenv("GUICHET_REDIS__URL", valkey_url)
    monkeypatch.setenv("GUICHET_WEB__SECRET", "s" * 40)
    monkeypatch.setenv("GUICHET_DATA_DIR", str(tmp_path))

    def run(*arguments: str, typed: str = "") -> Result:
        return CliRunner().invoke(app, ["--as", "Marie", "--lang", "en", *arguments], input=typed)

    return run


@pytest.fixture
def a_customer_waits(valkey_url: str) -> None:
    async def put() -> None:
        connection = await Connection.open(valkey_url)
        await SmallEngine(BoardDeliverer(RedisBoard(await Layout.open(connection, 64)))).show()
        await connection.close()

    asyncio.run(put())


def test_nobody_waits_at_first(guichet_desk: Run) -> None:
    assert "Nobody is waiting." in guichet_desk("list").stdout
    assert json.loads(guichet_desk("list", "--json").stdout) == []
    assert "No conversation has ended." in guichet_desk("list", "--closed").stdout


@pytest.mark.usefixtures("a_customer_waits")
def test_a_waiting_customer_is_listed_and_shown(guichet_desk: Run) -> None:
    assert "Léa" in guichet_desk("list").stdout
    (case,) = json.loads(guichet_desk("list", "--json").stdout)
    assert (case["number"], case["state"], case["reason"], case["agent"]) == (1, "waiting", "asked", None)
    assert "où est mon colis ?" in guichet_desk("show", "1").stdout
    shown = json.loads(guichet_desk("show", "1", "--json").stdout)
    assert [line["text"] for line in shown["thread"]] == ["où est mon colis ?"]


@pytest.mark.usefixtures("a_customer_waits")
def test_a_note_is_kept(guichet_desk: Run) -> None:
    result = guichet_desk("note", "1", "loyal customer")
    assert result.exit_code == 0
    assert "Note kept" in result.stdout


@pytest.mark.usefixtures("a_customer_waits")
def test_a_session_can_be_typed_through_a_pipe(guichet_desk: Run) -> None:
    result = guichet_desk(typed="help\nhello\nquit\n")
    assert result.exit_code == 0
    assert "Léa" in result.stdout
    assert "Take a conversation first" in result.stdout
    assert "Goodbye." in result.stdout


def test_an_unknown_case_is_one_sentence(guichet_desk: Run) -> None:
    result = guichet_desk("take", "7")
    assert result.exit_code == EXIT_NOT_DONE
    assert result.stderr.strip() == "There is no conversation with that number."


def test_a_store_that_is_away_is_one_sentence(guichet_desk: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUICHET_REDIS__URL", "redis://127.0.0.1:1/0")
    result = guichet_desk("list")
    assert result.exit_code == EXIT_UNAVAILABLE
    assert "Traceback" not in result.output


def test_an_agent_has_a_name(guichet_desk: Run) -> None:
    assert guichet_desk("--as", " \x1b ", "list").exit_code == 0  # the control character is shown, not obeyed
    assert guichet_desk("--as", "  ", "list").exit_code == 2
