"""A customer's story, told to the real table of handlers with fakes behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.domain import events as ev
from bot.domain.chat import Chat, Speaker
from bot.domain.conversation import Handoff
from bot.domain.decision import CancelTimer, Decision, Send, SetTimer
from bot.domain.errors import ShopUnavailable
from bot.domain.facts import FactBody
from bot.domain.identity import Agent, ChatId
from bot.domain.message import Attachment, AttachmentKind, Author, Line
from bot.domain.outgoing import CaseAlert, MessageOut, ResumeEmail
from bot.domain.turn import Turn
from bot.domain.understanding import Entity, Explanation, Guess, Question, Understanding
from bot.engine.speaker import with_open_conversation
from bot.ports.knowledge import Answer
from bot.ports.shop import Order, OrderStatus
from handlers import build_choose, satisfaction
from handlers.care import Care, Thresholds
from handlers.hours import opening_hours
from handlers.replies import load_replies

CHAT = ChatId("web", "main", "visitor")
MONDAY_10H = datetime(2026, 10, 5, 8, 0, tzinfo=UTC)
"""Ten in the morning in Paris, on an ordinary Monday."""
SUNDAY_10H = MONDAY_10H - timedelta(days=1)
WEEK = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday"), "09:00-19:00")
REPLIES = load_replies(Path(__file__).parents[2] / "config" / "replies")
LEA = Agent("a1", "Léa Dumas")
OMAR = Agent("a2", "Omar Haddad")
PHOTO = Attachment("f1", "photo.jpg", "image/jpeg", 1000, AttachmentKind.IMAGE, stored=True)
VOICE = Attachment("f2", "voice.ogg", "audio/ogg", 1000, AttachmentKind.VOICE, source="tg-file")
STICKER = Attachment("f3", "sticker", "application/x-telegram-sticker")


class FakeKnowledge:
    """Entries made up as they are asked for, in both languages; ``missing`` ones are not there, those
    ``while_waiting`` may be told to who waits."""

    def __init__(self, missing: Iterable[str] = (), while_waiting: Iterable[str] = ()) -> None:
        self.missing = set(missing)
        self.while_waiting = set(while_waiting)

    def answer(self, intent: str, language: str) -> Answer | None:
        if not intent.startswith("faq_") or intent in self.missing:
            return None
        team = "beauty" if intent == "faq_routine" else "care"
        related = ("faq_delivery_times", "faq_refund_when", "faq_samples", "faq_exchange")
        return Answer(
            intent,
            language,
            f"{intent} {language}",
            f"Answer {intent} {language}.",
            team,
            related,
            while_waiting=intent in self.while_waiting,
        )

    def intents(self) -> Sequence[str]:
        return ("faq_return_how", "faq_delivery_times")


ORDER = Order(
    number="4812077",
    status=OrderStatus.SHIPPED,
    email="lea.martin@exemple.fr",
    postcode="69002",
    placed_on=date(2026, 10, 2),
    expected_on=date(2026, 10, 6),
    carrier="Colis Clair",
    tracking_url="https://suivi.example/4812077",
)


class FakeShop:
    """Knows the orders it is given; ``down`` while it is; remembers what it was asked."""

    def __init__(self, *orders: Order) -> None:
        self.orders = {order.number: order for order in orders or (ORDER,)}
        self.asked: list[str] = []
        self.down = False

    async def order(self, number: str) -> Order | None:
        self.asked.append(number)
        if self.down:
            raise ShopUnavailable("down")
        return self.orders.get(number)


THRESHOLDS = Thresholds(
    answer_at=0.5,
    ambiguous_within=0.1,
    option_at=0.15,
    suggest_at=0.05,
    behind_greeting_at=0.3,
    person_at=0.3,
    upset_at=0.2,
    not_ours_at=0.8,
    protected_at=0.3,
    protected_best_at=0.2,
    protected_within=0.05,
)
"""Round numbers for stories; the ones in force are tuned to the pipeline."""


def make_care(**changes: Any) -> Care:
    values: dict[str, Any] = {
        "replies": REPLIES,
        "knowledge": FakeKnowledge(),
        "shop": FakeShop(),
        "hours": opening_hours({"care": WEEK}),
        "privacy_url": "https://chat.example/chat/privacy",
    }
    values.setdefault("thresholds", THRESHOLDS)
    return Care(**{**values, **changes})


Asked = Sequence[tuple[str, Mapping[str, float]]]
"""Parts of a text that each ask something, and what the model makes of each."""


def ranked(guesses: Mapping[str, float]) -> tuple[Guess, ...]:
    return tuple(
        sorted((Guess(intent, sure) for intent, sure in guesses.items()), key=lambda g: -g.confidence)
    )


def understanding(entities: Mapping[str, str] | None = None, **guesses: float) -> Understanding:
    found = tuple(Entity(name, value, 0, len(value)) for name, value in (entities or {}).items())
    return Understanding(ranking=ranked(guesses), entities=found, model="m1", ms=5)


def questions(text: str, asked: Asked) -> tuple[Question, ...]:
    return tuple(
        Question(text.index(part), text.index(part) + len(part), ranked(guesses)) for part, guesses in asked
    )


@dataclass
class Story:
    """One chat from the customer's first word on. Each step returns the messages it led to."""

    care: Care = field(default_factory=make_care)
    now: datetime = MONDAY_10H
    language: str = "fr"
    chat: Chat = field(default_factory=lambda: Chat(id=CHAT, contact_id="p1"))
    decision: Decision | None = None
    handler: str = ""
    timers: dict[str, datetime] = field(default_factory=dict)
    facts: list[FactBody] = field(default_factory=list)
    count: int = 0

    # --- the customer ----------------------------------------------------------------------

    async def says(
        self,
        text: str,
        *files: Attachment,
        entities: Mapping[str, str] | None = None,
        nlu_down: bool = False,
        flooding: bool = False,
        failed: bool = False,
        asked: Asked = (),
        why: Explanation | None = None,
        **guesses: float,
    ) -> list[MessageOut]:
        """``asked`` are the questions of a message that holds two; the first is the more important one
        unless ``guesses`` say what the whole means."""
        guesses = guesses or dict(asked[0][1] if asked else {})
        meaning = understanding(entities, **guesses) if guesses else None
        if meaning is not None:
            meaning = replace(meaning, questions=questions(text, asked), explanation=why)
        event = self._event(ev.CustomerMessage, text=text, attachments=files)
        return await self.happens(
            event, understanding=meaning, nlu_down=nlu_down, flooding=flooding, failed=failed
        )

    async def presses(self, button: str) -> list[MessageOut]:
        return await self.happens(self._event(ev.ButtonPress, button=button))

    async def commands(self, command: ev.Command, argument: str = "") -> list[MessageOut]:
        return await self.happens(self._event(ev.CustomerCommand, command=command, argument=argument))

    # --- everybody else --------------------------------------------------------------------

    async def agent(self, kind: type[ev.AgentEvent], agent: Agent = LEA, **values: Any) -> list[MessageOut]:
        return await self.happens(self._event(kind, agent=agent, **values))

    async def timer(self, name: str) -> list[MessageOut]:
        self.now = max(self.now, self.timers.pop(name, self.now))
        return await self.happens(self._event(ev.TimerDue, name=name))

    async def happens(self, event: ev.Event, **turn: Any) -> list[MessageOut]:
        chat = replace(self.chat, language=self.chat.language or self.language)
        if not self._is_aside(event, turn.get("understanding")):
            chat = with_open_conversation(chat, event, timedelta(hours=24))
        if isinstance(event, ev.CustomerMessage):
            chat = chat.remember(Line(event.message_id, Author.CUSTOMER, event.text, event.at))
        told = Turn(event=event, chat=chat, now=self.now, **turn)
        choice = build_choose(self.care)(told)
        self.handler = choice.name
        self._apply(await choice.handler(told))
        return self.messages

    def _is_aside(self, event: ev.Event, meaning: Understanding | None) -> bool:
        """As the engine asks: a text that nobody understood is a message like any other."""
        known = meaning is not None or not isinstance(event, ev.CustomerMessage)
        return known and satisfaction.aside(self.care.thresholds)(event, self.chat, meaning)

    def _apply(self, decision: Decision) -> None:
        self.decision = decision
        self.chat = decision.chat
        self.facts = list(decision.facts)
        for change in decision.timers:
            match change:
                case SetTimer(name=name, due=due):
                    self.timers[name] = due
                case CancelTimer(name=name):
                    self.timers.pop(name, None)

    def _event(self, kind: Callable[..., ev.Event], **values: Any) -> ev.Event:
        self.count += 1
        if isinstance(kind, type) and issubclass(kind, ev.CustomerEvent):
            values.setdefault("message_id", f"c{self.count}")
        return kind(id=f"web:main:{self.count}", chat=CHAT, at=self.now, **values)

    # --- what came of it -------------------------------------------------------------------

    def later(self, **delta: float) -> None:
        self.now += timedelta(**delta)

    @property
    def sends(self) -> tuple[Send, ...]:
        assert self.decision is not None
        return self.decision.sends

    @property
    def messages(self) -> list[MessageOut]:
        return [send.payload for send in self.sends if isinstance(send.payload, MessageOut)]

    @property
    def alerts(self) -> list[CaseAlert]:
        assert self.decision is not None
        return [told for told in self.decision.desk if isinstance(told, CaseAlert)]

    @property
    def handoff(self) -> Handoff:
        assert self.chat.conversation is not None
        assert self.chat.conversation.handoff is not None
        return self.chat.conversation.handoff

    @property
    def emails(self) -> list[ResumeEmail]:
        return [send.payload for send in self.sends if isinstance(send.payload, ResumeEmail)]

    @property
    def answer(self) -> MessageOut:
        (only,) = [message for message in self.messages if message.answers]
        return only

    @property
    def answers(self) -> list[MessageOut]:
        return [message for message in self.messages if message.answers]

    @property
    def buttons(self) -> list[str]:
        return [button.id for button in self.answers[-1].buttons]

    @property
    def speaker(self) -> Speaker:
        return self.chat.speaker

    def text(self, key: str, **values: object) -> str:
        return REPLIES.get(key, self.chat.language or self.language, **values)

    # --- shortcuts to a situation ----------------------------------------------------------

    async def waits(self) -> Story:
        await self.says("un humain", talk_to_human=0.9)
        return self

    async def with_lea(self) -> Story:
        await self.waits()
        await self.agent(ev.AgentClaim)
        return self
