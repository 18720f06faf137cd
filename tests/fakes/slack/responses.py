"""response_url: five answers within half an hour, to where the press came from."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.fakes.slack.errors import Refused
from tests.fakes.slack.misfortune import strike
from tests.fakes.slack.records import Call, Channel
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
        """The app says something there; noted among the calls as ``response_url``."""
        call = Call("response_url", {}, time.time())
        self._slack.workspace.calls.append(call)
        fault = self._slack.faults.next("response_url")
        early = await strike(request, fault, call)
        if early is not None:
            return early
        try:
            call.arguments = json.loads(await request.text())
            ticket = self._usable(request.match_info["ticket"])
            self._respond(ticket, call.arguments)
        except ValueError:
            return _refused(call, "invalid_payload", 400)
        except Refused as refused:
            return _refused(call, refused.code, {"expired_url": 404, "used_url": 404}.get(refused.code, 400))
        ticket["uses"] += 1
        call.status, call.took_effect = 200, True
        return await strike(request, fault, call, after=True) or web.json_response({"ok": True})

    def _usable(self, name: str) -> Json:
        ticket = self._slack.workspace.response_urls.get(name)
        if ticket is None or time.monotonic() - ticket["made"] > SECONDS:
            raise Refused("expired_url")
        if ticket["uses"] >= USES:
            raise Refused("used_url")
        return ticket

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


def _refused(call: Call, code: str, status: int) -> web.StreamResponse:
    call.status, call.error = status, code
    return web.json_response({"ok": False, "error": code}, status=status)
