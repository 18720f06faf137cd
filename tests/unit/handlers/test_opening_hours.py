"""When people are there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import ConfigurationError
from handlers.dates import moment
from handlers.hours import is_holiday, opening_hours
from tests.fakes.care import WEEK, Story, make_care

CARE = opening_hours({"care": WEEK}).of("care")
YEAR = datetime(2026, 1, 1, tzinfo=UTC)


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
    ("start", "minutes", "end"),
    [
        ("2026-10-05 10:00", 30, "2026-10-05 10:30"),
        ("2026-10-05 18:45", 30, "2026-10-06 09:15"),
        ("2026-10-05 18:30", 30, "2026-10-05 19:00"),
        ("2026-10-05 07:00", 30, "2026-10-05 09:30"),
        ("2026-10-05 21:00", 30, "2026-10-06 09:30"),
        ("2026-10-03 18:50", 30, "2026-10-05 09:20"),  # over a Sunday
        ("2026-07-13 18:50", 30, "2026-07-15 09:20"),  # over the 14th of July
        ("2026-10-05 10:00", 24 * 60, "2026-10-07 14:00"),
        ("2026-10-24 18:00", 120, "2026-10-26 10:00"),  # over the night the clocks change
    ],
)
def test_opening_time_passes_only_while_people_are_there(start, minutes, end):
    begun, open_for = paris(start), timedelta(minutes=minutes)
    assert CARE.after(begun, open_for) == paris(end)
    assert CARE.open_between(begun.astimezone(UTC), paris(end)) == open_for


def test_a_team_that_is_never_there_gets_nothing_done():
    never = opening_hours({"care": {}}).of("care")
    assert never.after(paris("2026-10-05 10:00"), timedelta(minutes=1)) is None
    assert never.open_between(paris("2026-10-05 10:00"), paris("2026-10-09 10:00")) == timedelta()


def test_no_opening_time_passes_backwards():
    assert CARE.open_between(paris("2026-10-05 12:00"), paris("2026-10-05 11:00")) == timedelta()


@given(
    start=st.integers(0, 2 * 365 * 86_400).map(lambda seconds: YEAR + timedelta(seconds=seconds)),
    minutes=st.integers(1, 5_000),
)
def test_what_is_added_can_be_taken_off_again(start, minutes):
    end = CARE.after(start, timedelta(minutes=minutes))
    assert end is not None
    assert end > start
    assert CARE.open_between(start, end) == timedelta(minutes=minutes)


def test_a_team_elsewhere_has_its_own_clock_and_holidays():
    london = {"monday": "09:00-17:00", "time_zone": "Europe/London", "holidays": "GB"}
    hours = opening_hours({"care": WEEK, "uk": london})
    assert hours.of("uk").opens_at(paris("2026-10-05 09:30")) == paris("2026-10-05 10:00")
    assert hours.of("uk").closes_at(paris("2026-05-04 12:00")) is None  # a British bank holiday
    assert hours.of("care").closes_at(paris("2026-05-04 12:00")) is not None
    assert str(hours.zone) == "Europe/Paris"


async def test_customers_are_told_times_in_one_zone_whatever_the_team_s():
    london = {"monday": "09:00-17:00", "time_zone": "Europe/London"}
    story = await Story(care=make_care(hours=opening_hours({"care": london}))).waits()
    assert "jusqu'à 18 h (heure de Paris)" in story.answer.text
    story = Story(care=make_care(hours=opening_hours({"care": london})), now=paris("2026-10-05 08:00"))
    await story.waits()
    assert "aujourd'hui à 10 h" in story.answer.text


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"teams": {"shop": WEEK}}, "'care'"),
        ({"teams": {"care": {"lundi": "09:00-19:00"}}}, "'lundi'"),
        ({"teams": {"care": {"monday": "9-19"}}}, "'9-19'"),
        ({"teams": {"care": {"monday": "19:00-09:00"}}}, "before it begins"),
        ({"teams": {"care": WEEK}, "time_zone": "Paris"}, "'Paris'"),
        ({"teams": {"care": WEEK}, "country": "ZZ"}, "'ZZ'"),
        ({"teams": {"care": {**WEEK, "time_zone": "Mars"}}}, "'Mars'"),
        ({"teams": {"care": {**WEEK, "holidays": "ZZ"}}}, "'ZZ'"),
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
