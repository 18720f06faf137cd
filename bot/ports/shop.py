"""The brand's shop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol


class OrderStatus(StrEnum):
    """Where an order is."""

    PREPARING = "preparing"
    SHIPPED = "shipped"
    AT_RELAY = "at_relay"
    DELIVERED = "delivered"
    RETURNED = "returned"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Order:
    """An order as the shop tells it. ``email`` and ``postcode`` are only compared, never shown."""

    number: str
    status: OrderStatus
    email: str
    postcode: str
    placed_on: date
    expected_on: date | None = None
    carrier: str | None = None
    tracking_url: str | None = None


class Shop(Protocol):
    """Looks orders up."""

    async def order(self, number: str) -> Order | None:
        """The order, or None when the shop knows no such number.

        Raises:
            ShopUnavailable: the shop did not answer, or not in a form we know.
        """
        ...
