"""The intent classifier: learns from ten examples, and knows what it does not know.

This is the part that speaks Rasa. What is learnt is in ``intent_model.py``, how sure that is in
``scope.py``; ``clauses.py`` and ``reading.py`` find the questions in a message that says more.
Besides Rasa's ``intent`` and ``intent_ranking`` a parse holds ``questions``, when there are two, and an
``explanation``.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.nlu.constants import TOKENS_NAMES
from rasa.shared.exceptions import RasaException
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from components.clauses import Clause, clauses, runs
from components.embedding import CACHE_DEFAULTS, embed, said, shared_encoder, training_encoder
from components.encoder_base import numberless
from components.encoders import DEFAULTS
from components.explaining import explained
from components.intent_model import Examples, IntentModel, Settings, spoken
from components.reading import Habits, Parts, read, two_questions
from components.storing import load, store

logger = logging.getLogger(__name__)


class TooLittle(RasaException):
    """One sentence that Rasa's command line shows as it is."""


@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER], is_trainable=True)
class FewShotClassifier(GraphComponent, IntentClassifier):
    """Ranks intents by how likely each is to be right *and* the message to be any of ours.

    The confidences of a message sum to 1 at most; what is missing is the chance that it belongs to no
    intent. Config: ``encoders.DEFAULTS`` (which sentence encoder), ``embedding.CACHE_DEFAULTS``,
    ``intent_model.Settings``, and the names of the intents that are not like others.
    """

    @classmethod
    def required_packages(cls) -> list[str]:
        """Beside Rasa's own."""
        return ["sklearn"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """The component's default config."""
        return {
            **DEFAULTS,
            **CACHE_DEFAULTS,
            **vars(Settings()),
            "ranking_length": 10,
            "sure": Habits.sure,  # the bot's own threshold for an answer: handlers/care.py, answer_at
            "small_talk": ["greet", "goodbye", "thanks", "how_are_you", "bot_challenge", "affirm", "deny"],
            "protected": [],
            "out_of_scope": ["out_of_scope", "oos"],
        }

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        learnt: tuple[IntentModel, list[str]] | None = None,
    ) -> None:
        self._config, self._storage, self._resource = config, model_storage, resource
        self._learnt = learnt
        self._habits = self._habits_for(learnt[0].intents) if learnt else None

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,  # noqa: ARG003 - Rasa's signature
    ) -> FewShotClassifier:
        """Called by Rasa for each training."""
        shared_encoder(config)  # what is missing is said before the work begins
        return cls(config, model_storage, resource)

    # --- training ---------------------------------------------------------------------------

    def train(self, training_data: TrainingData) -> Resource:
        """Learn from the examples.

        Raises:
            TooLittle: there are fewer than two intents.
        """
        examples = [e for e in training_data.intent_examples if e.get("intent") and said(e).strip()]
        texts = [numberless(said(example)) for example in examples]
        intents, labels = np.unique([e.get("intent") for e in examples], return_inverse=True)
        if len(intents) < 2:
            raise TooLittle("There is nothing to tell apart: the training data needs at least two intents.")
        encoder = training_encoder(self._config)
        vectors = embed(encoder, texts)
        names = embed(encoder, [spoken(intent) for intent in intents])
        logger.info("Learning %d intents from %d examples", len(intents), len(texts))
        settings = Settings(**{name: self._config[name] for name in vars(Settings())})
        model = IntentModel.learn(
            Examples(texts, vectors, labels), [str(i) for i in intents], names, settings
        )
        with self._storage.write_to(self._resource) as folder:
            store(Path(folder), model, texts, encoder.identity)
        return self._resource

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,  # noqa: ARG003 - Rasa's signature
        **kwargs: Any,  # noqa: ARG003
    ) -> FewShotClassifier:
        """Load what was learnt; a model trained without examples has nothing.

        Raises:
            Damaged: what was learnt cannot be read, or was learnt with another encoder.
            EmbeddingError: there is no such encoder here.
        """
        encoder = shared_encoder(config).identity
        try:
            with model_storage.read_from(resource) as folder:
                learnt = load(Path(folder), encoder)
        except ValueError:  # Rasa's word for: the storage has no such folder
            logger.warning("The model holds no intent classifier: it was trained without examples.")
            learnt = None
        return cls(config, model_storage, resource, learnt)

    # --- parsing ----------------------------------------------------------------------------

    def process(self, messages: list[Message]) -> list[Message]:
        """Rank the intents of each message, best first."""
        if self._learnt is not None and self._habits is not None:
            for message in messages:
                self._understand(message, *self._learnt, self._habits)
        return messages

    def _understand(self, message: Message, model: IntentModel, examples: list[str], habits: Habits) -> None:
        text = message.get(TEXT) or ""
        places = clauses(text, message.get(TOKENS_NAMES[TEXT]) or [])
        rows, inside, likeness = self._judged(model, [said(message), *_quoted(text, places)])
        parts = Parts(text, places, rows[1:], len(places))
        found = read(rows[0], parts, habits)
        questions = found.questions
        if found.torn:
            longer = runs(places)
            more, _, _ = self._judged(model, _quoted(text, longer))
            parts = Parts(text, [*places, *longer], np.vstack([parts.rows, more]), len(places))
            questions = two_questions(rows[0], parts, habits) or questions
        speaks = 0 if found.spoken_by is None else found.spoken_by + 1
        ranking = self._ranking(found.row, model.intents)
        message.set("intent", ranking[0], add_to_output=True)
        message.set("intent_ranking", ranking, add_to_output=True)
        if questions:
            told = [self._question(parts.places[k], parts.rows[k], model.intents) for k in questions]
            message.set("questions", told, add_to_output=True)
        explanation = explained(found.row, inside[speaks], likeness[speaks], model, examples, habits)
        message.set("explanation", explanation, add_to_output=True)

    def _judged(
        self, model: IntentModel, spoken_texts: list[str]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of each text its confidences, how likely it is in scope, and its likeness to each example."""
        texts = [numberless(text) for text in spoken_texts]
        judged = model.judge(texts, embed(shared_encoder(self._config), texts))
        return *model.scope.confidences(judged.chances, judged.signals), judged.likeness

    def _question(self, part: Clause, row: np.ndarray, intents: list[str]) -> dict[str, Any]:
        return {"start": part.start, "end": part.end, "intent_ranking": self._ranking(row, intents)[:3]}

    def _ranking(self, row: np.ndarray, intents: list[str]) -> list[dict[str, Any]]:
        best = np.argsort(-row, kind="stable")[: self._config["ranking_length"] or None]
        return [{"name": intents[k], "confidence": float(row[k])} for k in best]

    def _habits_for(self, intents: list[str]) -> Habits:
        def numbers(names: list[str]) -> frozenset[int]:
            return frozenset(k for k, intent in enumerate(intents) if intent in names)

        config = self._config
        return Habits(
            numbers(config["small_talk"]),
            numbers(config["protected"]),
            numbers(config["out_of_scope"]),
            sure=config["sure"],
        )


def _quoted(text: str, places: list[Clause]) -> list[str]:
    return [text[place.start : place.end] for place in places]
