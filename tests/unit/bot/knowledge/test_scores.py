"""Scores against hand computations, and properties that hold whatever the messages."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.knowledge import scores
from bot.knowledge.scores import OOS, Scored

# truth, best guess, confidence
SIX = [
    Scored("a", "a", 0.9),
    Scored("a", "b", 0.6),
    Scored("b", "b", 0.4),
    Scored("b", "b", 0.8),
    Scored(OOS, "a", 0.3),
    Scored(OOS, "b", 0.7),
]

labels = st.sampled_from(["a", "b", "c", OOS])
items = st.lists(st.builds(Scored, labels, labels, st.floats(0, 1)), min_size=1, max_size=30)


def test_accuracy_in_scope_applies_no_threshold() -> None:
    assert scores.accuracy(scores.in_scope(SIX)) == 3 / 4
    assert scores.accuracy(SIX) == 3 / 6


def test_at_a_threshold_what_is_rejected_is_not_right() -> None:
    assert scores.accuracy_at(scores.in_scope(SIX), 0.5) == 2 / 4
    assert scores.accuracy_at(SIX, 0.5) == 3 / 6  # the one out of scope at 0.3 is recognised


def test_a_confidence_at_the_threshold_is_enough() -> None:
    assert Scored("a", "a", 0.5).at(0.5) == "a"


def test_out_of_scope_is_what_is_rejected_or_named_so() -> None:
    assert scores.oos_recall(SIX, 0.5) == 1 / 2
    assert scores.oos_precision(SIX, 0.5) == 1 / 2  # 0.4 in scope and 0.3 out of it are rejected
    named = [Scored(OOS, OOS, 0.9), Scored("a", OOS, 0.9)]
    assert scores.oos_recall(named, 0.5) == 1
    assert scores.oos_precision(named, 0.5) == 1 / 2


def test_without_messages_out_of_scope_their_scores_are_undefined() -> None:
    assert scores.oos_recall(SIX[:4], 0.5) is None
    assert scores.oos_precision(SIX[:4], 0.5) is None
    assert scores.oos_precision([Scored(OOS, "a", 0.9)], 0.5) is None  # nothing was taken for it


def test_nothing_to_score_is_undefined() -> None:
    assert scores.accuracy([]) is None
    assert scores.mcc([]) is None
    assert scores.best_mcc([]) is None
    assert scores.ece([]) is None
    assert scores.percentile([], 0.5) is None


def test_mcc_of_two_classes_is_the_phi_coefficient() -> None:
    pairs = [("y", "y")] * 6 + [("y", "n")] * 2 + [("n", "y")] * 1 + [("n", "n")] * 3
    expected = (6 * 3 - 1 * 2) / math.sqrt((6 + 1) * (6 + 2) * (3 + 1) * (3 + 2))
    assert scores.mcc(pairs) == pytest.approx(expected)


def test_mcc_of_three_classes_by_hand() -> None:
    # s=6, c=3; t: a2 b2 oos2; p at 0.5: a1 b3 oos2
    # (3*6 - (1*2 + 3*2 + 2*2)) / sqrt((36-14) * (36-12)) = 6 / sqrt(528)
    assert scores.mcc_at(SIX, 0.5) == pytest.approx(6 / math.sqrt(528))


def test_mcc_is_nought_where_it_is_undefined() -> None:
    assert scores.mcc([("a", "b"), ("b", "b")]) == 0
    assert scores.mcc([("a", "a")]) == 0


@given(items)
def test_mcc_of_what_is_all_right_is_one_and_never_leaves_its_range(found: list[Scored]) -> None:
    value = scores.mcc_at(found, 0.5)
    assert value is not None
    assert -1 - 1e-9 <= value <= 1 + 1e-9
    right = scores.mcc((item.truth, item.truth) for item in found)
    assert right == pytest.approx(1 if len({item.truth for item in found}) > 1 else 0)


@given(items)
def test_the_best_threshold_is_best(found: list[Scored]) -> None:
    best = scores.best_mcc(found)
    assert best is not None
    value, threshold = best
    assert scores.mcc_at(found, threshold) == value
    every = [scores.mcc_at(found, other) or 0.0 for other in scores.GRID]
    assert value == max(every)
    assert threshold == scores.GRID[every.index(value)]  # the lowest of equals


def test_calibration_error_by_hand() -> None:
    # Two bins of ten: (0.6, 0.7] holds 0.65 right and 0.7 wrong; (0.9, 1] holds 0.95 right.
    found = [Scored("a", "a", 0.65), Scored("a", "b", 0.7), Scored("a", "a", 0.95)]
    expected = 2 / 3 * abs(1 / 2 - 0.675) + 1 / 3 * abs(1 - 0.95)
    assert scores.ece(found, bins=10) == pytest.approx(expected)


def test_a_confident_intent_for_a_message_out_of_scope_is_miscalibrated() -> None:
    assert scores.ece([Scored(OOS, "a", 1.0)]) == 1
    assert scores.ece([Scored(OOS, OOS, 1.0)]) == 0


def test_confidences_a_hair_outside_their_range_fall_into_the_outer_bins() -> None:
    assert scores.ece([Scored("a", "a", 1.0000001), Scored("a", "a", 1.0)]) == pytest.approx(0, abs=1e-6)
    assert scores.ece([Scored("a", "b", 0.0), Scored("a", "b", 0.01)]) == pytest.approx(0.005)


@given(items)
def test_calibration_error_is_a_share(found: list[Scored]) -> None:
    value = scores.ece(found)
    assert value is not None
    assert 0 <= value <= 1 + 1e-9


def test_percentiles_lie_between_values() -> None:
    assert scores.percentile([3, 1, 2, 4], 0.5) == 2.5
    assert scores.percentile([3, 1, 2, 4], 1.0) == 4
    assert scores.percentile(range(101), 0.95) == 95
    assert scores.percentile([7.0], 0.95) == 7
