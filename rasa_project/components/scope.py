"""How sure is sure, and whether a message is any of ours: learnt by rehearsal, without a single stranger.

A classifier that has to choose always chooses. So while training, a part of the intents is hidden, in
turn: a model of the others meets the examples of the hidden ones (they are its strangers) and examples of
its own that it has not seen. From what it then makes of them, a logistic regression learns how likely the
best intent is to be right, and the message to belong to any (as Platt 1999 makes probabilities of a
classifier's scores, on several signals of a rehearsal in the place of one score).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

FEWEST = 30
"""Messages of each sort that a rehearsal must bring; with fewer, the usual weights are better."""
SUREST = 30.0
"""Log-odds beyond which nothing is surer: exp() stays finite, and no chance is quite 0."""


@dataclass(frozen=True)
class Scope:
    """Weights of the signals: the log-odds of the best intent, its score, how near its nearest example is,
    and its nearest three. Two columns: the best intent is right; the message belongs to some intent.
    """

    mean: np.ndarray
    deviation: np.ndarray
    weights: np.ndarray
    intercepts: np.ndarray

    def chances(self, signals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How likely the best intent is right, and how likely the message is in scope: a number a row."""
        scores = ((signals - self.mean) / self.deviation) @ self.weights + self.intercepts
        right, inside = (1 / (1 + np.exp(-np.clip(scores, -SUREST, SUREST)))).T
        return right, np.maximum(right, inside)

    def confidences(self, chances: np.ndarray, signals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A row of confidences a text, and how likely each text is in scope.

        The best intent gets the chance that it is right; the others share what is left of being in scope, by
        the ``chances`` they have when every message belongs to some intent.
        """
        right, inside = self.chances(signals)
        best = chances.argmax(axis=1)
        numbers = np.arange(len(best))
        others = chances.copy()
        others[numbers, best] = 0
        rest = others / np.maximum(others.sum(axis=1, keepdims=True), 1e-12)
        # The best stays the best: no other intent may come out likelier than it, or as likely.
        share = np.minimum(inside - right, 0.999 * right / np.maximum(rest.max(axis=1), 1e-12))
        rows = rest * share[:, None]
        rows[numbers, best] = right
        return rows, inside


USUAL = Scope(
    mean=np.array([0.5, 3.5, 0.35, 0.28]),
    deviation=np.array([2.5, 2.0, 0.2, 0.17]),
    weights=np.array([[1.2, 1.0], [0.5, 0.6], [0.4, 0.5], [0.4, 0.5]]),
    intercepts=np.array([0.0, 0.4]),
)
"""For training files too small for a rehearsal: about what rehearsals on larger ones give."""


@dataclass(frozen=True)
class Rehearsal:
    """Which intents a model is shown, the rows it learns from, and those it meets then, strangers' too."""

    visible: np.ndarray
    learnt: np.ndarray
    met: np.ndarray


@dataclass(frozen=True)
class Outcome:
    """Of the rows that were met: their signals, and which of the visible intents came out best."""

    signals: np.ndarray
    best: np.ndarray


def rehearsals(labels: np.ndarray, times: int, most: int) -> list[Rehearsal]:
    """The intents hidden in turn, ``times`` groups of them; ``most`` rows an intent.

    An empty list where that cannot be: of two intents, or with fewer than two groups.
    """
    intents = np.unique(labels)
    chance = np.random.RandomState(0)
    planned = []
    for hidden in np.array_split(chance.permutation(intents), max(min(times, len(intents)), 1)):
        visible = np.setdiff1d(intents, hidden)
        if len(visible) >= 2:
            learnt, own = _parted(labels, visible, chance, most)
            strangers = _some(labels, hidden, chance, most)
            planned.append(Rehearsal(visible, learnt, np.concatenate([own, strangers])))
    return planned


def learnt_scope(
    labels: np.ndarray, planned: Sequence[Rehearsal], outcomes: Sequence[Outcome], stranger_share: float
) -> Scope:
    """What rehearsals teach; the usual weights where there were none, or too little was met."""
    if not planned:
        return USUAL
    met = np.concatenate([labels[one.met] for one in planned])
    best = np.concatenate([one.visible[of.best] for one, of in zip(planned, outcomes, strict=True)])
    inside = np.concatenate([np.isin(labels[one.met], one.visible) for one in planned])
    return _fitted(np.vstack([one.signals for one in outcomes]), best == met, inside, stranger_share)


def _parted(
    labels: np.ndarray, visible: np.ndarray, chance: np.random.RandomState, most: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from and rows to be met: a quarter of each intent's, if it has more than one."""
    kept, met = [], []
    for intent in visible:
        rows = chance.permutation(np.flatnonzero(labels == intent))[:most]
        apart = max(1, len(rows) // 4) if len(rows) > 1 else 0
        met.append(rows[:apart])
        kept.append(rows[apart:])
    return np.concatenate(kept), np.concatenate(met)


def _some(labels: np.ndarray, intents: np.ndarray, chance: np.random.RandomState, most: int) -> np.ndarray:
    return np.concatenate([chance.permutation(np.flatnonzero(labels == intent))[:most] for intent in intents])


def _fitted(signals: np.ndarray, right: np.ndarray, inside: np.ndarray, stranger_share: float) -> Scope:
    sorts = (right.sum(), (~right).sum(), inside.sum(), (~inside).sum())
    if min(sorts) < FEWEST:
        return USUAL
    mean, deviation = signals.mean(axis=0), signals.std(axis=0) + 1e-6
    scaled = (signals - mean) / deviation
    weights = np.where(inside, (1 - stranger_share) / inside.mean(), stranger_share / (~inside).mean())
    fits = [LogisticRegression().fit(scaled, answer, sample_weight=weights) for answer in (right, inside)]
    return Scope(
        mean,
        deviation,
        np.stack([fit.coef_[0] for fit in fits], axis=1),
        np.array([fit.intercept_[0] for fit in fits]),
    )
