"""What the web chat takes, and how fast. Pure: the time is passed in, in seconds."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, ip_address, ip_network

TEXT_CHARACTERS = 4_000
FRAME_CHARACTERS = 64 * 1024
SOCKET_BYTES = 8 * 1024 * 1024
"""Above it the connection is cut. A megabyte of text may be six on the wire, and gets its error."""
ID_CHARACTERS = 64
BUTTON_BYTES = 64
LABEL_CHARACTERS = 120
FILES_A_MESSAGE = 10
NAME_CHARACTERS = 120
HELLO_SECONDS = 30.0

CLIENT_ID = re.compile(r"[!-~]{1,64}")
_OURS = re.compile(r"[^:|]*[:|]|[a-z]_")


def is_client_id(value: object) -> bool:
    """1 to 64 printable ASCII characters without a space."""
    return isinstance(value, str) and CLIENT_ID.fullmatch(value) is not None


def is_own_id(value: object) -> bool:
    """Such an id that cannot be one of ours: a visitor's message never passes for an agent's, nor for
    anything else that is remembered by its name."""
    return isinstance(value, str) and is_client_id(value) and _OURS.match(value) is None


def neighbourhood(address: str) -> str:
    """What limits count an address by: IPv6 comes in networks of 2^64, all of them one visitor's."""
    try:
        number = ip_address(address)
    except ValueError:
        return address
    if isinstance(number, IPv4Address):
        return address
    return str(number.ipv4_mapped or ip_network((int(number), 64), strict=False))


@dataclass(frozen=True, slots=True)
class Rate:
    """``burst`` at once, then ``per_second``."""

    burst: float
    per_second: float


@dataclass(frozen=True, slots=True)
class WebLimits:
    """The limits an operator can change.

    ``messages``: of one session. ``files``: uploads of one session. ``sessions``: new sessions of
    one address. ``sockets``: open connections of one address. ``file_bytes``: one file.
    ``upload_seconds``: how long it may take to come in.
    """

    messages: Rate = Rate(40, 5.0)
    signals: Rate = Rate(100, 10.0)
    files: Rate = Rate(20, 0.2)
    sessions: Rate = Rate(1_000, 20.0)
    sockets: int = 2_000
    file_bytes: int = 10 * 1024 * 1024
    upload_seconds: float = 180.0


@dataclass(frozen=True, slots=True)
class Bucket:
    """Tokens left at a moment. ``told`` once a refusal was explained, until it is full enough again."""

    tokens: float
    at: float
    told: bool = False


def take(bucket: Bucket | None, rate: Rate, now: float) -> tuple[Bucket, bool]:
    """The bucket after one more, and whether it is within the rate."""
    if bucket is None:
        bucket = Bucket(rate.burst, now)
    tokens = min(rate.burst, bucket.tokens + max(0.0, now - bucket.at) * rate.per_second)
    told = bucket.told and tokens < rate.burst / 2
    if tokens < 1:
        return Bucket(tokens, now, told), False
    return Bucket(tokens - 1, now, told), True


@dataclass(slots=True)
class Meter:
    """Buckets by name; full ones are forgotten.

    Args:
        rate: what each name is allowed.
        clock: monotonic seconds.
    """

    rate: Rate
    clock: Callable[[], float]
    _buckets: dict[str, Bucket] = field(default_factory=dict)
    _swept: float = 0.0

    def allows(self, name: str) -> bool:
        """Count one more of that name; False when it is too many."""
        now = self.clock()
        self._sweep(now)
        self._buckets[name], allowed = take(self._buckets.get(name), self.rate, now)
        return allowed

    def tell(self, name: str) -> bool:
        """Whether a refusal is still to be explained; True once until the name has calmed down."""
        bucket = self._buckets[name]
        self._buckets[name] = replace(bucket, told=True)
        return not bucket.told

    def _sweep(self, now: float) -> None:
        full_after = self.rate.burst / self.rate.per_second
        if now - self._swept < full_after:
            return
        self._swept = now
        self._buckets = {name: kept for name, kept in self._buckets.items() if now - kept.at < full_after}
