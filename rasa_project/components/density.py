"""How near the examples of each intent are, all of them together.

A regression's borders are drawn through the words and the language that the examples are in. A message in
other words, or in the other language, may lie on the wrong side of one, and yet nearest to the right ones.
So what an intent's density is around the message counts too: the mean, over the intent's examples, of a
kernel of likeness (Parzen 1962; on a sphere, that of von Mises and Fisher: Hall, Watson and Cabrera 1987).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Density:
    """How much of each intent is around a message.

    Attributes:
        labels: the intent of each example: 0, 1, 2 … without a gap.
        worth: of a density's logarithm, in logits for a likeness of 1; with 0 it does not count.
        sharpness: above 0; the higher, the more the nearest examples alone count.
    """

    labels: np.ndarray
    worth: float
    sharpness: float

    def scores(self, likeness: np.ndarray) -> np.ndarray:
        """To be added to the logits of some texts, a row each, a column an intent.

        ``likeness``: from -1 to 1, a column an example.
        """
        order, firsts, sizes = self._groups
        powers = np.exp(np.float32(self.sharpness) * likeness[:, order])
        means = np.add.reduceat(powers, firsts, axis=1) / sizes
        return np.asarray(np.float32(self.worth / self.sharpness) * np.log(means))

    @cached_property
    def _groups(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The examples by intent, where each intent's begin, and how many they are."""
        sizes = np.bincount(self.labels)
        firsts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        return np.argsort(self.labels, kind="stable"), firsts, sizes.astype(np.float32)
