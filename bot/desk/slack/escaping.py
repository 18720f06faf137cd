"""Other people's words in Slack: nothing a customer typed may ping, link or format.

Slack formats ``mrkdwn`` and the plain ``text`` of a message; ``plain_text`` objects it leaves alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

Block = dict[str, Any]

SECTION = 2_900
"""Characters of one text object: Slack takes 3,000, and counts the entities it escapes."""

_ENTITY = re.compile(r"&(?=(?:amp|lt|gt);)")
_MARKS = re.compile(
    r"(?<=:)(?=//)|(?=[*_~`])|(?<=www)(?=\.)|(?<=@)(?=\w)|(?<=:)(?=[\w+'-]+:)|^(?=[ \t]*&gt;)", re.MULTILINE
)
_JOINER = "\u2060"
_INVISIBLE = "\u200b"


def plain(text: str, limit: int = SECTION) -> Block:
    """A ``plain_text`` object that shows the text as it is, cut to ``limit`` characters with an ellipsis."""
    text = text.strip("\n") or _INVISIBLE
    return {"type": "plain_text", "text": _ENTITY.sub("&amp;", cut(text, limit)), "emoji": False}


def button_text(text: str) -> Block:
    """A button's label, at most 75 characters."""
    return {"type": "plain_text", "text": cut(text, 75), "emoji": True}


def mrkdwn(text: str) -> Block:
    """A ``mrkdwn`` object of our own words; what others wrote in it went through ``escaped``."""
    return {"type": "mrkdwn", "text": cut(text, SECTION), "verbatim": True}


def escaped(text: str) -> str:
    """The text inside ``mrkdwn``, or as a message's ``text``: read as typed, with no effect."""
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKS.sub(_JOINER, safe)


def unescaped(text: str) -> str:
    """A text that Slack gives back, without its entities."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def one_line(text: str, limit: int) -> str:
    """The text on one line, cut."""
    return cut(" ".join(text.split()), limit)


def cut(text: str, limit: int) -> str:
    """At most ``limit`` characters as Slack may count them (two for those outside the basic plane)."""
    if _width(text) <= limit:
        return text
    return f"{_head(text, limit - 1).rstrip()}…"


def pieces(text: str, limit: int = SECTION) -> Iterator[str]:
    """The whole text in pieces that Slack takes, broken where a line or a word ends if there is one."""
    while _width(text) > limit:
        head = _head(text, limit)
        end = max(head.rfind("\n"), 0) or max(head.rfind(" "), 0)
        end = end + 1 if end > limit // 2 else len(head)
        yield text[:end]
        text = text[end:]
    if text:
        yield text


def moment(at: datetime, form: str = "{date_short_pretty} {time}") -> str:
    """A moment in ``mrkdwn``: each reader sees it in their own zone, and as *today* or *yesterday*."""
    utc = at.astimezone(UTC)
    return f"<!date^{int(utc.timestamp())}^{form}|{utc:%Y-%m-%d %H:%M} UTC>"


def _width(text: str) -> int:
    return len(text) if text.isascii() else len(text) + sum(1 for letter in text if letter > "\uffff")


def _head(text: str, limit: int) -> str:
    width = 0
    for index, letter in enumerate(text):
        width += 2 if letter > "\uffff" else 1
        if width > limit:
            return text[:index]
    return text
