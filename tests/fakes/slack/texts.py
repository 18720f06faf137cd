"""What becomes of text: what a person types, and what an app sends, as Slack keeps it."""

from __future__ import annotations

import re
from typing import Any

_ENTITY = re.compile(r"&(?:amp|lt|gt);")
_MARKUP = re.compile(r"<(?:[@#][A-Z0-9]+(?:\|[^<>]*)?|![^<>]+|[a-z][a-z0-9+.-]*:[^<>|]+(?:\|[^<>]*)?)>")
_LINK = re.compile(r"https?://[^\s<>|]+[^\s<>|.,;:!?)\]}'\"]")
_TYPED = re.compile(r"(<@[UW][A-Z0-9]+>|https?://[^\s<>]+[^\s<>.,;:!?)\]}'\"]|:[a-z0-9_+-]+:)")
_PINGS = re.compile(r"<(@[UW][A-Z0-9]+|!(?:here|channel|everyone|subteam\^[A-Z0-9]+))(?:\|[^<>]*)?>")


def escape(text: str) -> str:
    """The three characters Slack escapes."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def typed(text: str) -> str:
    """What a person typed, as stored: escaped, mentions kept, addresses between angle brackets."""
    parts = []
    for part in _TYPED.split(text):
        if part.startswith("<@"):
            parts.append(part)
        elif part.startswith(("http://", "https://")):
            parts.append(f"<{escape(part)}>")
        else:
            parts.append(escape(part))
    return "".join(parts)


def sent(text: str) -> str:
    """What an app sent, as stored: markup and entities stay, stray < > & are escaped, addresses linked."""
    kept: list[str] = []
    last = 0
    for match in _MARKUP.finditer(text):
        kept.extend((_loose(text[last : match.start()]), match.group()))
        last = match.end()
    kept.append(_loose(text[last:]))
    return "".join(kept)


def _loose(text: str) -> str:
    escaped = re.sub(r"&(?!(?:amp|lt|gt);)", "&amp;", text).replace("<", "&lt;").replace(">", "&gt;")
    return _LINK.sub(lambda match: f"<{match.group()}>", escaped)


def shown(text: str) -> str:
    """Stored text as people read it: no markup, no entities."""
    plain = re.sub(r"<[^<>|]+\|([^<>]*)>", r"\1", text)
    plain = re.sub(r"<([^<>|]+)>", r"\1", plain)
    return plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def pings(text: str) -> list[str]:
    """Whom stored text would call: @U…, !here, !channel, !everyone, !subteam^S…"""
    return _PINGS.findall(text)


def links(text: str) -> list[str]:
    """Addresses stored text would make clickable."""
    return re.findall(r"<((?:https?|mailto|tel):[^<>|]+)(?:\|[^<>]*)?>", text)


def rich_text(text: str, block_id: str) -> dict[str, Any]:
    """The block a person's client sends beside the text."""
    elements: list[dict[str, Any]] = []
    for part in _TYPED.split(text):
        if not part:
            continue
        if part.startswith("<@"):
            elements.append({"type": "user", "user_id": part[2:-1]})
        elif part.startswith(("http://", "https://")):
            elements.append({"type": "link", "url": part})
        elif re.fullmatch(r":[a-z0-9_+-]+:", part):
            elements.append({"type": "emoji", "name": part.strip(":")})
        else:
            elements.append({"type": "text", "text": part})
    return {
        "type": "rich_text",
        "block_id": block_id,
        "elements": [{"type": "rich_text_section", "elements": elements}],
    }
