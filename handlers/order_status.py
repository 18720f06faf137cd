"""Where is my order? Nothing is said of an order before two facts match: its number, and its
email or postcode. A wrong number and a wrong proof look the same, and attempts are limited."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date

from bot.domain.chat import Chat
from bot.domain.conversation import HandoffReason
from bot.domain.decision import Decision
from bot.domain.errors import ShopUnavailable
from bot.domain.facts import ErrorLogged
from bot.domain.turn import Turn
from bot.ports.shop import Order, OrderStatus
from handlers import fallback, handoff, order_facts, reading
from handlers.care import Care
from handlers.dates import day
from handlers.saying import answer, human_button, menu_buttons, topic_buttons

AWAITING = "order"
ATTEMPTS = "order_attempts"
NEXT = {
    OrderStatus.PREPARING: ("faq_change_order", "faq_cancel_order"),
    OrderStatus.SHIPPED: ("faq_delivery_times", "faq_parcel_not_received"),
    OrderStatus.AT_RELAY: ("faq_relay_point",),
    OrderStatus.DELIVERED: ("faq_parcel_not_received", "faq_return_how"),
    OrderStatus.RETURNED: ("faq_refund_when",),
    OrderStatus.CANCELLED: ("faq_refund_when",),
}
"""What people ask after hearing that."""

_QUIT = re.compile(
    r"\b(laissez? tomber|laissez|tant pis|annulez?|stop|quitter|oubliez?|plus tard|peu importe"
    r"|never ?mind|cancel|forget it|quit|leave it|not now|skip)\b",
    re.IGNORECASE,
)
_QUIT_WORDS = 5


async def start(turn: Turn, care: Care) -> Decision:
    """The customer asks about their order: take what they said, ask for what is missing."""
    return await _carry_on(turn, care)


async def continue_form(turn: Turn, care: Care) -> Decision:
    """The customer answers what we asked, gives up, or says something else."""
    if order_facts.mentions_any(turn):
        return await _carry_on(turn, care)
    if _gives_up(turn):
        text = care.replies.get("order.given_up", turn.language)
        return answer(turn, care, text, chat=_forgotten(turn.chat), buttons=menu_buttons(care, turn.language))
    return await fallback.climb(turn, care, "order.unclear", (), awaiting=AWAITING)


async def _carry_on(turn: Turn, care: Care) -> Decision:
    turn = replace(turn, chat=replace(turn.chat, dialogue=order_facts.gather(turn)))
    dialogue = turn.chat.dialogue
    number = dialogue.slot(order_facts.NUMBER)
    if number is None:
        return _ask(turn, care, "order.ask_number")
    if not (dialogue.slot(order_facts.EMAIL) or dialogue.slot(order_facts.POSTCODE)):
        return _ask(turn, care, "order.ask_proof", number=number)
    if _attempts(turn) >= care.order_attempts:
        return await _too_many(turn, care)
    return await _look_up(turn, care, number)


async def _look_up(turn: Turn, care: Care, number: str) -> Decision:
    try:
        order = await care.shop.order(number)
    except ShopUnavailable:
        return _shop_down(turn, care)
    dialogue = turn.chat.dialogue
    email, postcode = dialogue.slot(order_facts.EMAIL), dialogue.slot(order_facts.POSTCODE)
    if order_facts.proves(order, email, postcode) and order is not None:
        return _tell(turn, care, order)
    care.order_missed(number)
    return await _no_match(turn, care)


# --- what is said --------------------------------------------------------------------------


def _ask(turn: Turn, care: Care, key: str, **values: object) -> Decision:
    text = care.replies.get(key, turn.language, **values)
    return answer(turn, care, text, awaiting=AWAITING)


def _tell(turn: Turn, care: Care, order: Order) -> Decision:
    text = describe(order, care, turn.language, _today(turn, care))
    following = tuple(intent for intent in NEXT[order.status] if intent not in turn.chat.dialogue.topics)
    buttons = topic_buttons(care, following, turn.language)
    buttons = (*buttons, human_button(care, turn.language))
    return answer(turn, care, text, chat=_forgotten(turn.chat), buttons=buttons, topic=reading.ORDER)


async def _no_match(turn: Turn, care: Care) -> Decision:
    chat = _counted(turn)
    if _attempts(replace(turn, chat=chat)) >= care.order_attempts:
        return await _too_many(replace(turn, chat=chat), care)
    text = care.replies.get("order.no_match", turn.language)
    buttons = (human_button(care, turn.language),)
    return answer(turn, care, text, chat=chat, buttons=buttons, awaiting=AWAITING)


async def _too_many(turn: Turn, care: Care) -> Decision:
    opening = care.replies.get("order.too_many", turn.language)
    chat = _forgotten(turn.chat)
    return await handoff.to_person(
        turn, care, opening, reason=HandoffReason.UNSURE, chat=chat, topic=reading.ORDER
    )


def _shop_down(turn: Turn, care: Care) -> Decision:
    # What was said is kept: asking again later needs no repeating.
    fact = ErrorLogged(where="shop", error="shop_unavailable")
    return handoff.offer(turn, care, "order.shop_down", chat=turn.chat, facts=(fact,))


def describe(order: Order, care: Care, language: str, today: date) -> str:
    """An order's status in words. Only for someone who proved that it is theirs."""
    get = care.replies.get
    placed = day(order.placed_on, language)
    parts = [get(f"order.{order.status.value}", language, number=order.number, day=placed)]
    if order.status in (OrderStatus.PREPARING, OrderStatus.SHIPPED) and order.expected_on:
        key = "order.expected" if order.expected_on >= today else "order.late"
        parts.append(get(key, language, day=day(order.expected_on, language)))
    if order.status in (OrderStatus.SHIPPED, OrderStatus.AT_RELAY) and order.carrier:
        parts.append(get("order.carrier", language, carrier=order.carrier))
    if order.status in (OrderStatus.SHIPPED, OrderStatus.AT_RELAY) and order.tracking_url:
        parts.append(get("order.tracking", language, url=order.tracking_url))
    return " ".join(parts)


# --- what is remembered --------------------------------------------------------------------


def _forgotten(chat: Chat) -> Chat:
    """Without the customer's proof, which has served."""
    dialogue = chat.dialogue
    for name in (order_facts.NUMBER, order_facts.EMAIL, order_facts.POSTCODE):
        dialogue = dialogue.with_slot(name, None)
    return replace(chat, dialogue=dialogue)


def _attempts(turn: Turn) -> int:
    """Failed look-ups of this chat today."""
    on, _, count = (turn.chat.mark(ATTEMPTS) or "").partition(":")
    return int(count) if on == _utc_day(turn) and count.isdecimal() else 0


def _counted(turn: Turn) -> Chat:
    return turn.chat.with_mark(ATTEMPTS, f"{_utc_day(turn)}:{_attempts(turn) + 1}")


def _utc_day(turn: Turn) -> str:
    return turn.now.astimezone(UTC).date().isoformat()


def _today(turn: Turn, care: Care) -> date:
    return turn.now.astimezone(care.hours.of(care.default_team).zone).date()


def _gives_up(turn: Turn) -> bool:
    if len(turn.text.split()) > _QUIT_WORDS:
        return False
    said_no = turn.understanding is not None and turn.understanding.best.intent == "deny"
    return said_no or bool(_QUIT.search(turn.text)) or reading.yes_or_no(turn.text) == "deny"
