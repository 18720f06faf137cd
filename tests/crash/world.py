"""A whole Guichet of real processes for the crash test: each role apart, started again when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers import free_port, running, valkey_binary

ROOT = Path(__file__).resolve().parents[2]
PLUGGED = Path(__file__).parent / "plugged"
ROLES = ("web", "worker", "worker", "sender", "sender", "archiver", "scheduler")
MORTAL = ("web", "worker", "sender", "archiver")

STEPS = (
    ("web", "bot.storage.transcripts:RedisTranscripts.append:after"),
    ("web", "bot.storage.inbox:RedisInbox.append:before"),
    ("web", "bot.storage.inbox:RedisInbox.append:after"),
    ("worker", "bot.storage.turns:RedisTurns.load:after"),
    ("worker", "bot.nlu.client:RasaNlu.parse:after"),
    ("worker", "bot.storage.turns:RedisTurns.commit:before"),
    ("worker", "bot.storage.turns:RedisTurns.commit:after"),
    ("sender", "bot.storage.outbox:RedisOutbox.begin_send:before"),
    ("sender", "bot.storage.outbox:RedisOutbox.begin_send:after"),
    ("sender", "bot.channels.web.deliverer:WebDeliverer.deliver:after"),
    ("sender", "bot.storage.outbox:RedisOutbox.finish_send:after"),
    ("archiver", "bot.analytics.record:SqlRecord.store:after"),
    ("archiver", "bot.storage.housekeeping:RedisLog.drop_facts:after"),
)
"""The named steps of a message's way at which a process is killed: each role's one after the other."""
STEP_SECONDS = 120.0
AGAIN_SECONDS = 30.0
"""After so long whoever else has the role is killed too, so that all of them strike at the step."""


def armed_steps() -> dict[str, list[str]]:
    """Of each role the steps, each with the call of it that is the last."""
    steps: dict[str, list[str]] = {name: [] for name in ROLES}
    for index, (name, step) in enumerate(STEPS):
        steps[name].append(f"{step}:{3 + index % 4}")
    return steps


@dataclass
class Role:
    """One process, and what to start it with."""

    name: str
    index: int
    process: subprocess.Popen[bytes] | None = None
    step: str | None = None


@dataclass
class World:
    """Running processes and what befell them."""

    url: str
    folder: Path
    environment: dict[str, str]
    port: int
    roles: list[Role] = field(default_factory=list)
    deaths: dict[str, int] = field(default_factory=dict)
    stops: int = 0
    steps_left: dict[str, list[str]] = field(default_factory=armed_steps)
    steps_done: list[str] = field(default_factory=list)

    @property
    def database(self) -> Path:
        return self.folder / "guichet.db"

    def start(self, role: Role) -> None:
        environment = dict(self.environment)
        role.step = next(iter(self.steps_left[role.name]), None)
        if role.step:
            environment["GUICHET_CRASH"] = role.step
            environment["GUICHET_CRASH_DONE"] = str(self.folder / f"{role.step.replace(':', '-')}.done")
        log = (self.folder / f"{role.name}-{role.index}.log").open("ab")
        with log:
            role.process = subprocess.Popen(
                [sys.executable, "-m", "bot.cli", "run", "--role", role.name],
                cwd=ROOT, env=environment, stdout=log, stderr=log,
            )  # fmt: skip

    def kill(self, role: Role) -> None:
        if role.process and role.process.poll() is None:
            role.process.kill()

    async def freeze(self, role: Role, seconds: float) -> None:
        """SIGSTOP for longer than any lease."""
        process = role.process
        if process is None or process.poll() is not None:
            return
        self.stops += 1
        process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            process.send_signal(signal.SIGCONT)

    def of(self, name: str) -> list[Role]:
        return [role for role in self.roles if role.name == name]

    async def keep_alive(self) -> None:
        """Start again what died."""
        while True:
            for role in self.roles:
                if role.process and role.process.poll() is not None:
                    self._mourn(role)
                    self.start(role)
            await asyncio.sleep(0.05)

    def _mourn(self, role: Role) -> None:
        self.deaths[role.name] = self.deaths.get(role.name, 0) + 1
        left = self.steps_left[role.name]
        if role.step in left and (self.folder / f"{role.step.replace(':', '-')}.done").exists():
            left.remove(role.step)
            self.steps_done.append(role.step)

    async def each_step(self) -> None:
        """Until a process was killed at each named step. Who comes back is to die at its role's next one."""
        await asyncio.gather(*(self._each_step_of(name) for name in self.steps_left))

    async def _each_step_of(self, name: str) -> None:
        left = self.steps_left[name]
        while left:
            step, tries = left[0], int(STEP_SECONDS / AGAIN_SECONDS)
            while tries and not await self._reached(step, left):
                tries -= 1
                for role in self.of(name):  # whichever holds the lease reaches it, and strikes once
                    self.kill(role)
            if step in left:
                left.clear()  # never reached: this is told by what is not done

    async def _reached(self, step: str, left: list[str]) -> bool:
        for _ in range(int(AGAIN_SECONDS / 0.05)):
            if step not in left:
                return True
            await asyncio.sleep(0.05)
        return False

    async def at_random(self, seconds: float) -> None:
        """Kill, or freeze for longer than a lease, whoever comes to mind."""
        deadline = asyncio.get_running_loop().time() + seconds
        frozen: set[asyncio.Task[None]] = set()
        while asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(random.uniform(0.5, 2.0))
            role = random.choice(self.of(random.choice(MORTAL)))
            if random.random() < 0.25 and role.name != "web":
                frozen.add(asyncio.create_task(self.freeze(role, 7.0)))
            else:
                self.kill(role)
        await asyncio.gather(*frozen)

    def stop(self) -> None:
        for role in self.roles:
            if role.process and role.process.poll() is None:
                role.process.send_signal(signal.SIGCONT)
                role.process.terminate()
        for role in self.roles:
            if role.process:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    role.process.wait(12)
                if role.process.poll() is None:
                    role.process.kill()
                    role.process.wait(5)


@contextlib.asynccontextmanager
async def world(folder: Path, *, without: str = "") -> AsyncIterator[World]:
    """Everything but the customers; stopped by pid at the end, whatever happens."""
    with running(valkey_binary(), folder / "valkey") as server, _nlu() as nlu:
        port = free_port()
        made = World(server.url, folder, _environment(folder, server.url, nlu, port, without), port)
        made.roles = [Role(name, index) for index, name in enumerate(ROLES)]
        for role in made.roles:
            made.start(role)
        keeper = asyncio.create_task(made.keep_alive())
        try:
            yield made
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            await asyncio.to_thread(made.stop)


@contextlib.contextmanager
def _nlu() -> Iterator[str]:
    """What is killed here is ours; the NLU is another's business, and always there."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.crash.nlu", str(port)], cwd=ROOT)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _environment(folder: Path, redis: str, rasa: str, port: int, without: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GUICHET_")}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join((str(PLUGGED), str(ROOT))),
        "GUICHET_DATA_DIR": str(folder),
        "GUICHET_REDIS__URL": redis,
        "GUICHET_DATABASE__URL": f"sqlite:///{folder / 'guichet.db'}",
        "GUICHET_WEB__PORT": str(port),
        "GUICHET_WEB__SECRET": "only-for-this-crash-test-0123456789",
        "GUICHET_NLU__URLS": rasa,
        "GUICHET_NLU__TOKEN": "only-for-this-test",
        "GUICHET_NLU__BUDGET": "30",
        "GUICHET_LOG__LEVEL": "warning",
        "GUICHET_WITHOUT": without,
    }
