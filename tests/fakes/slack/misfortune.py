"""Making ordered faults happen to a request."""

from __future__ import annotations

import asyncio

from aiohttp import web

from tests.fakes.slack.faults import Fault
from tests.fakes.slack.records import Call

_ERROR_PAGE = "<html><body>Server Error</body></html>"


async def strike(
    request: web.Request, fault: Fault | None, call: Call, *, after: bool = False
) -> web.StreamResponse | None:
    """The answer a fault makes of this call; None when it goes on as usual.

    To be asked twice: before the call's effect and ``after`` it.
    """
    if fault is None or (fault.kind.endswith("_after")) != after:
        return None
    kind = fault.kind.removesuffix("_after")
    if kind in ("slow", "hang"):
        await asyncio.sleep(fault.seconds)
    if kind == "slow":
        return None
    if kind in ("hang", "cut"):
        call.status, call.error = 0, kind
        return cut(request)
    if kind == "error":
        call.status, call.error = 200, fault.error
        return web.json_response({"ok": False, "error": fault.error})
    if kind == "429":
        call.status, call.error = 429, "ratelimited"
        headers = {"Retry-After": str(fault.retry_after)}
        return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)
    call.status, call.error = int(kind), f"fault {fault.kind}"
    return web.Response(status=int(kind), text=_ERROR_PAGE, content_type="text/html")


def cut(request: web.Request) -> web.StreamResponse:
    """End the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
