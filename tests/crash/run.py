"""The crash test: ``python -m tests.crash.run --help``.

Kills every role at every named step of a turn, then at random, while customers talk; then counts.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sqlite3
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.crash.customers import Customer
from tests.crash.world import STEPS, World, world

START_SECONDS = 120.0
SETTLE_SECONDS = 180.0


@dataclass
class Outcome:
    """What came of it; ``wrongs`` is empty when nothing was lost, doubled or out of order."""

    customers: int = 0
    written: int = 0
    steps: tuple[str, ...] = ()
    deaths: dict[str, int] = field(default_factory=dict)
    stops: int = 0
    cuts: int = 0
    p50: float = 0.0
    p95: float = 0.0
    longest: float = 0.0
    rows: int = 0
    wrongs: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        killed = ", ".join(f"{name} {count}" for name, count in sorted(self.deaths.items()))
        return (
            f"{self.customers} customers wrote {self.written} messages\n"
            f"killed: {killed}; at named steps: {len(self.steps)} of {len(STEPS)}; "
            f"frozen beyond their lease: {self.stops}\n"
            f"connections cut: {self.cuts}; answered after (s): p50 {self.p50:.2f}, p95 {self.p95:.2f}, "
            f"longest {self.longest:.1f}\n"
            f"messages and replies in SQL: {self.rows}\n"
            f"lost, doubled or out of order: {len(self.wrongs)}"
        )


async def crash(folder: Path, *, customers: int, seconds: float, without: str = "") -> Outcome:
    """Run it all."""
    async with world(folder, without=without) as made:
        await _up(made)
        people = [
            Customer(f"ws://127.0.0.1:{made.port}/chat/ws", f"c{number}") for number in range(customers)
        ]
        stop = asyncio.Event()
        talking = [asyncio.create_task(person.talk(stop)) for person in people]
        await made.each_step()
        await made.at_random(seconds)
        stop.set()
        await asyncio.gather(*talking)
        outcome = _outcome(made, people)
        transcripts = await asyncio.gather(*(person.transcript() for person in people))
        for person, transcript in zip(people, transcripts, strict=True):
            person.check(transcript)
            outcome.wrongs += [f"{person.name}: {wrong}" for wrong in person.wrongs]
        outcome.rows = await _archived(made, people, outcome.wrongs)
        return outcome


async def _up(made: World) -> None:
    deadline = time.monotonic() + START_SECONDS
    async with httpx.AsyncClient() as client:
        while time.monotonic() < deadline:
            try:
                if (await client.get(f"http://127.0.0.1:{made.port}/readyz")).is_success:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.2)
    logs = "\n".join(path.read_text()[-1500:] for path in made.folder.glob("*.log"))
    raise AssertionError(f"Guichet was not ready within {START_SECONDS:.0f} s:\n{logs}")


def _outcome(made: World, people: list[Customer]) -> Outcome:
    waits = [wait for person in people for wait in person.waits]
    return Outcome(
        customers=len(people),
        written=sum(len(person.written) for person in people),
        steps=tuple(made.steps_done),
        deaths=made.deaths,
        stops=made.stops,
        cuts=sum(person.cuts for person in people),
        p50=statistics.median(waits),
        p95=statistics.quantiles(waits, n=20)[-1],
        longest=max(waits),
    )


async def _archived(made: World, people: list[Customer], wrongs: list[str]) -> int:
    """Every message and every reply in SQL, exactly once."""
    expected = {message for person in people for message in person.written}
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        asked, replied = _counted(made.database)
        if (set(asked) >= expected and set(replied) >= expected) or time.monotonic() > deadline:
            break
        await asyncio.sleep(0.5)
    wrongs += [f"not in SQL: {missing}" for missing in sorted(expected - set(asked))]
    wrongs += [f"reply not in SQL: {missing}" for missing in sorted(expected - set(replied))]
    wrongs += [f"{count} times in SQL: {name}" for name, count in asked.items() if count != 1]
    wrongs += [f"reply {count} times in SQL: {name}" for name, count in replied.items() if count != 1]
    return sum(asked.values()) + sum(replied.values())


def _counted(database: Path) -> tuple[dict[str, int], dict[str, int]]:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10) as connection:
        asked = connection.execute(
            "SELECT message_id, count(*) FROM messages WHERE author = 'customer' GROUP BY message_id"
        )
        replied = connection.execute(
            "SELECT reply_to, count(*) FROM messages WHERE reply_to IS NOT NULL GROUP BY reply_to"
        )
        return dict(asked.fetchall()), dict(replied.fetchall())


def main() -> int:
    """Print the figures; 1 when anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--customers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0, help="of killing at random")
    parser.add_argument("--without", default="", help="take a guard out: fence, recognition, dedupe")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    with tempfile.TemporaryDirectory() as folder:
        outcome = asyncio.run(
            crash(Path(folder), customers=chosen.customers, seconds=chosen.seconds, without=chosen.without)
        )
    sys.stdout.write(f"{outcome}\n" + "".join(f"  {wrong}\n" for wrong in outcome.wrongs[:20]))
    return 1 if outcome.wrongs else 0


if __name__ == "__main__":
    sys.exit(main())
