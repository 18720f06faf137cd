"""Through the web chat with the real Rasa, beside ``rasa run``'s own REST webhook.

Two rivals: ``rasa init``'s bot, asked what it knows, and our NLU answering by itself, asked the same
as Guichet. The same number of customers at the same time, in turns: a part on one side, then on the
others. An empty answer, or none, fails the benchmark.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from benchmarks.clients import Cell, Rests, Run, Side, ask_all, cell, is_one_of, is_plain_faq
from benchmarks.machine import this_machine
from benchmarks.processes import BenchError
from benchmarks.rivals import (
    RASA_PROJECT,
    default_project,
    default_questions,
    guichet,
    rasa_alone,
    rasa_init,
    rasa_python,
)
from benchmarks.texts import distinct, questions

LONGEST_SECONDS = 3600.0
WARM_UP = 24
CACHE_SIZE = 10_000
"""What Guichet ships with (``nlu.cache_size``)."""

EXAMPLES = """examples:
  python -m benchmarks.web_chat
  python -m benchmarks.web_chat --clients 1,8 --messages 100
  python -m benchmarks.web_chat --json > web_chat.json
"""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is asked: ``messages`` a measurement, in ``parts`` on either side in turn."""

    clients: tuple[int, ...] = (1, 8, 32)
    messages: int = 320
    parts: int = 2


USUAL = Plan()


@dataclass(frozen=True, slots=True)
class Row:
    """One side's figures; a rival's stand under Guichet's of the same moment."""

    side: str
    figures: Cell
    beside: Cell | None = None

    def line(self) -> str:
        """As Markdown."""
        of, ours = self.figures, self.beside
        ratios = f"**{ours.per_second / of.per_second:.2f}** | {ours.p95 / of.p95:.2f}" if ours else "|"
        return (
            f"| {self.side} | {of.clients} | {of.p50 * 1000:.0f} / {of.p95 * 1000:.0f} "
            f"| {of.per_second:.0f} | {of.cpu * 1000:.1f} | {ratios} |"
        )


@dataclass(frozen=True, slots=True)
class WebReport:
    """All rows, in the order they were measured."""

    plan: Plan
    rows: tuple[Row, ...]

    def lines(self) -> list[str]:
        """A Markdown table."""
        return [
            f"{self.plan.messages} messages a measurement, each answered, none empty. Distinct texts, our "
            "parse cache off, where it does not say otherwise.",
            "",
            "| | clients | p50 / p95 ms | messages/s | CPU ms each | Guichet's messages/s, as a multiple "
            "| Guichet's p95, as a multiple |",
            "|---|---:|---:|---:|---:|---:|---:|",
            *(row.line() for row in self.rows),
        ]


@dataclass(frozen=True, slots=True)
class Rival:
    """Who is measured beside Guichet; ``texts`` of its own, or None: asked the same."""

    name: str
    people: Rests
    texts: Iterator[str] | None = None

    def asked(self, texts: Sequence[str]) -> Sequence[str]:
        """What it is asked while Guichet is asked these."""
        return texts if self.texts is None else list(islice(self.texts, len(texts)))


@dataclass(frozen=True, slots=True)
class Race:
    """Guichet and those beside it."""

    guichet: Side
    rivals: Sequence[Rival]
    plan: Plan

    async def rows(self, clients: int, asked: Sequence[str], name: str) -> list[Row]:
        """Ask all of them, in turns; the first of them changes with each part."""
        lanes: list[tuple[Side, Sequence[str], list[Run]]] = [(self.guichet, asked, [])]
        lanes += [(rival.people.side, rival.asked(asked), []) for rival in self.rivals]
        size = -(-len(asked) // self.plan.parts)
        for part in range(self.plan.parts):
            for side, texts, runs in lanes if part % 2 == 0 else reversed(lanes):
                runs.append(await ask_all(side, texts[part * size : (part + 1) * size], clients))
        ours, *theirs = (cell(clients, runs) for _side, _texts, runs in lanes)
        beside = [Row(rival.name, figures, ours) for rival, figures in zip(self.rivals, theirs, strict=True)]
        return [Row(name, ours), *beside]

    async def all_rows(self, texts: Iterator[str], name: str, *, twice: bool = False) -> list[Row]:
        """Every number of clients; ``twice``: each question once more."""
        rows: list[Row] = []
        warm = list(islice(texts, WARM_UP))
        await ask_all(self.guichet, warm, 4)
        for rival in self.rivals:
            await ask_all(rival.people.side, rival.asked(warm), 4)
        for clients in self.plan.clients:
            say_aloud(f"{clients} clients: {name}")
            asked = list(islice(texts, self.plan.messages))
            rows += await self.rows(clients, asked, name)
            if twice:
                rows += await self.rows(clients, asked, f"{name}, texts seen before")
        return rows


async def measure(plan: Plan, say: Say) -> WebReport:
    """Everything: some five minutes, and as much again when the rivals are trained first.

    Raises:
        BenchError: a side does not start, or does not answer.
    """
    try:
        async with asyncio.timeout(LONGEST_SECONDS), AsyncExitStack() as stack:
            say("starting rasa run on our NLU")
            same = await stack.enter_async_context(rasa_alone(say))
            texts = await _texts(plan, same)
            rows: list[Row] = []
            async with rasa_init(say) as default, guichet(cache_size=0, say=say) as ours:
                own = await _own_texts(plan, default, default_project(rasa_python(), say))
                rivals = [Rival("`rasa run`, `rasa init`'s bot", default, own)]
                rivals.append(Rival("`rasa run`, Guichet's NLU", same))
                rows += await Race(ours, rivals, plan).all_rows(texts, "**Guichet**")
            async with guichet(cache_size=CACHE_SIZE, say=say) as ours:
                rows += await Race(ours, (), plan).all_rows(texts, "Guichet, parse cache on", twice=True)
            return WebReport(plan, tuple(rows))
    except TimeoutError as error:
        raise BenchError(f"it took longer than {LONGEST_SECONDS:.0f} s and was stopped") from error


async def _texts(plan: Plan, rasa: Rests) -> Iterator[str]:
    """As many FAQ questions as will be needed, no two alike."""
    known = (question.text for question in distinct(questions(RASA_PROJECT)))
    return await _first(2 * _needed(plan), rasa.understood(known, is_plain_faq))


async def _own_texts(plan: Plan, rasa: Rests, project: Path) -> Iterator[str]:
    """As many questions for ``rasa init``'s bot, no two alike."""
    known = default_questions(project)
    texts = (question.text for question in distinct(known))
    return await _first(_needed(plan), rasa.understood(texts, is_one_of({each.intent for each in known})))


def _needed(plan: Plan) -> int:
    return WARM_UP + plan.messages * len(plan.clients)


async def _first(count: int, texts: AsyncGenerator[str, None]) -> Iterator[str]:
    found: list[str] = []
    async for text in texts:
        found.append(text)
        if len(found) == count:
            break
    await texts.aclose()
    return iter(found)


def run(plan: Plan, say: Say) -> WebReport:
    """:func:`measure` in a loop of its own; ends in order on SIGTERM too."""

    async def interruptible() -> WebReport:
        task = asyncio.current_task()
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await measure(plan, say)

    return asyncio.run(interruptible())


def say_aloud(line: str) -> None:
    """Progress, apart from the figures."""
    print(f"  {line}", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.web_chat",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--clients", type=_counts, default=USUAL.clients, help="how many at a time: 1,8,32")
    parser.add_argument("--messages", type=int, default=USUAL.messages, help="a measurement, on either side")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    chosen = parser.parse_args(arguments)
    if chosen.messages < 2 * max(chosen.clients):
        parser.error("fewer messages than two a client")
    machine = this_machine()
    try:
        report = run(Plan(clients=chosen.clients, messages=chosen.messages), say_aloud)
    except BenchError as error:
        print(f"The benchmark failed: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("Stopped; every process has ended.", file=sys.stderr)
        return 130
    if chosen.json:
        print(json.dumps({"machine": asdict(machine), "web_chat": asdict(report)}, indent=2))
    else:
        print("\n".join([*machine.lines(), "", *report.lines()]))
    return 0


def _counts(text: str) -> tuple[int, ...]:
    counts = tuple(int(part) for part in text.split(","))
    if not counts or min(counts) < 1:
        raise argparse.ArgumentTypeError("numbers from 1, with commas between")
    return counts


if __name__ == "__main__":
    sys.exit(main())
