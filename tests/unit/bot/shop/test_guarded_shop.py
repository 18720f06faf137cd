"""Somebody guesses at an order's postcode, from one chat after the other."""

from __future__ import annotations

import pytest

from bot.domain.errors import ShopUnavailable
from bot.ports.shop import Order
from bot.shop import guarded
from bot.shop.guarded import GuardedShop


class EmptyShop:
    """Knows no order, and counts who asks."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def order(self, number: str) -> Order | None:
        self.asked.append(number)
        return None


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_number_missed_too_often_in_an_hour_is_held_back_and_others_are_not() -> None:
    shop, clock = EmptyShop(), Clock()
    guard = GuardedShop(shop, most=3, within=3600, clock=clock)
    for _ in range(3):
        assert await guard.order("4812077") is None
        guard.missed("4812077")
        clock.now += 60
    with pytest.raises(ShopUnavailable):
        await guard.order("4812077")
    assert await guard.order("4812078") is None
    assert shop.asked == ["4812077"] * 3 + ["4812078"]

    clock.now = 3600.0  # the first is an hour old
    assert await guard.order("4812077") is None
    guard.missed("4812077")
    with pytest.raises(ShopUnavailable):
        await guard.order("4812077")


async def test_who_proves_that_an_order_is_theirs_may_ask_as_often_as_they_like() -> None:
    guard = GuardedShop(EmptyShop(), most=3, clock=Clock())
    for _ in range(50):
        await guard.order("4812077")


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded, "NUMBERS", 10)
    guard = GuardedShop(EmptyShop(), clock=Clock())
    for number in range(50):
        guard.missed(f"{number:07}")
    assert len(guard._misses) == 10
