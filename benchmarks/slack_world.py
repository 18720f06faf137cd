"""A Guichet of real processes against the stand-in of Slack, with agents who have their hands full."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.processes import PROJECT, WORKSHOP, BenchError, child, cpu_seconds, last_words
from benchmarks.slack_figures import Deed, Done, Place, Seen, token, tokens
from bot.desk.slack.authority import agent_id
from bot.desk.slack.catching_up import BEAT_SECONDS
from bot.desk.slack.names import said_at
from bot.domain.errors import DeliveryRefused
from bot.domain.events import AgentClaim, AgentReply, CustomerMessage, Event
from bot.domain.identity import Agent, ChatId, Profile
from bot.domain.message import Author
from bot.domain.outgoing import MessageOut, Outgoing
from bot.engine.inbox import Inbox
from bot.engine.sender import Sender
from bot.ports.delivery import Delivered, Pacing
from bot.ports.transcript import START
from bot.storage.embedded import EmbeddedValkey
from bot.storage.state import RedisStore
from bot.storage.transcripts import RedisTranscripts
from tests.fakes.rasa_server import Answer, fake_rasa, parsed
from tests.fakes.slack.remote import RemoteSlack, running

SHARDS = 64
GRACE = 12.0
PATIENCE = 600.0
"""Seconds until something that is prepared has gone wrong."""
BLOCKED = 20
"""Of so many customers one writes by Telegram and has blocked the bot: what agents write to them fails."""
AT_ONCE = 64
QUIET = 4.0
"""Seconds without a change at Slack after which nothing is under way any more."""

ROLES = ("worker", "scheduler,archiver", "sender", "ingest")

CONFIG = """
default_language = "fr"
[log]
level = "error"
[hours]
holidays = ""
[timeouts]
agent_idle_minutes = 600
[slack]
api_base = "{api}"
[teams.care]
channels = [{channels}]
agents = [{agents}]
first_response_minutes = 0
resolution_hours = 0
[teams.care.hours]
{hours}
"""
"""As shipped, but nothing is promised and nobody is idle: alerts depend on how long a benchmark lasts."""
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_ASKS = "Je voudrais parler à une personne"


class Telegram:
    """The platform whose customers have blocked the bot: it takes what the bot says, and no agent's words."""

    destination = "telegram:main"
    pacing = Pacing()

    async def deliver(self, entry: Outgoing, *, doubtful: bool) -> Delivered:  # noqa: ARG002
        if isinstance(entry.payload, MessageOut) and entry.payload.author is Author.AGENT:
            raise DeliveryRefused("blocked")
        return Delivered(entry.id)


@dataclass
class Case:
    """A conversation. ``number`` is of what was last written in it, by either side."""

    user: str
    agent: str
    blocked: bool
    number: int = 0
    place: Place = ("", "")
    leaving: bool = False

    @property
    def chat(self) -> ChatId:
        return ChatId("telegram" if self.blocked else "web", "main", self.user)

    def next(self) -> int:
        self.number += 1
        return self.number


@dataclass
class World:
    """What runs, and who is in it."""

    folder: Path
    url: str
    store: RedisStore
    slack: RemoteSlack
    channels: Sequence[str]
    agents: Sequence[str]
    environment: dict[str, str]
    stack: ExitStack
    valkey_pid: int
    cases: list[Case] = field(default_factory=list)
    pids: dict[str, int] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _events: Iterator[int] = field(default_factory=itertools.count)
    _offset: int = 0

    def __post_init__(self) -> None:
        self.inbox = Inbox(self.store.inbox)
        self.transcripts = RedisTranscripts(self.store.connection, SHARDS)

    # --- processes -------------------------------------------------------------------------

    def start(self, roles: str, *command: str, stack: ExitStack | None = None) -> None:
        """A process of ours, until the world ends (or the stack, if one is given)."""
        given = command or ("bot.cli", "run", "--role", roles)
        log = self.folder / "logs" / f"{roles.replace(',', '-')}.log"
        process = (stack or self.stack).enter_context(
            child([sys.executable, "-m", *given], cwd=PROJECT, env=self.environment, log=log, grace=GRACE)
        )
        self.pids[roles] = process.pid

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far, by role."""
        pids = {**self.pids, "Valkey": self.valkey_pid}
        return {name: cpu_seconds(pid) for name, pid in pids.items()}

    def last_words(self) -> str:
        """The ends of the logs, for whoever must find out what went wrong."""
        logs = sorted((self.folder / "logs").glob("*.log"))
        return "\n".join(f"{log.name}: {words}" for log in logs if (words := last_words(log, 6)))

    # --- what happens ------------------------------------------------------------------------

    def new_case(self, agent: str) -> Case:
        number = next(self._numbers)
        case = Case(f"c{number}", agent, blocked=number % BLOCKED == 7)
        self.cases.append(case)
        return case

    async def append(self, event: Event) -> None:
        await self.inbox.append(event)

    async def asks(self, case: Case) -> Done:
        """The customer asks for a person."""
        done = Done(deed=Deed.ASKS, user=case.user, at=time.time())
        await self._writes(case, f"{_ASKS}, merci. {token(Deed.ASKS, 0, case.user)}")
        return done

    async def writes(self, case: Case) -> Done:
        """The customer writes to the agent."""
        number = case.next()
        done = Done(deed=Deed.WRITES, user=case.user, number=number, at=time.time())
        words = "Bonjour, je n'ai toujours pas reçu mon colis, pouvez-vous regarder ?"
        await self._writes(case, f"{words} {token(Deed.WRITES, number, case.user)}")
        return done

    async def _writes(self, case: Case, text: str) -> None:
        number = next(self._events)
        await self.append(
            CustomerMessage(
                id=f"{case.chat}:{number}",
                chat=case.chat,
                at=datetime.now(UTC),
                message_id=f"m{number}",
                profile=Profile(name=f"Camille {case.user}"),
                text=text,
            )
        )

    async def replies(self, case: Case) -> Done:
        """The agent writes in the thread."""
        number, at = case.next(), time.time()
        words = "Je regarde où en est votre colis et je reviens vers vous tout de suite."
        channel, root = case.place
        ts = await self.slack.do(
            "user.post", case.agent, channel, f"{words} {token(Deed.REPLIES, number, case.user)}",
            thread_ts=root,
        )  # fmt: skip
        return Done(
            deed=Deed.REPLIES, user=case.user, number=number, at=at, place=(channel, ts), refused=case.blocked
        )

    async def presses(self, case: Case, deed: Deed) -> Done:
        """The agent presses a button of the card.

        Raises:
            BenchError: it was not confirmed in time.
        """
        done = Done(deed=deed, user=case.user, at=time.time(), place=case.place)
        answer = await self.slack.do("user.press", case.agent, *case.place, deed.value)
        if not answer["acked"]:
            raise BenchError(f"{deed.value} was not confirmed: {answer['error']}\n{self.last_words()}")
        return done

    # --- what is seen ------------------------------------------------------------------------

    async def look(self, seen: Seen) -> None:
        """What Slack was asked since the last look, into ``seen``."""
        calls = await self.slack.do("state.calls", self._offset)
        before = seen.count
        seen.take(calls)
        self._offset += seen.count - before
        for case in self.cases:
            if not case.place[0] and case.user in seen.cards:
                case.place = seen.cards[case.user][0]

    async def heard(self, users: Iterable[str]) -> dict[str, list[tuple[int, float]]]:
        """What agents wrote as it stands with these customers of the web chat, and since when."""
        found = {}
        for user in users:
            chat = ChatId("web", "main", user)
            page = await self.transcripts.read(chat, START)
            found[user] = [
                (number, await self._stood_at(chat, item.key))
                for item in page.items
                for _user, number in tokens(str(item.frame.get("text", "")), Deed.REPLIES)
            ]
        return found

    async def _stood_at(self, chat: ChatId, key: str) -> float:
        """When an item was added: Valkey's own time is its position."""
        position = await self.transcripts.position_of(chat, key)
        return int((position or "0").partition("-")[0]) / 1000

    async def until(
        self, holds: Callable[[], bool | Awaitable[bool]], what: str, seen: Seen, seconds: float = PATIENCE
    ) -> None:
        """Look until it is so.

        Raises:
            BenchError: it was not so in time.
        """
        deadline = time.monotonic() + seconds
        while True:
            await self.look(seen)
            held = holds()
            if held if isinstance(held, bool) else await held:
                return
            if time.monotonic() > deadline:
                raise BenchError(f"not within {seconds:.0f} s: {what}\n{self.last_words()}")
            await asyncio.sleep(0.5)


def understood(text: str) -> Answer:
    """An NLU that is always sure."""
    return parsed("talk_to_human" if text.startswith(_ASKS) else "faq_return_how")


# --- begun, and prepared ------------------------------------------------------------------------------


@asynccontextmanager
async def world(channels: int, agents: int) -> AsyncIterator[World]:
    """Valkey, the NLU, Slack with its channels and people; no process of ours yet. All of it ends with the
    block."""
    WORKSHOP.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="slack-", dir=WORKSHOP))
    valkey = EmbeddedValkey(home)
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        stack.push_async_callback(valkey.stop)
        await valkey.start()
        rasa = await stack.enter_async_context(fake_rasa(answer=understood))
        slack = await stack.enter_async_context(running())
        store = await RedisStore.open(valkey.url, shards=SHARDS)
        stack.push_async_callback(store.close)
        people = [f"U0AGENT{number:03d}" for number in range(agents)]
        places = [f"C0CARE{number:02d}" for number in range(channels)]
        await _furnish(slack, people, places)
        environment = _environment(home, valkey.url, rasa.url, slack, people, places)
        processes = stack.enter_context(ExitStack())
        made = World(home, valkey.url, store, slack, places, people, environment, processes, valkey.pid or 0)
        await stack.enter_async_context(_telegram(made))
        yield made


async def _furnish(slack: RemoteSlack, people: Sequence[str], places: Sequence[str]) -> None:
    for number, user in enumerate(people):
        await slack.do("slack.add_user", user, real_name=_name(number), locale="fr-FR")
    for place in places:
        await slack.do("slack.add_channel", place, members=list(people))


def _name(number: int) -> str:
    return f"Dominique {chr(65 + number // 26 % 26)}{chr(97 + number % 26)}"


def _environment(
    home: Path, redis: str, rasa: str, slack: RemoteSlack, people: Sequence[str], places: Sequence[str]
) -> dict[str, str]:
    def listed(names: Sequence[str]) -> str:
        return ", ".join(f'"{name}"' for name in names)

    hours = "\n".join(f'{day} = "00:00-23:59"' for day in DAYS)
    config = home / "guichet.toml"
    text = CONFIG.format(api=slack.api_url, channels=listed(places), agents=listed(people), hours=hours)
    config.write_text(text, encoding="utf-8")
    return {
        "GUICHET_CONFIG": str(config),
        "GUICHET_DATA_DIR": str(home),
        "GUICHET_REDIS__URL": redis,
        "GUICHET_DATABASE__URL": f"sqlite:///{home / 'guichet.db'}",
        "GUICHET_WEB__SECRET": "only-for-this-benchmark-0123456789",
        "GUICHET_NLU__URLS": rasa,
        "GUICHET_NLU__TOKEN": "only-for-this-benchmark",
        "GUICHET_SLACK__BOT_TOKEN": slack.bot_token,
        "GUICHET_SLACK__APP_TOKEN": slack.app_token,
        "GUICHET_SLACK__SIGNING_SECRET": slack.signing_secret,
    }


@asynccontextmanager
async def _telegram(made: World) -> AsyncIterator[None]:
    stop = asyncio.Event()
    sender = Sender(made.store.outbox, made.store.leases, Telegram(), "bench")
    task = asyncio.create_task(sender.run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(task, return_exceptions=True)


async def open_within_limits(made: World, each: int, count: int, say: Callable[[str], None]) -> list[float]:
    """Let ``count`` customers ask for a person at the same moment; seconds until each card stood.

    Raises:
        BenchError: some never did.
    """
    await made.slack.do("limits.on")
    for roles in ("worker", "scheduler,archiver", "sender"):
        made.start(roles)
    seen = Seen()
    warm = made.new_case(made.agents[0])
    await made.asks(warm)
    await made.until(lambda: warm.user in seen.cards, "a first card", seen)
    new = [made.new_case(made.agents[number // each % len(made.agents)]) for number in range(count)]
    began = time.time()
    await _all(made.asks, new)
    told = 0.0

    def opened() -> bool:
        nonlocal told
        known = sum(case.user in seen.cards for case in new)
        if time.time() > told + 30:
            told = time.time()
            say(f"opening cards within the limits: {known} of {count}")
        return known == count

    await made.until(opened, "all cards", seen, seconds=PATIENCE + count)
    if seen.limited:
        say(f"Slack refused some with 429: {dict(seen.limited)}")
    return sorted(seen.cards[case.user][1] - began for case in new)


async def prepare(made: World, each: int, say: Callable[[str], None]) -> None:
    """Every agent has ``each`` conversations, claimed and answered once; then Slack's limits are on, and the
    sender is the one that ships.

    Raises:
        BenchError: some of it did not show.
    """
    with ExitStack() as without_limits:
        await _listen(made)
        for roles in ("worker", "scheduler,archiver"):
            made.start(roles)
        cases = [made.new_case(agent) for agent in made.agents for _ in range(each)]
        say(f"preparing {len(cases):,} conversations in {len(made.channels)} channel(s)")
        await _all(lambda case: _begins(made, case), cases)
        made.start("without limits", "benchmarks.slack_unlimited", stack=without_limits)
        await _until_prepared(made, cases, say)
    del made.pids["without limits"]
    await made.slack.do("limits.on")
    made.start("sender")
    await _first_words(made, cases[0])


async def _listen(made: World) -> None:
    """The role that listens has looked for what it missed, while there was nothing to miss."""
    made.start("ingest")
    seen = Seen()
    await made.until(lambda: bool(seen.calls["apps.connections.open"]), "a socket to Slack", seen)
    await asyncio.sleep(BEAT_SECONDS + 1.0)


async def _begins(made: World, case: Case) -> None:
    """The customer asks, the agent claims and answers."""
    await made.asks(case)
    agent = Agent(agent_id(case.agent), _name(made.agents.index(case.agent)))
    common: dict[str, Any] = {"chat": case.chat, "at": datetime.now(UTC), "agent": agent}
    await made.append(AgentClaim(**common, id=f"bench:{case.user}:claim"))
    number = case.next()
    written = said_at(made.channels[0], f"{case.user[1:]}.000001")  # as if typed there: it is not posted
    text = f"Bonjour, je regarde. {token(Deed.REPLIES, number, case.user)}"
    await made.append(AgentReply(**common, id=f"bench:{case.user}:reply", message_id=written, text=text))


async def _until_prepared(made: World, cases: Sequence[Case], say: Callable[[str], None]) -> None:
    """Each is claimed in its thread, and nothing more comes."""
    seen = Seen()
    last, since, told = -1, time.monotonic(), time.monotonic()

    def is_over() -> bool:
        nonlocal last, since, told
        now = time.monotonic()
        if seen.changes != last:
            last, since = seen.changes, now
        known = sum(bool(seen.steps.get(case.place)) for case in cases)
        if now - told > 20:
            told = now
            say(f"preparing: {known:,} of {len(cases):,}")
        return known == len(cases) and now - since > QUIET

    await made.until(is_over, "every conversation claimed in its thread", seen)


async def _first_words(made: World, case: Case) -> None:
    """The sender that was just started takes its first message."""
    seen = Seen()
    done = await made.writes(case)
    await made.until(lambda: done.number in dict(seen.questions[case.user]), "a first message", seen)


async def _all(do: Callable[[Case], Awaitable[Any]], cases: Sequence[Case]) -> None:
    """For all of them, some at a time."""
    for start in range(0, len(cases), AT_ONCE):
        await asyncio.gather(*(do(case) for case in cases[start : start + AT_ONCE]))
