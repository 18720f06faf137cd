"""What every part of the web chat shares, and how fast a visitor may use it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bot.channels.web.limits import Meter, WebLimits
from bot.channels.web.sessions import Sessions
from bot.channels.web.tails import Tails
from bot.ports.clock import Clock
from bot.ports.inbox import Inbox
from bot.ports.media import MediaStore
from bot.ports.transcript import Transcripts


@dataclass(frozen=True, slots=True)
class House:
    """The parts, wired once."""

    sessions: Sessions
    inbox: Inbox
    transcripts: Transcripts
    media: MediaStore
    tails: Tails
    clock: Clock
    limits: WebLimits
    gate: Gate
    origins: frozenset[str]


@dataclass(slots=True)
class Gate:
    """Counts what sessions and addresses do."""

    messages: Meter
    signals: Meter
    files: Meter
    sessions: Meter
    sockets: int
    _open: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def socket(self, address: str) -> Iterator[bool]:
        """Hold a place among the address's connections; False when there is none left."""
        allowed = self._open[address] < self.sockets
        self._open[address] += 1
        try:
            yield allowed
        finally:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]
