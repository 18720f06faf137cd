"""Slack's stand-in with the deliverer in front of it: what a desk is told, and what Slack then shows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from bot.desk.slack.budget import Budget
from bot.desk.slack.client import close_client, make_client
from bot.desk.slack.context import DeskTeam
from bot.desk.slack.deliverer import SlackDeliverer
from bot.desk.slack.names import DESTINATION
from bot.domain.conversation import HandoffReason
from bot.domain.errors import MediaUnavailable
from bot.domain.identity import Agent, Profile
from bot.domain.message import Author, Line
from bot.domain.outgoing import CaseCard, CaseFate, CaseLine, CaseState, Outgoing, Payload, Priority
from bot.ports.board import Case
from bot.ports.delivery import Delivered
from bot.ports.knowledge import Answer
from bot.ports.media import StoredFile
from bot.ports.threads import Thread, Threads
from tests.builders import LEA
from tests.fakes.slack import SlackStandIn
from tests.fakes.threads import MemoryRoster, MemoryThreads

LEA_DUMAS = Agent("slack:U1", "Léa Dumas")
PAUL = Agent("slack:U2", "Paul Petit")
CUSTOMER = "Zoé"
CARE = DeskTeam(
    name="care", titles={"fr": "Relation client", "en": "Care"}, channels=("C1",), agents=("U1", "U2")
)
ORDERS = DeskTeam(
    name="orders",
    titles={"fr": "Commandes", "en": "Orders"},
    channels=("C2", "C3"),
    language="en",
    agents=("U2",),
    leads=("U3",),
)


class Cases:
    """The one thing the deliverer reads of a board."""

    def __init__(self) -> None:
        self.cards: dict[str, CaseCard] = {}

    async def case(self, conversation: str) -> Case | None:
        card = self.cards.get(conversation)
        if card is None:
            return None
        return Case(conversation=conversation, chat=LEA, number=1, card=card, updated_at=datetime.now(UTC))


class Faq:
    """Three entries; the last one in French only."""

    _ENTRIES: Mapping[tuple[str, str], Answer] = {
        (intent, language): Answer(intent, language, title, text, "care")
        for intent, language, title, text in (
            ("faq_delay", "fr", "Délais de livraison", "Comptez 2 à 4 jours ouvrés."),
            ("faq_delay", "en", "Delivery times", "Allow 2 to 4 working days."),
            ("faq_return", "fr", "Retours", "Vous avez 30 jours."),
            ("faq_return", "en", "Returns", "You have 30 days."),
            ("faq_shop", "fr", "Boutiques", "Nos boutiques ouvrent à 10 h."),
        )
    }

    def answer(self, intent: str, language: str) -> Answer | None:
        other = "en" if language == "fr" else "fr"
        return self._ENTRIES.get((intent, language)) or self._ENTRIES.get((intent, other))

    def intents(self) -> Sequence[str]:
        return sorted({intent for intent, _ in self._ENTRIES})


class Files:
    """A media store in memory."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}

    async def stat(self, file_id: str) -> StoredFile | None:
        content = self.content.get(file_id)
        return StoredFile(file_id, LEA, "f", "m", len(content)) if content is not None else None

    async def read(self, file_id: str) -> AsyncIterator[bytes]:
        if file_id not in self.content:
            raise MediaUnavailable(file_id)
        content = self.content[file_id]
        for start in range(0, len(content), 1000):
            yield content[start : start + 1000]


class Now:
    """The machine's clock, until a test sets another time."""

    def __init__(self) -> None:
        self.at: datetime | None = None

    def now(self) -> datetime:
        return self.at or datetime.now(UTC)


def a_card(**changes: Any) -> CaseCard:
    """A case that waits."""
    card = CaseCard(
        state=CaseState.WAITING,
        profile=Profile(CUSTOMER),
        channel="web",
        language="fr",
        since=datetime.now(UTC),
        reason=HandoffReason.ASKED,
        team="care",
        recent=(Line("m1", Author.CUSTOMER, "une personne svp", datetime.now(UTC), author_name=CUSTOMER),),
    )
    return replace(card, **changes)


def says(text: str, message_id: str, **more: Any) -> CaseLine:
    """The customer writes."""
    said = Line(message_id, Author.CUSTOMER, text, datetime.now(UTC), more.pop("files", ()), CUSTOMER)
    return CaseLine(line=said, language="fr", **more)


def replies(text: str, message_id: str, agent: Agent = LEA_DUMAS, **more: Any) -> CaseLine:
    """An agent writes, elsewhere than in the thread."""
    said = Line(message_id, Author.AGENT, text, datetime.now(UTC), author_name=agent.name)
    return CaseLine(line=said, agent_id=agent.id, **more)


@dataclass
class Show:
    """The stand-in, the deliverer, and hands to tell it things."""

    slack: SlackStandIn
    deliverer: SlackDeliverer
    threads: Threads
    cases: Cases = field(default_factory=Cases)
    roster: MemoryRoster = field(default_factory=MemoryRoster)
    files: Files = field(default_factory=Files)
    now: Now = field(default_factory=Now)
    count: int = 0
    epoch: int = 1

    def entry(self, payload: Payload, **more: Any) -> Outgoing:
        """An envelope; ids count up, and time passes."""
        self.count += 1
        values: dict[str, Any] = {
            "id": f"o{self.count}",
            "destination": DESTINATION,
            "chat": LEA,
            "conversation": "c_1",
            "epoch": self.epoch,
            "at": datetime.now(UTC),
            "payload": payload,
            "priority": Priority.CUSTOMER,
            "coalesce": _coalesce(payload),
        }
        return Outgoing(**{**values, **more})

    async def tell(self, payload: Payload, *, doubtful: bool = False, **more: Any) -> Delivered:
        """As the sender does, once it is admitted."""
        return await self.hand(self.entry(payload, **more), doubtful=doubtful)

    async def hand(self, *entries: Outgoing, doubtful: bool = False) -> Delivered:
        await self.deliverer.admit(entries[0])
        if len(entries) == 1:
            return await self.deliverer.deliver(entries[0], doubtful=doubtful)
        return (await self.deliverer.deliver_joined(entries, doubtful=doubtful))[0]

    async def open(self, **changes: Any) -> str:
        """A case with a thread; returns its root's ts."""
        await self.tell(a_card(**changes))
        return await self.root()

    async def root(self) -> str:
        return (await self.bound()).root

    async def bound(self, conversation: str = "c_1") -> Thread:
        thread = await self.threads.of(conversation)
        assert thread is not None
        return thread

    async def card(self) -> dict[str, Any]:
        """The root message as Slack holds it."""
        thread = await self.bound()
        return self.slack.channel(thread.place).thread(thread.root)[0]

    async def below(self) -> list[dict[str, Any]]:
        """What stands under the card."""
        thread = await self.bound()
        return self.slack.channel(thread.place).thread(thread.root)[1:]

    async def reads(self) -> list[str]:
        """What people read there, a text for each message."""
        return [seen(message) for message in await self.below()]


def _coalesce(payload: Payload) -> str | None:
    match payload:
        case CaseLine():
            return str(LEA)
        case CaseCard():
            return f"card:{LEA}"
        case CaseFate(message_id=message_id):
            return f"fate:{message_id}"
        case _:
            return None


def seen(message: Mapping[str, Any]) -> str:
    """Every text that a message's blocks show, its labels included; without blocks its text."""
    blocks = [*message.get("blocks", ())]
    for attachment in message.get("attachments", ()):
        blocks += attachment.get("blocks", ())
    found: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if value.get("type") in ("plain_text", "mrkdwn"):
                found.append(str(value["text"]))
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(blocks)
    return "\n".join(found) if found else str(message.get("text", ""))


def actions(message: Mapping[str, Any]) -> list[str]:
    """The action ids of what can be pressed."""
    blocks = [*message.get("blocks", ())]
    for attachment in message.get("attachments", ()):
        blocks += attachment.get("blocks", ())
    return [one["action_id"] for block in blocks if block["type"] == "actions" for one in block["elements"]]


@asynccontextmanager
async def showing(*, threads: Threads | None = None, limits: bool = False, **how: Any) -> AsyncIterator[Show]:
    """A workspace with two teams; Léa and Paul answer, Nadia leads, Ada is the admin."""
    async with SlackStandIn(limits=limits) as slack:
        slack.add_user("U1", real_name="Léa Dumas", locale="fr-FR")
        slack.add_user("U2", real_name="Paul Petit", locale="en-GB")
        slack.add_user("U3", real_name="Nadia Roux", locale="fr-FR")
        slack.add_user("U9", real_name="Ada Chef", locale="fr-FR")
        for channel in ("C1", "C2", "C3"):
            slack.add_channel(channel, name=channel.lower(), members=["U1", "U2", "U3"])
        client = make_client(slack.bot_token, slack.api_url)
        known = threads or MemoryThreads()
        parts: dict[str, Any] = {
            "cases": Cases(),
            "roster": MemoryRoster(),
            "files": Files(),
            "now": Now(),
        }
        deliverer = SlackDeliverer(
            client,
            threads=known,
            board=parts["cases"],
            media=parts["files"],
            knowledge=Faq(),
            roster=parts["roster"],
            teams={"care": CARE, "orders": ORDERS},
            default_team="care",
            admins=("U9",),
            clock=parts["now"],
            budget=how.pop("budget", None) or Budget(),
            **how,
        )
        try:
            yield Show(slack, deliverer, known, **parts)
        finally:
            await close_client(client)
