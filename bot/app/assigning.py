"""The assigner: gives conversations to the members of teams that push."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot.app import teams
from bot.app.core import Core
from bot.app.runner import LEASE_TTL, Runner
from bot.domain.identity import Agent
from bot.operations.assigning import Assignee, Assigner, PushTeam, unnamed
from bot.settings import Settings

DESK = "slack"
"""The desk whose ids the settings name members by."""


def build(core: Core, *, named: Callable[[str], Awaitable[Agent]] = unnamed) -> list[Runner]:
    """The assigner, if a team pushes; ``named`` tells an agent's name by their id (``slack:U…``).

    Raises:
        ConfigurationError: opening hours that cannot be.
    """
    push = push_teams(core.settings)
    if not push:
        return []
    hours = teams.hours(core.settings)
    assigner = Assigner(
        core.board,
        core.roster,
        core.inbox,
        push,
        core.store.leases,
        core.owner,
        is_open=lambda team, now: hours.of(team).closes_at(now) is not None,
        named=named,
        lease_ttl=LEASE_TTL,
        clock=core.clock,
    )
    return [assigner.run]


def push_teams(settings: Settings) -> tuple[PushTeam, ...]:
    """The teams whose members are given conversations."""
    return tuple(
        PushTeam(
            name=name,
            members=tuple(
                Assignee(f"{DESK}:{user}", team.speaks.get(user, team.languages)) for user in team.members
            ),
            limit=team.limit,
        )
        for name, team in settings.teams.items()
        if team.assign == "push" and team.members
    )
