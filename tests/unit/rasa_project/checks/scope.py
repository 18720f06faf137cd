"""How sure is sure, rehearsed with a model whose signals say what they should."""

from __future__ import annotations

import numpy as np
from components.scope import USUAL, Scope, rehearse

NEAR, FAR = [4.0, 6.0, 0.8, 0.7], [-2.0, 2.0, 0.1, 0.0]


class Model:
    """Sure of its own intents, unsure of strangers; remembers what it was told."""

    def __init__(self, labels: np.ndarray) -> None:
        self.labels = labels
        self.lessons: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def learn(self, rows: np.ndarray, visible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return rows, visible

    def meet(self, model: tuple[np.ndarray, np.ndarray], rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        kept, visible = model
        self.lessons.append((kept, visible, rows))
        own = np.isin(self.labels[rows], visible)
        noise = np.random.RandomState(len(rows)).randn(len(rows), 4)
        best = np.searchsorted(visible, self.labels[rows]) % len(visible)
        return np.where(own[:, None], NEAR, FAR) + noise, best


def rehearsed(labels: np.ndarray, times: int = 4, most: int = 40) -> tuple[Scope, Model]:
    model = Model(labels)
    return rehearse(labels, model.learn, model.meet, times, most, 0.1), model


def test_strangers_come_out_unlikely_and_the_known_likely() -> None:
    scope, _ = rehearsed(np.repeat(np.arange(8), 20))
    assert scope is not USUAL
    right, inside = scope.chances(np.array([NEAR, FAR]))
    assert right[0] > 0.9
    assert inside[0] > 0.9
    assert right[1] < 0.2
    assert inside[1] < 0.3


def test_each_intent_is_hidden_once_and_nobody_meets_what_they_learnt_from() -> None:
    labels = np.repeat(np.arange(9), 6)
    _, model = rehearsed(labels)
    hidden = [np.setdiff1d(np.arange(9), visible) for _, visible, _ in model.lessons]
    assert sorted(np.concatenate(hidden)) == list(range(9))
    for kept, visible, rows in model.lessons:
        assert set(labels[kept]) == set(visible)
        assert not set(kept) & set(rows)
        assert set(labels[rows]) == set(range(9))


def test_the_only_example_of_an_intent_is_learnt_from_and_not_met() -> None:
    labels = np.append(np.repeat(np.arange(5), 4), 5)
    _, model = rehearsed(labels)
    for kept, visible, rows in model.lessons:
        assert (20 in kept) == (5 in visible)
        assert (20 in rows) == (5 not in visible)


def test_no_more_examples_than_needed_are_rehearsed() -> None:
    labels = np.repeat(np.arange(4), 50)
    _, model = rehearsed(labels, most=8)
    for kept, _, rows in model.lessons:
        met = np.concatenate([kept, rows])
        assert len(set(met)) == len(met) == 4 * 8


def test_too_few_examples_fall_back_to_the_usual() -> None:
    for labels in (np.arange(2), np.arange(3), np.repeat([0, 1], 100), np.repeat(np.arange(4), 3)):
        assert rehearsed(labels)[0] is USUAL


def test_without_a_rehearsal_it_is_the_usual() -> None:
    for times in (0, 1):
        assert rehearsed(np.repeat(np.arange(8), 20), times)[0] is USUAL


def test_chances_stay_chances_at_any_signal() -> None:
    signals = np.array([[0.0] * 4, [1e4] * 4, [-1e4] * 4, NEAR, FAR])
    with np.errstate(all="raise"):
        right, inside = USUAL.chances(signals)
    assert ((right > 0) & (right <= inside) & (inside <= 1)).all()
    assert right[1] > right[3] > right[4] > right[2]
