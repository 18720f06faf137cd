"""What surrounds the engine: an NLU, a detector, a destination, misfortune; all of it plays by a script."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, ClassVar

from bot.domain.decision import Decision, Send
from bot.domain.errors import NluUnavailable, StoreUnavailable
from bot.domain.identity import ChatId
from bot.domain.outgoing import MessageOut, Outgoing
from bot.domain.turn import Turn
from bot.domain.understanding import Guess, Understanding
from bot.engine.outbox import Addresser
from bot.engine.turn import TurnRules, TurnRunner
from bot.ports.delivery import Delivered, Pacing
from bot.ports.handling import Choice, Handler
from tests.builders import LEA, NOW
from tests.fakes.memory_store import MemoryStore


def seconds() -> float:
    """What the running loop's clock shows."""
    return asyncio.get_running_loop().time()


class LoopClock:
    """The time of the running loop, which began at ``NOW``."""

    def now(self) -> datetime:
        return NOW + timedelta(seconds=seconds())


class SureNlu:
    """Understands everything the same way, unless it is down."""

    understanding = Understanding(
        (Guess("faq_parcel", 0.9), Guess("faq_return", 0.05), Guess("greet", 0.03), Guess("bye", 0.02)),
        model="m1",
        ms=10.0,
    )

    def __init__(self, *, down: bool = False) -> None:
        self.down = down
        self.asked: list[str] = []

    async def parse(self, text: str) -> Understanding:
        self.asked.append(text)
        if self.down:
            raise NluUnavailable("no answer")
        return self.understanding


class WordDetector:
    """Knows a language by one of its words."""

    words: ClassVar = {"hello": "en", "parcel": "en", "bonjour": "fr", "colis": "fr"}

    def detect(self, text: str) -> str | None:
        return next((self.words[word] for word in text.lower().split() if word in self.words), None)


async def echo(turn: Turn) -> Decision:
    """Says what was said."""
    return Decision(chat=turn.chat, sends=(Send(payload=MessageOut(text=f"re: {turn.text}")),))


async def quiet(turn: Turn) -> Decision:
    """Has nothing to say."""
    return Decision(chat=turn.chat)


def runner(
    handler: Handler = echo, *, nlu: SureNlu | None = None, desks: tuple[str, ...] = (), **rules: Any
) -> TurnRunner:
    """The turns of a house with one handler."""
    return TurnRunner(
        nlu=nlu or SureNlu(),
        choose=lambda _turn: Choice("the_handler", handler),
        detector=WordDetector(),
        addresser=Addresser(desks),
        rules=TurnRules(**rules),
    )


class Destination:
    """Takes messages and notes when. ``script`` says what befalls the next calls for a message: an
    error to raise, seconds to take, or True for one it may have had before."""

    def __init__(self, destination: str = "web:main", pacing: Pacing | None = None) -> None:
        self.destination = destination
        self.pacing = pacing or Pacing()
        self.script: dict[str, deque[BaseException | float | bool]] = defaultdict(deque)
        self.calls: list[tuple[float, str, bool]] = []
        self.shown: dict[ChatId, list[str]] = defaultdict(list)

    async def deliver(self, entry: Outgoing, *, doubtful: bool) -> Delivered:
        self.calls.append((round(seconds(), 3), entry.id, doubtful))
        script = self.script[entry.id]
        befalls = script.popleft() if script else False
        if isinstance(befalls, BaseException):
            raise befalls
        if not isinstance(befalls, bool):
            await asyncio.sleep(befalls)
        self.shown[entry.chat].append(entry.id)
        return Delivered(platform_id=f"theirs-{entry.id}", maybe_duplicate=befalls is True)

    def times(self, entry_id: str) -> list[float]:
        """When it was called for an entry."""
        return [at for at, called, _ in self.calls if called == entry_id]

    @property
    def order(self) -> list[str]:
        """What was called for, in order."""
        return [called for _, called, _ in self.calls]


class Unlucky:
    """A store whose calls fail, or hang, for as long as the script says."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.down = False
        self.deaf = False
        """Calls are made, but their answers get lost."""
        self.frozen: dict[str, asyncio.Event] = {}

    @property
    def shards(self) -> int:
        return self._store.shards

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._store, name)
        return call if name == "shard_of" else self._unluckily(name, call)

    def _unluckily(self, name: str, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def unluckily(*arguments: Any, **named: Any) -> Any:
            if name in self.frozen:
                await self.frozen[name].wait()
            if self.down:
                raise StoreUnavailable("nobody there")
            result = await call(*arguments, **named)
            if self.deaf:
                raise StoreUnavailable("no answer")
            return result

        return unluckily


def put(store: MemoryStore, *entries: Outgoing) -> None:
    """Put entries into the outbox as a commit does."""
    for entry in entries:
        store.outboxes[store.shard_of(entry.chat), entry.destination].add(entry)
    store._changed()


def said(store: MemoryStore, chat: ChatId = LEA) -> list[str]:
    """The texts in a chat's outbox."""
    return [
        entry.payload.text
        for stream in store.outboxes.values()
        for entry in stream.entries.values()
        if entry.chat == chat and isinstance(entry.payload, MessageOut)
    ]


def logged(store: MemoryStore) -> list[Any]:
    """What the log says, without its envelopes."""
    return [fact.body for stream in store.logs.values() for fact in stream.entries.values()]


async def until(holds: Callable[[], bool], *, within: float = 120.0) -> None:
    """Wait, in virtual seconds, for something to become true."""
    deadline = seconds() + within
    while not holds():
        assert seconds() < deadline, "it never happened"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def running(*bodies: Callable[[asyncio.Event], Awaitable[None]]) -> AsyncIterator[asyncio.Event]:
    """Run them meanwhile; then stop them, which they must do within a minute."""
    stop = asyncio.Event()
    tasks = [asyncio.ensure_future(body(stop)) for body in bodies]
    try:
        yield stop
        stop.set()
        async with asyncio.timeout(60):
            await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
