"""One event, in the light of its chat and of what the NLU made of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.domain.chat import Chat
from bot.domain.events import CustomerMessage, Event
from bot.domain.understanding import Understanding


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a handler sees. ``now`` is the time of the event, so a repeated turn is the same turn.

    ``understanding`` is None when the event has no text to understand, and when the NLU did not
    answer in time: then ``nlu_down`` is True. ``flooding``: the customer writes faster than anyone
    can be served (only on channels that cannot refuse). ``failed``: the handler of this event
    raised again and again; all that is left is to say sorry and call a person.
    """

    event: Event
    chat: Chat
    now: datetime
    understanding: Understanding | None = None
    nlu_down: bool = False
    flooding: bool = False
    failed: bool = False

    @property
    def text(self) -> str:
        """What the customer wrote, or nothing."""
        return self.event.text if isinstance(self.event, CustomerMessage) else ""

    @property
    def language(self) -> str:
        """The customer's language; French until we know better."""
        return self.chat.language or "fr"
