"""Takes secrets out of whatever is about to be logged: the last line of defence, not the first."""

from __future__ import annotations

import re
from collections.abc import Mapping

HIDDEN = "***"
LONGEST = 4_000
"""Characters of one value; longer ones are cut, before anything else is done with them."""

_NAMES = re.compile(r"(token|secret|password|passwd|authorization|cookie|email|^text$|^body$)", re.IGNORECASE)
_PATTERNS = (
    (re.compile(r"\bbot\d{3,20}:[A-Za-z0-9_-]{10,100}"), f"bot{HIDDEN}"),
    (re.compile(r"\b\d{6,12}:[A-Za-z0-9_-]{30,60}\b"), HIDDEN),
    (
        re.compile(r"([?&;](?:auth_)?(?:token|secret|ticket|resume|session|signature|sig|key)=)[^&\s\"'#]+"),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+"), rf"\1 {HIDDEN}"),
    (re.compile(r"(\b[a-z][a-z0-9+.-]{1,20}://)[^/\s:@\"']{0,100}:[^/\s@\"']{1,200}@"), rf"\1{HIDDEN}@"),
    (re.compile(r"\bxox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]+|\bxapp-[A-Za-z0-9-]+"), HIDDEN),
    (re.compile(r"(\bhooks\.slack\.com/)[^\s\"'<>]+"), rf"\1{HIDDEN}"),
    (
        re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,5}"),
        f"{HIDDEN}@{HIDDEN}",
    ),
)


def redact(text: str) -> str:
    """The text without tokens, passwords and addresses."""
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


def redact_value(value: object, name: str = "") -> object:
    """The same for whatever a log field holds; a field named like a secret is hidden whole."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if _NAMES.search(name):
        return HIDDEN
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {str(key): redact_value(below, str(key)) for key, below in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_value(below) for below in value]
    return redact(str(value))
