"""Finding an order's number, email and postcode in what a customer wrote."""

from __future__ import annotations

import hmac
import re

from bot.domain.chat import Dialogue
from bot.domain.turn import Turn
from bot.ports.shop import Order

NUMBER = "order_number"
EMAIL = "order_email"
POSTCODE = "order_postcode"

_NUMBER = re.compile(r"(?<![\w@.+-])(?:[nN][°ºo]\s?)?([0-9]{7})(?![\w@])")
_EMAIL = re.compile(
    r"(?<![\w.%+-])[A-Za-z0-9_][A-Za-z0-9_.%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,6}[A-Za-z]{2,24}(?![\w-])"
)
_FRENCH_POSTCODE = re.compile(
    r"(?<![\w+#@.,-])(?:([0-9]{5})(?! ?€)|(?<![0-9] )([0-9]{2} [0-9]{3})(?! [0-9]| ?€))(?![\w@])"
)
# Where else we deliver: British and Irish codes, and codes of four digits (Belgium, Switzerland, Austria …).
_OTHER_POSTCODE = re.compile(
    r"\b([A-Za-z]{1,2}[0-9][A-Za-z0-9]? ?[0-9][A-Za-z]{2}|[A-Za-z][0-9][0-9Ww] ?[A-Za-z0-9]{4}"
    r"|[0-9]{4}(?: ?[A-Za-z]{2})?)\b"
)
_MAX_EMAIL = 254
_MAX_TEXT = 4000
_LEAST_LETTERS = 2
_FEW_WORDS = 6
"""Four digits in a longer message are more likely a year or a price."""


def gather(turn: Turn) -> Dialogue:
    """The dialogue with what this message says of an order; newer facts replace older ones."""
    dialogue = turn.chat.dialogue
    for name, value in (
        (NUMBER, number_in(turn)),
        (EMAIL, email_in(turn.text)),
        (POSTCODE, postcode_in(turn)),
    ):
        dialogue = dialogue.with_slot(name, value) if value else dialogue
    return dialogue


def mentions_any(turn: Turn) -> bool:
    """Whether the message holds any fact about an order."""
    return bool(number_in(turn) or email_in(turn.text) or postcode_in(turn))


def is_bare(text: str) -> bool:
    """Whether a text is nothing but numbers, addresses or a single letter: no sentence, whatever a model
    sees in it."""
    words = _EMAIL.sub(" ", text[:_MAX_TEXT])
    return sum(map(str.isalpha, words)) < _LEAST_LETTERS


def stand_in(text: str) -> bool:
    """Whether these words hold the number of an order, or the proof that it is theirs."""
    held = text[:_MAX_TEXT]
    return any(fact.search(held) for fact in (_NUMBER, _EMAIL, _FRENCH_POSTCODE))


def completes(turn: Turn) -> bool:
    """Whether a message we did not understand is about an order all the same."""
    named = turn.chat.dialogue.slot(NUMBER) is not None
    return number_in(turn) is not None or (named and mentions_any(turn))


def number_in(turn: Turn) -> str | None:
    """A seven-digit order number."""
    found = turn.understanding.entity("order_number") if turn.understanding else None
    if found and re.fullmatch(r"[0-9]{7}", found):
        return found
    match = _NUMBER.search(turn.text[:_MAX_TEXT])
    return match[1] if match else None


def email_in(text: str) -> str | None:
    """An email address."""
    match = _EMAIL.search(text[:_MAX_TEXT])
    return match[0] if match and len(match[0]) <= _MAX_EMAIL else None


def postcode_in(turn: Turn) -> str | None:
    """A French postcode; one of another country too when we asked for it."""
    text = _EMAIL.sub(" ", turn.text[:_MAX_TEXT])
    match = _FRENCH_POSTCODE.search(text)
    if match:
        return match[0].replace(" ", "")
    if turn.chat.dialogue.awaiting != "order":
        return None
    other = _OTHER_POSTCODE.search(_NUMBER.sub(" ", text))
    return other[1] if other and len(text.split()) <= _FEW_WORDS else None


def proves(order: Order | None, email: str | None, postcode: str | None) -> bool:
    """Whether the email or the postcode is the order's. An unknown order takes the same work."""
    right_email = _same(_folded(email), _folded(order.email if order else ""))
    right_postcode = _same(_joined(postcode), _joined(order.postcode if order else ""))
    return (order is not None) & (right_email | right_postcode)


def _same(said: str, kept: str) -> bool:
    equal = hmac.compare_digest(said.encode("utf-8", "replace"), kept.encode("utf-8", "replace"))
    return equal & bool(said) & bool(kept)


def _folded(value: str | None) -> str:
    return (value or "").strip().casefold()


def _joined(value: str | None) -> str:
    return re.sub(r"[\s-]+", "", _folded(value))
