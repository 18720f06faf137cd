"""Structured logs: one JSON object a line on stderr, with ids and never what people wrote."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import Processor

from bot.observability import metrics
from bot.observability.redaction import redact_value

Format = Literal["json", "pretty"]

TALKATIVE = (
    "httpx",
    "httpcore",
    "telegram",
    "telegram.ext",
    "uvicorn.access",
    "uvicorn.error",
    "alembic",
    "aiosqlite",
    "asyncio",
    "watchfiles",
    "slack_bolt",
    "slack_sdk",
    "aiohttp",
)
"""Libraries whose INFO lines hold tokens or texts, or say nothing."""


WITH_HANDLERS_OF_THEIR_OWN = ("uvicorn", "uvicorn.error", "uvicorn.access")
"""Libraries that may have set up lines in a form of their own, unredacted."""


class _Stream:
    """A stream whose reader may go away: then lines are lost, but not the work."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except (OSError, ValueError):
            metrics.log_failures.inc()
            return 0

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            metrics.log_failures.inc()


def configure(level: str, form: Format, *, process: str = "", stream: TextIO | None = None) -> None:
    """Set up structlog, and the standard library's logging to pass through it.

    Args:
        level: the least important level that is written, e.g. ``info``.
        form: ``json``, or ``pretty`` for people.
        process: what this process is called in every line.
        stream: where to; stderr when left out.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _named(process),
        structlog.processors.format_exc_info,
        _redacted,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_logger_name,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    last: Processor = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    if form == "pretty":
        last = structlog.dev.ConsoleRenderer(colors=(stream or sys.stderr).isatty(), timestamp_key="at")
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
    )
    handler = logging.StreamHandler(_Stream(stream or sys.stderr))
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    for name in WITH_HANDLERS_OF_THEIR_OWN:
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    logging.captureWarnings(True)


def configure_for_commands(stream: TextIO | None = None) -> None:
    """For commands that print results: warnings only, on stderr. A traceback does not show the values of
    variables, as structlog's own would: they hold what people wrote."""
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            _only_warnings,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.format_exc_info,
            _redacted,
            structlog.dev.ConsoleRenderer(colors=False, timestamp_key="at"),
        ],
        logger_factory=structlog.PrintLoggerFactory(_Stream(stream or sys.stderr)),  # type: ignore[arg-type]
        cache_logger_on_first_use=False,
    )


def _only_warnings(_logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if method in ("debug", "info"):
        raise structlog.DropEvent
    return event


def _named(process: str) -> Processor:
    def name(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if process:
            event.setdefault("process", process)
        return event

    return name


def _redacted(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if not name.startswith("_"):  # the library's own
            event[name] = redact_value(value, name)
    return event
