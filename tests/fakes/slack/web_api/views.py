"""views.*"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.slack.errors import Refused
from tests.fakes.slack.web_api.registry import method

if TYPE_CHECKING:
    from tests.fakes.slack.stand_in import SlackStandIn

Json = dict[str, Any]


@method("views.open", trigger_id="str", interactivity_pointer="str", view="!json")
def open_(slack: SlackStandIn, args: Json) -> Json:
    user = slack.modals.use_trigger(_trigger(args))
    return {"view": slack.modals.open(user, args["view"])}


@method("views.push", trigger_id="str", interactivity_pointer="str", view="!json")
def push(slack: SlackStandIn, args: Json) -> Json:
    user = slack.modals.use_trigger(_trigger(args))
    return {"view": slack.modals.push(user, args["view"])}


@method("views.update", view="!json", view_id="str", external_id="str", hash="str")
def update(slack: SlackStandIn, args: Json) -> Json:
    found = slack.modals.find(args.get("view_id"), args.get("external_id"))
    return {"view": slack.modals.update(found, args["view"], args.get("hash"))}


@method("views.publish", user_id="!str", view="!json", hash="str")
def publish(slack: SlackStandIn, args: Json) -> Json:
    slack.workspace.person(args["user_id"])
    return {"view": slack.modals.publish(args["user_id"], args["view"], args.get("hash"))}


def _trigger(args: Json) -> str:
    trigger = args.get("trigger_id") or args.get("interactivity_pointer")
    if not trigger:
        raise Refused("invalid_arguments", "missing required field: trigger_id")
    return str(trigger)
