"""Rasa's logistic regression, with what it lacks: weighted terms, a choice of strength, speed.

Rasa's own fits all 74 intents at once (over a minute here), saves through a slow archive and copies the
coefficients at each prediction. This one separates each intent from all others, in seconds and with the
same accuracy, and predicts by one sparse product.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.logistic_regression_classifier import LogisticRegressionClassifier
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression

logger = logging.getLogger(__name__)

FILE = "weights.npz"


@dataclass(frozen=True)
class Weights:
    """What was learnt: ``coefficients`` has a row a feature, already times its rarity, a column an intent."""

    intents: np.ndarray
    coefficients: np.ndarray
    intercepts: np.ndarray
    rarity: np.ndarray

    @classmethod
    def learn(cls, counts: scipy.sparse.csr_matrix, intents: list[str], config: dict[str, Any]) -> Weights:
        """Fit one intent against all others, each with the same weight whatever its number of examples."""
        tfidf = TfidfTransformer(sublinear_tf=True)
        regression = LogisticRegression(
            C=config["regularisation"],
            class_weight="balanced",
            max_iter=config["max_iter"],
            random_state=config["random_state"],
            solver="liblinear",
            tol=config["tol"],
        )
        regression.fit(tfidf.fit_transform(counts), intents)
        return cls(
            np.asarray(regression.classes_, dtype=str),
            np.ascontiguousarray(regression.coef_.T, dtype=np.float32),
            regression.intercept_.astype(np.float32),
            tfidf.idf_.astype(np.float32),
        )

    def probabilities(self, counts: scipy.sparse.csr_matrix) -> np.ndarray:
        """A row a message, a column an intent; each row sums to 1."""
        terms = counts.astype(np.float32)
        terms.data = np.log(terms.data) + 1
        terms = terms.multiply(self.rarity).tocsr()
        lengths = np.sqrt(np.asarray(terms.multiply(terms).sum(axis=1)))
        scores = (terms @ self.coefficients) / np.maximum(lengths, 1e-9) + self.intercepts
        chances = 1 / (1 + np.exp(-scores))
        return chances / chances.sum(axis=1, keepdims=True)


@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER], is_trainable=True)
class WeightedLogisticRegressionClassifier(LogisticRegressionClassifier):
    """Classifies intents from sparse features weighted by how rare they are (tf-idf).

    ``regularisation`` is scikit-learn's C: higher trusts the examples more.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """The component's default config."""
        return {**LogisticRegressionClassifier.get_default_config(), "regularisation": 30.0}

    def __init__(
        self,
        config: dict[str, Any],
        name: str,
        model_storage: ModelStorage,
        resource: Resource,
        weights: Weights | None = None,
    ) -> None:
        super().__init__(config, name, model_storage, resource)
        self.weights = weights

    def train(self, training_data: TrainingData) -> Resource:
        """Learn from the examples; without any there is nothing to learn."""
        examples = [e for e in training_data.intent_examples if e.get("intent") and e.get(TEXT)]
        if examples:
            intents = [example.get("intent") for example in examples]
            self.weights = Weights.learn(sentence_counts(examples), intents, self.config)
            self.save(self.weights)
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Rank the intents of each message, best first."""
        if self.weights is None or not messages:
            return messages
        chances = self.weights.probabilities(sentence_counts(messages))
        for message, row in zip(messages, chances, strict=True):
            best = np.argsort(-row)[: self.config["ranking_length"] or None]
            ranking = [{"name": str(self.weights.intents[i]), "confidence": float(row[i])} for i in best]
            message.set("intent", ranking[0], add_to_output=True)
            message.set("intent_ranking", ranking, add_to_output=True)
        return messages

    def save(self, weights: Weights) -> None:
        """Keep the weights with the model, as plain arrays: loading them runs no code."""
        with self._model_storage.write_to(self._resource) as folder:
            np.savez(folder / FILE, **vars(weights))

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,  # noqa: ARG003 - Rasa's signature
    ) -> WeightedLogisticRegressionClassifier:
        """Load the weights; a model trained without examples has none."""
        weights = None
        try:
            with model_storage.read_from(resource) as folder:
                weights = Weights(**np.load(folder / FILE, allow_pickle=False))
        except (ValueError, FileNotFoundError):
            logger.warning("The model holds no intent classifier: it was trained without examples.")
        return cls(config, execution_context.node_name, model_storage, resource, weights)


def sentence_counts(messages: list[Message]) -> scipy.sparse.csr_matrix:
    """The n-gram counts of each message, a row a message."""
    rows = [message.get_sparse_features(attribute=TEXT)[1].features for message in messages]
    return scipy.sparse.vstack(rows, format="csr")
