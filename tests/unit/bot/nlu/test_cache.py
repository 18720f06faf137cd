from __future__ import annotations

from bot.domain.understanding import Guess, Understanding
from bot.nlu.cache import ParseCache


def understood(model: str = "m1") -> Understanding:
    return Understanding(ranking=(Guess("greet", 0.9),), model=model, ms=3.0)


def test_a_parse_is_remembered() -> None:
    cache = ParseCache(2)
    cache.put("bonjour", understood())
    assert cache.get("bonjour") == understood()
    assert cache.get("Bonjour") is None


def test_the_least_recently_used_goes_first() -> None:
    cache = ParseCache(2)
    cache.put("a", understood())
    cache.put("b", understood())
    cache.get("a")
    cache.put("c", understood())
    assert cache.get("b") is None
    assert cache.get("a") is not None


def test_another_model_empties_it() -> None:
    cache = ParseCache(2)
    cache.put("a", understood("m1"))
    cache.put("b", understood("m2"))
    assert cache.get("a") is None
    assert cache.get("b") is not None


def test_a_parse_grows_old() -> None:
    now = 0.0
    cache = ParseCache(2, max_age=10.0, clock=lambda: now)
    cache.put("a", understood())
    now = 10.5
    assert cache.get("a") is None


def test_a_parse_of_an_unnamed_model_is_not_kept() -> None:
    cache = ParseCache(2)
    cache.put("a", understood(""))
    assert cache.get("a") is None


def test_size_zero_switches_it_off() -> None:
    cache = ParseCache(0)
    cache.put("a", understood())
    assert cache.get("a") is None
