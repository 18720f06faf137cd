"""When people are there. Hours are a team's, in its time zone; public holidays are closed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays

from bot.domain.errors import ConfigurationError

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LOOK_AHEAD_DAYS = 60
_SPAN = re.compile(r"^((?:[01][0-9]|2[0-3]):[0-5][0-9])-((?:[01][0-9]|2[0-3]):[0-5][0-9])$")

Span = tuple[time, time]


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    """One team's week: an opening span for each weekday (Monday first), None when closed."""

    days: tuple[Span | None, ...]
    zone: ZoneInfo
    country: str | None = None

    def closes_at(self, now: datetime) -> datetime | None:
        """When the present opening ends, in the team's zone; None when it is closed now."""
        local = now.astimezone(self.zone)
        span = self._span(local.date())
        if span is None or not span[0] <= local.time() < span[1]:
            return None
        return datetime.combine(local.date(), span[1], self.zone)

    def opens_at(self, now: datetime) -> datetime | None:
        """The next opening after ``now``, in the team's zone; None when there is none in two months."""
        today = now.astimezone(self.zone).date()
        for ahead in range(LOOK_AHEAD_DAYS):
            span = self._span(today + timedelta(days=ahead))
            if span is None:
                continue
            opening = datetime.combine(today + timedelta(days=ahead), span[0], self.zone)
            if opening > now:
                return opening
        return None

    def _span(self, day: date) -> Span | None:
        if self.country and is_holiday(self.country, day):
            return None
        return self.days[day.weekday()]


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours of every team; ``default`` stands in for a team without hours of its own."""

    teams: Mapping[str, WeeklyHours]
    default: str = "care"

    def of(self, team: str) -> WeeklyHours:
        """A team's hours."""
        return self.teams.get(team) or self.teams[self.default]


def opening_hours(
    teams: Mapping[str, Mapping[str, str]],
    *,
    time_zone: str = "Europe/Paris",
    country: str | None = "FR",
    default: str = "care",
) -> Hours:
    """Hours from plain values: ``{"care": {"monday": "09:00-19:00", "sunday": ""}}``.

    ``country`` is the two-letter code whose public holidays are closed; None or "" for none.

    Raises:
        ConfigurationError: an unknown zone, country, weekday or span, or no hours for ``default``.
    """
    if default not in teams:
        raise ConfigurationError(f"Opening hours: the team {default!r} has none; give it a table of its own.")
    zone = _zone(time_zone)
    if country:
        _check_country(country)
    weeks = {team: WeeklyHours(_week(team, days), zone, country or None) for team, days in teams.items()}
    return Hours(weeks, default)


def is_holiday(country: str, day: date) -> bool:
    """Whether that day is a public holiday there."""
    return day in _holidays(country, day.year)


@lru_cache(maxsize=64)
def _holidays(country: str, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, years=year))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigurationError(f"Opening hours: {name!r} is not a time zone, e.g. Europe/Paris.") from error


def _check_country(country: str) -> None:
    try:
        holidays.country_holidays(country)
    except NotImplementedError as error:
        raise ConfigurationError(
            f"Opening hours: public holidays of {country!r} are not known; leave it empty for none."
        ) from error


def _week(team: str, days: Mapping[str, str]) -> tuple[Span | None, ...]:
    unknown = set(days) - set(WEEKDAYS)
    if unknown:
        raise ConfigurationError(f"Opening hours of {team!r}: {min(unknown)!r} is not a weekday.")
    return tuple(_span(team, days.get(weekday, "")) for weekday in WEEKDAYS)


def _span(team: str, text: str) -> Span | None:
    if not text:
        return None
    found = _SPAN.match(text)
    if found is None:
        raise ConfigurationError(f"Opening hours of {team!r}: write a day as 09:00-19:00, not {text!r}.")
    opening, closing = time.fromisoformat(found[1]), time.fromisoformat(found[2])
    if opening >= closing:
        raise ConfigurationError(f"Opening hours of {team!r}: {text!r} ends before it begins.")
    return opening, closing
