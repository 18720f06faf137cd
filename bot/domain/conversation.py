"""An episode in a chat: opened, maybe handed to a person, resolved, maybe reopened.

It is the unit of the desk's thread, of outcome and of every metric.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.identity import Agent


class HandoffReason(StrEnum):
    """Why a person is needed."""

    ASKED = "asked"
    UNSURE = "unsure"
    COMPLAINT = "complaint"
    PROTECTED = "protected"
    BOT_DOWN = "bot_down"
    ATTACHMENT = "attachment"
    ERROR = "error"
    AGENT = "agent"
    """Nobody asked: an agent stepped in."""


@dataclass(frozen=True, slots=True)
class Handoff:
    """A conversation in need of a person, or in a person's hands.

    ``intent`` is the protected intent, when that is the reason. ``agent`` is set once claimed.
    """

    reason: HandoffReason
    team: str
    since: datetime
    urgent: bool = False
    intent: str | None = None
    agent: Agent | None = None


class Outcome(StrEnum):
    """How an episode ended."""

    RESOLVED_BY_AGENT = "resolved_by_agent"
    CONFIRMED_BY_CUSTOMER = "confirmed_by_customer"
    WENT_QUIET = "went_quiet"


@dataclass(frozen=True, slots=True)
class Conversation:
    """The current, or the last, episode of a chat."""

    id: str
    opened_at: datetime
    handoff: Handoff | None = None
    last_agent: Agent | None = None
    closed_at: datetime | None = None
    outcome: Outcome | None = None
    reopened: int = 0

    @property
    def is_open(self) -> bool:
        """Whether the episode goes on."""
        return self.closed_at is None
