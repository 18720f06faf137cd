"""An order as JSON, read with care: the shop's system is not ours. See docs/shop-api.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlsplit

from bot.domain.errors import ShopUnavailable
from bot.ports.shop import Order, OrderStatus

_NUMBER = re.compile(r"[A-Za-z0-9-]{1,32}")
_RELATIVE = re.compile(r"today(?:([+-])([0-9]{1,3}))?")
_MAX_TEXT = 254
_MAX_CARRIER = 60
_MAX_URL = 500


def is_number(number: str) -> bool:
    """Whether that can be an order number at all: it becomes part of an address."""
    return _NUMBER.fullmatch(number) is not None


def read_order(found: object, number: str, *, today: date | None = None) -> Order:
    """An order from its JSON object. With ``today``, a date may be written ``today-2``.

    Raises:
        ShopUnavailable: not in a form we know, or another order than the one asked for.
    """
    if not isinstance(found, Mapping):
        raise ShopUnavailable("an order is not an object")
    if found.get("number") != number:
        raise ShopUnavailable("the order has another number than the one asked for")
    placed_on = _date(found, "placed_on", today)
    if placed_on is None:
        raise ShopUnavailable("an order has no placed_on")
    return Order(
        number=number,
        status=_status(found),
        email=_text(found, "email", _MAX_TEXT) or "",
        postcode=_text(found, "postcode", _MAX_TEXT) or "",
        placed_on=placed_on,
        expected_on=_date(found, "expected_on", today),
        carrier=_text(found, "carrier", _MAX_CARRIER),
        tracking_url=_url(found, "tracking_url"),
    )


def _status(found: Mapping[str, Any]) -> OrderStatus:
    try:
        return OrderStatus(str(found.get("status")))
    except ValueError as error:
        raise ShopUnavailable("an order has a status we do not know") from error


def _text(found: Mapping[str, Any], name: str, most: int) -> str | None:
    value = found.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > most or not value.isprintable():
        raise ShopUnavailable(f"an order's {name} is not a short text")
    return value


def _date(found: Mapping[str, Any], name: str, today: date | None) -> date | None:
    value = _text(found, name, _MAX_TEXT)
    if value is None:
        return None
    relative = _RELATIVE.fullmatch(value)
    if relative and today is not None:
        days = int(relative[2] or 0)
        return today + timedelta(days=-days if relative[1] == "-" else days)
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise ShopUnavailable(f"an order's {name} is not a date") from error


def _url(found: Mapping[str, Any], name: str) -> str | None:
    """An https address; customers are sent there, so nothing else passes."""
    value = _text(found, name, _MAX_URL)
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        safe = parts.scheme == "https" and bool(parts.hostname) and parts.username is None
    except ValueError:
        safe = False
    if not safe or " " in value:
        raise ShopUnavailable(f"an order's {name} is not an https address")
    return value
