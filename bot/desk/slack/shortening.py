"""Personal data, shortened before it reaches Slack: emails, phone numbers, postal addresses.

Enough is left to recognise one's own: ``l•••@e•••.fr``, ``06 •• •• •• 12``, ``[adresse]``. Secrets were
masked for good before (see ``bot.engine.masking``). Everything is linear in the length of the text: an
address is read outwards from its ``@``, and every repetition of a pattern is bounded. Doing it again
changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

import phonenumbers

REGION = "FR"
"""Where a number without a country code is from."""

ADDRESS = "[adresse]"

_AT = re.compile("[@＠]")
_LOCAL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]")
_DOMAIN = re.compile(r"[\w.-]+")

_GAP = r"[ \t._·\-/()\u00a0\u2007-\u200a\u202f\u2010-\u2015\u2212\u3000]{0,3}"
_FREE = r"(?<![\d•+])(?<!• )"
_PHONE = re.compile(
    rf"(?P<abroad>(?:(?<![\d+•])\+|(?<![\w+•])(?<!• )00){_GAP}[1-9](?:{_GAP}\d){{6,14}}(?!\d))"
    rf"|(?P<home>{_FREE}[0０][1-9１-９](?:{_GAP}\d){{8}}(?!\d))"
)
_NOT_DIGIT = re.compile(r"\D")
_FEWEST = 8
"""Digits of a number with its country's code."""

_TITLES = (
    "général|general|maréchal|marechal|docteur|dr|président|president|saint|sainte|st|ste|jean|capitaine|"
    "colonel|commandant|professeur|abbé|abbe|victor|charles|pierre|paul|grand|grande|petit|petite|vieux|vieille"
)
_SMALL = rf"(?:(?:de|du|des|la|le|les|à|aux|au|en|sur|sous|{_TITLES})[ -]|[ld]['’])"
_WORD = r"[^\W\d_][\w'’-]{0,30}"
_CAPITAL = r"(?-i:[A-ZÀ-ÖØ-Ý])[\w'’-]{0,30}"
_NAME = rf"(?:{_SMALL}){{0,4}}{_WORD}(?:[ -](?:(?:{_SMALL}){{1,4}}{_WORD}|{_CAPITAL})){{0,4}}"
_NUMBER = r"(?<![\w.,])\d{1,4}(?:[ ]?(?:bis|ter|quater|[a-d]\b))?,?[ ]"
_WAYS = (
    "rue|avenue|av|ave|boulevard|bd|bld|blvd|place|pl|chemin|impasse|allée|allées|allee|quai|cours|route|rte|"
    "square|passage|faubourg|fbg|résidence|residence|lotissement|sentier|esplanade|promenade|ruelle|venelle"
)
_TOWN = r"(?:F-)?(?:0[1-9]|[1-8]\d|9[0-8])\d{3},?[ ]"
_FRENCH = re.compile(rf"{_NUMBER}(?:{_WAYS})\b\.?[ ]{_NAME}(?:[ ,\n-]{{1,4}}{_TOWN}{_NAME})?", re.IGNORECASE)
_FRENCH_TOWN = re.compile(rf"(?<![\w.,])(?i:{_TOWN})(?=[A-ZÀ-ÖØ-Ý])(?i:{_NAME})")
_PLAIN_WAYS = "street|road|avenue|lane|boulevard|crescent|terrace|mews"
_OTHER_WAYS = "St|Rd|Ave|Ln|Blvd|Dr|Drive|Ct|Court|Pl|Place|Sq|Square|Way|Close|Gardens|Row|Hill|Park"
_ENGLISH = re.compile(
    r"(?<![\w.,])\d{1,5}[A-Za-z]?,?[ ](?:[\w'’.-]{1,20}[ ]){1,4}?"
    rf"(?:(?i:{_PLAIN_WAYS})|{_OTHER_WAYS})\b\.?"
)
_BRITISH_TOWN = re.compile(r"(?<!\w)[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}(?!\w)")
_REPEATED = re.compile(rf"{re.escape(ADDRESS)}(?:[ ,\n]{{1,4}}{re.escape(ADDRESS)})+")


@lru_cache(maxsize=512)
def shorten(text: str) -> str:
    """The text without what tells where somebody lives or is reached."""
    text = _without_emails(text)
    text = _without_phones(text)
    for pattern in (_FRENCH, _ENGLISH, _FRENCH_TOWN, _BRITISH_TOWN):
        text = pattern.sub(ADDRESS, text)
    # What stood before a number may have gone with an address: only now is it seen as one.
    return _without_phones(_REPEATED.sub(ADDRESS, text)) if ADDRESS in text else text


def is_shortened(text: str) -> bool:
    """Whether there is something to reveal."""
    return shorten(text) != text


# --- emails --------------------------------------------------------------------------------


def _without_emails(text: str) -> str:
    parts: list[str] = []
    end = 0
    for found in _AT.finditer(text):
        start = _grown(text, found.start(), end)
        domain = _DOMAIN.match(text, found.end())
        name, _, tail = domain[0].rstrip(".-").rpartition(".") if domain else ("", "", "")
        follows = end == found.start() > 0  # a@b.fr@c.fr: what is before was shortened as the first one
        if (start == found.start() and not follows) or not name or not _is_tail(tail):
            continue
        local = "" if follows else _first(text[start : found.start()])
        parts += (text[end:start], f"{local}@{_first(name)}.{tail}")
        end = found.end() + len(name) + 1 + len(tail)
    return "".join((*parts, text[end:])) if parts else text


def _grown(text: str, at: int, least: int) -> int:
    """Where the part before an ``@`` begins."""
    start = at
    while start > least and _LOCAL.match(text, start - 1):
        start -= 1
    return start


def _is_tail(tail: str) -> bool:
    return len(tail) >= 2 and not any(letter.isdigit() for letter in tail)


def _first(text: str) -> str:
    return f"{text[0]}•••" if len(text) > 2 and text[0].isalnum() else "•••"


# --- phone numbers -------------------------------------------------------------------------


def _without_phones(text: str) -> str:
    parts: list[str] = []
    done = at = 0
    while found := _PHONE.search(text, at):
        shown, length = _phone(found[0], home=bool(found["home"]))
        if length == 0:
            at = found.start() + 1
            continue
        parts += (text[done : found.start()], shown)
        done = at = found.start() + length
    return "".join((*parts, text[done:])) if parts else text


def _phone(written: str, *, home: bool) -> tuple[str, int]:
    """How a number is shown, and how much of the text it is: what follows may look like a part of it."""
    digits = _NOT_DIGIT.sub("", written)
    if home:
        return f"{digits[:2]} •• •• •• {digits[-2:]}", len(written)
    for end in range(len(written), 0, -1):
        number = _read(written[:end])
        if number is not None:
            return f"+{number.country_code} •• •• •• {_NOT_DIGIT.sub('', written[:end])[-2:]}", end
    return ("", 0) if written.startswith("00") else (f"+•• •• •• {digits[-2:]}", len(written))


def _read(written: str) -> phonenumbers.PhoneNumber | None:
    if not written[-1].isdigit() or len(_NOT_DIGIT.sub("", written)) < _FEWEST:
        return None
    try:
        number = phonenumbers.parse(written, REGION)
    except phonenumbers.NumberParseException:
        return None
    return number if _VALID(number) else None


_VALID: Callable[[phonenumbers.PhoneNumber], bool] = phonenumbers.is_valid_number
