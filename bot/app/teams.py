"""The teams of the settings, as each part of the house wants them."""

from __future__ import annotations

from datetime import timedelta

from bot.app import parts
from bot.settings import DEFAULT_TEAM, Settings, TeamSettings
from handlers.hours import Hours, opening_hours
from handlers.teams import Team, Teams, check_names
from handlers.teams import teams as as_teams


def teams(settings: Settings) -> Teams:
    """What the behaviour knows of them."""
    return as_teams((_team(name, team) for name, team in settings.teams.items()), DEFAULT_TEAM)


def check(settings: Settings) -> None:
    """Whether the behaviour can work with them: asked before anything starts, lest half of it runs.

    Raises:
        ConfigurationError: a team that customers have no name for, or hours that cannot be.
    """
    check_names(teams(settings), parts.replies(settings), str(settings.config_dir / "replies"))
    hours(settings)


def hours(settings: Settings) -> Hours:
    """When each of them answers.

    Raises:
        ConfigurationError: hours that cannot be, or none for the default team.
    """
    week = {
        name: team.hours.model_dump(exclude_none=True)
        for name, team in settings.teams.items()
        if team.hours is not None
    }
    return opening_hours(
        week,
        time_zone=settings.hours.time_zone,
        country=settings.hours.holidays or None,
        default=DEFAULT_TEAM,
    )


def _team(name: str, team: TeamSettings) -> Team:
    return Team(
        name=name,
        intents=frozenset(team.intents),
        languages=team.languages,
        first_response=timedelta(minutes=team.first_response_minutes) or None,
        resolution=timedelta(hours=team.resolution_hours) or None,
        escalation=team.escalation or name,
        answer_while_waiting=team.answer_while_waiting,
        tell_waiting_time=team.tell_waiting_time,
    )
