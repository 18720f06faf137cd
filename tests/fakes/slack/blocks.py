"""Block Kit as Slack checks it: what is too long, too many, missing or unknown, and where.

``check_blocks`` returns the complaints (empty when all is well), each ending in a JSON pointer as
Slack's do. The rules are those of https://docs.slack.dev/reference/block-kit
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.fakes.slack.block_rules import (
    BLOCK_KEYS,
    ELEMENT_KEYS,
    INPUTS,
    INTERACTIVE,
    MAX_MESSAGE_BLOCKS,
    MAX_VIEW_BLOCKS,
    MODAL_ONLY,
    NOT_IN_ACTIONS,
    VIEW_KEYS,
)

Json = dict[str, Any]


class Checker:
    """Walks blocks and notes what is wrong."""

    def __init__(self, surface: str) -> None:
        self.surface = surface
        self.wrong: list[str] = []

    def say(self, what: str, where: str) -> None:
        """Note a complaint."""
        self.wrong.append(f"{what} [json-pointer:{where}]")

    def string(self, holder: Json, key: str, most: int, where: str, *, required: bool = False) -> None:
        """A string of 1 to ``most`` characters."""
        value = holder.get(key)
        if value is None:
            if required:
                self.say(f"missing required field: {key}", where)
            return
        if not isinstance(value, str):
            self.say("must be a string", f"{where}/{key}")
        elif len(value) > most:
            self.say(f"must be less than {most + 1} characters", f"{where}/{key}")
        elif not value:
            self.say("must be more than 0 characters", f"{where}/{key}")

    def text(self, holder: Json, key: str, most: int, where: str, **how: bool) -> None:
        """A text object. ``plain=True``: plain_text only; ``required=True``."""
        value, where = holder.get(key), f"{where}/{key}"
        if value is None:
            if how.get("required"):
                self.say(f"missing required field: {key}", where.rsplit("/", 1)[0])
            return
        if not isinstance(value, dict):
            self.say("must provide an object", where)
            return
        kinds = ("plain_text",) if how.get("plain") else ("plain_text", "mrkdwn")
        if value.get("type") not in kinds:
            self.say(
                f"unsupported type: {value.get('type')}"
                if value.get("type")
                else "missing required field: type",
                f"{where}/type",
            )
        flag = "verbatim" if value.get("type") == "mrkdwn" else "emoji"
        self.only(value, {"type", "text", flag}, where)
        before = len(self.wrong)
        self.string(value, "text", most, where, required=True)
        if len(self.wrong) > before:
            self.wrong.insert(before, f"failed to match all allowed schemas [json-pointer:{where}]")

    def only(self, holder: Json, known: set[str] | frozenset[str], where: str) -> None:
        """Nothing else than these."""
        for each in sorted(set(holder) - known):
            self.say(f"invalid additional property: {each}", where)

    def count(self, holder: Json, key: str, least: int, most: int, where: str) -> list[Any]:
        """A list of ``least`` to ``most`` items."""
        items = holder.get(key)
        if not isinstance(items, list):
            self.say(f"missing required field: {key}" if items is None else "must provide an array", where)
            return []
        if len(items) > most:
            self.say(f"no more than {most} items allowed", f"{where}/{key}")
        if len(items) < least:
            self.say(f"no fewer than {least} items allowed", f"{where}/{key}")
        return items

    # Blocks

    def blocks(self, blocks: Any, most: int, where: str = "/blocks") -> None:
        """A whole list of blocks."""
        if not isinstance(blocks, list):
            self.say("must provide an array", where)
            return
        if len(blocks) > most:
            self.say(f"no more than {most} items allowed", where)
        seen: set[str] = set()
        for index, block in enumerate(blocks):
            at = f"{where}/{index}"
            if not isinstance(block, dict):
                self.say("must provide an object", at)
                continue
            self._block(block, at)
            name = block.get("block_id")
            if isinstance(name, str) and name in seen:
                self.say(f"`block_id` already exists: {name}", f"{at}/block_id")
            if isinstance(name, str):
                seen.add(name)

    def _block(self, block: Json, at: str) -> None:
        check = _BLOCKS.get(str(block.get("type")))
        if check is None:
            self.say(f"unsupported type: {block.get('type')}", f"{at}/type")
            return
        self.string(block, "block_id", 255, at)
        if block["type"] in BLOCK_KEYS:
            self.only(block, BLOCK_KEYS[block["type"]] | {"type", "block_id"}, at)
        check(self, block, at)

    def section(self, block: Json, at: str) -> None:
        """Text, or up to ten fields, and an accessory."""
        if "text" not in block and "fields" not in block:
            self.say("missing required field: text", at)
        self.text(block, "text", 3000, at)
        if "fields" in block:
            for index, _ in enumerate(self.count(block, "fields", 1, 10, at)):
                self.text({str(index): block["fields"][index]}, str(index), 2000, f"{at}/fields")
        if "accessory" in block:
            self.element(block["accessory"], f"{at}/accessory", within="section")

    def header(self, block: Json, at: str) -> None:
        """Plain text of 150."""
        self.text(block, "text", 150, at, plain=True, required=True)

    def actions(self, block: Json, at: str) -> None:
        """Up to 25 elements with different action ids."""
        seen: set[str] = set()
        for index, element in enumerate(self.count(block, "elements", 1, 25, at)):
            where = f"{at}/elements/{index}"
            self.element(element, where, within="actions")
            name = element.get("action_id") if isinstance(element, dict) else None
            if name is not None and name in seen:
                self.say(f"`action_id` already exists: {name}", f"{where}/action_id")
            seen.add(str(name))

    def context(self, block: Json, at: str) -> None:
        """Up to ten texts and images."""
        for index, element in enumerate(self.count(block, "elements", 1, 10, at)):
            where = f"{at}/elements/{index}"
            if isinstance(element, dict) and element.get("type") == "image":
                self.element(element, where, within="context")
            else:
                self.text({str(index): element}, str(index), 2000, f"{at}/elements")

    def image(self, block: Json, at: str) -> None:
        """A picture with words for it."""
        self.string(block, "alt_text", 2000, at, required=True)
        self.string(block, "image_url", 3000, at)
        self.text(block, "title", 2000, at, plain=True)
        if "image_url" not in block and "slack_file" not in block:
            self.say("missing required field: image_url", at)

    def input(self, block: Json, at: str) -> None:
        """A labelled question, in a view."""
        self.text(block, "label", 2000, at, plain=True, required=True)
        self.text(block, "hint", 2000, at, plain=True)
        if "element" not in block:
            self.say("missing required field: element", at)
            return
        self.element(block["element"], f"{at}/element", within="input")

    def markdown(self, block: Json, at: str) -> None:
        """Standard markdown, in messages only."""
        self.string(block, "text", 12_000, at, required=True)
        if self.surface != "message":
            self.say("unsupported type: markdown", f"{at}/type")

    def rich(self, block: Json, at: str) -> None:
        """Rich text is taken as it is."""
        self.count(block, "elements", 0, 1000, at)

    def free(self, block: Json, at: str) -> None:
        """A kind of block that is not looked into."""

    # Elements

    def element(self, element: Any, at: str, *, within: str) -> None:
        """A button, menu, input or picture, in a section, an actions, input or context block."""
        if not isinstance(element, dict):
            self.say("must provide an object", at)
            return
        kind = str(element.get("type"))
        allowed = {
            "section": INTERACTIVE - MODAL_ONLY - {"rich_text_input"} | {"image"},
            "actions": INTERACTIVE - NOT_IN_ACTIONS,
            "input": INPUTS,
            "context": {"image"},
        }[within]
        if kind not in allowed:
            self.say(f"unsupported type: {kind}", f"{at}/type")
            return
        self.string(element, "action_id", 255, at)
        if kind in ELEMENT_KEYS:
            self.only(element, ELEMENT_KEYS[kind] | {"type", "action_id"}, at)
        self.text(element, "placeholder", 150, at, plain=True)
        if "confirm" in element:
            self._confirm(element["confirm"], f"{at}/confirm")
        _ELEMENTS.get(kind, Checker.free)(self, element, at)

    def button(self, element: Json, at: str) -> None:
        """75 characters to read, 2,000 to carry."""
        self.text(element, "text", 75, at, plain=True, required=True)
        self.string(element, "value", 2000, at)
        self.string(element, "url", 3000, at)
        if element.get("style") not in (None, "primary", "danger"):
            self.say("must be one of: primary, danger", f"{at}/style")

    def overflow(self, element: Json, at: str) -> None:
        """One to five options."""
        self.options(element, "options", 5, at)

    def static_select(self, element: Json, at: str) -> None:
        """Up to 100 options, or groups of them."""
        if "option_groups" in element:
            for index, group in enumerate(self.count(element, "option_groups", 1, 100, at)):
                self.text(group, "label", 75, f"{at}/option_groups/{index}", plain=True, required=True)
                self.options(group, "options", 100, f"{at}/option_groups/{index}")
        else:
            self.options(element, "options", 100, at)
        chosen = element.get("initial_option")
        if chosen is not None and chosen not in _all_options(element):
            self.say("initial_option must be one of the options", f"{at}/initial_option")

    def choices(self, element: Json, at: str) -> None:
        """Radio buttons and checkboxes: ten."""
        self.options(element, "options", 10, at, plain=False)

    def plain_text_input(self, element: Json, at: str) -> None:
        """Lengths within 0 and 3,000."""
        for key, least in (("min_length", 0), ("max_length", 1)):
            value = element.get(key)
            if value is not None and (not isinstance(value, int) or not least <= value <= 3000):
                self.say(f"must be between {least} and 3000", f"{at}/{key}")
        if "initial_value" in element and not isinstance(element["initial_value"], str):
            self.say("must be a string", f"{at}/initial_value")
        most = element.get("max_length")
        if isinstance(most, int) and len(str(element.get("initial_value", ""))) > most:
            self.say(f"must be less than {most + 1} characters", f"{at}/initial_value")

    def picture(self, element: Json, at: str) -> None:
        """An image element."""
        self.string(element, "alt_text", 2000, at, required=True)
        self.string(element, "image_url", 3000, at)

    def options(self, holder: Json, key: str, most: int, at: str, *, plain: bool = True) -> None:
        """Options: text 75, value 150, description 75."""
        for index, option in enumerate(self.count(holder, key, 1, most, at)):
            where = f"{at}/{key}/{index}"
            if not isinstance(option, dict):
                self.say("must provide an object", where)
                continue
            self.only(option, {"text", "value", "description", "url"}, where)
            self.text(option, "text", 75, where, plain=plain, required=True)
            self.text(option, "description", 75, where, plain=plain)
            self.string(option, "value", 150, where, required="url" not in option)

    def _confirm(self, confirm: Any, at: str) -> None:
        if not isinstance(confirm, dict):
            self.say("must provide an object", at)
            return
        self.text(confirm, "title", 100, at, plain=True, required=True)
        self.text(confirm, "text", 300, at, required=True)
        self.text(confirm, "confirm", 30, at, plain=True, required=True)
        self.text(confirm, "deny", 30, at, plain=True, required=True)


_BLOCKS: dict[str, Callable[[Checker, Json, str], None]] = {
    "section": Checker.section,
    "header": Checker.header,
    "divider": Checker.free,
    "actions": Checker.actions,
    "context": Checker.context,
    "image": Checker.image,
    "input": Checker.input,
    "markdown": Checker.markdown,
    "rich_text": Checker.rich,
    "file": Checker.free,
    "video": Checker.free,
    "table": Checker.free,
    "context_actions": Checker.free,
}
_ELEMENTS: dict[str, Callable[[Checker, Json, str], None]] = {
    "button": Checker.button,
    "overflow": Checker.overflow,
    "static_select": Checker.static_select,
    "multi_static_select": Checker.static_select,
    "radio_buttons": Checker.choices,
    "checkboxes": Checker.choices,
    "plain_text_input": Checker.plain_text_input,
    "image": Checker.picture,
}


def _all_options(element: Json) -> list[Json]:
    grouped = [option for group in element.get("option_groups", []) for option in group.get("options", [])]
    return [*element.get("options", []), *grouped]


def check_blocks(blocks: Any, *, surface: str = "message", where: str = "/blocks") -> list[str]:
    """What Slack would say of these blocks."""
    checker = Checker(surface)
    checker.blocks(blocks, MAX_MESSAGE_BLOCKS if surface == "message" else MAX_VIEW_BLOCKS, where)
    return checker.wrong


def check_attachments(attachments: Any) -> list[str]:
    """What Slack would say of these attachments and the blocks in them."""
    checker = Checker("message")
    if not isinstance(attachments, list):
        return ["must provide an array [json-pointer:/attachments]"]
    for index, attachment in enumerate(attachments):
        at = f"/attachments/{index}"
        if not isinstance(attachment, dict):
            checker.say("must provide an object", at)
        elif "blocks" in attachment:
            checker.blocks(attachment["blocks"], MAX_MESSAGE_BLOCKS, f"{at}/blocks")
    return checker.wrong


def check_view(view: Any) -> list[str]:
    """What Slack would say of this view."""
    checker = Checker("view")
    if not isinstance(view, dict):
        return ["must provide an object [json-pointer:/view]"]
    kind = view.get("type")
    if kind not in ("modal", "home"):
        checker.say("must be one of: modal, home", "/view/type")
    checker.only(view, VIEW_KEYS, "/view")
    for key, most in (("private_metadata", 3000), ("callback_id", 255), ("external_id", 255)):
        if view.get(key):
            checker.string(view, key, most, "/view")
    if kind == "modal":
        checker.text(view, "title", 24, "/view", plain=True, required=True)
        checker.text(view, "submit", 24, "/view", plain=True)
        checker.text(view, "close", 24, "/view", plain=True)
    blocks = view.get("blocks")
    checker.blocks(blocks, MAX_VIEW_BLOCKS, "/view/blocks")
    asks = isinstance(blocks, list) and any(isinstance(b, dict) and b.get("type") == "input" for b in blocks)
    if kind == "modal" and asks and "submit" not in view:
        checker.say("missing required field: submit", "/view")
    return checker.wrong
