"""Customers: some over the web chat's WebSocket, some over Rasa's REST webhook, otherwise the same.

Each writes, waits for the answer, and writes again; after a few messages it is somebody else, on
either side. Both speak their protocol as plainly as they can, so that neither side is charged for
a heavy client library.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Container, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Protocol

from websockets.asyncio.client import ClientConnection, connect

from benchmarks.processes import BenchError, cpu_seconds

MESSAGES_A_PERSON = 4
ANSWER_SECONDS = 30.0
SURE = 0.6


@dataclass(frozen=True, slots=True)
class Run:
    """Some texts asked and answered. Times in seconds; ``cpu`` is what the side's processes used."""

    seconds: float
    latencies: tuple[float, ...]
    cpu: float


@dataclass(frozen=True, slots=True)
class Cell:
    """One measurement. Latencies are in seconds, from message sent to its answer received; ``cpu`` is
    what the side's processes, all of them, used a message, in seconds."""

    clients: int
    messages: int
    seconds: float
    p50: float
    p95: float
    cpu: float

    @property
    def per_second(self) -> float:
        """Messages answered in a second."""
        return self.messages / self.seconds


Ranking = list[tuple[str, float]]
"""Intents with how sure the model is, best first."""
IsPlain = Callable[[Ranking], bool]
"""Whether there is no doubt what a text means."""

Arrival = Callable[[AsyncExitStack], Awaitable["Person"]]
"""A new person, who leaves when the stack is closed."""


@dataclass(frozen=True, slots=True)
class Side:
    """Who can be asked: its people, and the process that all of its processes come from."""

    arrive: Arrival
    pid: int


class Person(Protocol):
    """Somebody who writes and is answered."""

    async def ask(self, text: str) -> str:
        """The answer."""
        ...


async def ask_all(side: Side, texts: Sequence[str], clients: int) -> Run:
    """Have so many clients ask these texts, each its share.

    Arriving (a connection, a session) is not measured.

    Raises:
        BenchError: an answer is empty, or does not come.
    """
    async with AsyncExitStack() as stack:
        shares = [texts[client::clients] for client in range(clients)]
        people = [
            [await side.arrive(stack) for _ in range(0, len(share), MESSAGES_A_PERSON)] for share in shares
        ]
        cpu, began = cpu_seconds(side.pid), time.perf_counter()
        latencies = await asyncio.gather(*map(_ask_in_turn, people, shares))
        seconds, cpu = time.perf_counter() - began, cpu_seconds(side.pid) - cpu
        return Run(seconds, tuple(each for client in latencies for each in client), cpu)


async def _ask_in_turn(people: Sequence[Person], texts: Sequence[str]) -> list[float]:
    latencies: list[float] = []
    for number, text in enumerate(texts):
        person = people[number // MESSAGES_A_PERSON]
        began = time.perf_counter()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await person.ask(text)
        except TimeoutError as error:
            raise BenchError(f"{person}: no answer within {ANSWER_SECONDS:.0f} s to {text!r}") from error
        latencies.append(time.perf_counter() - began)
        if not answer.strip():
            raise BenchError(f"{person}: an empty answer to {text!r}")
    return latencies


def cell(clients: int, runs: Sequence[Run]) -> Cell:
    """Several runs as one."""
    latencies = [each for run in runs for each in run.latencies]
    cuts = statistics.quantiles(latencies, n=20, method="inclusive")
    return Cell(
        clients=clients,
        messages=len(latencies),
        seconds=sum(run.seconds for run in runs),
        p50=statistics.median(latencies),
        p95=cuts[18],
        cpu=sum(run.cpu for run in runs) / len(latencies),
    )


# --- the web chat -------------------------------------------------------------------------


class Visitor:
    """A session of the web chat (docs/web-chat-protocol.md)."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._sent = 0
        self._last = ""

    def __str__(self) -> str:
        return f"web chat (after {self._last!r})"

    async def ask(self, text: str) -> str:
        """Send a message; the text of the one message that replies to it."""
        self._sent += 1
        client_id = f"b{self._sent}"
        await self._socket.send(json.dumps({"type": "message", "id": client_id, "text": text}))
        acked = False
        while True:
            frame = json.loads(await self._socket.recv())
            if frame["type"] == "error":
                raise BenchError(f"the web chat refuses a message: {frame['code']}")
            acked = acked or (frame["type"] == "ack" and frame["id"] == client_id)
            if frame["type"] == "message" and frame["reply_to"] == client_id:
                if not acked:
                    raise BenchError("an answer overtook its ack")
                self._last = str(frame["text"])
                return self._last


def visitors(url: str) -> Arrival:
    """Those who open the chat at ``ws://…/chat/ws``."""

    async def arrive(stack: AsyncExitStack) -> Person:
        socket = await stack.enter_async_context(connect(url, compression=None, proxy=None))
        await socket.send(json.dumps({"type": "hello", "session": None, "after": None}))
        welcome = json.loads(await socket.recv())
        if welcome["type"] != "welcome":
            raise BenchError(f"the web chat does not let us in: {welcome}")
        return Visitor(socket)

    return arrive


# --- Rasa's REST webhook ------------------------------------------------------------------


class RestSender:
    """A sender of the REST webhook, over a connection that is kept open."""

    def __init__(self, port: int, name: str, token: str = "") -> None:
        self._port = port
        self._name = name
        self._token = token
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    def __str__(self) -> str:
        return "rasa run"

    async def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def ask(self, text: str) -> str:
        """Post a message; the texts that come back. No text at all is Rasa's way to say "I cannot"."""
        answers = await self._post("/webhooks/rest/webhook", {"sender": self._name, "message": text})
        return "\n".join(str(answer.get("text", "")) for answer in answers)

    async def parse(self, text: str) -> Ranking:
        """What Rasa takes it for, best first; nothing when it asks several things: one may be asked back."""
        parsed = await self._post(f"/model/parse?token={self._token}", {"text": text})
        if parsed.get("questions"):
            return []
        return [(guess["name"], guess["confidence"]) for guess in parsed["intent_ranking"]]

    async def _post(self, path: str, said: dict[str, str]) -> Any:
        body = json.dumps(said).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        for attempt in range(2):
            try:
                return json.loads(await self._exchange(head.encode() + body))
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                await self.close()  # the server may hang up on whoever was quiet for a while
                if attempt:
                    raise BenchError(f"Rasa hangs up: {error}") from error
        raise AssertionError("unreachable")

    async def _exchange(self, request: bytes) -> bytes:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        status, *headers = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        if status.split(" ")[1] != "200":
            raise BenchError(f"Rasa answers {status}")
        lengths = [line.partition(":")[2] for line in headers if line.lower().startswith("content-length:")]
        return await reader.readexactly(int(lengths[0]))


class Rests:
    """Those who write over the webhook of process ``pid``. Each has a name that Rasa has not seen."""

    def __init__(self, port: int, token: str, pid: int) -> None:
        self._port = port
        self._token = token
        self._pid = pid
        self._count = 0

    @property
    def side(self) -> Side:
        """To be measured."""
        return Side(self.arrive, self._pid)

    async def arrive(self, stack: AsyncExitStack) -> RestSender:
        """A new sender."""
        self._count += 1
        sender = RestSender(self._port, f"bench-{self._count}", self._token)
        stack.push_async_callback(sender.close)
        return sender

    async def understood(self, texts: Iterable[str], is_plain: IsPlain) -> AsyncGenerator[str, None]:
        """The texts whose meaning is plain, by what this Rasa takes them for."""
        async with AsyncExitStack() as stack:
            asked = await self.arrive(stack)
            for text in texts:
                ranking = await asked.parse(text)
                if ranking and is_plain(ranking):
                    yield text


def is_plain_faq(ranking: Ranking) -> bool:
    """An FAQ entry, and nothing that calls for a person.

    Guichet hands a conversation over at the least sign of an alarm, and is silent from then on;
    Rasa answers on. That difference is not what is measured.
    """
    rest = [chance for name, chance in ranking if not name.startswith("faq_")]
    return ranking[0][0].startswith("faq_") and ranking[0][1] >= SURE and max(rest, default=0.0) < SURE / 4


def is_one_of(intents: Container[str]) -> IsPlain:
    """Surely one of these."""
    return lambda ranking: ranking[0][0] in intents and ranking[0][1] >= SURE
