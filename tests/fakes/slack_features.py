"""What agents use in Slack beside the conversation itself, with a small house behind it: everything in memory
but Slack, which is the stand-in, and bolt, which is the real one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.desk.slack import care_command, details, home, saved, search, teach
from bot.desk.slack.context import ACTOR, Actor, Desk, DeskTeam, Rules
from bot.desk.slack.saved_replies import SavedReplies, SavedReply
from bot.domain.chat import Speaker
from bot.domain.conversation import HandoffReason
from bot.domain.errors import NluUnavailable, RecordUnavailable, StoreUnavailable
from bot.domain.events import Event
from bot.domain.identity import Agent, ChatId, Profile
from bot.domain.message import Author, Line
from bot.domain.outgoing import CaseCard, CaseFate, CaseLine, CaseState
from bot.domain.understanding import Guess, Understanding
from bot.engine.masking import clean_text
from bot.ports.board import Case, ThreadLine
from bot.ports.inbox import Appended
from bot.ports.knowledge import Answer
from bot.ports.roster import Role
from bot.ports.service import CustomerFound, TeamDay
from bot.ports.threads import Thread
from tests.builders import LEA, NOW
from tests.fakes.care import FakeShop
from tests.fakes.desk import FixedClock
from tests.fakes.slack import SlackStandIn, User
from tests.fakes.threads import MemoryRoster, MemoryThreads

ANNA = Agent("slack:U1", "Anna Blanc")
TOM = Agent("slack:U2", "Tom Reed")
CHANNEL = "C1"


@dataclass
class ListInbox:
    """Keeps events, each id once. ``down``: nothing is taken."""

    events: list[Event] = field(default_factory=list)
    down: bool = False

    def clean(self, text: str) -> str:
        return clean_text(text)

    async def append(self, event: Event) -> Appended:
        if self.down:
            raise StoreUnavailable("gone")
        new = all(event.id != known.id for known in self.events)
        if new:
            self.events.append(event)
        return Appended(new=new, speaker=Speaker.HUMAN)

    async def park(self, source: str, raw: str, error: str) -> None:
        raise NotImplementedError


@dataclass
class ListBoard:
    """Cases and lines as a test puts them. ``changed`` answers at once when a test said ``stir``."""

    all: dict[str, Case] = field(default_factory=dict)
    lines: dict[str, list[ThreadLine]] = field(default_factory=dict)
    down: bool = False
    revision: int = 0
    looks: int = 0

    def stir(self) -> None:
        self.revision += 1

    async def cases(self, *, closed: bool = False) -> Sequence[Case]:
        self._check()
        wanted = (CaseState.CLOSED,) if closed else (CaseState.WAITING, CaseState.CLAIMED)
        return [case for case in self.all.values() if case.card.state in wanted]

    async def case(self, conversation: str) -> Case | None:
        self._check()
        return self.all.get(conversation)

    async def thread(self, conversation: str) -> Sequence[ThreadLine]:
        self._check()
        return self.lines.get(conversation, [])

    async def changed(self, since: str, timeout: float) -> str:
        self.looks += 1
        self._check()
        return str(self.revision)

    def _check(self) -> None:
        if self.down:
            raise StoreUnavailable("gone")

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(name)


@dataclass
class Entries:
    """A few FAQ entries, in both languages."""

    entries: dict[str, dict[str, Answer]] = field(default_factory=dict)

    def add(self, intent: str, fr: tuple[str, str], en: tuple[str, str]) -> None:
        self.entries[intent] = {
            language: Answer(intent, language, title, text, "care")
            for language, (title, text) in (("fr", fr), ("en", en))
        }

    def answer(self, intent: str, language: str) -> Answer | None:
        return self.entries.get(intent, {}).get(language)

    def intents(self) -> Sequence[str]:
        return tuple(self.entries)


@dataclass
class Guesses:
    """An NLU that always thinks the same."""

    ranking: tuple[Guess, ...] = (Guess("out_of_scope", 0.9),)
    down: bool = False
    asked: list[str] = field(default_factory=list)

    async def parse(self, text: str) -> Understanding:
        self.asked.append(text)
        if self.down:
            raise NluUnavailable("down")
        return Understanding(ranking=self.ranking)


@dataclass
class Record:
    """The record, as a test writes it."""

    customers: list[CustomerFound] = field(default_factory=list)
    conversations: dict[str, list[Line]] = field(default_factory=dict)
    day: TeamDay = field(default_factory=lambda: TeamDay(0, None, None, 0, None))
    down: bool = False
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    async def team_day(self, team: str, since: datetime, until: datetime) -> TeamDay:
        self._asked("team_day", team, since, until)
        return self.day

    async def conversation(self, conversation: str, *, limit: int = 200) -> Sequence[Line]:
        self._asked("conversation", conversation)
        return self.conversations.get(conversation, [])

    async def customer(self, chat: ChatId) -> CustomerFound | None:
        self._asked("customer", chat)
        return next((one for one in self.customers if one.chat == chat), None)

    async def find_customers(self, words: str, *, limit: int = 5) -> Sequence[CustomerFound]:
        self._asked("find", words)
        return [one for one in self.customers if words.casefold() in one.name.casefold()][:limit]

    def _asked(self, *what: Any) -> None:
        self.asked.append(what)
        if self.down:
            raise RecordUnavailable("down")


REPLIES = SavedReplies(
    (
        SavedReply(
            "hello",
            {"fr": "Prise en charge", "en": "Taking over"},
            {"fr": "Bonjour {customer}, je suis {agent}.", "en": "Hello {customer}, I am {agent}."},
        ),
        SavedReply(
            "refund",
            {"fr": "Remboursement", "en": "Refund"},
            {"fr": "La commande {order} est remboursée.", "en": "Order {order} is refunded."},
        ),
    )
)


@dataclass
class House:
    """The desk, Slack, and what stands behind them."""

    slack: SlackStandIn
    desk: Desk
    inbox: ListInbox
    board: ListBoard
    threads: MemoryThreads
    roster: MemoryRoster
    knowledge: Entries
    nlu: Guesses
    record: Record
    shop: FakeShop
    clock: FixedClock

    def user(self, user: str = "U1") -> User:
        return self.slack.user(user)

    def case(self, conversation: str = "c_1", *, chat: ChatId = LEA, **card: Any) -> Case:
        """A case that waits, or what ``card`` says of it."""
        values: dict[str, Any] = {
            "state": CaseState.WAITING,
            "profile": Profile("Lucie Roy"),
            "channel": chat.channel,
            "language": "fr",
            "since": NOW - timedelta(minutes=4),
            "reason": HandoffReason.ASKED,
            "team": "care",
            **card,
        }
        made = Case(
            conversation=conversation,
            chat=chat,
            number=len(self.board.all) + 1,
            card=CaseCard(**values),
            updated_at=NOW,
        )
        self.board.all[conversation] = made
        return made

    def says(
        self,
        text: str,
        message_id: str = "m1",
        *,
        conversation: str = "c_1",
        author: Author = Author.CUSTOMER,
        guesses: tuple[Guess, ...] = (),
        fate: CaseFate | None = None,
        minutes_ago: float = 1,
        note: bool = False,
    ) -> None:
        """A line of the thread."""
        line = Line(message_id, author, text, NOW - timedelta(minutes=minutes_ago))
        said = CaseLine(line=line, note=note, guesses=guesses, language="fr")
        self.board.lines.setdefault(conversation, []).append(ThreadLine(said=said, fate=fate))

    async def thread(self, conversation: str = "c_1", chat: ChatId = LEA) -> str:
        """A conversation's thread in Slack; returns its root."""
        posted = await self.desk.client.chat_postMessage(channel=CHANNEL, text="card")
        root = str(posted["ts"])
        await self.threads.open(Thread(conversation, chat, CHANNEL, root))
        return root

    async def shown(self, root: str, text: str, message_id: str, conversation: str = "c_1") -> str:
        """A message of the thread, shown in Slack under that id."""
        posted = await self.desk.client.chat_postMessage(channel=CHANNEL, text=text, thread_ts=root)
        await self.threads.remember(conversation, message_id, str(posted["ts"]))
        return str(posted["ts"])

    async def modal(self, user: str = "U1", *, holds: str = "") -> dict[str, Any]:
        """The modal in front of somebody, once it has loaded (and holds some words)."""

        def ready() -> dict[str, Any] | None:
            open_ones = self.user(user).opened_views()
            if not open_ones or "Un instant" in words(open_ones[-1]) or "One moment" in words(open_ones[-1]):
                return None
            return open_ones[-1] if holds in words(open_ones[-1]) else None

        found: dict[str, Any] = await self.slack.until(ready, what=f"a modal that holds {holds!r}")
        return found


def words(view: Any) -> str:
    """Everything a view, a message or a block shows, in a row."""
    if isinstance(view, dict):
        shown = (
            words(value) for key, value in view.items() if key in _SHOWN or isinstance(value, dict | list)
        )
        return "\n".join(part for part in shown if part)
    if isinstance(view, list):
        return "\n".join(part for part in map(words, view) if part)
    return view if isinstance(view, str) else ""


_SHOWN = ("text", "initial_value", "label")


def actions(view: Any) -> list[str]:
    """The action ids of all buttons and menus."""
    if isinstance(view, dict):
        own = [view["action_id"]] if "action_id" in view else []
        return own + [one for value in view.values() for one in actions(value)]
    return [one for part in view for one in actions(part)] if isinstance(view, list) else []


def actor(agent: Agent = ANNA, language: str = "fr", role: Role = Role.AGENT) -> Actor:
    return Actor(agent, agent.id.removeprefix("slack:"), role, ("care",), language)


@asynccontextmanager
async def house(
    *,
    actors: Sequence[Actor] = (),
    rules: Rules | None = None,
    change: Callable[[Desk], Desk] = lambda desk: desk,
) -> AsyncIterator[House]:
    """Everything running; U1 is Anna (French), U2 Tom (English) unless ``actors`` says otherwise."""
    people = {one.user: one for one in actors or (actor(), actor(TOM, "en"))}
    async with SlackStandIn(retry_delays=(0.05, 0.1, 0.2)) as slack:
        for one in people.values():
            slack.add_user(one.user, real_name=one.agent.name)
        slack.add_channel(CHANNEL, name="care", members=list(people))
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[])
        teams = {
            "care": DeskTeam(name="care", titles={"fr": "Service client", "en": "Care"}, channels=(CHANNEL,))
        }
        inbox, board, threads, roster = ListInbox(), ListBoard(), MemoryThreads(), MemoryRoster()
        knowledge, nlu, record, shop, clock = Entries(), Guesses(), Record(), FakeShop(), FixedClock(NOW)
        desk = change(
            Desk(
                client=client,
                inbox=inbox,
                threads=threads,
                board=board,
                roster=roster,
                knowledge=knowledge,
                nlu=nlu,
                shop=shop,
                service=record,
                dead_letters=None,  # type: ignore[arg-type]
                clock=clock,
                teams=teams,
                rules=rules or Rules(),
                saved_replies=REPLIES,
            )
        )
        app = AsyncApp(client=client)

        @app.middleware
        async def authorised(context: Any, next: Any) -> None:  # noqa: A002 - bolt's own name
            context[ACTOR] = people[context.user_id]
            await next()

        for feature in (home, care_command, teach, details, search, saved):
            feature.register(app, desk)
        handler = AsyncSocketModeHandler(app, slack.app_token, web_client=client)
        await handler.connect_async()
        await slack.until(lambda: slack.sockets.sockets)
        try:
            yield House(slack, desk, inbox, board, threads, roster, knowledge, nlu, record, shop, clock)
        finally:
            await handler.close_async()


def again(case: Case, **card: Any) -> Case:
    """A case with another card."""
    return replace(case, card=replace(case.card, **card))
