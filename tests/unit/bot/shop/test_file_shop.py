"""Orders in a file."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from bot.domain.errors import ConfigurationError, ShopUnavailable
from bot.ports.shop import OrderStatus
from bot.shop.file import FileShop

DEMO = Path(__file__).parents[4] / "config" / "demo" / "orders.json"
TODAY = date(2026, 10, 5)


def write(path: Path, *orders: dict[str, object]) -> Path:
    path.write_text(json.dumps({"orders": orders}))
    return path


async def test_relative_dates_follow_the_present_day(tmp_path):
    order = {"number": "1", "status": "shipped", "placed_on": "today-2", "expected_on": "today+1"}
    day = TODAY
    shop = FileShop(write(tmp_path / "o.json", order), today=lambda: day)
    assert (await shop.order("1")).placed_on == date(2026, 10, 3)
    assert (await shop.order("1")).expected_on == date(2026, 10, 6)
    day = date(2026, 10, 6)
    assert (await shop.order("1")).expected_on == date(2026, 10, 7)


async def test_the_demo_has_an_order_in_every_status():
    shop = FileShop(DEMO, today=lambda: TODAY)
    numbers = [order["number"] for order in json.loads(DEMO.read_text())["orders"]]
    orders = [await shop.order(number) for number in numbers]
    assert {order.status for order in orders} == set(OrderStatus)
    assert all(order.email and order.postcode for order in orders)
    assert "4812077" in numbers


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"orders": 1}', '{"orders": [1]}', '{"orders": [{"number": "1"}]}']
)
async def test_a_file_that_holds_no_orders_is_a_shop_that_does_not_answer(tmp_path, text):
    path = tmp_path / "o.json"
    path.write_text(text)
    shop = FileShop(path)
    with pytest.raises(ConfigurationError, match=r"o\.json"):
        shop.check()
    with pytest.raises(ShopUnavailable):
        await shop.order("1")


async def test_a_missing_file_is_a_shop_that_does_not_answer(tmp_path):
    shop = FileShop(tmp_path / "gone.json")
    with pytest.raises(ConfigurationError, match=r"gone\.json"):
        shop.check()
    with pytest.raises(ShopUnavailable):
        await shop.order("1")


async def test_a_file_that_breaks_or_goes_later_is_no_answer_until_it_is_back(tmp_path):
    order = {"number": "1", "status": "shipped", "placed_on": "2026-10-02"}
    path = write(tmp_path / "o.json", order)
    shop = FileShop(path)
    path.write_text("{")
    with pytest.raises(ShopUnavailable):
        await shop.order("1")
    path.unlink()
    with pytest.raises(ShopUnavailable):
        await shop.order("1")
    write(path, {**order, "status": "delivered"})
    assert (await shop.order("1")).status is OrderStatus.DELIVERED
