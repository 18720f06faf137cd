"""One chat, with the engine's own turns and the real table of handlers: what agents do there, what the
customer is sent and what the desk is told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from bot.domain import events as ev
from bot.domain.chat import Chat, Speaker
from bot.domain.conversation import Handoff
from bot.domain.decision import CancelTimer, SetTimer
from bot.domain.facts import FactBody
from bot.domain.identity import Agent
from bot.domain.message import Attachment
from bot.domain.outgoing import Hush, MediaFetch, MessageOut, Outgoing, Payload
from bot.engine.outbox import Addresser
from bot.engine.turn import TurnRules, TurnRunner
from handlers import build_choose
from handlers.care import Care
from tests.fakes.care import CHAT, LEA, MONDAY_10H, make_care
from tests.fakes.engine import SureNlu, WordDetector

T = TypeVar("T")

FILE = Attachment("f_1", "facture.pdf", "application/pdf", 1000, source="slack:F1")


@dataclass
class AtWork:
    """Each step is a turn; what it led to can be read off afterwards."""

    care: Care = field(default_factory=make_care)
    desks: tuple[str, ...] = ("main",)
    now: datetime = MONDAY_10H
    chat: Chat | None = None
    outgoing: tuple[Outgoing, ...] = ()
    facts: list[FactBody] = field(default_factory=list)
    timers: dict[str, datetime] = field(default_factory=dict)
    count: int = 0

    # --- what happens ----------------------------------------------------------------------

    async def happens(self, event: ev.Event) -> AtWork:
        runner = TurnRunner(
            nlu=SureNlu(),
            choose=build_choose(self.care),
            detector=WordDetector(),
            addresser=Addresser(self.desks),
            rules=TurnRules(),
        )
        result = await runner.run(event, self.chat)
        self.chat, self.outgoing = result.chat, result.outgoing
        self.facts = [fact.body for fact in result.facts]
        for change in result.timers:
            match change:
                case SetTimer(name=name, due=due):
                    self.timers[name] = due
                case CancelTimer(name=name):
                    self.timers.pop(name, None)
        return self

    async def agent(self, kind: type[ev.AgentEvent], agent: Agent = LEA, **values: Any) -> AtWork:
        return await self.happens(kind(**self._stamp(), agent=agent, **values))

    async def replies(self, text: str, agent: Agent = LEA, *files: Attachment, **more: Any) -> AtWork:
        values = {"message_id": f"a{self.count + 1}", "reopens": False, **more}
        return await self.agent(ev.AgentReply, agent, text=text, attachments=files, **values)

    async def decides(self, message_id: str, choice: ev.DraftChoice, agent: Agent = LEA) -> AtWork:
        return await self.agent(ev.AgentDecides, agent, message_id=message_id, choice=choice)

    async def customer(self, text: str = "allô ?") -> AtWork:
        stamp = self._stamp()
        return await self.happens(ev.CustomerMessage(**stamp, message_id=f"c{self.count}", text=text))

    async def asks_for_a_person(self) -> AtWork:
        stamp = self._stamp()
        command = ev.CustomerCommand(**stamp, message_id=f"c{self.count}", command=ev.Command.HUMAN)
        return await self.happens(command)

    async def taken_by(self, agent: Agent = LEA) -> AtWork:
        await self.asks_for_a_person()
        return await self.agent(ev.AgentClaim, agent)

    async def file_comes(self, message_id: str, file: Attachment = FILE) -> AtWork:
        stored = replace(file, stored=True)
        return await self.happens(ev.MediaReady(**self._stamp(), message_id=message_id, attachment=stored))

    async def file_fails(
        self, message_id: str, file: Attachment = FILE, reason: str = "media_gone"
    ) -> AtWork:
        failed = ev.MediaFailed(**self._stamp(), message_id=message_id, attachment=file, reason=reason)
        return await self.happens(failed)

    async def timer(self, name: str) -> AtWork:
        self.now = max(self.now, self.timers.pop(name, self.now))
        return await self.happens(ev.TimerDue(**self._stamp(), name=name))

    def later(self, **delta: float) -> None:
        self.now += timedelta(**delta)

    def _stamp(self) -> dict[str, Any]:
        self.count += 1
        return {"id": f"desk:main:{self.count}", "chat": CHAT, "at": self.now}

    # --- what came of it -------------------------------------------------------------------

    @property
    def speaker(self) -> Speaker:
        return self.now_is.speaker

    @property
    def now_is(self) -> Chat:
        """The chat as it is."""
        assert self.chat is not None
        return self.chat

    @property
    def handoff(self) -> Handoff:
        conversation = self.now_is.conversation
        assert conversation is not None
        assert conversation.handoff is not None
        return conversation.handoff

    @property
    def said(self) -> list[MessageOut]:
        """Messages to the customer of the last turn."""
        return [payload for payload in self._to(CHAT.destination) if isinstance(payload, MessageOut)]

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.said]

    @property
    def changes(self) -> list[Payload]:
        """What else goes to the customer: edits and deletions."""
        return [one for one in self._to(CHAT.destination) if not isinstance(one, MessageOut | Hush)]

    @property
    def desk(self) -> list[Payload]:
        """What the desk is told in the last turn."""
        return self._to(f"desk:{self.desks[0]}")

    def told(self, kind: type[T]) -> list[T]:
        """What the desk is told of one kind."""
        return [payload for payload in self.desk if isinstance(payload, kind)]

    @property
    def fetches(self) -> list[MediaFetch]:
        return [entry.payload for entry in self.outgoing if isinstance(entry.payload, MediaFetch)]

    def logged(self, kind: type[T]) -> list[T]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    def _to(self, destination: str) -> list[Payload]:
        return [entry.payload for entry in self.outgoing if entry.destination == destination]
