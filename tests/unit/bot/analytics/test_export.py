"""The record as files that other tools open."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyarrow.parquet as pq
import pytest

from bot.analytics import export as exporting
from bot.analytics.database import Database
from bot.analytics.export import Format, What, csv_cell, export, writer_for
from bot.analytics.record import SqlRecord
from bot.domain.conversation import HandoffReason
from bot.domain.events import ReceiptStatus
from bot.domain.facts import (
    ConversationChanged,
    Episode,
    ErrorLogged,
    FeedbackGiven,
    HandoffChanged,
    HandoffStep,
    Rated,
    ReceiptLogged,
    Understood,
)
from bot.domain.message import Attachment
from bot.domain.understanding import Entity, Example, Explanation, Guess, Verdict
from bot.ports.clock import SystemClock
from tests.fakes.facts import after, fact, said

DANGEROUS = '=HYPERLINK("http://evil.example";"cliquez")'


@pytest.fixture
async def filled(database: Database) -> Database:
    understood = Understood(
        message_id="m0",
        intent="greet",
        confidence=0.9,
        ranking=(Guess("greet", 0.9),),
        entities=(Entity("email", "x", 0, 1),),
        ms=3.5,
        handler="greeting",
        explanation=Explanation(0.4, Verdict.UNSURE, nearest=(Example("=1+1", "greet", 0.5),)),
    )
    bodies: list[Any] = [
        ConversationChanged(change=Episode.OPENED, contact_id="p_1"),
        replace(said("bonjour, «ça» va ?", "m0"), attachments=(Attachment("a", "b.png", "image/png"),)),
        understood,
        said(DANGEROUS, "m1"),
        said("deux\nlignes, et une virgule", "m2"),
        HandoffChanged(step=HandoffStep.REQUESTED, reason=HandoffReason.ASKED, team="care", urgent=True),
        ReceiptLogged(message_id="m3", destination="web:main", status=ReceiptStatus.SEEN),
        FeedbackGiven(topic="t", helped=False),
        Rated(score=4, agent_id="slack:U1", team="care"),
        ErrorLogged(where="nlu", error="down"),
    ]
    await SqlRecord(database, SystemClock()).store(
        [fact(body, id=f"f{n}", at=after(n), model="m") for n, body in enumerate(bodies)]
    )
    return database


async def written(database: Database, format_: Format, what: What = What.MESSAGES, **range_: Any) -> bytes:
    file = io.BytesIO()
    await export(database, what, writer_for(format_, what, file), **range_)
    return file.getvalue()


async def lines(database: Database, what: What = What.MESSAGES, **range_: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (await written(database, Format.JSONL, what, **range_)).splitlines()]


async def test_json_lines_hold_a_message_each_with_what_was_understood(filled: Database) -> None:
    rows = await lines(filled)
    assert [row["message_id"] for row in rows] == ["m0", "m1", "m2"]
    assert rows[0]["text"] == "bonjour, «ça» va ?"
    assert rows[0]["at"] == "2026-11-22T12:00:01.000Z"
    assert (rows[0]["intent"], rows[0]["confidence"], rows[0]["handler"]) == ("greet", 0.9, "greeting")
    assert rows[0]["attachments"][0]["name"] == "b.png"
    assert rows[1]["intent"] is None


async def test_csv_is_read_back_as_it_was_save_for_formulas(filled: Database) -> None:
    rows = list(csv.DictReader(io.StringIO((await written(filled, Format.CSV)).decode(), newline="")))
    assert [row["text"] for row in rows] == [
        "bonjour, «ça» va ?",
        f"'{DANGEROUS}",
        "deux\nlignes, et une virgule",
    ]
    assert json.loads(rows[0]["attachments"])[0]["mime"] == "image/png"
    assert rows[1]["attachments"] == ""


async def test_parquet_has_types(filled: Database) -> None:
    table = pq.read_table(io.BytesIO(await written(filled, Format.PARQUET)))
    assert table.num_rows == 3
    assert str(table.schema.field("at").type) == "timestamp[us, tz=UTC]"
    assert table.column("confidence").to_pylist() == [0.9, None, None]
    assert table.column("at").to_pylist()[0] == after(1)


@pytest.mark.parametrize("what", list(What))
@pytest.mark.parametrize("format_", list(Format))
async def test_everything_comes_out_in_every_format(filled: Database, what: What, format_: Format) -> None:
    content = await written(filled, format_, what)
    expected = 3 if what is What.MESSAGES else 1
    match format_:
        case Format.JSONL:
            found = len(content.splitlines())
        case Format.CSV:
            found = len(list(csv.DictReader(io.StringIO(content.decode(), newline=""))))
        case Format.PARQUET:
            found = pq.read_table(io.BytesIO(content)).num_rows
    assert found == expected


async def test_a_conversations_row_has_its_rating(filled: Database) -> None:
    await SqlRecord(filled, SystemClock()).store(
        [fact(Rated(score=2, reason_id="m2"), id="f_changed", at=after(60))]
    )
    (row,) = await lines(filled, What.CONVERSATIONS)
    assert (row["rating"], row["rated_at"]) == (2, "2026-11-22T12:01:00.000Z")
    assert [one["score"] for one in await lines(filled, What.RATINGS)] == [4, 2]


async def test_why_a_message_was_understood_so_is_exported_too(filled: Database) -> None:
    (row,) = await lines(filled, What.UNDERSTANDINGS)
    assert row["explanation"]["nearest"] == [{"text": "=1+1", "intent": "greet", "similarity": 0.5}]
    content = (await written(filled, Format.CSV, What.UNDERSTANDINGS)).decode()
    (cells,) = csv.DictReader(io.StringIO(content, newline=""))
    assert json.loads(cells["explanation"]) == row["explanation"]
    assert cells["questions"] == ""


@pytest.mark.parametrize("format_", list(Format))
async def test_an_empty_record_makes_an_empty_file_of_the_right_shape(
    database: Database, format_: Format
) -> None:
    content = await written(database, format_)
    if format_ is Format.PARQUET:
        assert pq.read_table(io.BytesIO(content)).num_rows == 0
    else:
        assert len(content.splitlines()) == (1 if format_ is Format.CSV else 0)


async def test_since_is_included_and_until_is_not(filled: Database) -> None:
    rows = await lines(filled, since=after(1), until=after(4))
    assert [row["message_id"] for row in rows] == ["m0", "m1"]
    assert await lines(filled, since=datetime(2027, 1, 1, tzinfo=UTC)) == []


async def test_many_pages_bring_every_row_once_in_order(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PAGE", 7)
    facts = [fact(said("x", f"m{n}"), at=after(n // 4)) for n in range(50)]  # several at the same time
    await SqlRecord(database, SystemClock()).store(facts)
    seen: list[int] = []
    file = io.BytesIO()
    writer = writer_for(Format.JSONL, What.MESSAGES, file)

    assert await export(database, What.MESSAGES, writer, progress=seen.append) == 50

    rows = [json.loads(line) for line in file.getvalue().splitlines()]
    assert {row["message_id"] for row in rows} == {f"m{n}" for n in range(50)}
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    assert seen == [7] * 7 + [1]


async def test_writing_goes_on_during_an_export(database: Database) -> None:
    record = SqlRecord(database, SystemClock())
    await record.store([fact(said("x", f"m{n}"), at=after(n)) for n in range(exporting.PAGE + 1)])
    seen = 0
    async for page in exporting.pages(database, What.MESSAGES):
        seen += len(page)
        assert await record.store([fact(said("y", f"n{seen}"), at=after(-1))]) == 1
    assert seen == exporting.PAGE + 1


@pytest.mark.parametrize(
    "text", ["=1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r=1", "\n=1", "＝1", "\u00a0=1"]
)
def test_text_that_a_spreadsheet_would_run_is_defused(text: str) -> None:
    assert csv_cell(text) == f"'{text}"


@pytest.mark.parametrize("value", [-1, 0.5, None, True, "bonjour", "a=b", "", "06 12"])
def test_other_values_stay_what_they_are(value: Any) -> None:
    assert csv_cell(value) is value
