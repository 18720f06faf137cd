"""``guichet log export``, as typed."""

from __future__ import annotations

import asyncio
import io
import json
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from bot.analytics.database import Database
from bot.analytics.export import Format
from bot.analytics.record import SqlRecord
from bot.analytics.upgrade import upgrade
from bot.cli.log import _instant, app, export_log
from bot.domain.errors import ConfigurationError, GuichetError, RecordUnavailable
from bot.ports.clock import SystemClock
from tests.fakes.facts import NOON, after, fact, said


@pytest.fixture
def record_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "record.db"
    monkeypatch.setenv("GUICHET_DATABASE__URL", f"sqlite:///{path}")
    return path


@pytest.fixture
def three_messages(record_file: Path) -> None:
    async def fill(url: str) -> None:
        database = Database.open(url)
        facts = [fact(said(f"message {n}", f"m{n}"), at=after(n)) for n in range(3)]
        await SqlRecord(database, SystemClock()).store(facts)
        await database.close()

    upgrade(f"sqlite:///{record_file}")
    asyncio.run(fill(f"sqlite:///{record_file}"))


@dataclass(frozen=True, slots=True)
class Result:
    error: GuichetError | None
    stdout: str
    stderr: str


class Type:
    """Runs the command as somebody who types it."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *words: object) -> Result:
        try:
            app(["export", *map(str, words)], standalone_mode=False)
        except GuichetError as error:  # said in one line by bot.cli.main
            return Result(error, *self._capture.readouterr())
        return Result(None, *self._capture.readouterr())


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]) -> Type:
    return Type(capsys)


@pytest.mark.usefixtures("three_messages")
def test_without_options_messages_go_to_standard_output_as_json_lines(typed: Type) -> None:
    result = typed()
    assert result.error is None
    assert [json.loads(line)["text"] for line in result.stdout.splitlines()] == [
        "message 0",
        "message 1",
        "message 2",
    ]
    assert result.stderr == ""


@pytest.mark.usefixtures("three_messages")
def test_a_file_is_readable_by_its_owner_only_and_nothing_else_is_left(typed: Type, tmp_path: Path) -> None:
    out = tmp_path / "exported" / "log.parquet"
    out.parent.mkdir()
    result = typed("--format", "parquet", "--out", out)
    assert result.error is None
    assert "3 messages" in result.stderr
    assert pq.read_table(out).num_rows == 3
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.usefixtures("three_messages")
def test_a_span_of_time_is_respected(typed: Type) -> None:
    result = typed("--since", after(1).isoformat(), "--until", after(2).isoformat())
    assert [json.loads(line)["text"] for line in result.stdout.splitlines()] == ["message 1"]


@pytest.mark.usefixtures("three_messages")
def test_parquet_goes_to_a_pipe_whole(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    export_log(format_=Format.PARQUET)
    assert pq.read_table(io.BytesIO(capfdbinary.readouterr().out)).num_rows == 3


@pytest.mark.usefixtures("three_messages")
def test_parquet_is_not_for_a_terminal(typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    result = typed("--format", "parquet")
    assert isinstance(result.error, ConfigurationError)
    assert "--out" in str(result.error)
    assert result.stdout == ""


@pytest.mark.usefixtures("three_messages")
def test_a_folder_that_does_not_exist_gets_one_sentence(typed: Type, tmp_path: Path) -> None:
    result = typed("--out", tmp_path / "nowhere" / "log.jsonl")
    assert isinstance(result.error, ConfigurationError)
    assert "cannot be written" in str(result.error)


def test_before_anything_was_logged_it_says_so_and_makes_no_file(typed: Type, record_file: Path) -> None:
    result = typed()
    assert isinstance(result.error, ConfigurationError)
    assert "Nothing was logged yet" in str(result.error)
    assert not record_file.exists()


def test_a_failed_export_leaves_the_old_file_alone(typed: Type, record_file: Path, tmp_path: Path) -> None:
    record_file.write_bytes(b"not a database at all" * 100)
    out = tmp_path / "log.jsonl"
    out.write_text("yesterday's")
    result = typed("--out", out)
    assert isinstance(result.error, RecordUnavailable)
    assert out.read_text() == "yesterday's"
    assert sorted(tmp_path.glob(".*part")) == []


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T09:00", datetime(2026, 11, 1, 9, tzinfo=UTC)),
        ("2026-11-01T09:00+01:00", datetime(2026, 11, 1, 8, tzinfo=UTC)),
        ("90m", datetime(2026, 11, 22, 10, 30, tzinfo=UTC)),
        ("24h", datetime(2026, 11, 21, 12, tzinfo=UTC)),
        ("7d", datetime(2026, 11, 15, 12, tzinfo=UTC)),
        ("2w", datetime(2026, 11, 8, 12, tzinfo=UTC)),
    ],
)
def test_a_moment_is_a_date_a_time_or_how_long_ago(text: str, moment: datetime) -> None:
    assert _instant("--since", text, NOON) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "7y", "999999w", "2026-13-01"])
def test_anything_else_is_not_a_moment(text: str) -> None:
    with pytest.raises(ConfigurationError, match="--since"):
        _instant("--since", text, NOON)
