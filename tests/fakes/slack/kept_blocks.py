"""Blocks once they are kept: what Slack fills in, and what people can press or read in them."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from tests.fakes.slack.block_rules import INTERACTIVE
from tests.fakes.slack.texts import sent

Json = dict[str, Any]


def all_options(element: Json) -> list[Json]:
    """The options of a menu, groups or not."""
    grouped = [option for group in element.get("option_groups", []) for option in group.get("options", [])]
    return [*element.get("options", []), *grouped]


def text_length(value: Any) -> int:
    """All the text people would read in blocks."""
    if isinstance(value, dict):
        own = len(value["text"]) if isinstance(value.get("text"), str) else 0
        return own + sum(text_length(each) for each in value.values() if not isinstance(each, str))
    if isinstance(value, list):
        return sum(text_length(each) for each in value)
    return 0


def settle(blocks: list[Json], new_id: Callable[[], str]) -> list[Json]:
    """Blocks as Slack keeps them."""
    kept = deepcopy(blocks)
    for block in kept:
        block.setdefault("block_id", new_id())
        _settle_inside(block, new_id)
    return kept


def _settle_inside(value: Any, new_id: Callable[[], str]) -> None:
    if isinstance(value, list):
        for each in value:
            _settle_inside(each, new_id)
        return
    if not isinstance(value, dict) or value.get("type") == "rich_text":
        return
    kind = value.get("type")
    if kind == "plain_text":
        value.setdefault("emoji", True)
    elif kind == "mrkdwn":
        value.setdefault("verbatim", False)
        value["text"] = sent(value["text"])
    elif kind in INTERACTIVE:
        value.setdefault("action_id", new_id())
    elif kind == "input":
        value.setdefault("optional", False)
        value.setdefault("dispatch_action", False)
    for each in list(value.values()):
        _settle_inside(each, new_id)


def elements(blocks: list[Json]) -> list[tuple[Json, Json]]:
    """Everything that can be pressed or filled in, each with its block."""
    found: list[tuple[Json, Json]] = []
    for block in blocks:
        found.extend(
            (block, block[key]) for key in ("accessory", "element") if isinstance(block.get(key), dict)
        )
        if block.get("type") == "actions":
            found.extend((block, each) for each in block["elements"])
    return [(block, each) for block, each in found if each.get("type") != "image"]
