"""Short signed values: what we hand to a browser and must recognise as ours later.

Pure functions; the clock is passed in. A value signed for one purpose is worthless for another.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

SIGNATURE_BYTES = 24


class BadSignature(ValueError):
    """Not ours, for something else, altered, or expired."""


def sign(secret: bytes, purpose: str, value: str, expires: datetime) -> str:
    """``value.expiry.signature``, URL-safe as long as the value is. Values hold no dot."""
    stamp = format(int(expires.timestamp()), "x")
    return f"{value}.{stamp}.{_signature(secret, purpose, value, stamp)}"


def unsign(secret: bytes, purpose: str, signed: str, now: datetime) -> tuple[str, datetime]:
    """The value and when it expires.

    Raises:
        BadSignature: whatever is wrong with it.
    """
    value, _, rest = signed.partition(".")
    stamp, _, signature = rest.partition(".")
    expected = _signature(secret, purpose, value, stamp)
    if not hmac.compare_digest(signature.encode("utf-8", "replace"), expected.encode()):
        raise BadSignature("not ours")
    expires = datetime.fromtimestamp(int(stamp, 16), UTC)
    if expires <= now:
        raise BadSignature("expired")
    return value, expires


def later(now: datetime, step: timedelta, keep: timedelta) -> datetime:
    """``keep`` from now, rounded up to a multiple of ``step``: the same value for a while."""
    seconds = int(step.total_seconds())
    until = int((now + keep).timestamp())
    return datetime.fromtimestamp(-(-until // seconds) * seconds, UTC)


def _signature(secret: bytes, purpose: str, value: str, stamp: str) -> str:
    text = "\x1f".join((purpose, value, stamp)).encode("utf-8", "replace")
    digest = hmac.new(secret, text, hashlib.sha256).digest()[:SIGNATURE_BYTES]
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
