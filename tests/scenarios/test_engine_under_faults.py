"""Whatever happens at whatever await, every message is answered exactly once and in order; and once an agent
is told that the bot is silent, it is.

Hypothesis plays customers and misfortune: lost requests, lost replies, processes killed or frozen
for longer than their leases. Two workers and two senders share one store.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from bot.domain.chat import Speaker
from bot.domain.conversation import Handoff, HandoffReason
from bot.domain.decision import Decision, Send
from bot.domain.errors import StoreUnavailable
from bot.domain.events import AgentClaim, AgentRelease, CustomerMessage, Hushed
from bot.domain.facts import HandoffChanged, HandoffStep, MessageLogged
from bot.domain.identity import Agent, ChatId
from bot.domain.message import Author
from bot.domain.outgoing import MessageOut, Outgoing
from bot.domain.turn import Turn
from bot.domain.understanding import Guess, Understanding
from bot.engine import sender, worker
from bot.engine.outbox import Addresser
from bot.engine.sender import Sender, SenderRules
from bot.engine.turn import TurnRules, TurnRunner
from bot.engine.worker import Worker, WorkerRules
from bot.ports.delivery import Delivered, Pacing
from bot.ports.handling import Choice
from bot.ports.store import SENDER, Entry, Lease
from tests.builders import NOW, message
from tests.fakes.memory_store import MemoryStore
from tests.fakes.virtual_time import VirtualTimeLoop

CHATS = [ChatId("web", "main", name) for name in ("lea", "ben", "zoe")]
SETTLES_WITHIN = 900.0
LEASE = 15.0


@pytest.fixture(autouse=True)
def patient_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake wakes its readers at once: looking often would only burn the machine's time."""
    monkeypatch.setattr(worker, "READ_BLOCK", 5.0)
    monkeypatch.setattr(sender, "READ_BLOCK", 5.0)


class Misfortune:
    """What befalls the store calls of one process: armed, it strikes at the n-th call from now."""

    def __init__(self, loop: VirtualTimeLoop, store: MemoryStore, kill: Callable[[], None]) -> None:
        self._loop = loop
        self._store = store
        self._kill = kill
        self._armed: list[tuple[int, str]] = []
        self._frozen_until = 0.0
        self.freezes = 0

    def arm(self, calls: int, kind: str) -> None:
        self._armed.append((calls, kind))

    def freeze(self, seconds: float) -> None:
        self._frozen_until = self._loop.time() + seconds
        self.freezes += 1

    @property
    def shards(self) -> int:
        return self._store.shards

    def shard_of(self, chat: ChatId) -> int:
        return self._store.shard_of(chat)

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._store, name)

        async def with_misfortune(*arguments: Any, **named: Any) -> Any:
            kind = self._strikes()
            if kind == "killed before":
                self._kill()
                await asyncio.sleep(3600)
            if kind == "frozen":
                self.freeze(3 * LEASE)
            while (left := self._frozen_until - self._loop.time()) > 0:
                await asyncio.sleep(left)
            if kind == "request lost":
                raise StoreUnavailable("request lost")
            result = await call(*arguments, **named)
            if kind == "killed after":
                self._kill()
                await asyncio.sleep(3600)
            if kind == "reply lost":
                raise StoreUnavailable("reply lost")
            return result

        return with_misfortune

    def _strikes(self) -> str | None:
        self._armed = [(calls - 1, kind) for calls, kind in self._armed]
        struck = [kind for calls, kind in self._armed if calls <= 0]
        self._armed = [(calls, kind) for calls, kind in self._armed if calls > 0]
        return struck[0] if struck else None


class WebLike:
    """A destination that knows its messages by id, as the web chat does."""

    destination = "web:main"
    pacing = Pacing()

    def __init__(
        self,
        shown: dict[ChatId, dict[str, Outgoing]],
        misfortune: Misfortune,
        takes: float,
        is_heard: Callable[[Outgoing], None],
    ) -> None:
        self._shown = shown
        self._misfortune = misfortune
        self._takes = takes
        self._is_heard = is_heard

    async def deliver(self, entry: Outgoing, *, doubtful: bool) -> Delivered:
        assert isinstance(entry.payload, MessageOut)
        self._is_heard(entry)
        freezes = self._misfortune.freezes
        await self._misfortune.ping()
        await asyncio.sleep(self._takes)
        self._shown[entry.chat].setdefault(entry.payload.message_id, entry)
        if self._misfortune.freezes == freezes:
            self._is_heard(entry)
        await self._misfortune.ping()
        return Delivered()


class SureNlu:
    async def parse(self, text: str) -> Understanding:
        await asyncio.sleep(0.01)
        return Understanding((Guess("faq_x", 0.9),), model="m1", ms=10.0)


class French:
    def detect(self, text: str) -> str | None:
        return "fr"


async def echo(turn: Turn) -> Decision:
    await asyncio.sleep(0.001)
    return Decision(chat=turn.chat, sends=(Send(payload=MessageOut(text=f"re: {turn.text}")),))


class EngineUnderFaults(RuleBasedStateMachine):
    handler = staticmethod(echo)
    call_takes = 0.0

    @initialize()
    def begin(self) -> None:
        self.loop = VirtualTimeLoop()
        self.store = self._empty_store()
        self.store.ping = self._ping  # type: ignore[attr-defined]
        self.shown: dict[ChatId, dict[str, Outgoing]] = defaultdict(dict)
        self.written: dict[ChatId, list[str]] = defaultdict(list)
        self.processes: list[tuple[asyncio.Task[None], Misfortune]] = []
        self.births = 0
        for start in (self._worker, self._worker, self._sender, self._sender):
            self._start(start)

    def _empty_store(self) -> MemoryStore:
        return MemoryStore(shards=4, clock=self.loop.time)

    async def _ping(self) -> None:
        """A call that only gives misfortune a moment to strike."""

    def _start(self, make: Callable[[str, Misfortune], Any]) -> None:
        self.births += 1
        index = len(self.processes)
        misfortune = Misfortune(self.loop, self.store, lambda: self._kill(index, make))
        body = make(f"p{self.births}", misfortune)
        self.processes.append((self._spawn(body), misfortune))

    def _restart(self, index: int, make: Callable[[str, Misfortune], Any]) -> None:
        self.births += 1
        misfortune = Misfortune(self.loop, self.store, lambda: self._kill(index, make))
        self.processes[index] = (self._spawn(make(f"p{self.births}", misfortune)), misfortune)

    def _spawn(self, body: Any) -> asyncio.Task[None]:
        async def forever() -> None:
            await body.run(asyncio.Event())

        return self.loop.create_task(forever())

    def _kill(self, index: int, make: Callable[[str, Misfortune], Any]) -> None:
        """No farewell: whatever the process held stays as it is."""
        task, misfortune = self.processes[index]
        misfortune.freeze(1e9)
        task.cancel()
        self._restart(index, make)

    def _worker(self, owner: str, store: Misfortune) -> Worker:
        runner = TurnRunner(
            nlu=SureNlu(),
            choose=lambda _turn: Choice("echo", self.handler),
            detector=French(),
            addresser=Addresser([]),
            rules=TurnRules(flood_limit=10_000),
        )
        return Worker(store, runner, owner, WorkerRules(lease_ttl=LEASE))

    def _sender(self, owner: str, store: Misfortune) -> Sender:
        web = WebLike(self.shown, store, self.call_takes, self._is_heard)
        return Sender(store, store, web, owner, SenderRules(lease_ttl=LEASE))

    def _is_heard(self, entry: Outgoing) -> None:
        """A call begins; or it has ended, unless the process was frozen meanwhile."""

    # --- what may happen -------------------------------------------------------------------

    @rule(chat=st.sampled_from(CHATS), twice=st.booleans())
    def customer_writes(self, chat: ChatId, twice: bool) -> None:
        number = str(len(self.written[chat]))
        self.written[chat].append(number)
        for _ in range(2 if twice else 1):
            self.loop.run_until_complete(self.store.append(message(chat=chat, number=number)))

    @rule(
        process=st.integers(0, 3),
        calls=st.integers(1, 12),
        kind=st.sampled_from(["request lost", "reply lost", "killed before", "killed after", "frozen"]),
    )
    def misfortune_lurks(self, process: int, calls: int, kind: str) -> None:
        self.processes[process][1].arm(calls, kind)

    @rule(seconds=st.sampled_from([0.001, 0.02, 0.3, 3.0, 20.0]))
    def time_passes(self, seconds: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))

    # --- what must hold --------------------------------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "loop"):
            return
        try:
            self.loop.run_until_complete(self._settled())
            for chat in self.written:
                self._check_answers(chat)
            self._check_log()
            self._check_fences()
        finally:
            self._bury()

    def _bury(self) -> None:
        while tasks := asyncio.all_tasks(self.loop):
            for task in tasks:
                task.cancel()
            self.loop.run_until_complete(asyncio.wait(tasks))
        self.loop.close()

    async def _settled(self) -> None:
        for _, misfortune in self.processes:
            misfortune._armed.clear()
        deadline = self.loop.time() + SETTLES_WITHIN
        while not self._is_all_there() or self._under_way():
            assert self.loop.time() < deadline, "it never settled"
            await asyncio.sleep(0.5)

    def _is_all_there(self) -> bool:
        return sum(map(len, self.shown.values())) >= sum(map(len, self.written.values()))

    def _under_way(self) -> bool:
        streams = [*self.store.inboxes.values(), *self.store.outboxes.values()]
        return any(stream.entries for stream in streams)

    def _check_answers(self, chat: ChatId) -> None:
        numbers, replies = self.written[chat], self._replies(chat)
        assert replies == numbers, f"{chat}: {numbers} was answered as {replies}"

    def _replies(self, chat: ChatId) -> list[str | None]:
        entries = self.shown[chat].values()
        return [entry.payload.reply_to for entry in entries if isinstance(entry.payload, MessageOut)]

    def _check_fences(self) -> None:
        newest: dict[str, int] = {}
        for name, token in self.store.writes:
            assert token >= newest.get(name, 0), f"{name}: an older holder wrote after a newer one"
            newest[name] = token

    def _check_log(self) -> None:
        facts = [fact for stream in self.store.logs.values() for fact in stream.entries.values()]
        assert len(facts) == len({fact.id for fact in facts}), "a fact was logged twice"
        said = defaultdict(list)
        for fact in facts:
            if isinstance(fact.body, MessageLogged) and fact.body.author is Author.CUSTOMER:
                said[fact.chat].append(fact.body.message_id)
        assert {chat: said[chat] for chat in self.written} == dict(self.written)


async def with_agents(turn: Turn) -> Decision:
    """The bot answers unless a person has taken the floor."""
    await asyncio.sleep(0.001)
    chat, event = turn.chat, turn.event
    match event:
        case AgentClaim() if chat.speaker is Speaker.BOT:
            return Decision(chat=chat.claim(event.agent, Handoff(HandoffReason.AGENT, "care", turn.now)))
        case AgentRelease() if chat.speaker is Speaker.HUMAN:
            return Decision(chat=chat.release())
        case CustomerMessage() if chat.speaker is Speaker.BOT:
            return await echo(turn)
        case _:
            return Decision(chat=chat)


class WatchedStore(MemoryStore):
    """Remembers of which epoch of a chat it was told that the bot is silent."""

    def __init__(self, shards: int, clock: Callable[[], float]) -> None:
        super().__init__(shards, clock)
        self.hushed: dict[ChatId, list[int]] = defaultdict(list)

    async def finish_send(self, lease: Lease, entry: Entry[Outgoing], **more: Any) -> None:
        stream = self.outboxes[entry.shard, lease.name.removeprefix(SENDER)]
        was_there = int(entry.id) in stream.entries
        await super().finish_send(lease, entry, **more)
        if was_there:
            for event in more.get("events", ()):
                self.hushed[event.chat] += [event.epoch] if isinstance(event, Hushed) else []


class TakingTheFloor(EngineUnderFaults):
    """Agents claim and release meanwhile. What the bot had under way when they claim may still arrive before
    they are told that it is certain; after that, no call for older words of it begins or ends. (But for one
    that a process was frozen in for longer than its lease: nobody can call that back.)"""

    handler = staticmethod(with_agents)
    call_takes = 0.05
    store: WatchedStore

    def _empty_store(self) -> MemoryStore:
        self.heard_after: list[str] = []
        self.agents = 0
        return WatchedStore(shards=4, clock=self.loop.time)

    def _is_heard(self, entry: Outgoing) -> None:
        if entry.yields and any(epoch > entry.epoch for epoch in self.store.hushed[entry.chat]):
            self.heard_after.append(f"{entry.chat}: {entry.id} of epoch {entry.epoch}")

    @rule(chat=st.sampled_from(CHATS), kind=st.sampled_from([AgentClaim, AgentClaim, AgentRelease]))
    def agent_acts(self, chat: ChatId, kind: type[AgentClaim | AgentRelease]) -> None:
        self.agents += 1
        event = kind(id=f"desk:test:{self.agents}", chat=chat, at=NOW, agent=Agent("a", "Léa"))
        self.loop.run_until_complete(self.store.append(event))

    def _is_all_there(self) -> bool:
        return True

    def _check_answers(self, chat: ChatId) -> None:
        assert self.heard_after == []
        replies = self._replies(chat)
        assert replies == [one for one in self.written[chat] if one in replies], "in order, and once"

    def _check_log(self) -> None:
        super()._check_log()
        claims = defaultdict(int)
        for stream in self.store.logs.values():
            for fact in stream.entries.values():
                is_claim = isinstance(fact.body, HandoffChanged) and fact.body.step is HandoffStep.CLAIMED
                claims[fact.chat] += is_claim
        for chat, count in claims.items():
            told = self.store.hushed[chat]
            assert len(told) == len(set(told)) == count, "each claim is certain in the end, once"


EngineUnderFaults.TestCase.settings = settings(
    max_examples=100, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TakingTheFloor.TestCase.settings = settings(EngineUnderFaults.TestCase.settings, max_examples=60)


@pytest.mark.usefixtures("patient_reads")
class TestEngineUnderFaults(EngineUnderFaults.TestCase):
    """Collected by pytest."""


@pytest.mark.usefixtures("patient_reads")
class TestTakingTheFloor(TakingTheFloor.TestCase):
    """Collected by pytest."""
