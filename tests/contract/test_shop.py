"""What every shop does: the file, and the shop's own system over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from bot.domain.errors import ShopUnavailable
from bot.ports.shop import Order, OrderStatus, Shop
from bot.shop.file import FileShop
from bot.shop.http import HttpShop
from tests.fakes.shop_server import running_shop

FULL = {
    "number": "4812077",
    "status": "shipped",
    "email": "lea.martin@exemple.fr",
    "postcode": "69002",
    "placed_on": "2026-10-02",
    "expected_on": "2026-10-06",
    "carrier": "Colis Clair",
    "tracking_url": "https://suivi.example/4812077",
    "total": 49.9,
}
BARE = {"number": "4812145", "status": "preparing", "placed_on": "2026-10-05", "email": None}

Change = Callable[[dict[str, Any]], Awaitable[None]]


@pytest.fixture(params=["file", "http"])
async def shop_and_change(request, tmp_path: Path) -> AsyncIterator[tuple[Shop, Change]]:
    """A shop that holds FULL and BARE, and a way to replace FULL by something else."""
    if request.param == "file":
        path = tmp_path / "orders.json"
        path.write_text(json.dumps({"orders": [FULL, BARE]}))

        async def rewrite(order: dict[str, Any]) -> None:
            path.write_text(json.dumps({"orders": [order, BARE], "version": 2}))

        yield FileShop(path), rewrite
        return
    async with running_shop({"4812077": FULL, "4812145": BARE}) as server, HttpShop(server.url) as shop:

        async def replace(order: dict[str, Any]) -> None:
            server.orders = {"4812077": order}

        yield shop, replace


@pytest.fixture
def shop(shop_and_change) -> Shop:
    return shop_and_change[0]


async def test_an_order_is_told_in_full(shop):
    assert await shop.order("4812077") == Order(
        number="4812077",
        status=OrderStatus.SHIPPED,
        email="lea.martin@exemple.fr",
        postcode="69002",
        placed_on=date(2026, 10, 2),
        expected_on=date(2026, 10, 6),
        carrier="Colis Clair",
        tracking_url="https://suivi.example/4812077",
    )


async def test_what_is_optional_may_be_missing(shop):
    order = await shop.order("4812145")
    assert (order.email, order.postcode, order.expected_on, order.carrier) == ("", "", None, None)


@pytest.mark.parametrize(
    "number", ["4999999", "", "../admin", "4812077/../4812145", "4812077?x=1", "9" * 99, "é"]
)
async def test_an_unknown_or_impossible_number_is_none(shop, number):
    assert await shop.order(number) is None


@pytest.mark.parametrize(
    "change",
    [
        {"status": "lost"},
        {"status": None},
        {"placed_on": None},
        {"placed_on": "yesterday"},
        {"expected_on": "2026-13-01"},
        {"email": 7},
        {"email": "x" * 300},
        {"carrier": "Colis\nClair"},
        {"tracking_url": "javascript:alert(1)"},
        {"tracking_url": "http://suivi.example"},
        {"tracking_url": "https://lea@suivi.example/1"},
        {"tracking_url": "https://[x"},
    ],
)
async def test_an_order_in_a_form_we_do_not_know_is_no_answer(shop_and_change, change):
    shop, replace = shop_and_change
    await replace({**FULL, **change})
    with pytest.raises(ShopUnavailable):
        await shop.order("4812077")


async def test_a_change_is_seen_at_once(shop_and_change):
    shop, replace = shop_and_change
    assert (await shop.order("4812077")).status is OrderStatus.SHIPPED
    await replace({**FULL, "status": "delivered"})
    assert (await shop.order("4812077")).status is OrderStatus.DELIVERED
