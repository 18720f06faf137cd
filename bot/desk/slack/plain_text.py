"""What an agent wrote in Slack, as plain text for a customer.

People's own Slack sends ``rich_text`` blocks beside the text: they say what is formatting and what is not,
so they are read where they are; the text with its marks is the fallback. Pure functions, linear in length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.desk.slack.emoji import character

Json = Mapping[str, Any]
Names = Callable[[str], str]
"""What somebody is called, by their id at Slack."""

DEPTH = 8
"""Blocks within blocks that are looked into; Slack has four."""
_TOKEN = re.compile(r"<([^<>\n]{1,3000})>")
_MARKS = tuple(
    re.compile(rf"(?<![\w{mark}]){mark}(?=[^\s{mark}])([^{mark}\n]{{1,2000}})(?<!\s){mark}(?![\w{mark}])")
    for mark in (r"\*", "_", "~", "`")
)
_FENCE = re.compile(r"```\n?([^`]{0,40000})```")
_SHORTCODE = re.compile(r":([a-z0-9_+'-]{1,100}):(?::skin-tone-([2-6]):)?")
_STAND_IN = re.compile("\ue000(\\d{1,5})\ue001")
_PRIVATE = re.compile("[\ue000\ue001]")
_SCHEME = re.compile(r"^(?:https?://|mailto:|tel:)")


@dataclass(slots=True)
class Plain:
    """A text, and whether it calls a colleague. ``people`` are the ids of those it names."""

    text: str = ""
    calls: bool = False
    people: list[str] = field(default_factory=list)


def plain(message: Json, names: Names = str) -> Plain:
    """A message of somebody's as plain text: what they typed, without formatting, with links written out,
    lists kept, emoji as characters."""
    blocks = [block for block in message.get("blocks") or () if block.get("type") == "rich_text"]
    text = str(message.get("text") or "")
    if not blocks:
        return from_markup(text, names)
    found = Plain()
    channels = dict(re.findall(r"<#([A-Z0-9]+)\|([^<>|]+)>", text))
    parts = [_blocks(block.get("elements") or (), found, names, channels, 0) for block in blocks]
    found.text = tidy("\n".join(parts))
    return found


def tidy(text: str) -> str:
    """Without blank ends, and without spaces at the ends of lines."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def shortcodes(text: str) -> str:
    """Emoji written as ``:name:`` become characters; a name we do not know stays as it is."""
    return _SHORTCODE.sub(lambda found: character(found[1], found[2] or "") or found[0], text)


# --- rich text ---------------------------------------------------------------------------------


def _blocks(
    elements: Iterable[Json], found: Plain, names: Names, channels: Mapping[str, str], depth: int
) -> str:
    """Sections, lists, quotes, one below the other."""
    parts: list[str] = []
    for element in elements:
        part = _block(element, found, names, channels, depth)
        if parts and not parts[-1].endswith("\n"):
            parts.append("\n")
        parts.append(part)
    return "".join(parts)


def _block(element: Json, found: Plain, names: Names, channels: Mapping[str, str], depth: int) -> str:
    inside: Sequence[Json] = element.get("elements") or ()
    if element.get("type") != "rich_text_list":
        return "".join(_inline(one, found, names, channels) for one in inside)
    if depth >= DEPTH:
        return ""
    ordered, first = element.get("style") == "ordered", int(element.get("offset") or 0) + 1
    indent = "  " * min(int(element.get("indent") or 0), DEPTH)
    lines = []
    for number, item in enumerate(inside, first):
        mark = f"{number}." if ordered else "•"
        lines.append(f"{indent}{mark} {_block(item, found, names, channels, depth + 1).strip()}")
    return "\n".join(lines)


def _inline(element: Json, found: Plain, names: Names, channels: Mapping[str, str]) -> str:
    match element.get("type"):
        case "text":
            return str(element.get("text") or "")
        case "link":
            return linked(str(element.get("url") or ""), str(element.get("text") or ""))
        case "emoji":
            return _emoji(element)
        case "user":
            return _person(str(element.get("user_id") or ""), found, names)
        case "usergroup" | "broadcast" as kind:
            found.calls = True
            return f"@{element.get('range') or element.get('name') or kind}"
        case "channel":
            channel = str(element.get("channel_id") or "")
            return f"#{channels.get(channel, channel)}"
        case "date":
            return str(element.get("fallback") or "")
        case "color":
            return str(element.get("value") or "")
        case _:
            return str(element.get("text") or "")


def _person(user: str, found: Plain, names: Names) -> str:
    found.calls = True
    found.people.append(user)
    return f"@{names(user)}"


def _emoji(element: Json) -> str:
    points = str(element.get("unicode") or "")
    if re.fullmatch(r"[0-9a-f]{2,6}(?:-[0-9a-f]{2,6}){0,15}", points):
        try:
            return "".join(chr(int(point, 16)) for point in points.split("-"))
        except (ValueError, OverflowError):
            return ""
    name = str(element.get("name") or "")
    tone = str(element.get("skin_tone") or "")
    return character(name, tone) or (f":{name}:" if name else "")


def linked(url: str, label: str) -> str:
    """A link written out: its label, then the address if the label does not say it already."""
    address = url.removeprefix("mailto:").removeprefix("tel:")
    if not label or _bare(label) == _bare(url):
        return address
    return f"{label} ({address})"


def _bare(url: str) -> str:
    return _SCHEME.sub("", url.strip()).rstrip("/").lower()


# --- text with marks ---------------------------------------------------------------------------


def from_markup(text: str, names: Names = str) -> Plain:
    """The same from a text in Slack's own markup."""
    found = Plain()
    kept: list[str] = []

    def stand_in(token: re.Match[str]) -> str:
        kept.append(_token(token[1], found, names))
        return f"\ue000{len(kept) - 1}\ue001"

    text = _TOKEN.sub(stand_in, _PRIVATE.sub("", text))
    text = _FENCE.sub(r"\1", text)
    for mark in _MARKS:
        text = mark.sub(r"\1", text)
    text = unescaped(shortcodes(text))
    found.text = tidy(_STAND_IN.sub(lambda at: kept[int(at[1])], text))
    return found


def unescaped(text: str) -> str:
    """The three characters Slack escapes."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _token(token: str, found: Plain, names: Names) -> str:
    what, _, label = token.partition("|")
    label = unescaped(label)
    match what[:1]:
        case "@":
            return _person(what[1:], found, lambda user: label or names(user))
        case "#":
            return f"#{label or what[1:]}"
        case "!":
            return _special(what[1:], label, found)
        case _:
            return linked(unescaped(what), label)


def _special(what: str, label: str, found: Plain) -> str:
    kind = what.partition("^")[0]
    if kind == "date":
        return label
    found.calls = True
    return label if label.startswith("@") else f"@{label or kind}"
