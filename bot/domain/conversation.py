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


class ServiceLevel(StrEnum):
    """How a conversation stands against its team's target."""

    ON_TIME = "on_time"
    DUE_SOON = "due_soon"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class Handoff:
    """A conversation in need of a person, or in a person's hands.

    Attributes:
        intent: the protected intent, when that is the reason.
        agent: who has it, once claimed.
        hushed: whether the bot is known to have fallen silent: everything it had under way when the agent
            claimed has been sent or dropped.
        level: how it stands against ``due``.
        due: when the team's present target (first response, then resolution) is missed, if it has one.
        answered: whether a person has written to the customer since ``since``.
        snoozed_until: when the agent wants to hear of it again.
        back_at: when the team is back, if it was closed at the last event that looked.
    """

    reason: HandoffReason
    team: str
    since: datetime
    urgent: bool = False
    intent: str | None = None
    agent: Agent | None = None
    hushed: bool = False
    level: ServiceLevel = ServiceLevel.ON_TIME
    due: datetime | None = None
    answered: bool = False
    snoozed_until: datetime | None = None
    back_at: datetime | None = None


class Outcome(StrEnum):
    """How an episode ended."""

    RESOLVED_BY_AGENT = "resolved_by_agent"
    CONFIRMED_BY_CUSTOMER = "confirmed_by_customer"
    WENT_QUIET = "went_quiet"
    SPAM = "spam"


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
    rating: int | None = None
    """From 1 to 5, once the customer gave one."""

    @property
    def is_open(self) -> bool:
        """Whether the episode goes on."""
        return self.closed_at is None
