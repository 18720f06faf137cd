"""A desk's surroundings: an inbox that an engine of a few lines empties at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from bot.domain import events as ev
from bot.domain.chat import Speaker
from bot.domain.conversation import HandoffReason
from bot.domain.errors import StoreUnavailable
from bot.domain.events import Event, ReceiptStatus
from bot.domain.identity import Agent, Profile
from bot.domain.message import Author, Line
from bot.domain.outgoing import CaseCard, CaseFate, CaseLine, CaseState, DeskPayload, Outgoing
from bot.engine.masking import clean_text
from bot.ports.delivery import Deliverer
from bot.ports.inbox import Appended
from tests.builders import LEA, NOW

MARIE = Agent("terminal:marie", "Marie")
PAUL = Agent("terminal:paul", "Paul")


class FixedClock:
    """A clock that stands still until it is set."""

    def __init__(self, now: datetime = NOW) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time


@dataclass
class SmallEngine:
    """Takes agents' events like the inbox, and tells the desk what follows, like the engine.

    With ``asleep`` it only takes them. ``fate`` is what becomes of replies; ``hushes`` whether the bot
    falls silent at once when an agent claims.
    """

    desk: Deliverer
    asleep: bool = False
    unavailable: bool = False
    hushes: bool = True
    fate: ReceiptStatus | None = ReceiptStatus.DELIVERED
    events: list[Event] = field(default_factory=list)
    card: CaseCard = field(
        default_factory=lambda: CaseCard(
            state=CaseState.WAITING,
            profile=Profile("Léa"),
            channel="web",
            language="fr",
            since=NOW,
            reason=HandoffReason.ASKED,
            team="care",
            recent=(Line("m1", Author.CUSTOMER, "où est mon colis ?", NOW),),
        )
    )
    _epoch: int = 0
    _count: int = 0

    def clean(self, text: str) -> str:
        return clean_text(text)

    async def append(self, event: Event) -> Appended:
        if self.unavailable:
            raise StoreUnavailable("gone")
        self.events.append(event)
        if not self.asleep:
            await self.turn(event)
        return Appended(new=True, speaker=Speaker.HUMAN)

    async def park(self, source: str, raw: str, error: str) -> None:
        raise NotImplementedError

    async def tell(self, *payloads: DeskPayload) -> None:
        """Hand something to the desk, as its sender would."""
        for payload in payloads:
            self._count += 1
            entry = Outgoing(
                id=f"o{self._count}",
                destination=self.desk.destination,
                chat=LEA,
                conversation="c_1",
                epoch=self._epoch,
                at=NOW,
                payload=payload,
            )
            await self.desk.deliver(entry, doubtful=False)

    async def show(self, **changes: object) -> None:
        """The card, changed."""
        values = {name: getattr(self.card, name) for name in CaseCard.__dataclass_fields__}
        self.card = CaseCard(**{**values, **changes})
        self._epoch += 1
        await self.tell(self.card)

    async def customer(self, text: str, message_id: str) -> None:
        """The customer writes."""
        await self.tell(CaseLine(line=Line(message_id, Author.CUSTOMER, text, NOW, author_name="Léa")))

    async def turn(self, event: Event) -> None:
        match event:
            case ev.AgentClaim():
                if self.card.agent is None or event.take_over:
                    await self.show(state=CaseState.CLAIMED, agent=event.agent, hushed=self.hushes)
            case ev.AgentReply():
                line = Line(event.message_id, Author.AGENT, event.text, NOW, author_name=event.agent.name)
                await self.tell(CaseLine(line=line))
                if self.fate is not None:
                    await self.tell(CaseFate(message_id=event.message_id, status=self.fate, detail="blocked"))
            case ev.AgentNote():
                line = Line(event.message_id, Author.AGENT, event.text, NOW, author_name=event.agent.name)
                await self.tell(CaseLine(line=line, note=True))
            case ev.AgentResolve():
                await self.show(state=CaseState.CLOSED, agent=None)
            case ev.AgentRelease():
                await self.show(state=CaseState.RELEASED, agent=None)
            case ev.AgentTransfer():
                await self.show(state=CaseState.WAITING, agent=None, team=event.team)
            case _:
                raise NotImplementedError
