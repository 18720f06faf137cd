"""Health pages: alive, ready, figures for those who may see them."""

from __future__ import annotations

import asyncio

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from bot.domain.errors import StoreUnavailable
from bot.observability import health


def client(checks: health.Health, address: str = "127.0.0.1", token: str | None = None) -> AsyncClient:
    app = FastAPI()
    app.include_router(health.router(checks, metrics_token=token))
    return AsyncClient(transport=ASGITransport(app, client=(address, 1234)), base_url="http://test")


async def well() -> None:
    return


async def unwell() -> None:
    raise StoreUnavailable("redis://:password@host does not answer")


async def slow() -> None:
    await asyncio.sleep(60)


async def test_alive_even_when_not_ready() -> None:
    checks = health.Health()
    checks.add("store", unwell)
    async with client(checks) as http:
        assert (await http.get("/healthz")).status_code == 200
        ready = await http.get("/readyz")
    assert ready.status_code == 503
    assert ready.json() == {"ready": False, "checks": {"store": "StoreUnavailable"}}


async def test_ready_when_all_is_well() -> None:
    checks = health.Health()
    checks.add("store", well)
    async with client(checks) as http:
        assert (await http.get("/readyz")).json() == {"ready": True, "checks": {"store": "ok"}}


async def test_what_is_bearable_is_shown_and_keeps_nobody_from_work() -> None:
    checks = health.Health()
    checks.add("store", well)
    checks.add("slack", unwell, vital=False)
    async with client(checks) as http:
        ready = await http.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {"ready": True, "checks": {"store": "ok", "slack": "StoreUnavailable"}}


async def test_a_check_that_hangs_is_a_problem_not_a_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CHECK_SECONDS", 0.01)
    checks = health.Health()
    checks.add("nlu", slow)
    assert (await checks.report()).problems == {"nlu": "no answer in time"}


async def test_figures_are_for_this_machine() -> None:
    async with client(health.Health()) as http:
        reply = await http.get("/metrics")
    assert reply.status_code == 200
    assert "guichet_turns_total" in reply.text


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
async def test_figures_are_not_for_those_behind_a_proxy_on_this_machine(header: str) -> None:
    async with client(health.Health()) as http:
        assert (await http.get("/metrics", headers={header: "203.0.113.9"})).status_code == 403


async def test_figures_are_for_whoever_has_the_token_and_nobody_else() -> None:
    async with client(health.Health(), "203.0.113.9", "t0ken") as http:
        assert (await http.get("/metrics", headers={"Authorization": "Bearer t0ken"})).status_code == 200
        assert (await http.get("/metrics", headers={"Authorization": "Bearer other"})).status_code == 403
        assert (await http.get("/metrics")).status_code == 403
    async with client(health.Health(), "203.0.113.9") as http:
        assert (await http.get("/metrics")).status_code == 403


async def test_many_who_ask_at_once_cost_one_look() -> None:
    looks = []

    async def counted() -> None:
        looks.append(1)

    checks = health.Health()
    checks.add("nlu", counted)
    async with client(checks) as http:
        await asyncio.gather(*(http.get("/readyz") for _ in range(20)))
    assert len(looks) == 1
