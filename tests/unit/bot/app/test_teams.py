"""What the behaviour makes of the teams in the settings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.app import teams
from bot.domain.errors import ConfigurationError
from bot.settings import Settings, load_settings

CARE: dict[str, Any] = {"hours": {"monday": "09:00-19:00"}}
MONDAY = datetime(2026, 10, 5, 8, 0, tzinfo=UTC)


def settings(**known: dict[str, Any]) -> Settings:
    return Settings.model_validate({"teams": {"care": CARE, **known}})


def test_the_settings_of_the_repository_make_a_team() -> None:
    found = load_settings()
    care = teams.teams(found).of("care")
    assert (care.first_response, care.resolution) == (timedelta(minutes=15), timedelta(hours=24))
    assert teams.hours(found).of("care").closes_at(MONDAY) is not None


def test_a_team_is_what_its_table_says() -> None:
    found = teams.teams(
        settings(
            beauty={
                "intents": ["faq_routine"],
                "languages": ["fr"],
                "first_response_minutes": 0,
                "resolution_hours": 2,
                "escalation": "care",
                "answer_while_waiting": False,
                "tell_waiting_time": False,
            }
        )
    ).of("beauty")
    assert (found.intents, found.languages) == (frozenset({"faq_routine"}), ("fr",))
    assert (found.first_response, found.resolution) == (None, timedelta(hours=2))
    assert (found.escalation, found.answer_while_waiting, found.tell_waiting_time) == ("care", False, False)


def test_a_team_without_an_escalation_is_told_itself() -> None:
    assert teams.teams(settings(beauty={})).of("beauty").escalation == "beauty"


def test_a_team_without_hours_keeps_the_default_team_s_and_one_elsewhere_its_own() -> None:
    uk = {"hours": {"monday": "12:00-17:00", "time_zone": "Europe/London"}}
    hours = teams.hours(settings(beauty={}, uk=uk))
    assert hours.of("beauty").closes_at(MONDAY) is not None
    assert hours.of("uk").closes_at(MONDAY) is None


def test_the_default_team_must_have_hours() -> None:
    with pytest.raises(ConfigurationError, match="'care' has none"):
        teams.hours(Settings.model_validate({"teams": {"beauty": CARE}}))
