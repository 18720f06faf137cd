"""Payloads of what people do, shaped as Slack's."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.fakes.slack.modals import initial_values
from tests.fakes.slack.records import Channel, Person

if TYPE_CHECKING:
    from tests.fakes.slack.stand_in import SlackStandIn

Json = dict[str, Any]
_TOKEN = "verification-token-of-old"


@dataclass(frozen=True)
class Place:
    """Where something pressable is. ``kind``: message, attachment, ephemeral or view."""

    blocks: list[Json]
    kind: str
    data: Json
    channel: Channel | None = None
    attachment_id: int | None = None


def _common(slack: SlackStandIn, person: Person, kind: str) -> Json:
    known = slack.workspace
    return {
        "type": kind,
        "team": {"id": known.team["id"], "domain": known.team["domain"]},
        "user": {"id": person.id, "username": person.name, "name": person.name, "team_id": person.team_id},
        "api_app_id": known.app_id,
        "token": _TOKEN,
        "is_enterprise_install": False,
        "enterprise": None,
    }


def _channel(channel: Channel) -> Json:
    return {
        "id": channel.id,
        "name": {"group": "privategroup", "im": "directmessage"}.get(channel.kind, channel.name),
    }


def _message(record: Json) -> Json:
    return {key: deepcopy(value) for key, value in record.items() if key not in ("channel", "is_ephemeral")}


def block_actions(slack: SlackStandIn, person: Person, place: Place, action: Json, chosen: Json) -> Json:
    """A press, or a choice from a menu."""
    payload = _common(slack, person, "block_actions")
    payload["trigger_id"] = slack.workspace.trigger(person.id)
    payload["actions"] = [action]
    if place.channel is None:
        view = deepcopy(place.data)
        for block, values in chosen.items():
            view["state"]["values"].setdefault(block, {}).update(values)
        return payload | {"container": {"type": "view", "view_id": view["id"]}, "view": view}
    container: Json = {
        "type": "message",
        "message_ts": place.data["ts"],
        "channel_id": place.channel.id,
        "is_ephemeral": place.kind == "ephemeral",
    }
    if place.kind == "attachment":
        container |= {
            "type": "message_attachment",
            "attachment_id": place.attachment_id,
            "is_app_unfurl": False,
        }
    if "thread_ts" in place.data:
        container["thread_ts"] = place.data["thread_ts"]
    values = initial_values(place.blocks)
    for block, held in chosen.items():
        values.setdefault(block, {}).update(held)
    payload |= {
        "container": container,
        "channel": _channel(place.channel),
        "state": {"values": values},
        "response_url": slack.responses.new_url(person.id, place.channel, place.data),
    }
    if place.kind != "ephemeral":
        payload["message"] = _message(place.data)
    return payload


def view_submission(slack: SlackStandIn, person: Person, view: Json) -> Json:
    """A modal is sent."""
    payload = _common(slack, person, "view_submission")
    trigger = slack.workspace.trigger(person.id)
    return payload | {"trigger_id": trigger, "view": deepcopy(view), "response_urls": []}


def view_closed(slack: SlackStandIn, person: Person, view: Json, *, cleared: bool) -> Json:
    """A modal is closed."""
    return _common(slack, person, "view_closed") | {"view": deepcopy(view), "is_cleared": cleared}


def shortcut(slack: SlackStandIn, person: Person, callback_id: str) -> Json:
    """A global shortcut."""
    payload = _common(slack, person, "shortcut")
    payload |= {"action_ts": slack.workspace.ids.ts(), "callback_id": callback_id}
    return payload | {"trigger_id": slack.workspace.trigger(person.id)}


def message_action(
    slack: SlackStandIn, person: Person, callback_id: str, channel: Channel, message: Json
) -> Json:
    """A shortcut on a message."""
    payload = _common(slack, person, "message_action")
    payload["user"] = {key: payload["user"][key] for key in ("id", "username", "team_id", "name")}
    return payload | {
        "action_ts": slack.workspace.ids.ts(),
        "callback_id": callback_id,
        "trigger_id": slack.workspace.trigger(person.id),
        "response_url": slack.responses.new_url(person.id, channel, message),
        "channel": _channel(channel),
        "message_ts": message["ts"],
        "message": _message(message),
    }


def command(slack: SlackStandIn, person: Person, channel: Channel, name: str, text: str) -> Json:
    """A slash command: flat, as a form."""
    known = slack.workspace
    return {
        "token": _TOKEN,
        "team_id": known.team["id"],
        "team_domain": known.team["domain"],
        "channel_id": channel.id,
        "channel_name": _channel(channel)["name"],
        "user_id": person.id,
        "user_name": person.name,
        "command": name,
        "text": text,
        "api_app_id": known.app_id,
        "is_enterprise_install": "false",
        "response_url": slack.responses.new_url(person.id, channel, None),
        "trigger_id": known.trigger(person.id),
    }
