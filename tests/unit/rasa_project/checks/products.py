"""Products of a few rows with many."""

from __future__ import annotations

import numpy as np
from components.products import FEW, with_each


def test_few_rows_and_many_have_the_same_products() -> None:
    chance = np.random.RandomState(0)
    known = chance.randn(50, 12).astype(np.float32)
    rows = chance.randn(FEW + 3, 12).astype(np.float32)
    for count in (0, 1, 2, FEW, FEW + 1, FEW + 3):
        found = with_each(rows[:count], known)
        assert found.shape == (count, 50)
        assert np.allclose(found, rows[:count] @ known.T, atol=1e-5)


def test_a_part_of_the_columns_will_do() -> None:
    known, row = np.arange(12.0).reshape(3, 4), np.ones((1, 4))
    assert np.array_equal(with_each(row[:, 1:3], known[:, 1:3]), [[3.0, 11.0, 19.0]])
