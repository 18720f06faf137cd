"""Whether a text says who somebody is. What the bot learns from is nobody's: it is kept for good, shown
to admins, and no erasure reaches it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import phonenumbers

from bot.engine.masking import clean_text

REGION = "FR"
"""How a phone number without its country is read."""
NAME_LETTERS = 3
"""A shorter part of a name is found in too many words."""

_EMAIL = re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_NUMBER = re.compile(r"(?<!\d)\d(?:[ .\-\u00a0\u202f]?\d){5,}(?!\d)")
_STREET = re.compile(
    r"\b\d{1,4}\s?(?:bis|ter)?,?\s+(?:"
    r"rue|avenue|av\.|boulevard|bd|bld|place|chemin|all[ée]e|impasse|quai|route|cours|square|passage|"
    r"(?:[\w']+\s+){1,3}(?:street|road|lane|drive|close|court|crescent)"
    r")\b",
    re.IGNORECASE,
)
_SHORTENED = re.compile(r"•{2,}|\[(?:adresse|address)\]", re.IGNORECASE)


def personal(text: str, *, customer: str = "", known: str = "") -> list[str]:
    """What in a text is, or may be, somebody's: each as a person reads it.

    Args:
        text: what is to be learnt.
        customer: the name of the customer it came from.
        known: texts that are public already; an email or a number in them is the brand's own.
    """
    phones = list(_phones(text))
    rest = text
    for phone in phones:
        rest = rest.replace(phone, "")
    found = [
        *_secrets(text),
        *(f"an email ({one})" for one in _EMAIL.findall(text) if one not in known),
        *(f"a phone number ({one})" for one in phones if one not in known),
        *(f"a long number ({one})" for one in _NUMBER.findall(rest) if one not in known),
        *("an address" for one in _STREET.findall(text) if one not in known),
        *(f"the customer's name ({one})" for one in _names(text, customer)),
    ]
    return list(dict.fromkeys(found))


def _secrets(text: str) -> Iterator[str]:
    if _SHORTENED.search(text):
        yield "something that was masked or shortened"
    elif clean_text(text).count("•") > text.count("•"):
        yield "a card, bank or social security number, or a password"


def _phones(text: str) -> Iterator[str]:
    for match in phonenumbers.PhoneNumberMatcher(text[:5_000], REGION):
        yield match.raw_string


def _names(text: str, customer: str) -> Iterator[str]:
    words = {word.casefold() for word in re.findall(r"\w+", text)}
    for part in re.findall(r"\w+", customer):
        if len(part) >= NAME_LETTERS and part.casefold() in words:
            yield part
