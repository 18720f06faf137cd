"""A stretch of work: when customers write, when agents answer, end a conversation and take the next."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from benchmarks.processes import BenchError
from benchmarks.slack_figures import Deed, Done, Figures, Seen, figures, is_all_seen
from benchmarks.slack_world import Case, World

REPLIES_A_MINUTE = 1.0
"""Of an agent, at load 1. To type 25 words at the 52 words a minute of the average typist (Dhakal et al.,
*Observations on typing from 136 million keystrokes*, CHI 2018) takes half a minute; to read what the customer
wrote and look something up, the other half. At load 2 nobody reads."""
BURSTS = ((1, 0.6), (2, 0.3), (3, 0.1))
"""How many messages a customer writes in a row: 1.5 on average, for each reply."""
BURST_GAP = 4.0
REPLIES_A_CASE = 5
"""After so many replies of all agents one conversation ends, and another customer asks for a person."""
BEFORE_RESOLVING = 12.0
LOOKS = 0.5
PATIENCE = 240.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a load of so many minutes showed.

    Attributes:
        seconds: until all was written, pressed and claimed.
        drained: seconds until what was under way then had shown.
        events_lost: events of Slack's that the app never confirmed.
        cpu: share of a core, by role.
    """

    factor: float
    minutes: float
    channels: int
    seconds: float
    drained: float
    figures: Figures
    events_lost: int
    cpu: dict[str, float]


@dataclass
class Load:
    """A load on a world.

    Args:
        made: where.
        factor: 1 is what agents can do all day.
        minutes: for how long.
        seed: of what is left to chance.
    """

    made: World
    factor: float
    minutes: float
    seed: int = 7
    done: list[Done] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._seen = Seen()
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self, say: Callable[[str], None]) -> Stretch:
        """Work, then wait until all of it has shown.

        Raises:
            BenchError: a button was not confirmed.
        """
        await self.made.look(Seen())  # what came of preparing is nobody's
        before, began = self.made.cpu(), time.monotonic()
        self._plan()
        looking = asyncio.create_task(self._look())
        try:
            async with asyncio.timeout(self.minutes * 60 + PATIENCE):
                await asyncio.gather(*self._tasks)
        except TimeoutError as error:
            raise BenchError(f"the work did not end\n{self.made.last_words()}") from error
        finally:
            looking.cancel()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(looking, *self._tasks, return_exceptions=True)
        cpu, worked = self.made.cpu(), time.monotonic() - began
        say(f"all is written ({len(self.done)} things done in {worked:.0f} s); waiting until it has shown")
        drained = await self._drain(say)
        hearing = await self.made.heard({one.user for one in self.done if not one.refused})
        lost = await self.made.slack.do("state.lost")
        return Stretch(
            factor=self.factor,
            minutes=self.minutes,
            channels=len(self.made.channels),
            seconds=worked,
            drained=drained,
            figures=figures(self.done, self._seen, hearing),
            events_lost=len(lost),
            cpu={name: (used - before.get(name, 0.0)) / worked for name, used in cpu.items()},
        )

    async def _look(self) -> None:
        while True:
            await self.made.look(self._seen)
            await asyncio.sleep(LOOKS)

    async def _drain(self, say: Callable[[str], None]) -> float:
        """Wait until everything has shown, or nothing more is to be hoped for; the seconds that took."""
        began, told = time.monotonic(), time.monotonic()
        while waiting := [one for one in self.done if not is_all_seen(self._seen, one)]:
            if time.monotonic() - began > PATIENCE:
                say(f"gave up waiting for {len(waiting)}")
                break
            if time.monotonic() - told > 20:
                told = time.monotonic()
                say(f"{len(waiting)} have not shown yet")
            await asyncio.sleep(LOOKS)
            await self.made.look(self._seen)
        took = time.monotonic() - began
        await asyncio.sleep(3.0)  # a double would come now
        await self.made.look(self._seen)
        return took

    # --- who does what, and when -------------------------------------------------------------

    def _plan(self) -> None:
        length = self.minutes * 60
        count = max(1, round(len(self.made.agents) * REPLIES_A_MINUTE * self.factor * self.minutes))
        agents = [self.made.agents[number % len(self.made.agents)] for number in range(count)]
        self._chance.shuffle(agents)
        for number, agent in enumerate(agents):
            last = number % REPLIES_A_CASE == REPLIES_A_CASE - 1
            self._at(self._chance.uniform(0, length), partial(self._replies, agent, last=last))
        sizes, weights = zip(*BURSTS, strict=True)
        for size in self._chance.choices(sizes, weights, k=count):
            self._at(self._chance.uniform(0, length), partial(self._writes, int(size)))

    def _at(self, seconds: float, do: Callable[[], Awaitable[None]]) -> None:
        async def later() -> None:
            await asyncio.sleep(seconds)
            await do()

        self._tasks.append(asyncio.create_task(later()))

    def _one(self, cases: Sequence[Case]) -> Case | None:
        ready = [case for case in cases if case.place[0] and not case.leaving]
        return self._chance.choice(ready) if ready else None

    async def _writes(self, size: int) -> None:
        case = self._one(self.made.cases)
        if case is None:
            return
        for number in range(size):
            if number:
                await asyncio.sleep(BURST_GAP)
            self.done.append(await self.made.writes(case))

    async def _replies(self, agent: str, *, last: bool) -> None:
        case = self._one([case for case in self.made.cases if case.agent == agent])
        if case is None:
            return
        case.leaving = last
        said = await self.made.replies(case)
        self._seen.wrote(said)
        self.done.append(said)
        if last:
            await asyncio.gather(self._ends(case), self._begins(agent))

    async def _ends(self, case: Case) -> None:
        """Not before the customer, who may be at it, has written all they wanted."""
        await asyncio.sleep(BEFORE_RESOLVING)
        self.done.append(await self.made.presses(case, Deed.RESOLVES))

    async def _begins(self, agent: str) -> None:
        """A customer asks; the agent sees the card, and claims."""
        case = self.made.new_case(agent)
        case.leaving = True
        self.done.append(await self.made.asks(case))
        while not case.place[0]:
            await asyncio.sleep(LOOKS)
        await asyncio.sleep(2.0)
        self.done.append(await self.made.presses(case, Deed.CLAIMS))
        case.leaving = False
