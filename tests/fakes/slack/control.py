"""The JSON control API, for a driver in another process: POST /_control/<operation>.

The body is ``{"args": […], "kwargs": {…}}``; the answer ``{"ok": true, "result": …}`` or
``{"ok": false, "error": "NotShown", "message": "…"}``. Operations are the methods of the parts:
``slack.add_user``, ``user.press`` (the first argument is the user's id), ``faults.order``, ``limits.on``,
``sockets.drop``, ``http.use``, and ``state.*`` to look. Bytes travel as ``{"base64": "…"}``.
"""

from __future__ import annotations

import base64
import dataclasses
import inspect
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.fakes.slack.errors import NotShown, Refused

if TYPE_CHECKING:
    from tests.fakes.slack.stand_in import SlackStandIn

Json = dict[str, Any]
_SLACK = {
    "add_user", "add_channel", "add_usergroup", "configure", "set_scopes", "revoke_token", "revoke_app_token",
    "restore_tokens", "join", "leave", "remove_bot", "archive", "delete_channel", "delete_file", "unfurl",
}  # fmt: skip
_USER = {
    "post", "broadcast", "edit", "delete", "react", "unreact", "dm", "press", "choose", "press_ephemeral",
    "press_in_view", "press_home", "submit", "close", "opened_views", "view", "shortcut", "command",
    "open_home", "home", "ephemerals", "dms", "reload",
}  # fmt: skip
_OTHERS = {
    "faults": {"order", "clear"},
    "limits": {"on", "off"},
    "sockets": {"disconnect", "drop", "silence"},
    "http": {"use", "post", "verify_url"},
}
_STATE = {
    "messages", "thread", "removed", "members", "calls", "calls_of", "acks", "unacked", "lost", "sockets",
    "files", "deliveries", "presence", "pings",
}  # fmt: skip


class State:
    """What a driver elsewhere can look at."""

    def __init__(self, slack: SlackStandIn) -> None:
        self._slack = slack

    def messages(self, channel: str) -> Any:
        return self._slack.channel(channel).messages

    def thread(self, channel: str, ts: str) -> Any:
        return self._slack.channel(channel).thread(ts)

    def removed(self, channel: str) -> Any:
        return self._slack.channel(channel).removed

    def members(self, channel: str) -> Any:
        return self._slack.channel(channel).members

    def calls(self, since: int = 0) -> Any:
        return self._slack.calls[since:]

    def calls_of(self, method: str) -> Any:
        return self._slack.calls_of(method)

    def acks(self) -> Any:
        return self._slack.acks

    def unacked(self) -> Any:
        return self._slack.unacked

    def lost(self) -> Any:
        return self._slack.lost

    def deliveries(self, since: int = 0) -> Any:
        return self._slack.events.deliveries[since:]

    def sockets(self) -> Any:
        return [{"number": each.number, "sent": len(each.sent)} for each in self._slack.sockets.sockets]

    def files(self) -> Any:
        return [each.record for each in self._slack.workspace.files.values()]

    def presence(self, user: str, presence: str) -> Any:
        self._slack.user(user).person.presence = presence

    def pings(self, channel: str, ts: str) -> Any:
        return self._slack.pings(self._slack.channel(channel).by_ts[ts])


class Control:
    """Answers the driver."""

    def __init__(self, slack: SlackStandIn) -> None:
        self._slack = slack

    def add_to(self, app: web.Application) -> None:
        """The route."""
        app.router.add_post("/_control/{part}.{operation}", self.handle)

    async def handle(self, request: web.Request) -> web.Response:
        """One operation."""
        body = _decoded(await request.json() if request.can_read_body else {})
        args, kwargs = list(body.get("args", [])), dict(body.get("kwargs", {}))
        try:
            do = self._operation(request.match_info["part"], request.match_info["operation"], args)
            result = do(*args, **kwargs)
            result = await result if inspect.isawaitable(result) else result
        except (NotShown, Refused, LookupError, TypeError, ValueError) as problem:
            return web.json_response({"ok": False, "error": type(problem).__name__, "message": str(problem)})
        return web.json_response({"ok": True, "result": _encoded(result)})

    def _operation(self, part: str, operation: str, args: list[Any]) -> Any:
        if part == "user" and operation in _USER:
            return getattr(self._slack.user(args.pop(0)), operation)
        if part == "slack" and operation in _SLACK:
            return getattr(self._slack, operation)
        if part == "state" and operation in _STATE:
            return getattr(State(self._slack), operation)
        if operation in _OTHERS.get(part, ()):
            return getattr(getattr(self._slack, part), operation)
        raise LookupError(f"no operation {part}.{operation}")


def _decoded(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"base64"}:
            return base64.b64decode(value["base64"])
        return {key: _decoded(each) for key, each in value.items()}
    return [_decoded(each) for each in value] if isinstance(value, list) else value


def _encoded(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        shown = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
        return {key: _encoded(each) for key, each in shown.items() if not key.startswith("_")}
    if isinstance(value, dict):
        return {str(key): _encoded(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set):
        return [_encoded(each) for each in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
