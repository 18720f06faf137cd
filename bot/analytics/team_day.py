"""A team's day, read off the steps of its cases. Pure: rows in, numbers out.

A case begins when a person is asked for and ends when the conversation goes back to the bot or is
closed. What happens in it counts when it happens, for the team that has the case then; times run from
the asking, whichever team it was asked of. A case that nobody asked for (an agent stepped in) has no
times, and spam counts for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median_low

from bot.domain.conversation import Outcome
from bot.domain.facts import HandoffStep
from bot.ports.service import TeamDay

_ENDS = (HandoffStep.RESOLVED, HandoffStep.RELEASED)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a handoff. ``outcome`` is how the conversation ended in the same turn, if it did."""

    at: datetime
    step: str
    team: str | None
    agent_id: str | None = None
    outcome: str | None = None


@dataclass(slots=True)
class _Case:
    asked: datetime | None
    team: str | None
    answered: datetime | None = None
    answered_by: str | None = None
    ended: Step | None = None

    @property
    def is_spam(self) -> bool:
        return self.ended is not None and self.ended.outcome == Outcome.SPAM

    @property
    def is_handled(self) -> bool:
        """Whether a person ended it: not time, and not a customer who went quiet."""
        if self.ended is None:
            return False
        if self.ended.step == HandoffStep.RESOLVED:
            return self.ended.outcome == Outcome.RESOLVED_BY_AGENT
        return self.ended.agent_id is not None


Story = tuple[Sequence[Step], Sequence[datetime]]
"""A conversation's steps, and when agents wrote in it, both in order."""


def team_day(
    team: str, stories: Iterable[Story], scores: Sequence[int], since: datetime, until: datetime
) -> TeamDay:
    """What a team did at or after ``since`` and before ``until``."""
    cases = [case for story in stories for case in _cases(*story) if not case.is_spam]
    handled = [
        case
        for case in cases
        if case.is_handled and case.ended and case.team == team and since <= case.ended.at < until
    ]
    answered = [
        case
        for case in cases
        if case.answered and case.answered_by == team and since <= case.answered < until
    ]
    return TeamDay(
        handled=len(handled),
        first_response=_median((case.asked, case.answered) for case in answered),
        resolution=_median((case.asked, case.ended.at if case.ended else None) for case in handled),
        ratings=len(scores),
        satisfaction=sum(scores) / len(scores) if scores else None,
    )


def _cases(steps: Sequence[Step], words: Sequence[datetime]) -> list[_Case]:
    """A step comes before words of the same instant: whoever writes first claims by it."""
    found: list[_Case] = []
    present: _Case | None = None
    everything: list[Step | datetime] = [*steps, *words]
    for happened in sorted(everything, key=_order):
        if isinstance(happened, datetime):
            if present is not None and present.answered is None:
                present.answered, present.answered_by = happened, present.team
        elif happened.step in _ENDS:
            if present is not None:
                present.ended = happened
            present = None
        elif present is None:
            asked = None if _is_claim(happened) else happened.at
            present = _Case(asked, happened.team)
            found.append(present)
        else:
            present.team = happened.team or present.team
    return found


def _is_claim(step: Step) -> bool:
    return step.step in (HandoffStep.CLAIMED, HandoffStep.TAKEN_OVER, HandoffStep.ASSIGNED)


def _order(happened: Step | datetime) -> tuple[datetime, int]:
    return (happened, 1) if isinstance(happened, datetime) else (happened.at, 0)


def _median(spans: Iterable[tuple[datetime | None, datetime | None]]) -> float | None:
    """Of an even number the lower one: a time somebody had."""
    seconds = [(till - start).total_seconds() for start, till in spans if start and till]
    return median_low(seconds) if seconds else None
