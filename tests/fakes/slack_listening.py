"""The app that listens to Slack, whole: the real bolt app and the real socket, Slack being the stand-in, and
in memory what stands behind them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from bot.desk.slack.app import SlackApp, build_app
from bot.desk.slack.authority import Staff
from bot.desk.slack.client import close_client, make_client
from bot.desk.slack.context import Desk, DeskTeam, Rules
from bot.desk.slack.socket import SlackSocket
from bot.domain.conversation import HandoffReason
from bot.domain.errors import NotUnderstandable, StoreUnavailable
from bot.domain.events import Event
from bot.domain.identity import ChatId, Profile
from bot.domain.outgoing import CaseCard, CaseState
from bot.media.kinds import may_be
from bot.ports.board import Case
from bot.ports.threads import Thread
from tests.builders import LEA, NOW
from tests.fakes.care import FakeShop
from tests.fakes.desk import FixedClock
from tests.fakes.slack import SlackStandIn, User
from tests.fakes.slack_features import REPLIES, Entries, Guesses, ListBoard, ListInbox, Record
from tests.fakes.threads import MemoryRoster, MemoryThreads

CHANNEL, OTHER = "C1CARE", "C2STRICT"
CONVERSATION = "c_1"


@dataclass
class KeepingInbox(ListInbox):
    """Keeps what cannot be read, too; ``slow`` seconds for each append."""

    parked: list[str] = field(default_factory=list)
    slow: Callable[[Event], float] = lambda _event: 0.0

    async def append(self, event: Event) -> Any:
        await asyncio.sleep(self.slow(event))
        return await super().append(event)

    async def park(self, source: str, raw: str, error: str) -> None:
        if self.down:
            raise StoreUnavailable("gone")
        self.parked.append(raw)


@dataclass
class DeadLetters:
    """Letters that can be sent again once; ``broken`` ones never."""

    letters: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    of: dict[str, ChatId] = field(default_factory=dict)
    """To whom a letter is, if not to the usual one."""
    down: bool = False

    async def resend(self, letter_id: str, *, chat: ChatId | None = None) -> bool:
        if self.down:
            raise StoreUnavailable("gone")
        if chat not in (None, self.of.get(letter_id, LEA)):
            return False
        if letter_id in self.broken:
            raise NotUnderstandable(letter_id)
        known = letter_id in self.letters
        self.letters.discard(letter_id)
        return known


@dataclass
class Listened:
    """What a test looks at and pulls."""

    slack: SlackStandIn
    desk: Desk
    app: SlackApp
    inbox: KeepingInbox
    board: ListBoard
    threads: MemoryThreads
    knowledge: Entries
    record: Record
    letters: DeadLetters
    socket: SlackSocket
    states: list[str]
    stop: asyncio.Event

    @property
    def events(self) -> list[Any]:
        """What was taken in."""
        return list(self.inbox.events)

    def user(self, user: str = "U1") -> User:
        return self.slack.user(user)

    async def card(
        self, *blocks: dict[str, Any], channel: str = CHANNEL, conversation: str = CONVERSATION
    ) -> str:
        """A conversation's thread: a card of ours, with these blocks; returns its ts."""
        posted = await self.desk.client.chat_postMessage(
            channel=channel, text="card", blocks=list(blocks) or None
        )
        await self.threads.open(Thread(conversation, LEA, channel, str(posted["ts"])))
        return str(posted["ts"])

    def case(self, conversation: str = CONVERSATION, *, chat: ChatId = LEA, **card: Any) -> None:
        """What the board knows of it."""
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
        self.board.all[conversation] = Case(
            conversation=conversation, chat=chat, number=1, card=CaseCard(**values), updated_at=NOW
        )

    async def told(self, user: str, holds: str) -> dict[str, Any]:
        """An ephemeral message of theirs that holds some words."""

        def found() -> dict[str, Any] | None:
            return next((one for one in self.user(user).ephemerals() if holds in one["text"]), None)

        said: dict[str, Any] = await self.slack.until(found, what=f"{user} is told {holds!r}")
        return said

    async def taken(self, count: int, seconds: float = 5.0) -> list[Any]:
        """The events, once there are so many."""
        await self.slack.until(
            lambda: len(self.inbox.events) >= count,
            seconds=seconds,
            what=f"{count} events; there are {len(self.inbox.events)}",
        )
        return self.events

    async def quiet(self) -> None:
        """Once everything Slack told has been confirmed."""
        await self.slack.until(lambda: not self.slack.unacked, what="all is confirmed")


TEAMS = {
    "care": DeskTeam(
        name="care",
        titles={"fr": "Service client", "en": "Care"},
        channels=(CHANNEL,),
        agents=("U1", "U2", "U5", "U6", "U7"),
        leads=("U3",),
    ),
    "returns": DeskTeam(
        name="returns", titles={"fr": "Retours", "en": "Returns"}, channels=("C3RETURNS",), agents=("U2",)
    ),
}
STRICT = DeskTeam(
    name="strict", titles={"fr": "Strict", "en": "Strict"}, channels=(OTHER,), strict=True, agents=("U1",)
)


def people(slack: SlackStandIn) -> None:
    """Anna (French) and Tom (English) answer, Ines leads, Zoe is an admin; Max is in no team; a guest, a
    stranger, a bot and one who left are named all the same."""
    slack.add_user("U1", real_name="Anna Blanc", locale="fr-FR", tz="Europe/Paris")
    slack.add_user("U2", real_name="Tom Reed", locale="en-GB", tz="Europe/London")
    slack.add_user("U3", real_name="Ines Faure", locale="fr-FR")
    slack.add_user("U4", real_name="Max Other", locale="en-US")
    slack.add_user("U5", real_name="Guest", locale="fr-FR", is_restricted=True)
    slack.add_user("U6", real_name="Stranger", locale="en-US", is_stranger=True, team_id="T9OTHER")
    slack.add_user("U7", real_name="Robot", is_bot=True)
    slack.add_user("U9", real_name="Zoe Admin", locale="fr-FR")
    everyone = [f"U{number}" for number in (1, 2, 3, 4, 5, 6, 7, 9)]
    slack.add_channel(CHANNEL, name="care", members=everyone)
    slack.add_channel(OTHER, name="strict", members=everyone)


@asynccontextmanager
async def listening(
    *,
    rules: Rules | None = None,
    strict: bool = False,
    features: tuple[str, ...] = (),
    socket: bool = True,
    change: Callable[[Desk], Desk] = lambda desk: desk,
    **how: Any,
) -> AsyncIterator[Listened]:
    """Everything running. ``how``: as for the stand-in."""
    async with SlackStandIn(**{"retry_delays": (0.05, 0.1, 0.2), **how}) as slack:
        people(slack)
        client = make_client(slack.bot_token, slack.api_url)
        inbox, board, threads = KeepingInbox(), ListBoard(), MemoryThreads()
        knowledge, record, letters, states = Entries(), Record(), DeadLetters(), list[str]()
        desk = Desk(
            client=client,
            inbox=inbox,
            threads=threads,
            board=board,
            roster=MemoryRoster(),
            knowledge=knowledge,
            nlu=Guesses(),
            shop=FakeShop(),
            service=record,
            dead_letters=letters,  # type: ignore[arg-type]
            clock=FixedClock(NOW),
            teams=TEAMS | ({"strict": STRICT} if strict else {}),
            rules=rules or Rules(),
            saved_replies=REPLIES,
            admins=("U9",),
        )
        desk = change(desk)
        app = build_app(
            desk,
            Staff.of(desk.teams, desk.admins),
            bot_token=slack.bot_token,
            signing_secret=slack.signing_secret,
            allowed=may_be,
            features=features,
        )
        missed, stop = app.intake.missing.since, asyncio.Event()
        held = SlackSocket(app.bolt, slack.app_token, client, states.append, missed)
        running = asyncio.create_task(held.run(stop)) if socket else None
        try:
            if running:
                await slack.until(lambda: slack.sockets.sockets)
            yield Listened(
                slack, desk, app, inbox, board, threads, knowledge, record, letters, held, states, stop
            )
        finally:
            stop.set()
            if running:
                await running
            await app.close()
            await close_client(client)


def with_undo(desk: Desk, seconds: float) -> Desk:
    """Another time to think again."""
    return replace(desk, rules=replace(desk.rules, undo_seconds=seconds))
