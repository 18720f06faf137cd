"""The shop over HTTP, when it misbehaves."""

from __future__ import annotations

import json

import pytest

from bot.domain.errors import ConfigurationError, ShopUnavailable
from bot.shop.http import MAX_BYTES, MAX_SECONDS, HttpShop
from tests.fakes.shop_server import running_shop

ORDER = {"number": "4812077", "status": "shipped", "placed_on": "2026-10-02"}
OTHER = json.dumps({**ORDER, "number": "4812145"}).encode()
TOO_LONG = json.dumps(ORDER).encode() + b" " * MAX_BYTES


async def test_the_token_is_sent_as_a_bearer():
    async with running_shop({"4812077": ORDER}) as server, HttpShop(server.url + "/", token="s3cret") as shop:
        await shop.order("4812077")
        assert server.requests[0].startswith("GET /api/orders/4812077 HTTP/1.1")
        assert "Authorization: Bearer s3cret" in server.requests[0]


async def test_an_impossible_number_never_leaves():
    async with running_shop({}) as server, HttpShop(server.url) as shop:
        assert await shop.order("../../secrets") is None
        assert server.requests == []


@pytest.mark.parametrize("status", [201, 301, 302, 400, 401, 403, 429, 500, 503])
async def test_any_other_status_is_no_answer(status):
    async with running_shop({"4812077": ORDER}) as server, HttpShop(server.url) as shop:
        server.status = status
        server.headers = f"Location: {server.url}/orders/4812077\r\n"
        with pytest.raises(ShopUnavailable):
            await shop.order("4812077")
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"null", b"\xff\xfe", b"[" * 60_000, b"{}", OTHER, TOO_LONG]
)
async def test_a_body_that_is_not_that_order_is_no_answer(body):
    async with running_shop({"4812077": ORDER}) as server, HttpShop(server.url) as shop:
        server.body = body
        with pytest.raises(ShopUnavailable):
            await shop.order("4812077")


async def test_a_shop_that_does_not_answer_in_time_is_no_answer():
    async with running_shop({"4812077": ORDER}) as server, HttpShop(server.url, timeout=0.05) as shop:
        server.stall = True
        with pytest.raises(ShopUnavailable):
            await shop.order("4812077")


async def test_a_shop_that_is_gone_is_no_answer():
    async with running_shop({}) as server:
        url = server.url
    async with HttpShop(url) as shop:
        with pytest.raises(ShopUnavailable):
            await shop.order("4812077")


async def test_no_timeout_is_longer_than_a_customer_waits():
    async with HttpShop("https://shop.example", timeout=30) as shop:
        assert shop._timeout == MAX_SECONDS


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example",
        "http://shop.example",
        "http://10.0.0.1",
        "ftp://shop.example",
        "https://user@shop.example",
        "https://shop.example?x=1",
        "https://[",
    ],
)
async def test_an_address_we_may_not_send_a_token_to_is_refused(url):
    with pytest.raises(ConfigurationError):
        HttpShop(url)
