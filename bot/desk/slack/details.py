"""Who the customer is: what their platform says of them, earlier conversations, orders they mentioned.

Addresses, phone numbers and emails are shorten. *Reveal* shows them, to that agent only, and is logged
before it does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext

from bot.desk.slack import kit
from bot.desk.slack.context import ACTOR, Actor, Desk
from bot.desk.slack.escaping import escaped
from bot.desk.slack.lines import channel_word
from bot.desk.slack.names import NAME, Act, Modal, Shortcut, unpacked
from bot.desk.slack.opening import change, fill, open_filled
from bot.desk.slack.shortening import is_shortened, shorten
from bot.desk.slack.situation import conversation_of, orders_in
from bot.desk.slack.wording import LANGUAGES, say
from bot.domain.errors import RecordUnavailable, ShopUnavailable
from bot.domain.events import AgentReveal
from bot.domain.identity import ChatId
from bot.domain.message import Author, Line
from bot.ports.service import CustomerFound, PastConversation
from bot.ports.shop import Order

CHAT = "details_chat"
"""Action id of a button that opens the details of a chat, its value."""
REVEAL = "details_reveal"
SUBJECT = "customer"
LOOKED_THROUGH = 3
"""Earlier conversations whose messages are looked through for orders."""
ORDERS = 3
QUOTES = 5
QUOTE = 200

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    """All that was gathered. ``recorded`` is False when the record could not be read."""

    chat: ChatId
    name: str
    username: str
    languages: tuple[str, ...]
    customer: CustomerFound | None
    recorded: bool
    lines: Sequence[Line]
    orders: Sequence[tuple[str, Order | None]]


def register(app: AsyncApp, desk: Desk) -> None:
    """Listen to the buttons, the card's menu and the message shortcut."""

    @app.action(Act.DETAILS)
    async def pressed(ack: AsyncAck, body: Json, context: AsyncBoltContext) -> None:
        await ack()
        await show(desk, context[ACTOR], body, unpacked(body["actions"][0]["value"])[0])

    @app.action(Act.MORE, matchers=[_chose_details])
    async def chosen(ack: AsyncAck, body: Json, context: AsyncBoltContext) -> None:
        await ack()
        _, conversation, *_ = unpacked(body["actions"][0]["selected_option"]["value"])
        await show(desk, context[ACTOR], body, conversation)

    @app.shortcut(Shortcut.DETAILS)
    async def used(ack: AsyncAck, body: Json, context: AsyncBoltContext) -> None:
        await ack()
        await show(desk, context[ACTOR], body, None)

    @app.action(CHAT)
    async def from_a_list(ack: AsyncAck, body: Json, context: AsyncBoltContext) -> None:
        await ack()
        await _open(desk, context[ACTOR], body, ChatId.parse(body["actions"][0]["value"]))

    @app.action(REVEAL)
    async def reveal(ack: AsyncAck, body: Json, context: AsyncBoltContext) -> None:
        await _reveal(ack, desk, context[ACTOR], body)


async def show(desk: Desk, actor: Actor, body: Json, conversation: str | None) -> None:
    """Open the details of a conversation's customer; without one, of the thread a shortcut was used in."""

    async def build() -> Json:
        here = await conversation_of(desk, actor, body, conversation)
        if here is None:
            return kit.told(_title(actor), say("care.no_conversation", actor.language), actor.language)
        return _view(desk, actor, await _gather(desk, here.chat, here.conversation), shorten)

    await open_filled(desk, body, _title(actor), actor.language, build)


async def _open(desk: Desk, actor: Actor, body: Json, chat: ChatId) -> None:
    async def build() -> Json:
        return _view(desk, actor, await _gather(desk, chat, None), shorten)

    await open_filled(desk, body, _title(actor), actor.language, build)


async def _reveal(ack: AsyncAck, desk: Desk, actor: Actor, body: Json) -> None:
    view, pressed = body["view"], body["actions"][0]
    chat = ChatId.parse(view["private_metadata"])
    if actor.role not in desk.rules.reveal:
        await ack()
        refused = kit.told(_title(actor), say("care.reveal_refused", actor.language), actor.language)
        await change(desk, view["id"], refused)
        return
    event_id = f"desk:{NAME}:{view['id']}:{REVEAL}:{pressed['action_ts']}:{actor.user}"
    await desk.inbox.append(
        AgentReveal(id=event_id, chat=chat, at=desk.clock.now(), agent=actor.agent, subject=SUBJECT)
    )
    await ack()

    async def build() -> Json:
        return _view(desk, actor, await _gather(desk, chat, None), lambda words: words)

    await fill(desk, view["id"], _title(actor), actor.language, build)


async def _chose_details(body: Json) -> bool:
    option = (body.get("actions") or [{}])[0].get("selected_option") or {}
    return unpacked(str(option.get("value", "")))[0] == Act.DETAILS


# --- gathering -----------------------------------------------------------------------------


async def _gather(desk: Desk, chat: ChatId, conversation: str | None) -> Known:
    """Everything we know, the live state and the record side by side.

    Raises:
        StoreUnavailable: not known now.
    """
    case = await desk.board.case(conversation) if conversation else await _case_of(desk, chat)
    conversation = conversation or (case.conversation if case else None)
    said = await desk.board.thread(conversation) if conversation else ()
    lines = [line.said.line for line in said if line.said.line.author is Author.CUSTOMER and not line.deleted]
    customer, recorded = await _recorded(desk, chat)
    lines += await _earlier(desk, customer, conversation) if recorded else []
    spoken = (case.card.language if case else "", (customer.language or "") if customer else "")
    return Known(
        chat=chat,
        name=(case.card.profile.name if case else "") or (customer.name if customer else ""),
        username=case.card.profile.username if case else "",
        languages=tuple(dict.fromkeys(one for one in spoken if one)),
        customer=customer,
        recorded=recorded,
        lines=lines,
        orders=await _orders(desk, orders_in(line.text for line in reversed(lines))[:ORDERS]),
    )


async def _case_of(desk: Desk, chat: ChatId) -> Any:
    return next((case for case in await desk.board.cases() if case.chat == chat), None)


async def _recorded(desk: Desk, chat: ChatId) -> tuple[CustomerFound | None, bool]:
    try:
        return await desk.service.customer(chat), True
    except RecordUnavailable:
        return None, False


async def _earlier(desk: Desk, customer: CustomerFound | None, present: str | None) -> list[Line]:
    past = [one.id for one in customer.conversations if one.id != present] if customer else []
    try:
        read = [await desk.service.conversation(one) for one in past[:LOOKED_THROUGH]]
    except RecordUnavailable:
        return []
    return [line for lines in reversed(read) for line in lines if line.author is Author.CUSTOMER]


async def _orders(desk: Desk, numbers: Sequence[str]) -> Sequence[tuple[str, Order | None]]:
    async def order(number: str) -> Order | None:
        try:
            return await desk.shop.order(number)
        except ShopUnavailable:
            return None

    return list(zip(numbers, await asyncio.gather(*map(order, numbers)), strict=True))


# --- showing -------------------------------------------------------------------------------


def _title(actor: Actor) -> str:
    return say("care.details_title", actor.language)


def _view(desk: Desk, actor: Actor, known: Known, shown: Callable[[str], str]) -> Json:
    language = actor.language
    quotes = [line for line in known.lines if is_shortened(line.text)][-QUOTES:]
    blocks = [*_who(known, language, shown), *_past(desk, known, language), *_ordered(known, language)]
    if quotes:
        blocks.append(kit.section(kit.mrkdwn(f"*{escaped(say('care.details_quotes', language))}*")))
        blocks += [kit.section(kit.text(kit.cut(shown(line.text), QUOTE))) for line in quotes]
    hidden = bool(quotes) or is_shortened(known.username) or is_shortened(known.name)
    if hidden and shown is shorten and actor.role in desk.rules.reveal:
        blocks.append(kit.actions(kit.button(say("care.reveal", language), REVEAL, SUBJECT)))
        blocks.append(kit.context(kit.text(say("care.reveal_logged", language))))
    return kit.modal(_title(actor), blocks, language, callback=Modal.DETAILS, metadata=str(known.chat))


def _who(known: Known, language: str, shown: Callable[[str], str]) -> list[Json]:
    name = known.name or say("care.unnamed", language)
    facts = [channel_word(known.chat.channel, language), *(_spoken(one, language) for one in known.languages)]
    if known.username:
        facts.append(f"@{shown(known.username)}")
    blocks = [kit.section(kit.text(shown(name), 150)), kit.context(kit.text(" · ".join(facts), 300))]
    if known.customer is not None:
        since = say(
            "care.details_since",
            language,
            first=kit.on(known.customer.first_seen),
            last=kit.on(known.customer.last_seen),
        )
        blocks.append(kit.context(kit.mrkdwn(since)))
    return blocks


def _spoken(spoken: str, language: str) -> str:
    """A language in the reader's words, where we have them."""
    return say(f"care.in_{spoken}", language) if spoken in LANGUAGES else spoken


def _past(desk: Desk, known: Known, language: str) -> list[Json]:
    heading = kit.section(kit.mrkdwn(f"*{escaped(say('care.details_past', language))}*"))
    if not known.recorded:
        return [heading, kit.context(kit.text(say("care.record_down", language)))]
    past = known.customer.conversations if known.customer else ()
    if not past:
        return [heading, kit.context(kit.text(say("care.details_no_past", language)))]
    return [heading, *(kit.context(kit.mrkdwn(_episode(desk, one, language))) for one in past[:10])]


def _episode(desk: Desk, one: PastConversation, language: str) -> str:
    outcome = say(f"care.outcome_{one.outcome}" if one.outcome else "care.outcome_open", language)
    parts = [kit.on(one.opened_at), escaped(outcome)]
    if one.topics:
        topics = ", ".join(_topic(desk, topic, language) for topic in one.topics)
        parts.append(escaped(kit.cut(topics, 150)))
    if one.rating is not None:
        parts.append("★" * one.rating + "☆" * (5 - one.rating))
    return "  ·  ".join(parts)


def _topic(desk: Desk, intent: str, language: str) -> str:
    answer = desk.knowledge.answer(intent, language)
    return answer.title if answer else intent.replace("_", " ")


def _ordered(known: Known, language: str) -> list[Json]:
    if not known.orders:
        return []
    heading = kit.section(kit.mrkdwn(f"*{escaped(say('care.details_orders', language))}*"))
    return [heading, *(kit.context(kit.text(order_line(*one, language))) for one in known.orders)]


def order_line(number: str, order: Order | None, language: str) -> str:
    """An order in a line; neither its email nor its postcode."""
    if order is None:
        return say("care.order_unknown", language, number=number)
    parts = [
        number,
        say(f"care.order_{order.status.value}", language),
        say("care.order_placed", language, day=f"{order.placed_on:%d/%m/%Y}"),
    ]
    if order.expected_on:
        parts.append(say("care.order_expected", language, day=f"{order.expected_on:%d/%m/%Y}"))
    if order.carrier:
        parts.append(order.carrier)
    return " · ".join(parts)
