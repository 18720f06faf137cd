"""response_url: five answers within half an hour, to where the press came from."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.fakes.slack.errors import Refused
from tests.fakes.slack.state import Channel
from tests.fakes.slack.web_api.chat import content, something

if TYPE_CHECKING:
    from tests.fakes.slack.stand_in import SlackStandIn

Json = dict[str, Any]
USES = 5
SECONDS = 1800.0


class Responses:
    """The response urls given out."""

    def __init__(self, slack: SlackStandIn) -> None:
        self._slack = slack

    def add_to(self, app: web.Application) -> None:
        """The route."""
        app.router.add_post("/response/{ticket}", self.handle)

    def new_url(self, user: str, channel: Channel, message: Json | None) -> str:
        """For one press or command."""
        ticket = self._slack.workspace.ids.token(32)
        self._slack.workspace.response_urls[ticket] = {
            "user": user,
            "channel": channel.id,
            "ts": message["ts"] if message else None,
            "thread_ts": message.get("thread_ts") if message else None,
            "ephemeral": bool(message and message.get("is_ephemeral")),
            "made": time.monotonic(),
            "uses": 0,
        }
        return f"{self._slack.url}/response/{ticket}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The app says something there."""
        ticket = self._slack.workspace.response_urls.get(request.match_info["ticket"])
        if ticket is None or time.monotonic() - ticket["made"] > SECONDS:
            return web.json_response({"ok": False, "error": "expired_url"}, status=404)
        if ticket["uses"] >= USES:
            return web.json_response({"ok": False, "error": "used_url"}, status=404)
        try:
            body = json.loads(await request.text())
        except ValueError:
            return web.json_response({"ok": False, "error": "invalid_payload"}, status=400)
        try:
            self._respond(ticket, body)
        except Refused as refused:
            return web.json_response(refused.body(), status=400 if refused.code == "no_text" else 200)
        ticket["uses"] += 1
        return web.json_response({"ok": True})

    def _respond(self, ticket: Json, body: Json) -> None:
        channel = self._slack.workspace.channel(ticket["channel"])
        if body.get("delete_original"):
            self._delete(ticket, channel)
        elif body.get("replace_original") and ticket["ts"]:
            self._replace(ticket, channel, body)
        else:
            self.show(ticket["user"], channel, {"thread_ts": ticket["thread_ts"], **body})

    def _delete(self, ticket: Json, channel: Channel) -> None:
        if ticket["ephemeral"]:
            mine = self._slack.workspace.ephemerals.get(ticket["user"], [])
            mine[:] = [each for each in mine if each["ts"] != ticket["ts"]]
        elif ticket["ts"] in channel.by_ts:
            self._slack.messages.delete(channel, ticket["ts"])

    def _replace(self, ticket: Json, channel: Channel, body: Json) -> None:
        made = content(self._slack, body)
        something(made)
        if ticket["ephemeral"]:
            for each in self._slack.workspace.ephemerals.get(ticket["user"], []):
                if each["ts"] == ticket["ts"]:
                    for key in ("blocks", "attachments"):
                        each.pop(key, None)
                    each.update(made)
            return
        if ticket["ts"] not in channel.by_ts:
            raise Refused("message_not_found")
        blank = {"blocks": None, "attachments": None, "text": ""}
        self._slack.messages.edit(channel, ticket["ts"], self._slack.workspace.bot_user, **{**blank, **made})

    def show(self, user: str, channel: Channel, body: Json) -> None:
        """A new message: to this person only unless ``response_type`` says ``in_channel``."""
        made = content(self._slack, body)
        something(made)
        record = self._slack.messages.by_bot(**{"text": "", **made})
        if body.get("response_type") == "in_channel":
            self._slack.messages.post(channel, record, body.get("thread_ts"))
        else:
            self._slack.messages.ephemeral(user, channel, record, body.get("thread_ts"))
