"""Through the web chat with the real Rasa, beside ``rasa run``'s own REST webhook.

The same questions in the same order, the same number of customers at the same time, in turns: a
part on one side, the same part on the other. An empty answer, or none, fails the benchmark.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from itertools import islice

from benchmarks.clients import Cell, Rests, Run, Side, ask_all, cell
from benchmarks.machine import this_machine
from benchmarks.processes import BenchError
from benchmarks.rivals import RASA_PROJECT, guichet, rasa_alone
from benchmarks.texts import distinct, questions

LONGEST_SECONDS = 420.0
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
class Pair:
    """The same questions on both sides."""

    texts: str
    cache: str
    guichet: Cell
    rasa: Cell


@dataclass(frozen=True, slots=True)
class WebReport:
    """All pairs, in the order they were measured."""

    plan: Plan
    pairs: tuple[Pair, ...]

    def lines(self) -> list[str]:
        """A Markdown table."""
        head = (
            "| texts | our parse cache | clients | Guichet: p50 / p95 ms | messages/s | CPU ms each "
            "| `rasa run`: p50 / p95 ms | messages/s | CPU ms each | p50, ours/theirs "
            "| messages/s, ours/theirs |"
        )
        return [
            f"{self.plan.messages} messages a measurement, each answered, none empty.",
            "",
            head,
            "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
            *(_row(pair) for pair in self.pairs),
        ]


def _row(pair: Pair) -> str:
    ours, theirs = pair.guichet, pair.rasa
    return (
        f"| {pair.texts} | {pair.cache} | {ours.clients} | {_ms(ours)} | **{ours.per_second:.0f}** "
        f"| {ours.cpu * 1000:.1f} "
        f"| {_ms(theirs)} | {theirs.per_second:.0f} | {theirs.cpu * 1000:.1f} "
        f"| {ours.p50 / theirs.p50:.2f} | **{ours.per_second / theirs.per_second:.2f}** |"
    )


def _ms(measured: Cell) -> str:
    return f"{measured.p50 * 1000:.0f} / {measured.p95 * 1000:.0f}"


@dataclass(frozen=True, slots=True)
class Sides:
    """Those who can be asked, and what they are asked."""

    guichet: Side
    rasa: Side
    plan: Plan

    async def pair(self, clients: int, asked: Sequence[str], texts: str, cache: str) -> Pair:
        """Ask both, in turns; the first of them changes with each part."""
        ours: list[Run] = []
        theirs: list[Run] = []
        size = -(-len(asked) // self.plan.parts)
        for part in range(self.plan.parts):
            share = asked[part * size : (part + 1) * size]
            turns = [(self.guichet, ours), (self.rasa, theirs)]
            for side, runs in turns if part % 2 == 0 else reversed(turns):
                runs.append(await ask_all(side, share, clients))
        return Pair(texts, cache, cell(clients, ours), cell(clients, theirs))


async def measure(plan: Plan, say: Say) -> WebReport:
    """Everything, within seven minutes.

    Raises:
        BenchError: a side does not start, or does not answer.
    """
    try:
        async with asyncio.timeout(LONGEST_SECONDS), AsyncExitStack() as stack:
            say("starting rasa run")
            rasa = await stack.enter_async_context(rasa_alone(say))
            pairs: list[Pair] = []
            texts = await _texts(plan, rasa)
            for cache, size in (("off", 0), ("on", CACHE_SIZE)):
                say(f"starting Guichet, parse cache {cache}")
                async with guichet(cache_size=size, say=say) as ours:
                    pairs += await _pairs(Sides(ours, rasa.side, plan), texts, cache, say)
            return WebReport(plan, tuple(pairs))
    except TimeoutError as error:
        raise BenchError(f"it took longer than {LONGEST_SECONDS:.0f} s and was stopped") from error


async def _texts(plan: Plan, rasa: Rests) -> Iterator[str]:
    """As many as will be needed, no two alike."""
    needed = 2 * (WARM_UP + plan.messages * len(plan.clients))
    plain = rasa.understood(question.text for question in distinct(questions(RASA_PROJECT)))
    texts: list[str] = []
    async for text in plain:
        texts.append(text)
        if len(texts) == needed:
            break
    await plain.aclose()
    return iter(texts)


async def _pairs(sides: Sides, texts: Iterator[str], cache: str, say: Say) -> list[Pair]:
    """One Guichet's measurements. With the cache on, each question is asked a second time."""
    pairs: list[Pair] = []
    warm = list(islice(texts, WARM_UP))
    await ask_all(sides.guichet, warm, 4)
    await ask_all(sides.rasa, warm, 4)
    for clients in sides.plan.clients:
        say(f"{clients} clients, parse cache {cache}")
        asked = list(islice(texts, sides.plan.messages))
        kinds = ("distinct", "seen before") if cache == "on" else ("distinct",)
        pairs += [await sides.pair(clients, asked, kind, cache) for kind in kinds]
    return pairs


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
