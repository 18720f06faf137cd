"""Secrets a customer should not have sent us, masked for good before anything is written.

Card numbers, IBANs, French social security numbers and what follows "mot de passe" or "password"
are replaced by markers that read in French and in English. Numbers are validated, not guessed:
order numbers, phone numbers and barcodes survive. A number that a customer spreads over several
messages is not recognised.

All of it is linear in the length of the text: patterns are possessive or bounded, and the
validations are counted. A text with more look-alikes than :data:`CHECKS` is no message; from
there on every look-alike is masked unvalidated.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from itertools import accumulate
from typing import Any

from stdnum import iban, luhn, numdb
from stdnum.fr import nir

from bot.engine.cleaning import clean
from bot.engine.passwords import is_password_key, mask_passwords

CARD = "[carte/card ••••]"
IBAN = "[IBAN ••••]"
SOCIAL_SECURITY = "[sécu/SSN ••••]"
SECRET = "[secret ••••]"  # noqa: S105 - the marker, not a secret

MARKERS = (CARD, IBAN, SOCIAL_SECURITY, SECRET)

CHECKS = 2_000
PASSES = 3
"""A number cut out of a tangle of numbers may let another one be seen."""

RAW_LIMIT = 64 * 1024
_RAW_READ_LIMIT = 4 * 1024 * 1024

_SEP = r"(?:[^\w€$£%+]|_){0,4}+"
_DIGIT_RUN = re.compile(rf"[0-9](?:{_SEP}[0-9]){{12}}(?:{_SEP}[0-9])*+")
_DIGIT_GROUP = re.compile(r"[0-9]++")
_IBAN_START = re.compile(rf"([A-Za-z]){_SEP}([A-Za-z]){_SEP}[0-9]{_SEP}[0-9]")
_NIR_LOOKALIKE = re.compile(
    rf"(?<![0-9])[1-478](?:{_SEP}[0-9]){{5}}{_SEP}[0-9AaBb](?:{_SEP}[0-9]){{6}}(?P<key>(?:{_SEP}[0-9]){{2}})?(?![0-9])"
)
_NIR_LAYOUT = re.compile(r"[1-478][ .-]?\d\d[ .-]\d\d[ .-](?:\d\d|2[ABab])[ .-]\d{3}[ .-]\d{3}")
_NIR_NAMED = re.compile(r"(?<!\[)s[ée]cu|\bnir\b|(?<!/)\bssn\b|insee|social security", re.IGNORECASE)
_NIR_NAME_REACH = 48
_PHONE = re.compile(r"(?<![0-9])0[1-9](?:[0-9]{8}|(?:[ .\-\u00a0\u202f][0-9]{2}){4})(?![0-9])")

_PHONE_WIDTH = len("06 12 34 56 78")

_NOT_ALNUM = re.compile(r"[\W_]+")
_OTHER_DIGITS = re.compile(r"(?![0-9])[\d²³¹⁰⁴-⁹₀-₉①-⑨⓪❶-❾➀-➈➊-➒⑴-⑼⒈-⒐]")
_FULL_WIDTH = {0xFF01 + offset: 0x21 + offset for offset in range(94)}

_CARD_LENGTHS: dict[str, tuple[int, ...]] = {
    "4": (16, 13, 18, 19),
    **{str(prefix): (16,) for prefix in (51, 52, 53, 54, 55, 81, 82)},
    **{str(prefix): (16,) for prefix in (*range(2200, 2205), *range(2221, 2721), 9792)},
    **{str(prefix): (15,) for prefix in (34, 37)},
    **{str(prefix): (14, 16) for prefix in (300, 301, 302, 303, 304, 305, 309, 36, 38, 39)},
    "35": (16, 17, 18, 19),
    **{str(prefix): (16, 17, 18, 19) for prefix in (50, *range(56, 70))},
}
"""What a card number may begin with (issuer ranges), and how long it then is."""


def clean_text(text: str) -> str:
    """The text as it is kept: cleaned, then masked. Doing it again changes nothing."""
    return mask(clean(text))


def mask(text: str) -> str:
    """The text with its secrets replaced by markers. Expects cleaned text."""
    for _ in range(PASSES):
        masked = _masked(text)
        if masked == text:
            break
        text = masked
    return text


def _masked(text: str) -> str:
    budget = _Budget(CHECKS)
    for find, marker in ((_ibans, IBAN), (_social_security, SOCIAL_SECURITY), (_cards, CARD)):
        text = _replaced(text, find(_skeleton(text), budget), marker)
    return mask_passwords(text, SECRET, MARKERS)


def clean_json(raw: str) -> str:
    """A raw update, to be parked: every text and long number in it cleaned and masked, the values
    of keys named like a password gone, at most :data:`RAW_LIMIT` characters. What is not JSON is
    masked as text."""
    if len(raw) > _RAW_READ_LIMIT:
        raw = raw[: _RAW_READ_LIMIT - 1]
    try:
        masked = json.dumps(_clean_value(json.loads(raw)), ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        masked = clean_text(raw)
    # Only what is masked is cut: half a number would not be recognised.
    return masked if len(masked) <= RAW_LIMIT else masked[: RAW_LIMIT - 1] + "…"


def _clean_value(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list):
        return [_clean_value(item) for item in value]
    if isinstance(value, dict):
        return {clean_text(key): _clean_member(key, item) for key, item in value.items()}
    if isinstance(value, int) and abs(value) >= 10**12:
        masked = clean_text(str(value))
        return value if masked == str(value) else masked
    return value


def _clean_member(key: str, value: Any) -> Any:
    if is_password_key(key) and isinstance(value, str | int | float) and not isinstance(value, bool):
        return SECRET
    return _clean_value(value)


# --- finding -------------------------------------------------------------------------------

_Spans = Iterator[tuple[int, int]]


class _Budget:
    """How many validations a text may still cost."""

    def __init__(self, checks: int) -> None:
        self._left = checks

    def allows(self, check: Callable[[], bool]) -> bool:
        """The check's verdict; once the budget is spent, always yes."""
        self._left -= 1
        return self._left < 0 or check()


def _skeleton(text: str) -> str:
    """The same text, as long, with digits of any script and full-width characters as ASCII."""
    if text.isascii():
        return text
    return _OTHER_DIGITS.sub(_ascii_digit, text.translate(_FULL_WIDTH))


def _ascii_digit(found: re.Match[str]) -> str:
    return str(_digit_value(found[0]))


@lru_cache(maxsize=1024)
def _digit_value(character: str) -> int:
    return unicodedata.digit(character)


def _replaced(text: str, spans: _Spans, marker: str) -> str:
    parts: list[str] = []
    end = 0
    for start, stop in spans:
        parts += (text[end:start], marker)
        end = stop
    return "".join((*parts, text[end:])) if parts else text


def _ibans(skeleton: str, budget: _Budget) -> _Spans:
    """Two letters and two digits, then as much as that country's IBAN has."""
    end = 0
    for start in _IBAN_START.finditer(skeleton):
        if start.start() < end:
            continue
        rest = _iban_rest((start[1] + start[2]).upper())
        found = rest.match(skeleton, start.end()) if rest else None
        if found is None:
            continue
        number = _compact(skeleton[start.start() : found.end()])
        if budget.allows(partial(iban.is_valid, number, check_country=False)):
            end = found.end()
            yield start.start(), end


@lru_cache(maxsize=700)
def _iban_rest(country: str) -> re.Pattern[str] | None:
    """What follows the check digits in that country; None when it has no IBANs."""
    _, known = numdb.get("iban").info(country)[0]
    if "bban" not in known:
        return None
    length = sum(int(size) for size in re.findall(r"(\d+)!", known["bban"]))
    return re.compile(rf"(?:{_SEP}[A-Za-z0-9]){{{length}}}")


def _social_security(skeleton: str, budget: _Budget) -> _Spans:
    position = 0
    while found := _NIR_LOOKALIKE.search(skeleton, position):
        if budget.allows(partial(_is_social_security, skeleton, found)):
            yield found.span()
            position = found.end()
        else:
            position = found.start() + 1


def _is_social_security(skeleton: str, found: re.Match[str]) -> bool:
    """With its key it is validated; without, it must be laid out or announced as one."""
    if found["key"] and nir.is_valid(_compact(found[0])):
        return True
    number = found[0][: found.start("key") - found.start()] if found["key"] else found[0]
    if _NIR_LAYOUT.fullmatch(number):
        return True
    before = skeleton[max(0, found.start() - _NIR_NAME_REACH) : found.start()]
    return _NIR_NAMED.search(before) is not None


def _cards(skeleton: str, budget: _Budget) -> _Spans:
    for run in _DIGIT_RUN.finditer(skeleton):
        groups = [group.span() for group in _DIGIT_GROUP.finditer(skeleton, *run.span())]
        yield from _CardRun(skeleton, groups).cards(budget)


class _CardRun:
    """Groups of digits with little between them; a card is one or several whole groups."""

    def __init__(self, skeleton: str, groups: list[tuple[int, int]]) -> None:
        self._skeleton = skeleton
        self._groups = groups
        self._digits = "".join(skeleton[start:stop] for start, stop in groups)
        offsets = list(accumulate((stop - start for start, stop in groups), initial=0))
        self._offsets = offsets
        self._group_ending_at = {offset: index for index, offset in enumerate(offsets[1:])}
        first, last = groups[0][0], groups[-1][1]
        self._in_phones = {
            at for phone in _PHONE.finditer(skeleton, first, last) for at in range(*phone.span())
        }

    def cards(self, budget: _Budget) -> _Spans:
        first = 0
        while first < len(self._groups):
            last = self._last_group(first, budget)
            if last is not None:
                yield self._groups[first][0], self._groups[last][1]
                first = last
            first += 1

    def _last_group(self, first: int, budget: _Budget) -> int | None:
        """Where the card that begins with this group ends, if one does."""
        offset, start = self._offsets[first], self._groups[first][0]
        lengths = _card_lengths(self._digits[offset : offset + 4])
        abroad = self._skeleton[max(0, start - 1) : start] == "+"  # an E.164 phone: at most 15 digits
        for length in lengths:
            last = self._group_ending_at.get(offset + length)
            if last is None or (abroad and length <= 15) or self._holds_order_number(first, last):
                continue
            digits = self._digits[offset : offset + length]
            if budget.allows(partial(luhn.is_valid, digits)):
                return None if self._is_in_phone(start) else last
        return None

    def _is_in_phone(self, at: int) -> bool:
        start = self._skeleton.rfind("0", max(0, at - _PHONE_WIDTH + 1), at + 1)
        while start >= 0:
            phone = _PHONE.match(self._skeleton, start)
            if phone and phone.end() > at:
                return True
            start = self._skeleton.rfind("0", max(0, at - _PHONE_WIDTH + 1), start)
        return False

    def _holds_order_number(self, first: int, last: int) -> bool:
        return first < last and any(stop - start == 7 for start, stop in self._groups[first : last + 1])


@lru_cache(maxsize=11_000)
def _card_lengths(begin: str) -> tuple[int, ...]:
    """How long a card number that begins so may be."""
    prefixes = (begin[:size] for size in range(1, len(begin) + 1))
    return next((_CARD_LENGTHS[prefix] for prefix in prefixes if prefix in _CARD_LENGTHS), ())


def _compact(text: str) -> str:
    return _NOT_ALNUM.sub("", text)
