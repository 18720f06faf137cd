"""Identifiers: fresh ones, and ones derived so that a repeated turn makes them again."""

from __future__ import annotations

import hashlib
import secrets
from functools import lru_cache


def new_id(prefix: str) -> str:
    """An unguessable id, e.g. ``f_Jk3…``: 128 bits."""
    return f"{prefix}_{secrets.token_urlsafe(16)}"


@lru_cache(maxsize=512)
def digest(text: str) -> str:
    """The same 32 letters for the same text (blake2b, 128 bits)."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def derived_id(prefix: str, *parts: object) -> str:
    """The same id for the same parts (blake2b, 128 bits)."""
    return f"{prefix}_{digest(chr(31).join(map(str, parts)))}"


def public_id(message_id: str) -> str:
    """What a customer's client calls a message of ours. Ids that say where it was written say too much."""
    return derived_id("m", message_id) if ":" in message_id else message_id
