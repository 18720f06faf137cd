"""How sure is sure, rehearsed with signals that say what they should."""

from __future__ import annotations

import numpy as np
from components.scope import USUAL, Outcome, Rehearsal, Scope, learnt_scope, rehearsals

NEAR, FAR = [4.0, 6.0, 0.8, 0.7], [-2.0, 2.0, 0.1, 0.0]


def rehearse(labels: np.ndarray, planned: Rehearsal) -> Outcome:
    """Sure of its own intents, unsure of strangers."""
    own = np.isin(labels[planned.met], planned.visible)
    noise = np.random.RandomState(len(own)).randn(len(own), 4)
    best = np.searchsorted(planned.visible, labels[planned.met]) % len(planned.visible)
    return Outcome(np.where(own[:, None], NEAR, FAR) + noise, best)


def learnt(labels: np.ndarray, times: int = 4) -> Scope:
    planned = rehearsals(labels, times, 40)
    return learnt_scope(labels, planned, [rehearse(labels, one) for one in planned], 0.1)


def test_strangers_come_out_unlikely_and_the_known_likely() -> None:
    scope = learnt(np.repeat(np.arange(8), 20))
    assert scope is not USUAL
    right, inside = scope.chances(np.array([NEAR, FAR]))
    assert right[0] > 0.9
    assert inside[0] > 0.9
    assert right[1] < 0.2
    assert inside[1] < 0.3


def test_each_intent_is_hidden_once_and_nobody_meets_what_they_learnt_from() -> None:
    labels = np.repeat(np.arange(9), 6)
    planned = rehearsals(labels, 4, 40)
    hidden = [np.setdiff1d(np.arange(9), one.visible) for one in planned]
    assert sorted(np.concatenate(hidden)) == list(range(9))
    for one in planned:
        assert set(labels[one.learnt]) == set(one.visible)
        assert not set(one.learnt) & set(one.met)
        assert set(labels[one.met]) == set(range(9))


def test_the_only_example_of_an_intent_is_learnt_from_and_not_met() -> None:
    labels = np.append(np.repeat(np.arange(5), 4), 5)
    for one in rehearsals(labels, 4, 40):
        assert (20 in one.learnt) == (5 in one.visible)
        assert (20 in one.met) == (5 not in one.visible)


def test_no_more_examples_than_needed_are_rehearsed() -> None:
    labels = np.repeat(np.arange(4), 50)
    for one in rehearsals(labels, 4, 8):
        rows = np.concatenate([one.learnt, one.met])
        assert len(set(rows)) == len(rows) == 4 * 8


def test_too_few_examples_fall_back_to_the_usual() -> None:
    for labels in (np.arange(2), np.arange(3), np.repeat([0, 1], 100), np.repeat(np.arange(4), 3)):
        assert learnt(labels) is USUAL


def test_without_a_rehearsal_it_is_the_usual() -> None:
    for times in (0, 1):
        assert learnt(np.repeat(np.arange(8), 20), times) is USUAL


def test_chances_stay_chances_at_any_signal() -> None:
    signals = np.array([[0.0] * 4, [1e4] * 4, [-1e4] * 4, NEAR, FAR])
    with np.errstate(all="raise"):
        right, inside = USUAL.chances(signals)
    assert ((right > 0) & (right <= inside) & (inside <= 1)).all()
    assert right[1] > right[3] > right[4] > right[2]


def confident(chances: list[float], right: float, inside: float) -> np.ndarray:
    scope = Scope(
        np.zeros(4), np.ones(4), np.zeros((4, 2)), np.log([right / (1 - right), inside / (1 - inside)])
    )
    rows, _ = scope.confidences(np.array([chances], dtype=np.float32), np.zeros((1, 4)))
    return rows[0]


def test_the_best_stays_the_best_however_unsure_it_is() -> None:
    chance = np.random.RandomState(0)
    for size in (2, 3, 10):
        for _ in range(200):
            chances = list(chance.dirichlet([0.3] * size))
            row = confident(chances, 0.1, 0.9)
            assert row.argmax() == np.float32(chances).argmax()
            assert (row < row.max()).sum() == size - 1
            assert row.sum() <= 0.9 + 1e-9


def test_the_best_gets_the_chance_that_it_is_right_and_the_others_share_the_rest() -> None:
    assert np.allclose(confident([0.6, 0.3, 0.1], 0.7, 0.9), [0.7, 0.15, 0.05])


def test_an_intent_that_has_all_the_chances_leaves_none_to_the_others() -> None:
    assert np.allclose(confident([1.0, 0.0, 0.0], 0.5, 0.9), [0.5, 0, 0])
    assert USUAL.chances(np.zeros((1, 4)))[0].shape == (1,)
