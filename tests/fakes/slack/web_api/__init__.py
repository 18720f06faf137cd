"""The Web API over HTTP: reading, refusing, misfortunes, then the method itself."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.fakes.slack.errors import Refused
from tests.fakes.slack.misfortune import strike
from tests.fakes.slack.records import Call
from tests.fakes.slack.web_api import chat, conversations, files, misc, reactions, users, views
from tests.fakes.slack.web_api.registry import METHODS, Method, read

if TYPE_CHECKING:
    from tests.fakes.slack.stand_in import SlackStandIn

Json = dict[str, Any]

__all__ = ["METHODS", "WebApi", "chat", "conversations", "files", "misc", "reactions", "users", "views"]


class WebApi:
    """Answers /api/<method>."""

    def __init__(self, slack: SlackStandIn) -> None:
        self._slack = slack

    def add_to(self, app: web.Application) -> None:
        """The route."""
        app.router.add_route("*", "/api/{method}", self.handle)
        app.router.add_route("*", "/api/", self.handle)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One call."""
        name = request.match_info.get("method", "")
        method = METHODS.get(name)
        given, warnings = await _given(request, method)
        call = Call(name, {key: value for key, value in given.items() if key != "token"}, time.time())
        self._slack.workspace.calls.append(call)
        fault = self._slack.faults.next(name)
        early = await strike(request, fault, call)
        if early is not None:
            return early
        answer, status, headers = self._answer(request, method, given, call)
        if warnings and status == 200:
            answer.setdefault("warning", ",".join(warnings))
            answer.setdefault("response_metadata", {}).setdefault("warnings", warnings)
        late = await strike(request, fault, call, after=True)
        if late is not None:
            return late
        call.status, call.error, call.answer = status, answer.get("error"), answer
        return web.json_response(answer, status=status, headers=headers)

    def _answer(
        self, request: web.Request, method: Method | None, given: Json, call: Call
    ) -> tuple[Json, int, dict[str, str]]:
        headers = {"x-slack-req-id": self._slack.workspace.ids.token(), "x-slack-backend": "r"}
        if method is None:
            return {"ok": False, "error": "unknown_method", "req_method": call.method}, 200, headers
        try:
            self._authorise(request, method, given, headers)
            wait = self._slack.limits.retry_after(method.name, _channel(given))
            if wait is not None:
                return {"ok": False, "error": "ratelimited"}, 429, {**headers, "Retry-After": str(wait)}
            self.require(*method.scopes)
            answer = {"ok": True, **method.answer(self._slack, read(method.args, given))}
        except Refused as refused:
            return refused.body(), 200, headers
        call.took_effect = True
        return answer, 200, headers

    def require(self, *scopes: str) -> None:
        """Refuse unless the token was granted these."""
        self._slack.require(*scopes)

    def _authorise(self, request: web.Request, method: Method, given: Json, headers: dict[str, str]) -> None:
        if method.token == "none":
            return
        known = self._slack.workspace
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            token = "" if request.content_type == "application/json" else str(given.get("token", ""))
        if not token:
            raise Refused("not_authed")
        if token in known.revoked:
            raise Refused(known.revoked[token])
        if token not in (known.bot_token, known.app_token):
            raise Refused("invalid_auth")
        if (token == known.app_token) != (method.token == "app"):
            raise Refused("not_allowed_token_type")
        headers["x-oauth-scopes"] = (
            "connections:write" if method.token == "app" else ",".join(sorted(known.scopes))
        )
        headers["x-accepted-oauth-scopes"] = ",".join(method.scopes)


def _channel(given: Json) -> str | None:
    value = given.get("channel")
    return value if isinstance(value, str) else None


async def _given(request: web.Request, method: Method | None) -> tuple[Json, list[str]]:
    """The query, then the body on top. A JSON body counts only for methods that take one."""
    given: Json = dict(request.query)
    if request.method != "POST":
        return given, []
    if request.content_type == "application/json":
        if method is not None and not method.takes_json:
            return given, []
        try:
            body = json.loads(await request.text() or "{}")
        except ValueError:
            body = {}
        given.update(body if isinstance(body, dict) else {})
        return given, [] if request.charset else ["missing_charset"]
    if request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        given.update({key: value for key, value in (await request.post()).items() if isinstance(value, str)})
    return given, []
