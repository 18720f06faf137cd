"""reactions.*"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.fakes.slack.errors import Refused
from tests.fakes.slack.web_api.registry import method

if TYPE_CHECKING:
    from tests.fakes.slack.stand_in import SlackStandIn

Json = dict[str, Any]
_NAME = re.compile(r"[a-z0-9_'+-]+(::skin-tone-[2-6])?\Z")


def _item(slack: SlackStandIn, args: Json) -> Json:
    if not args.get("channel") or not args.get("timestamp"):
        raise Refused("no_item_specified")
    channel = slack.visible(args["channel"])
    message = channel.by_ts.get(args["timestamp"])
    if message is None or message.get("subtype") == "tombstone":
        raise Refused("message_not_found")
    return message


@method("reactions.add", scopes="reactions:write", channel="!str", name="!str", timestamp="!str")
def reactions_add(slack: SlackStandIn, args: Json) -> Json:
    if not _NAME.match(args["name"]):
        raise Refused("invalid_name")
    message = _item(slack, args)
    slack.writable(args["channel"])
    slack.messages.react(args["channel"], message["ts"], args["name"], slack.workspace.bot_user)
    return {}


@method("reactions.remove", scopes="reactions:write", name="!str", channel="str", timestamp="str")
def reactions_remove(slack: SlackStandIn, args: Json) -> Json:
    message = _item(slack, args)
    slack.messages.unreact(args["channel"], message["ts"], args["name"], slack.workspace.bot_user)
    return {}


@method(
    "reactions.get",
    scopes="reactions:read",
    json_body=False,
    channel="str",
    timestamp="str",
    full="bool",
    file="str",
)
def reactions_get(slack: SlackStandIn, args: Json) -> Json:
    message = _item(slack, args)
    return {"type": "message", "channel": args["channel"], "message": message}
