"""When people are there. Hours are a team's, in its time zone; public holidays are closed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays

from bot.domain.errors import ConfigurationError

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LOOK_AHEAD_DAYS = 60
ZONE, HOLIDAYS = "time_zone", "holidays"
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

    def after(self, start: datetime, open_for: timedelta) -> datetime | None:
        """When ``open_for`` of opening time has passed since ``start``, in UTC; None when there is not that
        much in two months. The clock stands still while the team is closed."""
        left = open_for
        for opening, closing in self._openings(start):
            # In UTC: adding to a local time goes wrong when the clocks change.
            begun = max(opening, start.astimezone(UTC))
            if closing - begun >= left:
                return begun + left
            left -= closing - begun
        return None

    def open_between(self, start: datetime, end: datetime) -> timedelta:
        """How much opening time there is from ``start`` to ``end``, looking two months ahead at most."""
        passed = timedelta()
        for opening, closing in self._openings(start):
            if max(opening, start) >= end:
                break
            passed += min(closing, end) - max(opening, start)
        return passed

    def _openings(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Openings that end after ``start``, in UTC."""
        today = start.astimezone(self.zone).date()
        for ahead in range(LOOK_AHEAD_DAYS):
            day = today + timedelta(days=ahead)
            span = self._span(day)
            if span is None:
                continue
            opening, closing = (datetime.combine(day, at, self.zone).astimezone(UTC) for at in span)
            if closing > start:
                yield opening, closing

    def _span(self, day: date) -> Span | None:
        if self.country and is_holiday(self.country, day):
            return None
        return self.days[day.weekday()]


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours of every team; ``default`` stands in for a team without hours of its own. Customers are told
    times in ``zone``, whatever the team's own."""

    teams: Mapping[str, WeeklyHours]
    default: str = "care"
    zone: ZoneInfo = ZoneInfo("Europe/Paris")

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

    ``country`` is the two-letter code whose public holidays are closed; None or "" for none. A team may
    have a ``time_zone`` and ``holidays`` of its own beside its days.

    Raises:
        ConfigurationError: an unknown zone, country, weekday or span, or no hours for ``default``.
    """
    if default not in teams:
        raise ConfigurationError(f"Opening hours: the team {default!r} has none; give it a table of its own.")
    own = {ZONE: time_zone, HOLIDAYS: country or ""}
    return Hours(
        {team: _weekly(team, {**own, **days}) for team, days in teams.items()}, default, _zone(time_zone)
    )


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


def _weekly(team: str, said: Mapping[str, str]) -> WeeklyHours:
    unknown = set(said) - {*WEEKDAYS, ZONE, HOLIDAYS}
    if unknown:
        raise ConfigurationError(f"Opening hours of {team!r}: {min(unknown)!r} is not a weekday.")
    if said[HOLIDAYS]:
        _check_country(said[HOLIDAYS])
    days = tuple(_span(team, said.get(weekday, "")) for weekday in WEEKDAYS)
    return WeeklyHours(days, _zone(said[ZONE]), said[HOLIDAYS] or None)


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
