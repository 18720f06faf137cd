"""The engine alone: how many messages a second one process takes in, turns over and sends.

Everything is on as in production: Valkey with an fsync before each answer, masking, language
detection, the real table of handlers and the real replies, leases and fences, outbox, log, timers.
Only the two ends are stubs: the NLU (the example's own label, at once) and the platform (takes
everything, at once).
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import pstats
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import uvloop

from benchmarks.machine import this_machine
from benchmarks.processes import PROJECT, WORKSHOP, BenchError
from benchmarks.texts import Question, distinct, questions
from bot.domain.errors import GuichetError
from bot.domain.events import CustomerMessage
from bot.domain.identity import ChatId
from bot.domain.outgoing import MessageOut, Outgoing
from bot.domain.understanding import Guess, Understanding
from bot.engine.inbox import Inbox
from bot.engine.outbox import Addresser
from bot.engine.sender import Sender
from bot.engine.turn import TurnRules, TurnRunner
from bot.engine.worker import Worker
from bot.knowledge.files import FileKnowledge
from bot.nlu.language import LinguaDetector
from bot.observability import logging
from bot.ports.delivery import Delivered, Pacing
from bot.ports.handling import Choose
from bot.ports.store import Commit, CommitResult, Lease
from bot.shop.file import FileShop
from bot.storage.embedded import EmbeddedValkey
from bot.storage.state import RedisStore
from bot.storage.turns import RedisTurns
from handlers import build_choose
from handlers.care import Care
from handlers.hours import opening_hours
from handlers.replies import load_replies

DESTINATION = "web:main"
RASA_PROJECT = PROJECT / "rasa_project"
PHASE_SECONDS = 120.0
"""No phase takes that long unless something is broken."""
ROUND_BEGINS_WITHIN = 60.0
"""On a slow machine there are fewer rounds."""

EXAMPLES = """examples:
  python -m benchmarks.engine
  python -m benchmarks.engine --messages 20000 --chats 1000 --rounds 1
  python -m benchmarks.engine --rounds 1 --profile
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is done."""

    messages: int = 8192
    chats: int = 256
    rounds: int = 3


USUAL = Plan()


@dataclass(frozen=True, slots=True)
class Rate:
    """Events a second, and what one costs: µs of this process' CPU, and of Valkey's."""

    per_second: float
    cpu_us: float
    valkey_us: float


@dataclass(frozen=True, slots=True)
class EngineReport:
    """Medians over the rounds, by phase."""

    plan: Plan
    valkey: str
    phases: Mapping[str, Rate]
    turns_by_round: tuple[float, ...]

    def lines(self) -> list[str]:
        """A Markdown table."""
        count, rounds = len(self.turns_by_round), ", ".join(f"{each:,.0f}" for each in self.turns_by_round)
        return [
            f"{self.plan.messages:,} messages over {self.plan.chats} chats, median of {count} rounds "
            f" (turns/s of each: {rounds}); {self.valkey}, `appendfsync always`.",
            "",
            "| one process | per second | CPU µs each | Valkey's CPU µs each |",
            "|---|---:|---:|---:|",
            *(
                f"| {name} | **{rate.per_second:,.0f}** | {rate.cpu_us:,.0f} | {rate.valkey_us:,.0f} |"
                for name, rate in self.phases.items()
            ),
        ]


# --- the stubbed ends ---------------------------------------------------------------------


class Labels:
    """An NLU that knows every text's label."""

    def __init__(self, asked: list[Question]) -> None:
        self._known = {question.text: _sure_of(question.intent) for question in asked}

    async def parse(self, text: str) -> Understanding:
        """The label."""
        return self._known.get(text) or _sure_of("faq_return_how")


def _sure_of(intent: str) -> Understanding:
    others = tuple(Guess(f"faq_other_{place}", 0.05 / (place + 1)) for place in range(9))
    return Understanding((Guess(intent, 0.9), *others), (), "bench", 1.0)


@dataclass(slots=True)
class Count:
    """Counts up to a number, then says so."""

    wanted: int
    seen: int = 0
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self) -> None:
        """One more."""
        self.seen += 1
        if self.seen == self.wanted:
            self.reached.set()


class Taker:
    """A platform without limits that takes everything at once."""

    destination = DESTINATION
    pacing = Pacing()

    def __init__(self, count: Count, *, answers_only: bool) -> None:
        self._count = count
        self._answers_only = answers_only

    async def deliver(self, entry: Outgoing, *, doubtful: bool) -> Delivered:  # noqa: ARG002
        """Take it."""
        message = entry.payload
        if not self._answers_only or (isinstance(message, MessageOut) and message.reply_to):
            self._count.add()
        return Delivered()


class CountedTurns(RedisTurns):
    """The real store; it counts the turns that were committed and what they send."""

    def __init__(self, store: RedisStore, count: Count) -> None:
        super().__init__(store.layout, 90.0)
        self._count = count
        self.outgoing = 0

    async def commit(self, lease: Lease, commit: Commit) -> CommitResult:
        """Commit, and count."""
        result = await super().commit(lease, commit)
        self.outgoing += sum(out.destination == DESTINATION for out in commit.outgoing)
        self._count.add()
        return result


# --- one round ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bench:
    """What all rounds share."""

    plan: Plan
    asked: list[Question]
    choose: Choose
    detector: LinguaDetector
    url: str
    profiler: cProfile.Profile | None = None

    def runner(self) -> TurnRunner:
        """Turns as in production, but for the NLU."""
        return TurnRunner(
            nlu=Labels(self.asked),
            choose=self.choose,
            detector=self.detector,
            addresser=Addresser(("terminal",)),
            rules=TurnRules(),
        )

    async def round(self, number: int) -> dict[str, Rate]:
        """Each phase by itself, then all of them at once."""
        rates: dict[str, Rate] = {}
        async with self._store() as store:
            rates["messages taken in"] = await self._timed(store, self._append(store, f"a{number}"))
            turns = CountedTurns(store, Count(self.plan.messages))
            rates["turns (read, understand, handle, commit)"] = await self._turns(store, turns)
            rates["messages sent"] = await self._sends(store, turns.outgoing)
        async with self._store() as store:
            rates["all three at once, from message in to answer sent"] = await self._pipeline(store, number)
        return rates

    @asynccontextmanager
    async def _store(self) -> AsyncIterator[RedisStore]:
        store = await RedisStore.open(self.url)
        await store.connection.do("FLUSHALL")
        try:
            yield store
        finally:
            await store.close()

    async def _append(self, store: RedisStore, run: str) -> None:
        inbox = Inbox(store.inbox)
        each = self.plan.messages // self.plan.chats

        async def customer(index: int) -> None:
            chat = ChatId("web", "main", f"{run}-{index}")
            for number in range(each):
                question = self.asked[index * each + number]
                await inbox.append(
                    CustomerMessage(
                        id=f"web:main:{chat.user}:{number}",
                        chat=chat,
                        at=datetime.now(UTC),
                        message_id=str(number),
                        text=question.text,
                    )
                )

        await asyncio.gather(*(customer(index) for index in range(self.plan.chats)))

    async def _turns(self, store: RedisStore, turns: CountedTurns) -> Rate:
        worker = Worker(turns, self.runner(), "bench")
        if self.profiler is not None:
            self.profiler.enable()
        try:
            return await self._timed(store, _until(turns._count, worker.run))
        finally:
            if self.profiler is not None:
                self.profiler.disable()
            await turns.close()

    async def _sends(self, store: RedisStore, messages: int) -> Rate:
        count = Count(messages)
        sender = Sender(store.outbox, store.leases, Taker(count, answers_only=False), "bench")
        return await self._timed(store, _until(count, sender.run), messages)

    async def _pipeline(self, store: RedisStore, number: int) -> Rate:
        answers = Count(self.plan.messages)
        worker = Worker(store.turns, self.runner(), "bench")
        sender = Sender(store.outbox, store.leases, Taker(answers, answers_only=True), "bench")

        async def customers(stop: asyncio.Event) -> None:
            await self._append(store, f"p{number}")
            await stop.wait()

        return await self._timed(store, _until(answers, worker.run, sender.run, customers))

    async def _timed(self, store: RedisStore, work: Awaitable[None], events: int | None = None) -> Rate:
        events = events or self.plan.messages
        valkey, cpu, began = await _valkey_cpu(store), time.process_time(), time.perf_counter()
        try:
            async with asyncio.timeout(PHASE_SECONDS):
                await work
        except TimeoutError as error:
            raise BenchError(f"a phase took longer than {PHASE_SECONDS:.0f} s") from error
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        valkey = await _valkey_cpu(store) - valkey
        return Rate(events / seconds, cpu / events * 1e6, valkey / events * 1e6)


async def _until(count: Count, *running: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run these until the count is reached.

    Raises:
        BenchError: one of them ended before.
    """
    stop = asyncio.Event()
    tasks = [asyncio.ensure_future(run(stop)) for run in running]
    reached = asyncio.create_task(count.reached.wait())
    try:
        await asyncio.wait((reached, *tasks), return_when=asyncio.FIRST_COMPLETED)
        if not reached.done():
            raise BenchError(f"it ended after {count.seen} of {count.wanted}")
    finally:
        reached.cancel()
        stop.set()
        await asyncio.gather(*tasks)


async def _valkey_cpu(store: RedisStore) -> float:
    info = await store.connection.client.info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


# --- all rounds ---------------------------------------------------------------------------


async def measure(plan: Plan, profiler: cProfile.Profile | None = None) -> EngineReport:
    """Run it against a Valkey of its own, on the project's disk."""
    WORKSHOP.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="engine-", dir=WORKSHOP))
    valkey = EmbeddedValkey(home)
    try:
        await valkey.start()
        bench = Bench(
            plan=plan,
            asked=list(islice(distinct(questions(RASA_PROJECT)), plan.messages)),
            choose=build_choose(care()),
            detector=LinguaDetector(),
            url=valkey.url,
            profiler=profiler,
        )
        rounds, until = [await bench.round(0)], time.monotonic() + ROUND_BEGINS_WITHIN
        while len(rounds) < plan.rounds and time.monotonic() < until:
            rounds.append(await bench.round(len(rounds)))
        version = await _version(valkey.url)
    finally:
        await valkey.stop()
        shutil.rmtree(home, ignore_errors=True)
    names = list(rounds[0])
    return EngineReport(
        plan=plan,
        valkey=version,
        phases={name: _median([each[name] for each in rounds]) for name in names},
        turns_by_round=tuple(each[names[1]].per_second for each in rounds),
    )


def care() -> Care:
    """What the handlers read, as shipped."""
    day = "09:00-19:00"
    hours = opening_hours({"care": {"monday": day, "friday": day}}, time_zone="Europe/Paris", country="FR")
    return Care(
        replies=load_replies(PROJECT / "config" / "replies", ("fr", "en")),
        knowledge=FileKnowledge(RASA_PROJECT / "data"),
        shop=FileShop(PROJECT / "config" / "demo" / "orders.json"),
        hours=hours,
        privacy_url="http://127.0.0.1/chat/privacy",
    )


def _median(rates: list[Rate]) -> Rate:
    return Rate(
        per_second=statistics.median(rate.per_second for rate in rates),
        cpu_us=statistics.median(rate.cpu_us for rate in rates),
        valkey_us=statistics.median(rate.valkey_us for rate in rates),
    )


async def _version(url: str) -> str:
    store = await RedisStore.open(url)
    try:
        info = await store.connection.client.info("server")
    finally:
        await store.close()
    return f"Valkey {info.get('valkey_version', info['redis_version'])}"


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.engine",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--messages", type=int, default=USUAL.messages, help="a round")
    parser.add_argument("--chats", type=int, default=USUAL.chats, help="that write at the same time")
    parser.add_argument("--rounds", type=int, default=USUAL.rounds, help="of which the median is shown")
    parser.add_argument("--profile", action="store_true", help="say where turns spend their time (slower)")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    chosen = parser.parse_args(arguments)
    if not 1 <= chosen.chats <= chosen.messages or chosen.rounds < 1:
        parser.error("at least one chat, a message for each, and a round are needed")
    logging.configure("error", "pretty", process="bench")
    plan = Plan(chosen.messages // chosen.chats * chosen.chats, chosen.chats, chosen.rounds)
    machine = this_machine()
    profiler = cProfile.Profile() if chosen.profile else None
    try:
        report = uvloop.run(measure(plan, profiler))
    except (BenchError, GuichetError) as error:
        print(f"The benchmark failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; every process has ended.", file=sys.stderr)
        return 130
    if chosen.json:
        print(json.dumps({"machine": asdict(machine), "engine": asdict(report)}, indent=2))
    else:
        print("\n".join([*machine.lines(), "", *report.lines()]))
    if profiler is not None:
        shown = pstats.Stats(profiler, stream=sys.stderr)
        shown.sort_stats("tottime").print_stats(45)
        shown.sort_stats("cumulative").print_stats(60)
    return 0


if __name__ == "__main__":
    sys.exit(main())
