"""Sentence vectors made comparable: what varies within an intent counts for less.

Sentence vectors all point much the same way and differ along directions that mean nothing for our intents.
They are divided by how much examples of one intent differ among themselves (the within-intent covariance of
linear discriminant analysis, Fisher 1936 and Rao 1948, shrunken towards a multiple of the identity,
Friedman 1989).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.preprocessing import normalize


@dataclass(frozen=True)
class Whitening:
    """Sentence vectors made comparable."""

    centre: np.ndarray
    matrix: np.ndarray

    @classmethod
    def learn(cls, vectors: np.ndarray, labels: np.ndarray, shrinkage: float) -> Whitening:
        """The inverse root of the within-intent covariance, shrunken towards a sphere.

        Intents of one example say nothing of how examples differ: of only such, nothing is whitened.
        """
        intents, numbers = np.unique(labels, return_inverse=True)
        means = np.stack([vectors[numbers == number].mean(axis=0) for number in range(len(intents))])
        within = vectors - means[numbers]
        dimension = vectors.shape[1]
        covariance = within.T @ within / max(len(vectors) - len(intents), 1)
        spread = max(float(np.trace(covariance)) / dimension, 1e-6)
        shrunken = (1 - shrinkage) * covariance + shrinkage * spread * np.eye(dimension)
        values, directions = np.linalg.eigh(shrunken)
        matrix = directions / np.sqrt(np.maximum(values, 1e-9))  # unshrunken, it may have no inverse
        return cls(vectors.mean(axis=0).astype(np.float32), matrix.astype(np.float32))

    def apply(self, vectors: np.ndarray) -> np.ndarray:
        """Rows of length 1; a row of zeros, which is a blank text's, stays one and is like nothing."""
        moved = (vectors - self.centre) @ self.matrix
        moved[~vectors.any(axis=1)] = 0
        return np.asarray(normalize(moved, copy=False))
