"""Borders that bend: a kernel ridge regression beside the softmax regression.

A message takes after the examples around it, by how near they are (Saunders, Gammerman and Vovk 1998; the
kernel is the Gaussian one). With ten examples an intent that adds nothing to straight borders, with a hundred
it does (docs/nlu.md). Not scikit-learn's ``KernelRidge``, which takes four times the memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from sklearn.metrics.pairwise import rbf_kernel

MOST = 10_000
"""Examples that are looked at; of more, so many by chance. Memory and time of training grow with the square
and the cube: 10,000 take 0.4 GB and some ten seconds; their rehearsals, side by side, as much each."""


@dataclass(frozen=True)
class Bend:
    """How much borders may bend.

    Attributes:
        worth: what the kernel's scores, about 0 to 1, count for in logits; with 0 nothing is learnt.
        width: nearness is exp(-width · squared distance). Features are of length 1, a blank text's of 0.
        penalty: higher trusts a single example less.
    """

    worth: float
    width: float
    penalty: float


@dataclass(frozen=True)
class Kernel:
    """What was learnt.

    Attributes:
        centres: which of the examples are looked at; none when the kernel counts for nothing.
        lengths: of the features of those, squared.
        duals: a row a centre, a column an intent.
        width: as in ``Bend``.
    """

    centres: np.ndarray
    lengths: np.ndarray
    duals: np.ndarray
    width: float

    @classmethod
    def learn(cls, features: np.ndarray, labels: np.ndarray, weights: np.ndarray, bend: Bend) -> Kernel:
        """From features with the number of the intent and the weight of each."""
        intents = int(labels.max()) + 1
        if bend.worth <= 0:
            none = np.zeros(0, dtype=np.int32)
            return cls(none, squared(features[none]), np.zeros((0, intents), dtype=np.float32), bend.width)
        centres = np.flatnonzero(weights > 0).astype(np.int32)  # an intent's name may weigh nothing
        if len(centres) > MOST:
            centres = np.sort(np.random.RandomState(0).permutation(centres)[:MOST])
        known = features if len(centres) == len(features) else features[centres]
        nearness = rbf_kernel(known, gamma=bend.width)
        nearness[np.diag_indices_from(nearness)] += bend.penalty / weights[centres]
        belongs = np.eye(intents, dtype=np.float32)[labels[centres]]
        # Symmetric, so its transpose is itself, in the order in which LAPACK solves in place.
        solved = scipy.linalg.solve(nearness.T, belongs, assume_a="pos", overwrite_a=True)
        duals = (bend.worth * solved).astype(np.float16)  # as ``storing.py`` keeps them
        return cls(centres, squared(known), duals.astype(np.float32), bend.width)

    def scores(self, features: np.ndarray, products: np.ndarray) -> np.ndarray:
        """To be added to the logits of some texts, a row each.

        ``products``: of the texts' features with those of every example, a column an example.
        """
        if len(self.centres) < products.shape[1]:
            products = products[:, self.centres]
        apart = squared(features)[:, None] + self.lengths - 2 * products
        return np.asarray(np.exp(-self.width * np.maximum(apart, 0)) @ self.duals)


def squared(features: np.ndarray) -> np.ndarray:
    """The squared length of each row."""
    return np.asarray((features**2).sum(axis=1))
