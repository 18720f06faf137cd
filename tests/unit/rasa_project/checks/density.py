"""How near the examples of each intent are."""

from __future__ import annotations

import numpy as np
from components.density import Density

LABELS = np.array([1, 0, 1, 0, 2])
USUAL = Density(LABELS, worth=6.0, sharpness=20.0)


def found(likeness: list[float], density: Density = USUAL) -> np.ndarray:
    return density.scores(np.array([likeness], dtype=np.float32))[0]


def test_the_intent_whose_examples_are_nearest_gains_most() -> None:
    assert found([0.1, 0.8, 0.2, 0.3, 0.4]).argmax() == 0
    assert found([0.9, 0.8, 0.2, 0.3, 0.4]).argmax() == 1
    assert found([0.1, 0.2, 0.2, 0.3, 0.4]).argmax() == 2


def test_it_is_the_mean_of_the_examples_kernels() -> None:
    expected = 6 / 20 * np.log(np.mean([np.exp(20 * 0.8), np.exp(20 * 0.3)]))
    assert np.isclose(found([0.1, 0.8, 0.2, 0.3, 0.4])[0], expected, atol=1e-4)


def test_a_worth_is_what_a_likeness_of_one_counts_for() -> None:
    assert np.allclose(found([1.0] * 5), 6.0, atol=1e-4)
    assert np.allclose(found([-1.0] * 5), -6.0, atol=1e-4)
    assert not found([0.1, 0.8, 0.2, 0.3, 0.4], Density(LABELS, 0.0, 20.0)).any()


def test_many_examples_of_an_intent_do_not_outvote_one_of_another() -> None:
    labels = np.array([0] * 50 + [1])
    likeness = np.array([[0.5] * 50 + [0.5]], dtype=np.float32)
    one, other = Density(labels, 6.0, 20.0).scores(likeness)[0]
    assert np.isclose(one, other, atol=1e-5)


def test_texts_do_not_touch_each_other() -> None:
    rows = np.random.RandomState(0).uniform(-1, 1, (7, 5)).astype(np.float32)
    together = USUAL.scores(rows)
    assert together.shape == (7, 3)
    assert np.array_equal(together[3:4], USUAL.scores(rows[3:4]))
