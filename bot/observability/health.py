"""Whether a process can do its work, and the three pages that say so."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from bot.domain.errors import GuichetError
from bot.observability import metrics

Check = Callable[[], Awaitable[None]]
"""Returns when all is well; raises a GuichetError that says what is not."""

CHECK_SECONDS = 2.0
FRESH_SECONDS = 1.0
"""For so long a report is shown again: anybody may ask, and each would ask the store and Rasa."""


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of all checks: a problem by name, None where there is none. What is ``bearable`` is only
    shown."""

    problems: dict[str, str | None]
    bearable: frozenset[str] = frozenset()

    @property
    def ready(self) -> bool:
        """Whether there is no problem that keeps this process from its work."""
        return not any(problem for name, problem in self.problems.items() if name not in self.bearable)


class Health:
    """What must be well for this process to be ready."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._bearable: set[str] = set()
        self._asking = asyncio.Lock()
        self._last: tuple[float, Report] | None = None

    def add(self, name: str, check: Check, *, vital: bool = True) -> None:
        """Ask this one too. Without what is not ``vital`` the process is ready all the same."""
        self._checks[name] = check
        if not vital:
            self._bearable.add(name)

    async def report(self) -> Report:
        """Ask all of them, at once; one that takes longer than two seconds has a problem. Whoever asks
        meanwhile, or within a second, gets the same answer."""
        async with self._asking:
            now = asyncio.get_running_loop().time()
            if self._last is None or now - self._last[0] > FRESH_SECONDS:
                report = await self._asked()
                self._last = (asyncio.get_running_loop().time(), report)
            return self._last[1]

    async def _asked(self) -> Report:
        names = list(self._checks)
        found = await asyncio.gather(*(_problem(self._checks[name]) for name in names))
        return Report(dict(zip(names, found, strict=True)), frozenset(self._bearable))


async def _problem(check: Check) -> str | None:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except TimeoutError:
        return "no answer in time"
    except GuichetError as error:
        return type(error).__name__
    return None


def router(health: Health, *, metrics_token: str | None = None) -> APIRouter:
    """``/healthz`` (the process is alive), ``/readyz`` (it can work), ``/metrics``.

    Metrics are shown to this machine only, or to whoever has the token.
    """
    routes = APIRouter(include_in_schema=False)

    @routes.get("/healthz")
    async def alive() -> JSONResponse:
        return JSONResponse({"status": "ok"})

    @routes.get("/readyz")
    async def ready() -> JSONResponse:
        report = await health.report()
        checks = {name: problem or "ok" for name, problem in report.problems.items()}
        return JSONResponse({"ready": report.ready, "checks": checks}, 200 if report.ready else 503)

    @routes.get("/metrics")
    async def figures(request: Request) -> Response:
        if not may_read_metrics(
            request.client.host if request.client else "", request.headers, metrics_token
        ):
            return Response(status_code=403)
        content, kind = metrics.exposition()
        return Response(content, media_type=kind)

    return routes


def may_read_metrics(client: str, headers: Mapping[str, str], token: str | None) -> bool:
    """The token when there is one; otherwise only this machine, and not through a proxy on it."""
    if token is not None:
        given = headers.get("authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), token.encode())
    forwarded = any(name in headers for name in ("x-forwarded-for", "forwarded", "x-real-ip"))
    return not forwarded and _is_loopback(client)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
