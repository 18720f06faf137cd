"""How well messages were understood: pure functions over what was meant and what was predicted.

Words used here. A message is *in scope* when its intent is not :data:`OOS`. A prediction is *rejected* at
a threshold when its confidence is below it; a rejected one counts as :data:`OOS`, and so does one whose
best intent is that of out-of-scope messages itself.

Formulas
--------
MCC
    Matthews' correlation for several classes: J. Gorodkin, "Comparing two K-category assignments by a
    K-category correlation coefficient", Computational Biology and Chemistry 28 (2004), 367-374. With s
    messages, c of them right, t_k of class k and p_k predicted as k::

        (c s - sum_k p_k t_k) / sqrt((s² - sum_k p_k²) (s² - sum_k t_k²))

    and 0 where that is undefined. As in HINT3 (Arora et al., "HINT3: Raising the bar for Intent Detection
    in the Wild", Workshop on Insights from Negative Results in NLP, EMNLP 2020) it is taken over all
    messages, out-of-scope being a class like any other.
ECE
    Expected calibration error: Naeini, Cooper, Hauskrecht, "Obtaining Well Calibrated Probabilities Using
    Bayesian Binning", AAAI 2015, as in Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    With the n messages sorted by the confidence of their best intent into M = 15 bins of equal width,
    ((m-1)/M, m/M]::

        sum_m |B_m|/n · |share of B_m that is right - mean confidence of B_m|

    *Right* means that the best intent is the message's: a message out of scope is right only if its best
    intent is that of out-of-scope messages.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

OOS = "oos"
BINS = 15
GRID = tuple(step / 100 for step in range(101))
"""Thresholds that are tried when the best one is looked for."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A message: what it means, and the best intent with its confidence, in [0, 1]."""

    truth: str
    predicted: str
    confidence: float

    @property
    def is_in_scope(self) -> bool:
        """Whether it belongs to an intent at all."""
        return self.truth != OOS

    @property
    def is_right(self) -> bool:
        """Whether the best intent is right, however unsure."""
        return self.predicted == self.truth

    def at(self, threshold: float) -> str:
        """What it is taken for at a threshold."""
        return self.predicted if self.confidence >= threshold else OOS


def share(items: Iterable[Scored], holds: Callable[[Scored], bool]) -> float | None:
    """The share of the messages for which something holds; None without messages."""
    verdicts = [holds(item) for item in items]
    return sum(verdicts) / len(verdicts) if verdicts else None


def accuracy(items: Iterable[Scored]) -> float | None:
    """The share of best intents that are right, no threshold applied; None without messages."""
    return share(items, lambda item: item.is_right)


def accuracy_at(items: Iterable[Scored], threshold: float) -> float | None:
    """The share taken for what they are: in scope, right and not rejected; out of scope, recognised."""
    return share(items, lambda item: item.at(threshold) == item.truth)


def in_scope(items: Iterable[Scored]) -> list[Scored]:
    """The messages that belong to an intent."""
    return [item for item in items if item.is_in_scope]


def oos_precision(items: Iterable[Scored], threshold: float) -> float | None:
    """Of the messages taken for out of scope, the share that is; None when none is taken for it, or
    when there is none to find."""
    known = list(items)
    if all(item.is_in_scope for item in known):
        return None
    return share((item for item in known if item.at(threshold) == OOS), lambda item: not item.is_in_scope)


def oos_recall(items: Iterable[Scored], threshold: float) -> float | None:
    """Of the messages out of scope, the share taken for it; None when there is none."""
    return share((item for item in items if not item.is_in_scope), lambda item: item.at(threshold) == OOS)


def mcc(pairs: Iterable[tuple[str, str]]) -> float | None:
    """Gorodkin's coefficient over (truth, prediction); None without messages, 0 where undefined."""
    known = list(pairs)
    if not known:
        return None
    truths = Counter(truth for truth, _ in known)
    predictions = Counter(predicted for _, predicted in known)
    right = sum(truth == predicted for truth, predicted in known)
    s = len(known)
    both = right * s - sum(predictions[name] * count for name, count in truths.items())
    spread = (s * s - _squares(predictions)) * (s * s - _squares(truths))
    return both / math.sqrt(spread) if spread else 0.0


def mcc_at(items: Iterable[Scored], threshold: float) -> float | None:
    """The coefficient of what messages are taken for at a threshold, out of scope being a class."""
    return mcc((item.truth, item.at(threshold)) for item in items)


def best_mcc(items: Sequence[Scored], thresholds: Iterable[float] = GRID) -> tuple[float, float] | None:
    """The best coefficient and its threshold, the lowest of equals; None without messages."""
    found = [(mcc_at(items, threshold), threshold) for threshold in thresholds]
    scored = [(score, threshold) for score, threshold in found if score is not None]
    return max(scored, key=lambda pair: (pair[0], -pair[1])) if scored else None


def ece(items: Iterable[Scored], bins: int = BINS) -> float | None:
    """The expected calibration error; None without messages."""
    sorted_in: dict[int, list[Scored]] = {}
    for item in items:
        sorted_in.setdefault(min(max(math.ceil(item.confidence * bins), 1), bins), []).append(item)
    total = sum(map(len, sorted_in.values()))
    return sum(_gap(held) for held in sorted_in.values()) / total if total else None


def percentile(values: Sequence[float], part: float) -> float | None:
    """The value below which a ``part`` in [0, 1] of them lies, interpolated; None without values."""
    if not values:
        return None
    ordered = sorted(values)
    place = part * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _gap(held: Sequence[Scored]) -> float:
    """How many more (or fewer) of a bin are right than it says."""
    return abs(sum(item.is_right for item in held) - math.fsum(item.confidence for item in held))


def _squares(counts: Counter[str]) -> int:
    return sum(count * count for count in counts.values())
