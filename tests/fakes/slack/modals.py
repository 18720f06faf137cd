"""Modals in front of people, and their Home pages."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tests.fakes.slack.blocks import check_view
from tests.fakes.slack.errors import Refused
from tests.fakes.slack.kept_blocks import all_options, elements
from tests.fakes.slack.records import View

if TYPE_CHECKING:
    from tests.fakes.slack.stand_in import SlackStandIn

Json = dict[str, Any]
TRIGGER_SECONDS = 3.0
MAX_STACK = 3
_KEPT = {
    "type",
    "title",
    "submit",
    "close",
    "blocks",
    "private_metadata",
    "callback_id",
    "external_id",
    "clear_on_close",
    "notify_on_close",
    "submit_disabled",
}


class Modals:
    """Opens, stacks, changes and closes views."""

    def __init__(self, slack: SlackStandIn) -> None:
        self._slack = slack

    def stack(self, user: str) -> list[View]:
        """The open modals of a person, the front one last."""
        return [each for each in self._slack.workspace.views.values() if each.user == user and each.open]

    def use_trigger(self, trigger: str) -> str:
        """Whose press this was; good once, and for three seconds."""
        found = self._slack.workspace.triggers.get(trigger)
        if found is None:
            raise Refused("invalid_trigger_id")
        if time.monotonic() - found["made"] > self._slack.trigger_seconds:
            raise Refused("expired_trigger_id")
        if found["used"]:
            raise Refused("exchanged_trigger_id")
        found["used"] = True
        return str(found["user"])

    def open(self, user: str, view: Any) -> Json:
        """A first modal; one that was there is replaced."""
        made = self._make(user, view, "modal")
        for each in self.stack(user):
            each.open = False
        return self._show(user, made, root=made["id"], previous=None)

    def push(self, user: str, view: Any) -> Json:
        """On top of the others, three at most."""
        stack = self.stack(user)
        made = self._make(user, view, "modal")
        if not stack:
            return self._show(user, made, root=made["id"], previous=None)
        if len(stack) >= MAX_STACK:
            raise Refused("push_limit_reached")
        return self._show(user, made, root=stack[0].data["id"], previous=stack[-1].data["id"])

    def update(self, found: View, view: Any, hash_: str | None = None) -> Json:
        """Other contents for an open view."""
        if hash_ and hash_ != found.data["hash"]:
            raise Refused("hash_conflict")
        made = self._make(found.user, view, found.data["type"], own=found)
        keep = ("id", "root_view_id", "previous_view_id")
        found.data = {**made, **{key: found.data[key] for key in keep}}
        found.errors = {}
        return found.data

    def publish(self, user: str, view: Any, hash_: str | None) -> Json:
        """A person's Home page."""
        old = self._slack.workspace.homes.get(user)
        if old is not None and hash_ and hash_ != old.data["hash"]:
            raise Refused("hash_conflict")
        made = self._make(user, view, "home", own=old)
        if old is not None:
            made["id"] = old.data["id"]
        made |= {"root_view_id": made["id"], "previous_view_id": None}
        self._slack.workspace.homes[user] = View(made, user)
        return made

    def find(self, view_id: str | None, external_id: str | None) -> View:
        """An open modal, or a Home page."""
        known = self._slack.workspace
        everything = [*known.views.values(), *known.homes.values()]
        for each in everything:
            if each.open and (
                each.data["id"] == view_id or (external_id and each.data["external_id"] == external_id)
            ):
                return each
        raise Refused("not_found")

    def follow(self, found: View, answer: Json | None) -> None:
        """Do what the app answered to a submission. A wrong answer is an error the person sees."""
        action = (answer or {}).get("response_action")
        if action == "errors":
            found.errors = dict(answer["errors"]) if answer else {}
            inputs = {each["block_id"] for each in found.data["blocks"] if each["type"] == "input"}
            if not found.errors or not set(found.errors) <= inputs:
                raise Refused("invalid_response_errors", "errors must name input blocks of the view")
        elif action == "update":
            self.update(found, answer["view"] if answer else None)
        elif action == "push":
            self.push(found.user, answer["view"] if answer else None)
        elif action == "clear":
            for each in self.stack(found.user):
                each.open = False
        elif action is None:
            found.open = False
        else:
            raise Refused("invalid_response_action", f"unknown response_action {action}")

    def _make(self, user: str, view: Any, kind: str, own: View | None = None) -> Json:
        wrong = check_view(view)
        if not wrong and view["type"] != kind:
            wrong = [f"must be {kind} [json-pointer:/view/type]"]
        if wrong:
            raise Refused("invalid_arguments", *wrong)
        known = self._slack.workspace
        external = view.get("external_id") or ""
        if external and any(
            each.data["external_id"] == external and each.open and each is not own
            for each in known.views.values()
        ):
            raise Refused("duplicate_external_id")
        blank = {"type": "plain_text", "text": "", "emoji": True}
        made = {
            "id": known.ids.new("V"),
            "team_id": known.team["id"],
            "app_id": known.app_id,
            "app_installed_team_id": known.team["id"],
            "bot_id": known.bot_id,
            "title": blank,
            "close": None,
            "submit": None,
            "private_metadata": "",
            "callback_id": "",
            "external_id": external,
            "clear_on_close": False,
            "notify_on_close": False,
            **{key: value for key, value in view.items() if key in _KEPT},
            "blocks": self._slack.messages.blocks(view["blocks"]),
            "hash": f"{time.time():.0f}.{known.ids.token(8)}",
        }
        made["state"] = {"values": initial_values(made["blocks"])}
        return made

    def _show(self, user: str, made: Json, *, root: str, previous: str | None) -> Json:
        made |= {"root_view_id": root, "previous_view_id": previous}
        self._slack.workspace.views[made["id"]] = View(made, user)
        return made


def initial_values(blocks: list[Json]) -> Json:
    """What the inputs hold before anybody touched them."""
    values: Json = {}
    for block, element in elements(blocks):
        if element["type"] in ("button", "overflow"):
            continue
        values.setdefault(block["block_id"], {})[element["action_id"]] = value_of(element, None)
    return values


_SINGLE = {
    "plain_text_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "rich_text_input": ("rich_text_value", "initial_value"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
    "static_select": ("selected_option", "initial_option"),
    "external_select": ("selected_option", "initial_option"),
    "radio_buttons": ("selected_option", "initial_option"),
    "users_select": ("selected_user", "initial_user"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "channels_select": ("selected_channel", "initial_channel"),
    "checkboxes": ("selected_options", "initial_options"),
    "multi_static_select": ("selected_options", "initial_options"),
    "multi_external_select": ("selected_options", "initial_options"),
    "multi_users_select": ("selected_users", "initial_users"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
    "file_input": ("files", "initial_files"),
}


def value_of(element: Json, given: Any) -> Json:
    """An input's entry in ``state.values``; ``given`` None leaves what it held."""
    kind = element["type"]
    field, initial = _SINGLE[kind]
    many = field.endswith("s")
    if given is None:
        return {"type": kind, field: element.get(initial, [] if many else None)}
    if "option" in field:
        chosen = [option(element, each) for each in (given if many else [given])]
        given = chosen if many else chosen[0]
    return {"type": kind, field: given}


def option(element: Json, value: str) -> Json:
    """The option of a menu with this value (or these words)."""
    for each in all_options(element):
        if value in (each.get("value"), each["text"]["text"]):
            return {key: each[key] for key in ("text", "value", "description") if key in each}
    if element["type"].endswith("external_select"):
        return {"text": {"type": "plain_text", "text": value, "emoji": True}, "value": value}
    raise LookupError(value)
