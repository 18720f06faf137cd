"""Block Kit in small pieces. What somebody typed goes in as plain text: it cannot ping, link or format."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bot.desk.slack import escaping
from bot.desk.slack.escaping import escaped
from bot.desk.slack.wording import say

Json = dict[str, Any]

SECTION = escaping.SECTION
WRITTEN = 3_000
"""Characters that can be written in an input."""
LABEL = 75
TITLE = 24
BLOCKS = 100
"""Of one view."""


def cut(words: str, most: int) -> str:
    """At most so many characters; never empty, which Slack refuses."""
    return escaping.cut(words.strip() or "—", most)


def text(words: str, most: int = SECTION) -> Json:
    """A text object in which nothing is read as markup, nor as an emoji's name."""
    return escaping.plain(words.strip() or "—", most)


def mrkdwn(words: str, most: int = SECTION) -> Json:
    """A text object with markup: everything in it that is not ours must be escaped."""
    return escaping.mrkdwn(cut(words, most))


def section(content: Json, accessory: Json | None = None) -> Json:
    """A paragraph, with a button beside it."""
    return {"type": "section", "text": content} | ({"accessory": accessory} if accessory else {})


def context(*contents: Json) -> Json:
    """A small grey line."""
    return {"type": "context", "elements": list(contents)}


def header(words: str) -> Json:
    """A heading."""
    return {"type": "header", "text": text(words, 150)}


def divider() -> Json:
    """A line across."""
    return {"type": "divider"}


def button(words: str, action: str, value: str = "", *, style: str = "") -> Json:
    """A button; ``style`` is ``primary``, ``danger`` or nothing."""
    made: Json = {"type": "button", "text": text(words, LABEL), "action_id": action}
    if value:
        made["value"] = value
    if style:
        made["style"] = style
    return made


def actions(*elements: Json) -> Json:
    """Buttons in a row."""
    return {"type": "actions", "elements": list(elements)}


def option(words: str, value: str) -> Json:
    """A choice of a menu."""
    return {"text": text(words, LABEL), "value": value}


def typed(name: str, label: str, *, value: str = "", most: int = WRITTEN, **how: Any) -> Json:
    """Something to write in, found again under ``name``. ``multiline``, ``optional``, ``hint``."""
    element: Json = {"type": "plain_text_input", "action_id": name, "max_length": most}
    if how.get("multiline"):
        element["multiline"] = True
    if value:
        element["initial_value"] = escaping.cut(value, most)
    return asked(name, label, element, optional=bool(how.get("optional")), hint=str(how.get("hint", "")))


def asked(name: str, label: str, element: Json, *, optional: bool = False, hint: str = "") -> Json:
    """A question of a form."""
    block: Json = {"type": "input", "block_id": name, "label": text(label, 2_000), "element": element}
    if optional:
        block["optional"] = True
    if hint:
        block["hint"] = text(hint, 2_000)
    return block


def modal(title: str, blocks: Sequence[Json], language: str, **more: str) -> Json:
    """A modal: ``callback``, ``metadata``, ``submit`` (the word on the button)."""
    view: Json = {
        "type": "modal",
        "title": text(title, TITLE),
        "close": text(say("care.close", language), TITLE),
        "blocks": list(blocks)[:BLOCKS],
    }
    if more.get("submit"):
        view["submit"] = text(more["submit"], TITLE)
    if more.get("callback"):
        view["callback_id"] = more["callback"]
    if more.get("metadata"):
        view["private_metadata"] = more["metadata"]
    return view


def told(title: str, words: str, language: str) -> Json:
    """A modal that says one thing."""
    return modal(title, [section(text(words))], language)


def ago(at: datetime) -> str:
    """For mrkdwn: how long ago, counted by the reader's own Slack whenever it is looked at."""
    return escaping.moment(at, "{ago}")


def on(at: datetime) -> str:
    """For mrkdwn: date and time in the reader's own zone."""
    return escaping.moment(at)


def bold(words: str, most: int = 150) -> str:
    """For mrkdwn: what somebody is called, in bold, and nothing else than that."""
    return f"*{escaped(cut(' '.join(words.split()), most))}*"


def link(url: str, words: str) -> str:
    """For mrkdwn: a link of ours."""
    return f"<{url}|{escaped(words)}>"


def answers(view: Json) -> dict[str, str]:
    """What was written and chosen in a form, by name."""
    found: dict[str, str] = {}
    for block in view.get("state", {}).get("values", {}).values():
        for name, given in block.items():
            chosen = given.get("selected_option") or {}
            found[name] = str(given.get("value") or chosen.get("value") or "")
    return found
