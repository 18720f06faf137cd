"""When people are there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.errors import ConfigurationError
from handlers.dates import moment
from handlers.hours import is_holiday, opening_hours
from tests.fakes.care import WEEK

CARE = opening_hours({"care": WEEK}).of("care")


def paris(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CARE.zone)


@pytest.mark.parametrize(
    ("now", "closes"),
    [
        ("2026-10-05 09:00", "2026-10-05 19:00"),
        ("2026-10-05 18:59", "2026-10-05 19:00"),
        ("2026-10-05 19:00", None),
        ("2026-10-05 08:59", None),
        ("2026-10-04 12:00", None),
        ("2026-07-14 12:00", None),
    ],
)
def test_open_means_between_the_hours_of_a_working_day(now, closes):
    assert CARE.closes_at(paris(now).astimezone(UTC)) == (paris(closes) if closes else None)


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-10-05 08:00", "2026-10-05 09:00"),
        ("2026-10-05 12:00", "2026-10-06 09:00"),
        ("2026-10-03 20:00", "2026-10-05 09:00"),
        ("2026-12-24 20:00", "2026-12-26 09:00"),
        ("2026-10-24 20:00", "2026-10-26 09:00"),  # the clocks change that Sunday
    ],
)
def test_the_next_opening_skips_sundays_and_holidays(now, opens):
    assert CARE.opens_at(paris(now).astimezone(UTC)) == paris(opens)


def test_a_team_that_never_opens_has_no_next_opening():
    assert opening_hours({"care": {}}).of("care").opens_at(paris("2026-10-05 08:00")) is None


def test_a_team_without_hours_of_its_own_keeps_those_of_care():
    hours = opening_hours({"care": WEEK, "dpo": {"tuesday": "10:00-12:00"}})
    assert hours.of("beauty") is hours.of("care")
    assert hours.of("dpo").opens_at(paris("2026-10-05 09:00")) == paris("2026-10-06 10:00")


def test_without_a_country_holidays_are_working_days():
    week = opening_hours({"care": WEEK}, country="").of("care")
    assert week.closes_at(paris("2026-07-14 12:00"))
    assert is_holiday("FR", paris("2026-07-14 12:00").date())


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"teams": {"shop": WEEK}}, "'care'"),
        ({"teams": {"care": {"lundi": "09:00-19:00"}}}, "'lundi'"),
        ({"teams": {"care": {"monday": "9-19"}}}, "'9-19'"),
        ({"teams": {"care": {"monday": "19:00-09:00"}}}, "before it begins"),
        ({"teams": {"care": WEEK}, "time_zone": "Paris"}, "'Paris'"),
        ({"teams": {"care": WEEK}, "country": "ZZ"}, "'ZZ'"),
    ],
)
def test_wrong_hours_are_refused_in_one_sentence(values, said):
    with pytest.raises(ConfigurationError, match=said):
        opening_hours(values.pop("teams"), **values)


@pytest.mark.parametrize(
    ("ahead", "fr", "en"),
    [
        (timedelta(hours=1), "aujourd'hui à 9 h 30", "today at 09:30"),
        (timedelta(days=1), "demain à 8 h 30", "tomorrow at 08:30"),
        (timedelta(days=3), "jeudi 8 octobre à 8 h 30", "on Thursday 8 October at 08:30"),
    ],
)
def test_a_moment_is_said_as_people_say_it(ahead, fr, en):
    now = paris("2026-10-05 08:30")
    assert moment(now + ahead, now.astimezone(UTC), "fr") == fr
    assert moment(now + ahead, now.astimezone(UTC), "en") == en
