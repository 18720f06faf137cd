"""From texts and their sentence vectors to intents, with how sure that is. Nothing here needs Rasa.

1. *Meaning.* Sentence vectors, whitened (``whitening.py``).
2. *Words.* N-grams, in a few hundred numbers (``ngrams.py``).
3. *Intents.* One softmax regression over both; an intent weighs as the root of its number of examples, and
   its own name, as words, is one more example.
4. *Kernel.* With ten examples an intent a straight border is the best guess; with a hundred, borders may
   bend. What a kernel regression makes of the meaning is added to the regression's logits, the more the
   more examples there are (``kernel.py``).
5. *Density.* How near an intent's examples are counts beside the borders between them (``density.py``).
6. *Scope.* How sure that is, and whether the message is any of ours at all (``scope.py``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from components.density import Density
from components.kernel import Bend, Kernel
from components.ngrams import NGrams
from components.products import with_each
from components.scope import Outcome, Rehearsal, Scope, learnt_scope, rehearsals
from components.side_by_side import cores, side_by_side
from components.whitening import Whitening

FEW = 20.0
"""Examples an intent, on average, up to which straight borders do best; each doubling from there counts."""
MOST_DOUBLINGS = 3.0
"""Up to 160 examples an intent; what more would bring was not measured."""
ROUNDS = 30
"""Of the regression's solver (L-BFGS). With 15 Maison Alba is half learnt; more than 30 take time and bring
nothing (docs/nlu.md)."""
MOST_REHEARSED = 40
"""Examples an intent that a rehearsal takes: more cost time and teach nothing about being sure."""
SOME = 500
"""Examples from which rehearsals have processes of their own. (Of 770 a rehearsal takes 0.3 s.)"""
REHEARSERS = 2
"""Of those processes, at most: each takes memory beside the rest of the training."""


@dataclass(frozen=True)
class Settings:
    """Chosen by cross-validation on training files alone (docs/nlu.md); the same for all data.

    Attributes:
        shrinkage: of the covariance: 0 takes it as it is, 1 makes a sphere of it, which whitens nothing.
        ngram_weight: of the words beside the meaning.
        ngram_dimension: numbers a text's words become.
        regularisation: scikit-learn's C: higher trusts the examples more.
        balance: 1 gives each intent the same weight, 0 each example, 0.5 is between them.
        name_weight: of an intent's name as an example.
        kernel_doubling: what the kernel is worth for each doubling of ``FEW``; no kernel with 0.
        kernel_width, kernel_penalty: as ``kernel.Bend`` has them.
        density_worth, density_sharpness: as ``density.Density`` has them, for up to ``FEW``.
        density_doubling: what the density is worth more for each doubling of ``FEW``, as a share of that.
        rehearsals: how often a part of the intents is hidden, to learn what a stranger looks like; below
            2 there is none, and confidence is ``scope.USUAL``.
        stranger_share: of the messages that belong to no intent, as expected.
    """

    shrinkage: float = 0.6
    ngram_weight: float = 0.5
    ngram_dimension: int = 256
    regularisation: float = 20.0
    balance: float = 0.5
    name_weight: float = 1.0
    kernel_doubling: float = 8.0
    kernel_width: float = 1.0
    kernel_penalty: float = 0.1
    density_worth: float = 6.0
    density_doubling: float = 0.5
    density_sharpness: float = 20.0
    rehearsals: int = 4
    stranger_share: float = 0.1


@dataclass(frozen=True)
class Examples:
    """What is learnt from: texts, their sentence vectors, and the number of the intent of each."""

    texts: list[str]
    vectors: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Judgement:
    """What the model makes of some texts, a row each.

    Attributes:
        chances: a column an intent; each row sums to 1, as if every message belonged to some intent.
        signals: what ``scope.py`` decides from.
        likeness: to each example, from -1 to 1.
    """

    chances: np.ndarray
    signals: np.ndarray
    likeness: np.ndarray


@dataclass(frozen=True)
class Regression:
    """The softmax regression over meaning and words, what nearness adds to it, and what is near.

    Attributes:
        meanings: whitened, a row an example, then a row an intent's name.
        labels: of the examples.
    """

    whitening: Whitening
    coefficients: np.ndarray
    intercepts: np.ndarray
    meanings: np.ndarray
    labels: np.ndarray
    ngram_weight: float
    kernel: Kernel
    density: Density

    @classmethod
    def learn(
        cls, examples: Examples, words: np.ndarray, names: Names, settings: Settings, doublings: float
    ) -> Regression:
        """``words`` are the examples' n-grams; the labels must be 0, 1, 2 … without a gap. By ``doublings``
        of ``FEW`` nearness counts more.
        """
        whitening = Whitening.learn(examples.vectors, examples.labels, settings.shrinkage)
        per_intent = np.bincount(examples.labels)
        weights = ((len(words) / len(per_intent) / per_intent) ** settings.balance)[examples.labels]
        weights = np.concatenate([weights, np.full(len(per_intent), settings.name_weight)])
        labels = np.concatenate([examples.labels, np.arange(len(per_intent))])
        meanings = whitening.apply(np.vstack([examples.vectors, names.vectors]))
        features = _joined(meanings, np.vstack([words, names.words]), settings.ngram_weight)
        regression = LogisticRegression(C=settings.regularisation, max_iter=ROUNDS, tol=1e-3)
        with np.errstate(all="ignore"):
            regression.fit(features, labels, sample_weight=weights)
        coefficients, intercepts = _one_column_an_intent(regression)
        kept = meanings.astype(np.float16).astype(np.float32)  # as ``storing.py`` keeps them
        bend = Bend(settings.kernel_doubling * doublings, settings.kernel_width, settings.kernel_penalty)
        kernel = Kernel.learn(kept, labels, weights, bend)
        worth = settings.density_worth * (1 + settings.density_doubling * doublings)
        density = Density(examples.labels, worth, settings.density_sharpness)
        return cls(
            whitening, coefficients, intercepts, kept, examples.labels, settings.ngram_weight, kernel, density
        )

    def judge(self, vectors: np.ndarray, words: np.ndarray) -> Judgement:
        """Chances and signals of some texts."""
        meaning = self.whitening.apply(vectors)
        products = with_each(meaning, self.meanings)
        likeness = products[:, : len(self.labels)]
        features = _joined(meaning, words, self.ngram_weight)
        borders = features @ self.coefficients + self.intercepts + self.kernel.scores(meaning, products)
        logits = borders + self.density.scores(likeness)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        chances = powers / powers.sum(axis=1, keepdims=True)
        nearest = self._nearest(likeness, chances.argmax(axis=1))
        best = np.clip(chances.max(axis=1), 1e-6, 1 - 1e-6)
        odds = np.log(best / (1 - best))
        signals = np.stack([odds, borders.max(axis=1), nearest.max(axis=1), nearest.mean(axis=1)], axis=1)
        return Judgement(chances, signals, likeness)

    def _nearest(self, likeness: np.ndarray, intents: np.ndarray) -> np.ndarray:
        """Of each text its likeness to the three nearest examples of an intent; the nearest again where
        there are fewer.
        """
        found = np.empty((len(likeness), 3), dtype=likeness.dtype)
        for row, (alike, intent) in enumerate(zip(likeness, intents, strict=True)):
            own = np.sort(alike[self.labels == intent])[::-1][:3]
            found[row] = own[0]
            found[row, : len(own)] = own
        return found


@dataclass(frozen=True)
class Names:
    """The intents' names as texts, with their vectors and n-grams."""

    vectors: np.ndarray
    words: np.ndarray

    def chosen(self, rows: np.ndarray) -> Names:
        """Of some intents."""
        return Names(self.vectors[rows], self.words[rows])


def doublings_for(per_intent: float) -> float:
    """How often ``FEW`` has to be doubled for so many examples an intent: 0 to ``MOST_DOUBLINGS``."""
    return min(max(0.0, float(np.log2(per_intent / FEW))), MOST_DOUBLINGS)


def spoken(intent: str) -> str:
    """An intent's name as words: ``faq_return_how`` is "return how"."""
    return " ".join(re.sub(r"[\W_]+", " ", intent.removeprefix("faq_")).split()).lower()


@dataclass(frozen=True)
class IntentModel:
    """All that is learnt."""

    intents: list[str]
    ngrams: NGrams
    regression: Regression
    scope: Scope

    @classmethod
    def learn(
        cls, examples: Examples, intents: Sequence[str], name_vectors: np.ndarray, settings: Settings
    ) -> IntentModel:
        """From examples whose labels are positions in ``intents``."""
        ngrams = NGrams.learn(examples.texts, settings.ngram_dimension)
        words = ngrams.transform(examples.texts)
        doublings = doublings_for(len(examples.texts) / len(intents))
        names = Names(name_vectors, ngrams.transform([spoken(intent) for intent in intents]))

        def rehearse(one: Rehearsal) -> Outcome:
            rows, met = one.learnt, one.met
            part = Examples([], examples.vectors[rows], np.searchsorted(one.visible, examples.labels[rows]))
            model = Regression.learn(part, words[rows], names.chosen(one.visible), settings, doublings)
            judged = model.judge(examples.vectors[met], words[met])
            return Outcome(judged.signals, judged.chances.argmax(axis=1))

        planned = rehearsals(examples.labels, settings.rehearsals, MOST_REHEARSED)
        processes = min(cores(), REHEARSERS) if len(examples.texts) >= SOME else 1
        with side_by_side(rehearse, planned, processes) as outcomes:
            regression = Regression.learn(examples, words, names, settings, doublings)
            scope = learnt_scope(examples.labels, planned, outcomes(), settings.stranger_share)
        return cls(list(intents), ngrams, regression, scope)

    def judge(self, texts: Sequence[str], vectors: np.ndarray) -> Judgement:
        """What the model makes of some texts with their sentence vectors."""
        return self.regression.judge(vectors, self.ngrams.transform(texts))


def _joined(meaning: np.ndarray, words: np.ndarray, weight: float) -> np.ndarray:
    both = np.hstack([meaning, np.sqrt(weight) * words]) / np.sqrt(1 + weight)
    return np.asarray(both, dtype=np.float32)


def _one_column_an_intent(regression: LogisticRegression) -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn keeps one column for two intents."""
    coefficients, intercepts = regression.coef_.T, regression.intercept_
    if coefficients.shape[1] == 1:
        coefficients = np.hstack([-coefficients / 2, coefficients / 2])
        intercepts = np.array([-intercepts[0] / 2, intercepts[0] / 2])
    return coefficients.astype(np.float32), intercepts.astype(np.float32)
