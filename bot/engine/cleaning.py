"""What a text may hold before it is kept: no control characters, nothing invisible that could
hide a number or change how a line reads. Right-to-left text and emoji stay what they are.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

MARKS_IN_A_ROW = 30
"""Unicode's own limit for a run of combining marks (UAX #15, stream-safe text). Without it the
canonical ordering of a long run takes quadratic time."""

_SURROGATE_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_LONE_SURROGATES = re.compile("[\ud800-\udfff]+")
_NEWLINES = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_NEVER_SHOWN = re.compile(
    "[\u00ad\u034f\u180e\u200b\u2060-\u2064\ufeff"  # soft hyphen, joiners that do not join, BOM
    "\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\u206a-\u206f"  # bidirectional marks and overrides
    "\ufff9-\ufffb\ufffe\uffff\U0001fffe\U0001ffff]"  # annotation characters, noncharacters
)
_JOINERS = re.compile("[\u200c\u200d]+")
_TAGS = re.compile(
    "(\U0001f3f4[\U000e0061-\U000e007a\U000e0030-\U000e0039]{1,8}\U000e007f)|[\U000e0000-\U000e007f]+"
)
_STRAY_SELECTORS = re.compile(
    "(?<=[A-Za-z\u00c0-\u024f\u0300-\u036f])[\ufe00-\ufe0f]+|(?<=[\ufe00-\ufe0f])[\ufe00-\ufe0f]+"
)


def clean(text: str) -> str:
    """The text as it may be kept, in Unicode's composed form (NFC). Linear in its length.

    Control characters but newline and tab are dropped, every kind of line end becomes a newline,
    a run of lone surrogates becomes U+FFFD, bidirectional controls and invisible characters are dropped
    except where emoji and joining scripts need them.
    """
    if text.isascii():
        return _CONTROLS.sub("", _NEWLINES.sub("\n", text))
    text = _LONE_SURROGATES.sub("\ufffd", _SURROGATE_PAIR.sub(_joined, text))
    text = _CONTROLS.sub("", _NEWLINES.sub("\n", text))
    text = _NEVER_SHOWN.sub("", text)
    text = _TAGS.sub(lambda found: found[1] or "", text)
    text = _JOINERS.sub(_joiner_worth_keeping, _STRAY_SELECTORS.sub("", text))
    text = _STRAY_SELECTORS.sub("", text)  # two may only now be neighbours
    return unicodedata.normalize("NFC", _with_few_marks(text))


def _joined(pair: re.Match[str]) -> str:
    return pair[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def _joiner_worth_keeping(found: re.Match[str]) -> str:
    """One joiner where it joins something."""
    start, end = found.span()
    text = found.string
    joins = start > 0 and end < len(text) and _can_be_joined(text[start - 1], text[end])
    return text[start] if joins else ""


@lru_cache(maxsize=4096)
def _can_be_joined(before: str, after: str) -> bool:
    """Emoji, or letters of a script that joins (never Latin ones, where a joiner only hides)."""
    pair = unicodedata.category(before), unicodedata.category(after)
    letters = pair[0] in ("Lo", "Mn", "Mc") and pair[1] == "Lo"
    emoji = pair[1] == "So" and (pair[0] in ("So", "Sk") or before == "\ufe0f")
    return letters or emoji


def _with_few_marks(text: str) -> str:
    combining = unicodedata.combining
    if not any(map(combining, set(text))):
        return text
    kept: list[str] = []
    run = 0
    for character in text:
        run = run + 1 if combining(character) else 0
        if run <= MARKS_IN_A_ROW:
            kept.append(character)
    return "".join(kept)
