"""Making a customer's text safe for Rasa, with the offsets of entities still right."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

_UNWANTED = ("Cc", "Cf", "Co", "Cn", "Cs")
"""Control, format (zero-width, direction), private, unassigned, surrogates."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is sent, and how many characters the original has before it."""

    text: str
    offset: int


def prepare(text: str, limit: int) -> Prepared:
    """Blank out what Rasa must not see, cut to ``limit`` characters (on a word, if there is one).

    Every unwanted character becomes one space, so positions do not move. A leading ``/`` would make
    Rasa take the text for a command that names an intent: it goes too. The result may be empty.
    """
    seen = text[: limit * 4] if len(text) > limit else text
    blanked = "".join(" " if unicodedata.category(c) in _UNWANTED else c for c in seen)
    start = len(blanked) - len(blanked.lstrip("/\\ \t\r\n\u00a0\u2028\u2029\u3000"))
    kept = blanked[start:].rstrip()
    return Prepared(_cut(kept, limit).strip(), start)


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    head = text[: limit + 1]
    words = head.rsplit(None, 1)
    return words[0] if len(words) == 2 and len(words[0]) > limit // 2 else text[:limit]
