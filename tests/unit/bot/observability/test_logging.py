"""Log lines: one JSON object each, without secrets, whoever wrote them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from bot.observability import logging as ours


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = (root.handlers, root.level, structlog.get_config())
    stream = io.StringIO()
    ours.configure("info", "json", process="worker", stream=stream)
    yield stream
    root.handlers, root.level = before[0], before[1]
    structlog.configure(**before[2])
    logging.captureWarnings(False)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_an_event_a_time_a_level_and_who_wrote_it(written: io.StringIO) -> None:
    structlog.get_logger("bot.engine").info("turn.done", chat="web:main:abc")
    (line,) = lines(written)
    assert (line["event"], line["level"], line["process"], line["chat"]) == (
        "turn.done",
        "info",
        "worker",
        "web:main:abc",
    )
    assert line["at"].endswith("Z")


def test_libraries_write_the_same_lines(written: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").warning("at %s", "redis://:pw-of-mine@h")
    (line,) = lines(written)
    assert line["level"] == "warning"
    assert "pw-of-mine" not in json.dumps(line)


@pytest.mark.usefixtures("written")
def test_a_library_that_writes_by_itself_is_brought_into_line() -> None:
    library, stream = logging.getLogger("uvicorn"), io.StringIO()
    library.handlers, library.propagate = [logging.StreamHandler(io.StringIO())], False
    ours.configure("info", "json", process="web", stream=stream)
    logging.getLogger("uvicorn.error").warning("at %s", "redis://:pw-of-mine@h")
    (line,) = lines(stream)
    assert line["level"] == "warning"


def test_talkative_libraries_are_silenced(written: io.StringIO) -> None:
    logging.getLogger("httpx").info("POST https://api.telegram.org/bot123:abc/getUpdates")
    logging.getLogger("uvicorn.access").info("GET /chat")
    assert lines(written) == []


def test_a_traceback_is_kept_but_not_its_secrets(written: io.StringIO) -> None:
    try:
        int("redis://:pw-of-mine@host")
    except ValueError:
        structlog.get_logger().exception("turn.failed")
    (line,) = lines(written)
    assert "ValueError" in line["exception"]
    assert "pw-of-mine" not in line["exception"]


def test_a_reader_that_went_away_does_not_stop_the_work(written: io.StringIO) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    ours.configure("info", "json", stream=Gone())
    structlog.get_logger().info("turn.done")


@pytest.mark.parametrize("how", ["json", "pretty", "commands"])
def test_no_traceback_shows_what_variables_hold(written: io.StringIO, how: str) -> None:
    stream = io.StringIO()
    if how == "commands":
        ours.configure_for_commands(stream)
    else:
        ours.configure("info", how, stream=stream)  # type: ignore[arg-type]
    log = structlog.get_logger("fresh")
    log.info("turn.done")

    def fail() -> None:
        words = "what the customer wrote"  # noqa: F841 - in the frame of the traceback
        raise RuntimeError("a bug")

    try:
        fail()
    except RuntimeError:
        log.exception("turn.failed")
    shown = stream.getvalue()
    assert "RuntimeError: a bug" in shown
    assert "what the customer wrote'" not in shown
    assert ("turn.done" in shown) is (how != "commands")
