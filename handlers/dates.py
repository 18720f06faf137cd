"""Days and hours, as people say them."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from babel.dates import format_date, format_datetime

_LOCALES = {"fr": "fr_FR", "en": "en_GB"}
_TODAY = {"fr": "aujourd'hui", "en": "today"}
_TOMORROW = {"fr": "demain", "en": "tomorrow"}
_AT = {"fr": "à", "en": "at"}


def day(value: date, language: str) -> str:
    """A date with its weekday: ``mardi 6 octobre``, ``Tuesday 6 October``."""
    return str(format_date(value, "EEEE d MMMM", locale=_locale(language)))


def hour(value: datetime, language: str) -> str:
    """A time of day in the value's own zone: ``9 h``, ``9 h 30``, ``09:00``."""
    if language == "fr":
        return f"{value.hour} h" + (f" {value.minute:02}" if value.minute else "")
    return str(format_datetime(value, "HH:mm", locale=_locale(language)))


def moment(value: datetime, now: datetime, language: str) -> str:
    """When that is, seen from ``now``: ``demain à 9 h``, ``on Monday 6 October at 09:00``."""
    today = now.astimezone(value.tzinfo).date()
    if value.date() == today:
        spoken = _TODAY.get(language, _TODAY["en"])
    elif value.date() == today + timedelta(days=1):
        spoken = _TOMORROW.get(language, _TOMORROW["en"])
    elif language == "fr":
        spoken = day(value.date(), language)
    else:
        spoken = f"on {day(value.date(), language)}"
    return f"{spoken} {_AT.get(language, _AT['en'])} {hour(value, language)}"


def _locale(language: str) -> str:
    return _LOCALES.get(language, _LOCALES["en"])
