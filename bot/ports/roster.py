"""Who of the staff is there, and how long customers have waited lately."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from bot.domain.identity import Agent


class Role(StrEnum):
    """What a member of staff may do."""

    AGENT = "agent"
    LEAD = "lead"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Member:
    """A member of staff, as the configuration names them. ``teams`` is empty for an admin of all."""

    agent_id: str
    role: Role
    teams: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether an agent takes conversations. ``away`` is what they said themselves; ``online`` what their
    desk last saw, None when it cannot tell."""

    away: bool = False
    online: bool | None = None
    since: datetime | None = None

    @property
    def is_here(self) -> bool:
        """Not away, and not seen to be gone."""
        return not self.away and self.online is not False


class Roster(Protocol):
    """Availability of agents: live state, shared by all processes.

    All of it raises ``StoreUnavailable`` when the store does not answer.
    """

    async def presence(self, agent_id: str) -> Presence:
        """An agent nobody has heard of is here."""
        ...

    async def say(self, agent: Agent, *, away: bool, at: datetime) -> None:
        """The agent goes away, or is back."""
        ...

    async def saw(self, agent_id: str, *, online: bool) -> None:
        """What the desk saw; forgotten after a few minutes."""
        ...


class Waits(Protocol):
    """How long customers waited for a person lately."""

    async def recent(self, team: str) -> Sequence[float]:
        """Seconds between asking (or, asked out of hours, the team's return) and being claimed, of the
        team's last cases (at most 50, of the last hours), oldest first.

        Raises:
            StoreUnavailable: not known now.
        """
        ...
