"""Agents in Slack within Slack's limits: how late each thing shows, with hundreds of open conversations.

Real processes (worker, sender, ingest), a real Valkey, and the stand-in of Slack with its published limits in
a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import statistics
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.__main__ import with_figures
from benchmarks.machine import this_machine
from benchmarks.processes import BenchError
from benchmarks.slack_figures import ROWS
from benchmarks.slack_load import Load, Stretch
from benchmarks.slack_world import open_within_limits, prepare, world
from benchmarks.web_chat import say_aloud
from bot.desk.slack.budget import A_MINUTE
from bot.domain.errors import GuichetError
from bot.observability import logging

BEGIN, END = "<!-- slack: begin -->", "<!-- slack: end -->"

EXAMPLES = """examples:
  python -m benchmarks.slack
  python -m benchmarks.slack --agents 4 --each 5 --minutes 0.5
  python -m benchmarks.slack --open 1500 --write docs/benchmarks.md

With make: make bench-slack ARGS="--agents 4 --each 5 --minutes 1 --json"
"""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is done. ``opened``: how many cards are opened at the same moment, within the limits."""

    agents: int = 60
    each: int = 25
    channels: int = 8
    minutes: float = 1.0
    loads: tuple[float, ...] = (1.0, 2.0)
    opened: int = 400

    @property
    def each_in_one_channel(self) -> int:
        """Fewer, with the same load: what lies idle costs nothing, and preparing takes long."""
        return max(1, self.each // 5)


USUAL = Plan()


@dataclass(frozen=True, slots=True)
class Opening:
    """Cards opened at the same moment: seconds until each ``tenth`` of them stood."""

    count: int
    seconds: float
    p50: float

    def line(self) -> str:
        """As a sentence."""
        pace = self.count / self.seconds * 60 if self.seconds else 0.0
        return (
            f"{self.count:,} customers ask for a person at the same moment: the last card stands after "
            f"**{self.seconds:.0f} s** (half of them after {self.p50:.0f} s), {pace:.0f} a minute."
        )


@dataclass(frozen=True, slots=True)
class SlackReport:
    """All that was measured."""

    plan: Plan
    opening: Opening | None
    stretches: tuple[Stretch, ...]

    def lines(self) -> list[str]:
        """As Markdown."""
        plan = self.plan
        head = [
            f"{plan.agents} agents with {plan.each} claimed conversations each "
            f"({plan.agents * plan.each:,}); each load lasted {plan.minutes:g} min. Seconds.",
        ]
        opening = ["", self.opening.line()] if self.opening else []
        return [*head, *opening, *(line for stretch in self.stretches for line in _lines(stretch))]


def _lines(stretch: Stretch) -> list[str]:
    found = stretch.figures
    calls = ", ".join(
        f"{name} {count / stretch.minutes:.0f} (Slack takes {A_MINUTE[name]:.0f})"
        for name, count in sorted(found.calls.items(), key=lambda one: -one[1])
        if name in A_MINUTE
    )
    cpu = ", ".join(f"{name} {share:.1%}" for name, share in stretch.cpu.items())
    kinds = ", ".join(
        f"{name} {count}" for name, count in sorted(found.by_kind.items(), key=lambda one: -one[1])
    )
    limited = ", ".join(f"{name} {count}" for name, count in found.limited.items()) or "never"
    return [
        "",
        f"#### {stretch.channels} channel{'s' * (stretch.channels > 1)}, load {stretch.factor:g}",
        "",
        "| what | how many | p50 | p95 | longest | never came |",
        "|---|---:|---:|---:|---:|---:|",
        *(found.waits[row].line(words) for row, words in ROWS.items()),
        "",
        f"- customers' messages: {found.messages} in {found.posts} posts; all posts of the bot: {kinds}",
        f"- **lost {found.lost}, doubled {found.doubled}, out of order {found.disordered}**; Slack's events "
        f"never confirmed: {stretch.events_lost}; answered 429: {limited}",
        f"- calls for a minute of work: {calls}",
        f"- what was under way when the work ended had shown {stretch.drained:.0f} s later",
        f"- CPU, of one core: {cpu}",
    ]


async def measure(plan: Plan, say: Say) -> SlackReport:
    """Everything.

    Raises:
        BenchError: something did not start, or never came.
    """
    opening = asyncio.create_task(_opening(plan, say))
    try:
        stretches: list[Stretch] = []
        async with world(plan.channels, plan.agents) as spread, world(1, plan.agents) as narrow:
            await prepare(spread, plan.each, say)
            if plan.channels > 1:
                await prepare(narrow, plan.each_in_one_channel, say)
            opened = await opening
            for factor in plan.loads:
                say(f"{plan.channels} channels, load {factor:g}, {plan.minutes:g} min")
                stretches.append(await Load(spread, factor, plan.minutes).run(say))
            if plan.channels > 1:
                say(f"one channel, load {plan.loads[0]:g}, {plan.minutes:g} min")
                stretches.append(await Load(narrow, plan.loads[0], plan.minutes).run(say))
        return SlackReport(plan, opened, tuple(stretches))
    finally:
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)


async def _opening(plan: Plan, say: Say) -> Opening | None:
    if not plan.opened:
        return None
    async with world(plan.channels, plan.agents) as made:
        waits = await open_within_limits(made, plan.each, plan.opened, say)
    return Opening(plan.opened, waits[-1], statistics.median(waits))


def run(plan: Plan, say: Say) -> SlackReport:
    """:func:`measure` in a loop of its own; ends in order on SIGTERM too."""

    async def interruptible() -> SlackReport:
        task = asyncio.current_task()
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await measure(plan, say)

    return asyncio.run(interruptible())


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    plan = Plan(
        chosen.agents, chosen.each, chosen.channels, chosen.minutes, chosen.loads,
        min(USUAL.opened, chosen.agents * chosen.each) if chosen.open is None else chosen.open,
    )  # fmt: skip
    if min(plan.agents, plan.each, plan.channels) < 1 or plan.minutes <= 0 or plan.opened < 0:
        parser.error("at least one agent, conversation and channel are needed, and some time")
    logging.configure("critical", "pretty", process="bench")
    machine = this_machine()
    try:
        report = run(plan, say_aloud)
    except (BenchError, GuichetError) as error:
        print(f"The benchmark failed: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("Stopped; every process has ended.", file=sys.stderr)
        return 130
    lines = [*machine.lines(), "", *report.lines()]
    figures = {"machine": asdict(machine), "slack": asdict(report)}
    print(json.dumps(figures, indent=2) if chosen.json else "\n".join(lines))
    if chosen.write is not None:
        before = chosen.write.read_text(encoding="utf-8")
        chosen.write.write_text(with_figures(before, lines, BEGIN, END), encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.slack",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--agents", type=int, default=USUAL.agents)
    parser.add_argument("--each", type=int, default=USUAL.each, help="conversations an agent has")
    parser.add_argument("--channels", type=int, default=USUAL.channels, help="of the team")
    parser.add_argument("--minutes", type=float, default=USUAL.minutes, help="that each load lasts")
    parser.add_argument("--loads", type=_loads, default=USUAL.loads, help="as multiples of the usual: 1,2")
    parser.add_argument("--open", type=int, help="cards opened at the same moment; 0 for none")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--write", type=page, metavar="PAGE", help="also put the figures into a page")
    return parser


def page(text: str) -> Path:
    """An existing page with a place for these figures, as an argument of a command line."""
    path = Path(text)
    try:
        with_figures(path.read_text(encoding="utf-8"), [], BEGIN, END)
    except (OSError, BenchError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return path


def _loads(text: str) -> tuple[float, ...]:
    loads = tuple(float(part) for part in text.split(","))
    if not loads or min(loads) <= 0:
        raise argparse.ArgumentTypeError("numbers above 0, with commas between")
    return loads


if __name__ == "__main__":
    sys.exit(main())
