"""From the confidences of a message and of its parts to what is asked."""

from __future__ import annotations

import numpy as np
from components.clauses import Clause
from components.reading import Habits, Parts, Reading, read, two_questions

INTENTS = ["greet", "oos", "alarm", "parcel", "return"]
HABITS = Habits(small_talk=frozenset({0}), strangers=frozenset({1}), protected=frozenset({2}))
LENGTH = 10


def row(**confidences: float) -> np.ndarray:
    return np.array([confidences.get(intent, 0.001) for intent in INTENTS])


def in_turn(*rows: np.ndarray, marks: str = "") -> Parts:
    """Parts of a text that follow one another; ``marks`` is how each ends, a sign a part."""
    marks = marks or "." * len(rows)
    text = "".join("x" * (LENGTH - 1) + mark for mark in marks)
    places = [Clause(LENGTH * k, LENGTH * (k + 1)) for k in range(len(rows))]
    return Parts(text, places, np.array(rows).reshape(len(rows), len(INTENTS)), len(rows))


def reading(whole: np.ndarray, *parts: np.ndarray, marks: str = "") -> Reading:
    return read(whole, in_turn(*parts, marks=marks), HABITS)


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


def test_one_question_asked_twice_hides_no_other() -> None:
    whole = row(parcel=0.6, **{"return": 0.3})
    assert reading(whole, row(parcel=0.9), row(parcel=0.95), row(**{"return": 0.7})).questions == (1, 2)


def test_two_parts_that_each_are_about_what_the_other_asks_are_one_question() -> None:
    whole = row(parcel=0.5, **{"return": 0.3})
    apart = (row(parcel=0.7), row(**{"return": 0.7}))
    both = (row(parcel=0.7, **{"return": 0.25}), row(parcel=0.25, **{"return": 0.7}))
    assert reading(whole, *apart).questions == (0, 1)
    assert reading(whole, *both).questions == ()


def test_of_a_long_story_two_sentences_that_differ_are_not_two_questions() -> None:
    whole, story = row(parcel=0.5, **{"return": 0.1}), [row(oos=0.3)] * 4
    asked = (row(parcel=0.8), row(**{"return": 0.7}))
    assert reading(whole, *asked).questions == (0, 1)
    assert reading(whole, *asked, *story).questions == ()


def test_a_part_that_is_unsure_or_that_the_whole_knows_nothing_of_is_no_question() -> None:
    whole = row(parcel=0.6, **{"return": 0.2})
    assert reading(whole, row(parcel=0.9), row(**{"return": 0.6})).questions == (0, 1)
    assert reading(whole, row(parcel=0.9), row(**{"return": 0.1})).questions == ()
    ignorant = row(parcel=0.9, **{"return": 0.0})
    assert reading(ignorant, row(parcel=0.9), row(**{"return": 0.3})).questions == ()
    assert reading(whole, row(parcel=0.9), row(**{"return": 0.3})).questions == (0, 1)


def test_a_part_that_is_merely_likely_to_be_an_alarm_is_no_question() -> None:
    whole = row(parcel=0.5, alarm=0.05, **{"return": 0.2})
    assert reading(whole, row(parcel=0.8), row(alarm=0.89)).questions == ()
    assert reading(whole, row(parcel=0.8), row(alarm=HABITS.alarming)).questions == (0, 1)


def test_parts_that_overlap_are_not_two_questions() -> None:
    whole = row(parcel=0.5, **{"return": 0.3})
    parts = Parts(
        "x" * 20, [Clause(0, 20), Clause(10, 20)], np.array([row(parcel=0.9), row(**{"return": 0.9})]), 2
    )
    assert two_questions(whole, parts, HABITS) == ()


def test_a_message_of_three_parts_that_may_hold_two_questions_is_worth_a_second_look() -> None:
    whole = row(parcel=0.5, **{"return": 0.1})
    faint = row(**{"return": 0.15})
    found = reading(whole, row(parcel=0.9), faint, row(oos=0.5))
    assert (found.questions, found.torn) == ((), True)
    assert not reading(whole, row(parcel=0.9), faint).torn
    assert not reading(row(parcel=0.9, **{"return": 0.001}), row(parcel=0.9), faint, row(oos=0.5)).torn


# two question marks, and one of the questions is not understood

UNKNOWN = row(**{"return": 0.2})


def test_a_question_that_is_not_understood_is_told_beside_the_one_that_is() -> None:
    assert reading(row(parcel=0.9), UNKNOWN, row(parcel=0.9), marks="??").questions == (0, 1)


def test_without_a_question_mark_it_is_a_story() -> None:
    for marks in ("?.", ".?"):
        assert reading(row(parcel=0.9), UNKNOWN, row(parcel=0.9), marks=marks).questions == ()


def test_a_question_that_may_mean_the_same_is_none_of_its_own() -> None:
    same = row(parcel=HABITS.elsewhere, **{"return": 0.2})
    assert reading(row(parcel=0.9), same, row(parcel=0.9), marks="??").questions == ()


def test_beside_a_greeting_a_stranger_or_an_alarm_nothing_is_told() -> None:
    for about in ("greet", "oos", "alarm"):
        assert reading(row(**{about: 0.9}), UNKNOWN, row(**{about: 0.9}), marks="??").questions == ()


def test_a_question_that_is_not_clear_itself_has_none_beside_it() -> None:
    unclear = row(parcel=HABITS.clear - 0.01)
    assert reading(row(parcel=0.9), UNKNOWN, unclear, marks="??").questions == ()
