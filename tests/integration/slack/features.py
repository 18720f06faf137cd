"""The whole listening app of Slack, on a real Valkey, with a record and an NLU that a test writes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler

from bot.desk.slack.app import build_app
from bot.desk.slack.authority import Staff
from bot.desk.slack.client import close_client, make_client
from bot.desk.slack.context import Desk, DeskTeam
from bot.domain.conversation import HandoffReason
from bot.domain.identity import Profile
from bot.domain.message import Author, Line
from bot.domain.outgoing import CaseCard, CaseLine, CaseState
from bot.ports.board import Version
from bot.ports.clock import SystemClock
from bot.ports.threads import Thread
from bot.storage.board import RedisBoard
from bot.storage.roster import RedisRoster
from bot.storage.state import RedisStore
from bot.storage.threads import RedisThreads
from tests.builders import LEA
from tests.fakes.care import FakeShop
from tests.fakes.slack import SlackStandIn
from tests.fakes.slack_features import REPLIES, Entries, Guesses, ListInbox, Record
from tests.integration.slack.people import CHANNEL, workspace


@dataclass
class Listening:
    """The app, Slack, and what a test may look at and change."""

    slack: SlackStandIn
    desk: Desk
    inbox: ListInbox
    knowledge: Entries
    nlu: Guesses
    record: Record
    _epoch: int = 0

    async def case(self, conversation: str = "c_1", **card: Any) -> None:
        """Show a case on the board, or change it."""
        self._epoch += 1
        now = self.desk.clock.now()
        values: dict[str, Any] = {
            "state": CaseState.WAITING,
            "profile": Profile("Lucie Roy"),
            "channel": "web",
            "language": "fr",
            "since": now - timedelta(minutes=4),
            "reason": HandoffReason.ASKED,
            "team": "care",
            **card,
        }
        await self.desk.board.put_card(conversation, LEA, CaseCard(**values), Version(self._epoch, 1))

    async def says(self, text: str, message_id: str = "m1", conversation: str = "c_1") -> None:
        """The customer writes."""
        line = Line(message_id, Author.CUSTOMER, text, self.desk.clock.now())
        await self.desk.board.add_line(conversation, LEA, CaseLine(line=line, language="fr"))

    async def thread(self, conversation: str = "c_1") -> str:
        """The conversation's thread in Slack."""
        posted = await self.desk.client.chat_postMessage(channel=CHANNEL, text="card")
        root = str(posted["ts"])
        await self.desk.threads.open(Thread(conversation, LEA, CHANNEL, root))
        return root


@asynccontextmanager
async def listening(store: RedisStore, **how: Any) -> AsyncIterator[Listening]:
    """Everything that listens, on one socket."""
    async with workspace(retry_delays=(0.05, 0.1, 0.2), **how) as slack:
        clock = SystemClock()
        client = make_client(slack.bot_token, slack.api_url)
        inbox, knowledge, nlu, record = ListInbox(), Entries(), Guesses(), Record()
        team = DeskTeam(
            name="care",
            titles={"fr": "Service client", "en": "Care"},
            channels=(CHANNEL,),
            agents=("U0LEA", "U0OMAR"),
            leads=("U0LEAD",),
        )
        desk = Desk(
            client=client,
            inbox=inbox,
            threads=RedisThreads(store.layout),
            board=RedisBoard(store.layout, clock),
            roster=RedisRoster(store.connection),
            knowledge=knowledge,
            nlu=nlu,
            shop=FakeShop(),
            service=record,
            dead_letters=store.dead,
            clock=clock,
            teams={"care": team},
            saved_replies=REPLIES,
        )
        app = build_app(desk, Staff.of(desk.teams, ("U0ADMIN",)), bot_token=slack.bot_token)
        handler = AsyncSocketModeHandler(app.bolt, slack.app_token, web_client=client)
        await handler.connect_async()
        await slack.until(lambda: slack.sockets.sockets)
        try:
            yield Listening(slack, desk, inbox, knowledge, nlu, record)
        finally:
            await handler.close_async()
            await app.close()
            await close_client(client)
