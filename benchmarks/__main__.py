"""``make bench``: the engine alone, then the web chat beside ``rasa run``."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import uvloop

from benchmarks import engine, web_chat
from benchmarks.machine import this_machine
from benchmarks.processes import BenchError
from bot.domain.errors import GuichetError
from bot.observability import logging

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"

EXAMPLES = """examples:
  python -m benchmarks
  python -m benchmarks --quick
  python -m benchmarks --only engine
  python -m benchmarks --json > figures.json
  python -m benchmarks --write docs/benchmarks.md

With make: make bench ARGS="--only engine"
Each part has options of its own: python -m benchmarks.engine --help, python -m benchmarks.web_chat --help
"""

QUICK_ENGINE = engine.Plan(messages=2048, rounds=1)
QUICK_WEB = web_chat.Plan(clients=(1, 8), messages=64)


def main(arguments: list[str] | None = None) -> int:
    """The command line; exit status 1 when a figure could not be made, 130 when interrupted."""
    chosen = _parser().parse_args(arguments)
    logging.configure("error", "pretty", process="bench")
    try:
        _measure(chosen)
    except (BenchError, GuichetError) as error:
        print(f"The benchmark failed: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("Stopped; every process has ended.", file=sys.stderr)
        return 130
    return 0


def _measure(chosen: argparse.Namespace) -> None:
    machine = this_machine()
    lines, figures = machine.lines(), {"machine": asdict(machine)}
    if chosen.only != "web_chat":
        web_chat.say_aloud("the engine alone")
        alone = uvloop.run(engine.measure(QUICK_ENGINE if chosen.quick else engine.USUAL))
        lines += ["", "### The engine alone", "", *alone.lines()]
        figures["engine"] = asdict(alone)
    if chosen.only != "engine":
        chat = web_chat.run(QUICK_WEB if chosen.quick else web_chat.USUAL, web_chat.say_aloud)
        lines += ["", "### Through the web chat, beside `rasa run`", "", *chat.lines()]
        figures["web_chat"] = asdict(chat)
    _show(chosen, lines, figures)


def _show(chosen: argparse.Namespace, lines: list[str], figures: dict[str, Any]) -> None:
    print(json.dumps(figures, indent=2) if chosen.json else "\n".join(lines))
    if chosen.write is not None:
        chosen.write.write_text(
            with_figures(chosen.write.read_text(encoding="utf-8"), lines), encoding="utf-8"
        )


def with_figures(page: str, lines: list[str], begin: str = BEGIN, end: str = END) -> str:
    """The page with these figures between its marks.

    Raises:
        BenchError: it has no marks.
    """
    before, has_begin, rest = page.partition(begin)
    _old, has_end, after = rest.partition(end)
    if not (has_begin and has_end):
        raise BenchError(f"the page has no place for figures: it needs {begin} and {end}")
    return "\n".join([f"{before}{begin}", *lines, f"{end}{after}"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", choices=("engine", "web_chat"), help="a part of it")
    parser.add_argument("--quick", action="store_true", help="fewer messages: to see that it works")
    parser.add_argument("--json", action="store_true", help="print figures as JSON")
    parser.add_argument("--write", type=page, metavar="PAGE", help="also put the figures into a page")
    return parser


def page(text: str) -> Path:
    """An existing page with a place for figures, as an argument of a command line."""
    path = Path(text)
    try:
        with_figures(path.read_text(encoding="utf-8"), [])
    except (OSError, BenchError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return path


if __name__ == "__main__":
    sys.exit(main())
