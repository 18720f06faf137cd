"""From the confidences of a message and of its parts to what is asked."""

from __future__ import annotations

import numpy as np
from components.reading import Habits, Reading, read

INTENTS = ["greet", "oos", "alarm", "parcel", "return"]
HABITS = Habits(small_talk=frozenset({0}), strangers=frozenset({1}), protected=frozenset({2}))


def row(**confidences: float) -> np.ndarray:
    return np.array([confidences.get(intent, 0.02) for intent in INTENTS])


def reading(whole: np.ndarray, *parts: np.ndarray) -> Reading:
    return read(whole, np.array(parts).reshape(len(parts), len(INTENTS)), HABITS)


def test_a_message_of_one_piece_speaks_for_itself() -> None:
    found = reading(row(parcel=0.9))
    assert (found.spoken_by, found.questions) == (None, ())
    assert np.array_equal(found.row, row(parcel=0.9))


def test_the_greeting_never_wins_over_a_question() -> None:
    found = reading(row(greet=0.9), row(greet=0.95), row(parcel=0.6))
    assert found.spoken_by == 1
    assert INTENTS[int(found.row.argmax())] == "parcel"


def test_a_greeting_with_nothing_sure_beside_it_stays_one() -> None:
    assert reading(row(greet=0.9), row(greet=0.9), row(parcel=HABITS.sure - 0.01)).spoken_by is None
    assert reading(row(greet=0.9), row(greet=0.9), row(oos=0.9)).spoken_by is None


def test_a_message_that_is_understood_is_not_overruled_by_a_part() -> None:
    assert reading(row(parcel=0.7), row(**{"return": 0.8}), row(oos=0.9)).spoken_by is None


def test_the_surest_part_speaks_for_a_message_that_is_lost() -> None:
    whole = row(parcel=HABITS.lost - 0.01)
    assert reading(whole, row(parcel=0.6), row(**{"return": 0.8})).spoken_by == 1
    assert reading(whole, row(parcel=HABITS.clear - 0.01), row(oos=0.9)).spoken_by is None


def test_an_alarm_in_a_part_is_heard() -> None:
    found = reading(row(parcel=0.9), row(parcel=0.99), row(alarm=HABITS.alarming))
    assert found.spoken_by == 1
    assert reading(row(parcel=0.9), row(alarm=HABITS.alarming - 0.01)).spoken_by is None


def test_no_part_speaks_over_an_alarm_of_the_whole_however_faint() -> None:
    assert reading(row(alarm=0.1), row(parcel=0.99), row(**{"return": 0.99})).spoken_by is None


def test_two_questions_are_named_in_the_order_of_the_text() -> None:
    whole = row(parcel=0.5, **{"return": 0.3})
    assert reading(whole, row(**{"return": 0.6}), row(greet=0.9), row(parcel=0.9)).questions == (0, 2)


def test_the_two_surest_of_three_are_the_questions() -> None:
    whole = row(parcel=0.4, alarm=0.1, **{"return": 0.3})
    assert reading(whole, row(alarm=0.6), row(parcel=0.9), row(**{"return": 0.8})).questions == (1, 2)


def test_one_question_asked_twice_is_one() -> None:
    assert reading(row(parcel=0.9), row(parcel=0.9), row(parcel=0.8)).questions == ()


def test_a_question_that_is_unclear_or_that_the_whole_knows_nothing_of_is_none() -> None:
    clear, unclear = row(**{"return": HABITS.clear}), row(**{"return": HABITS.clear - 0.01})
    assert reading(row(parcel=0.9), row(parcel=0.9), clear).questions == (0, 1)
    assert reading(row(parcel=0.9), row(parcel=0.9), unclear).questions == ()
    ignorant = row(parcel=0.9, **{"return": HABITS.inkling / 2})
    assert reading(ignorant, row(parcel=0.9), clear).questions == ()


def test_a_part_that_is_merely_likely_to_be_an_alarm_is_no_question() -> None:
    whole = row(parcel=0.5, alarm=0.05, **{"return": 0.2})
    assert reading(whole, row(parcel=0.8), row(alarm=0.7)).questions == ()
    assert reading(whole, row(parcel=0.8), row(alarm=HABITS.alarming)).questions == (0, 1)
