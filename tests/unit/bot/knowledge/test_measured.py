from __future__ import annotations

from pathlib import Path

from bot.domain.understanding import Guess, Understanding
from bot.knowledge.examples import Example
from bot.knowledge.measured import Asked, by_language, document, figures, protected


def asked(
    intent: str, best: str, confidence: float, language: str | None = None, second: str = "other"
) -> Asked:
    ranking = (Guess(best, confidence), Guess(second, confidence / 2))
    return Asked(Example("a text", intent, Path("t"), 1, language), Understanding(ranking=ranking))


def alarm(understanding: Understanding) -> str | None:
    """Acts on a threat that is best or second."""
    found = [guess.intent for guess in understanding.ranking if guess.intent == "threat"]
    return found[0] if found else None


MESSAGES = [
    asked("threat", "threat", 0.9, "fr"),
    asked("threat", "complaint", 0.6, "fr", second="threat"),
    asked("threat", "complaint", 0.6, "en"),
    asked("complaint", "complaint", 0.6, "en", second="threat"),
    asked("out_of_scope", "complaint", 0.4, "en"),
]


def test_every_name_of_out_of_scope_means_it() -> None:
    found = figures([asked("oos", "out_of_scope", 0.9), asked("out_of_scope", "oos", 0.9)], 0.5)
    assert found.out_of_scope == 2
    assert found.accuracy == found.oos_recall == found.oos_precision == 1
    assert found.accuracy_in_scope is None


def test_all_figures_of_some_messages() -> None:
    found = figures(MESSAGES, 0.5)
    assert (found.messages, found.out_of_scope) == (5, 1)
    assert found.accuracy_in_scope == found.in_scope_at_threshold == 2 / 4
    assert found.accuracy == 2 / 5
    assert found.accuracy_at_threshold == 3 / 5
    assert found.oos_recall == found.oos_precision == 1


def test_protected_intents_are_measured_as_guessed_and_as_the_bot_acts() -> None:
    found = protected(MESSAGES, ("distress", "threat"), alarm)
    assert found is not None
    assert found.messages == 3
    assert found.recall == 1 / 3
    assert found.acted == found.alarmed == 2 / 3
    assert found.false_alarms == 1 / 2
    assert found.intents == {"threat": {"messages": 3, "recall": 1 / 3, "acted": 2 / 3}}


def test_without_protected_messages_there_is_nothing_to_tell() -> None:
    assert protected(MESSAGES[3:], ("threat",), alarm) is None
    assert "protected" not in document(MESSAGES[3:], 0.5, ("threat",), alarm)


def test_languages_are_told_apart_where_they_are_known() -> None:
    assert {name: len(group) for name, group in by_language(MESSAGES).items()} == {"en": 3, "fr": 2}
    told = document(MESSAGES, 0.5, ("threat",), alarm)
    assert set(told["by_language"]) == {"en", "fr"}  # type: ignore[call-overload]
    assert set(told["protected"]) == {"all", "en", "fr"}  # type: ignore[call-overload]
    assert "by_language" not in document([asked("a", "a", 0.5)], 0.5, (), alarm)
