"""Borders that bend, on rings that no straight line tells apart."""

from __future__ import annotations

import numpy as np
from components import kernel
from components.kernel import Bend, Kernel
from sklearn.linear_model import LogisticRegression

BEND = Bend(worth=5.0, width=1.0, penalty=0.1)


def rings(each: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Intent 0 is a ring within the ring of intent 1."""
    chance = np.random.RandomState(seed)
    labels = np.repeat([0, 1], each)
    angles = chance.rand(2 * each) * 2 * np.pi
    lengths = np.where(labels == 0, 0.4, 1.6) + 0.1 * chance.randn(2 * each)
    points = lengths[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return points.astype(np.float32), labels


class Learnt:
    """A kernel with the points it was learnt from."""

    def __init__(self, points: np.ndarray, labels: np.ndarray, weights: np.ndarray, bend: Bend) -> None:
        self.points = points
        self.kernel = Kernel.learn(points, labels, weights, bend)

    def scores(self, met: np.ndarray) -> np.ndarray:
        return self.kernel.scores(met, met @ self.points.T)


def right(learnt: Learnt, seed: int = 1) -> float:
    points, labels = rings(50, seed)
    return float((learnt.scores(points).argmax(axis=1) == labels).mean())


def test_what_no_straight_border_tells_apart_is_told_apart() -> None:
    points, labels = rings(60)
    straight = LogisticRegression().fit(points, labels)
    assert straight.score(*rings(50, 1)) < 0.7
    assert right(Learnt(points, labels, np.ones(120), BEND)) > 0.95


def test_worth_nothing_it_counts_for_nothing() -> None:
    points, labels = rings(10)
    nothing = Learnt(points, labels, np.ones(20), Bend(0.0, 1.0, 0.1))
    assert nothing.scores(points).shape == (20, 2)
    assert not nothing.scores(points).any()


def test_an_example_that_weighs_little_is_followed_little() -> None:
    points, labels = rings(30)
    labels[0] = 1  # it lies
    trusted = np.ones(60)
    doubted = trusted.copy()
    doubted[0] = 0.001
    one, other = (Learnt(points, labels, weights, BEND) for weights in (trusted, doubted))
    assert one.scores(points[:1])[0, 1] > other.scores(points[:1])[0, 1] + 0.1


def test_the_same_example_many_times_is_no_trouble() -> None:
    points, labels = rings(5)
    same = Learnt(np.repeat(points, 20, axis=0), np.repeat(labels, 20), np.ones(200), BEND)
    assert np.isfinite(same.kernel.duals).all()


def test_of_more_examples_than_fit_only_so_many_are_looked_at() -> None:
    points, labels = rings(80)
    most, kernel.MOST = kernel.MOST, 60
    try:
        one, other = (Learnt(points, labels, np.ones(160), BEND) for _ in range(2))
    finally:
        kernel.MOST = most
    assert len(one.kernel.centres) == 60
    assert np.array_equal(one.kernel.centres, other.kernel.centres)
    assert right(one) > 0.9


def test_what_weighs_nothing_is_not_looked_at() -> None:
    points, labels = rings(60)
    weights = np.ones(120)
    weights[-3:] = 0
    learnt = Learnt(points, labels, weights, BEND)
    assert list(learnt.kernel.centres) == list(range(117))
    assert right(learnt) > 0.95
