"""The people of the workspace: what a person can do with a Slack client, and only that."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tests.fakes.slack import payloads
from tests.fakes.slack.errors import NotShown, Refused
from tests.fakes.slack.events import Answer
from tests.fakes.slack.kept_blocks import elements
from tests.fakes.slack.modals import option, value_of
from tests.fakes.slack.payloads import Place
from tests.fakes.slack.records import Generated, Person, View
from tests.fakes.slack.screen import Screen
from tests.fakes.slack.texts import rich_text, typed

if TYPE_CHECKING:
    from tests.fakes.slack.stand_in import SlackStandIn

Json = dict[str, Any]
FileSpec = tuple[str, str, "bytes | int | Generated"]


class User(Screen):
    """Somebody's hands and eyes. What acts on the app returns its ``Answer``."""

    def __init__(self, slack: SlackStandIn, person: Person) -> None:
        super().__init__(slack, person)
        self._chosen: dict[str, Json] = {}

    # Messages

    def post(
        self,
        channel: str,
        text: str = "",
        *,
        thread_ts: str | None = None,
        files: Sequence[FileSpec] = (),
        **how: Any,
    ) -> str:
        """Write, in a channel or a thread; the message's ts. A file is (name, mimetype, bytes or a size)."""
        where = self._in(channel)
        stored = [self._file(*each, **how) for each in files]
        more = {"files": [self._slack.files.in_message(each) for each in stored]} if stored else {}
        if how.get("check_file_info"):
            more["files"] = [
                {"id": e.record["id"], "mode": "file_access", "file_access": "check_file_info"}
                for e in stored
            ]
        if not (text or stored):
            raise NotShown("an empty message cannot be sent")
        try:
            record = self._slack.messages.by_person(where, self.id, text, thread_ts, **more)
        except Refused as refused:
            raise NotShown(refused.code) from None
        for each in stored:
            self._slack.files.share(each, channel, record["ts"])
        return str(record["ts"])

    def _file(self, name: str, mimetype: str, content: bytes | int | Generated, **_: Any) -> Any:
        made = Generated(content) if isinstance(content, int) else content
        return self._slack.files.add(self.id, name, mimetype, made)

    def broadcast(self, channel: str, text: str, thread_ts: str) -> str:
        """Reply in a thread and show it in the channel too."""
        where = self._in(channel)
        record: Json = {
            "user": self.id,
            "type": "message",
            "text": typed(text),
            "team": self.person.team_id,
            "blocks": [rich_text(text, self._slack.workspace.ids.token(5))],
        }
        return str(self._slack.messages.post(where, record, thread_ts, broadcast=True)["ts"])

    def edit(self, channel: str, ts: str, text: str) -> None:
        """Change one's own message."""
        where, _ = self._own(channel, ts)
        block = rich_text(text, self._slack.workspace.ids.token(5))
        self._slack.messages.edit(where, ts, self.id, text=typed(text), blocks=[block])

    def delete(self, channel: str, ts: str) -> None:
        """Delete one's own message."""
        where, _ = self._own(channel, ts)
        self._slack.messages.delete(where, ts)

    def react(self, channel: str, ts: str, name: str) -> None:
        """Add an emoji."""
        self._message(channel, ts)
        self._slack.messages.react(channel, ts, name, self.id)

    def unreact(self, channel: str, ts: str, name: str) -> None:
        """Take one's emoji back."""
        self._message(channel, ts)
        self._slack.messages.unreact(channel, ts, name, self.id)

    def dm(self, text: str, **how: Any) -> str:
        """Write to the app directly."""
        return self.post(self._slack.workspace.im(self.id).id, text, **how)

    # Buttons and menus

    async def press(
        self, channel: str, ts: str, action_id: str, value: str | None = None, *, block_id: str | None = None
    ) -> Answer:
        """Press a button that a message shows; ``value`` or ``block_id`` when several have that action id."""
        return await self._act(self._message_places(channel, ts), action_id, value, None, block_id)

    async def choose(
        self, channel: str, ts: str, action_id: str, choice: str, *, block_id: str | None = None
    ) -> Answer:
        """Choose from a menu (overflow or select) of a message, by value or by words."""
        return await self._act(self._message_places(channel, ts), action_id, None, choice, block_id)

    async def press_ephemeral(
        self, ts: str, action_id: str, value: str | None = None, *, choice: str | None = None
    ) -> Answer:
        """Press (or choose from) what only this person sees."""
        found = [each for each in self.ephemerals() if each["ts"] == ts]
        if not found:
            raise NotShown(f"{self.id} sees no ephemeral message {ts}")
        place = Place(
            found[0].get("blocks", []),
            "ephemeral",
            found[0],
            self._slack.workspace.channel(found[0]["channel"]),
        )
        attached = [
            Place(each.get("blocks", []), "ephemeral", found[0], place.channel)
            for each in found[0].get("attachments", [])
        ]
        return await self._act([place, *attached], action_id, value, choice, None)

    async def press_in_view(
        self, view_id: str, action_id: str, value: str | None = None, *, choice: str | None = None
    ) -> Answer:
        """Press (or choose) in the open modal."""
        return await self._act(
            [Place(self._view(view_id).data["blocks"], "view", self._view(view_id).data)],
            action_id,
            value,
            choice,
            None,
        )

    async def press_home(
        self, action_id: str, value: str | None = None, *, choice: str | None = None
    ) -> Answer:
        """Press (or choose) on the Home page."""
        page = self.home()
        if page is None:
            raise NotShown(f"{self.id} has no Home page")
        return await self._act([Place(page["blocks"], "view", page)], action_id, value, choice, None)

    async def _act(
        self, places: list[Place], action_id: str, value: str | None, choice: str | None, block_id: str | None
    ) -> Answer:
        found = [
            (place, block, element)
            for place in places
            for block, element in elements(place.blocks)
            if element.get("action_id") == action_id
            and (value is None or element.get("value") == value)
            and (block_id is None or block["block_id"] == block_id)
        ]
        if len(found) != 1:
            shown = [each.get("action_id") for place in places for _, each in elements(place.blocks)]
            raise NotShown(f"{len(found)} elements are {action_id!r} (value {value!r}); shown are {shown}")
        place, block, element = found[0]
        action = self._action(block, element, choice)
        if "selected_option" in action and element["type"] != "overflow":
            held = self._chosen.setdefault(str(place.data.get("ts") or place.data["id"]), {})
            held.setdefault(block["block_id"], {})[action_id] = value_of(element, choice)
        chosen = self._chosen.get(str(place.data.get("ts") or place.data["id"]), {})
        payload = payloads.block_actions(self._slack, self.person, place, action, chosen)
        return await self._slack.events.interact("interactive", payload)

    def _action(self, block: Json, element: Json, choice: str | None) -> Json:
        kind = element["type"]
        action: Json = {"action_id": element["action_id"], "block_id": block["block_id"]}
        if kind == "button":
            if choice is not None:
                raise NotShown("a button has no options")
            action |= {key: element[key] for key in ("text", "value", "style", "url") if key in element}
        else:
            if choice is None:
                raise NotShown(f"a {kind} is chosen from: give the option")
            try:
                given = option(element, choice) if kind == "overflow" else value_of(element, choice)
            except LookupError:
                raise NotShown(f"no option {choice!r} in {element['action_id']}") from None
            action |= {"selected_option": given} if kind == "overflow" else given
            if "placeholder" in element:
                action["placeholder"] = element["placeholder"]
        return action | {"type": kind, "action_ts": self._slack.workspace.ids.ts()}

    # Views

    async def submit(
        self, view_id: str, values: Json | None = None, *, even_if_closed: bool = False
    ) -> Answer:
        """Fill in and send a modal. ``values``: action id (or block id → action id) to what is entered.

        The view closes, changes or shows errors as the app answered; ``answer.errors`` are the ones shown.
        """
        view = self._slack.workspace.views[view_id] if even_if_closed else self._view(view_id)
        self._fill(view, values or {})
        payload = payloads.view_submission(self._slack, self.person, view.data)
        answer = await self._slack.events.interact("interactive", payload)
        if not answer.acked:
            return answer
        try:
            self._slack.modals.follow(view, answer.response)
        except Refused as refused:
            return Answer(acked=True, response=answer.response, error=refused.code)
        return Answer(acked=True, response=answer.response, errors=view.errors)

    def _fill(self, view: View, values: Json) -> None:
        inputs = [
            (block, element)
            for block, element in elements(view.data["blocks"])
            if element["type"] not in ("button", "overflow")
        ]
        names = {name for block, element in inputs for name in (block["block_id"], element["action_id"])}
        if set(values) - names:
            raise NotShown(f"the view has no {sorted(set(values) - names)}; it has {sorted(names)}")
        for block, element in inputs:
            within = values.get(block["block_id"])
            given = (
                within.get(element["action_id"])
                if isinstance(within, dict)
                else values.get(element["action_id"])
            )
            held = view.data["state"]["values"].setdefault(block["block_id"], {})
            if given is not None:
                self._allowed(element, given)
                held[element["action_id"]] = value_of(element, given)
            self._required(block, held[element["action_id"]])

    def _allowed(self, element: Json, given: Any) -> None:
        if element["type"] == "plain_text_input":
            if not element.get("min_length", 0) <= len(given) <= element.get("max_length", 3000):
                raise NotShown(f"{element['action_id']} does not take {len(given)} characters")
        elif "options" in element or "option_groups" in element:
            for each in given if isinstance(given, list) else [given]:
                try:
                    option(element, each)
                except LookupError:
                    raise NotShown(f"no option {each!r} in {element['action_id']}") from None

    def _required(self, block: Json, held: Json) -> None:
        entered = next((value for key, value in held.items() if key != "type"), None)
        if block["type"] == "input" and not block.get("optional") and entered in (None, "", []):
            raise NotShown(f"{block['block_id']} must be filled in before the view can be sent")

    async def close(self, view_id: str, *, all_of_them: bool = False) -> Answer | None:
        """Close a modal; the app is told when it wanted to be."""
        view = self._view(view_id)
        for each in self._slack.modals.stack(self.id) if all_of_them else [view]:
            each.open = False
        if not view.data["notify_on_close"]:
            return None
        payload = payloads.view_closed(self._slack, self.person, view.data, cleared=all_of_them)
        return await self._slack.events.interact("interactive", payload)

    # Shortcuts, commands, Home

    async def shortcut(self, callback_id: str, channel: str | None = None, ts: str | None = None) -> Answer:
        """A global shortcut, or one on a message."""
        self._slack.offered("shortcut", callback_id)
        if channel is None or ts is None:
            payload = payloads.shortcut(self._slack, self.person, callback_id)
        else:
            message = self._message(channel, ts)
            payload = payloads.message_action(
                self._slack, self.person, callback_id, self._in(channel), message
            )
        return await self._slack.events.interact("interactive", payload)

    async def command(self, name: str, text: str = "", *, channel: str | None = None) -> Answer:
        """A slash command (never in a thread). What the app answers at once is shown to this person."""
        self._slack.offered("command", name)
        where = self._in(channel) if channel else self._slack.workspace.im(self.id)
        payload = payloads.command(self._slack, self.person, where, name, text)
        answer = await self._slack.events.interact("slash_commands", payload)
        if answer.acked and answer.response:
            shown = answer.response if isinstance(answer.response, dict) else {"text": str(answer.response)}
            self._slack.responses.show(self.id, where, shown)
        return answer

    def open_home(self, tab: str = "home") -> None:
        """Look at the app's Home (or messages) tab."""
        event: Json = {
            "type": "app_home_opened",
            "user": self.id,
            "channel": self._slack.workspace.im(self.id).id,
            "tab": tab,
            "event_ts": self._slack.workspace.ids.ts(),
        }
        page = self.home()
        if tab == "home" and page is not None:
            event["view"] = page
        self._slack.events.event(event)


async def at_once(*doings: Any) -> list[Any]:
    """Several people acting in the same instant."""
    return list(await asyncio.gather(*doings))
