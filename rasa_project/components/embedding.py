"""The meaning of a message as a vector, for the classifiers after it.

In training the vectors come from a cache on disk (``embedding_cache.py``), so that an edit costs one
encoding. What customers write is encoded in memory and never put on disk.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.constants import TOKENS_NAMES
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.nlu.tokenizers.tokenizer import Tokenizer
from rasa.shared.exceptions import RasaException
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from components.embedding_cache import CachedEncoder, EmbeddingCache
from components.encoders import DEFAULTS, PROJECT, Encoder, EncoderError, load_encoder
from components.side_by_side import cores

logger = logging.getLogger(__name__)

CACHE_DEFAULTS: dict[str, Any] = {
    "cache": ".cache/embeddings",  # a folder, from rasa_project; false for none
    "training_threads": 0,  # texts encoded at once in training; 0 for as many as there are cores for us
}
AT_ONCE = 4
"""Parts of a message, at most: more threads of one message would only wait for each other."""
QUESTION = re.compile(r"\s*[?？]")


class EmbeddingError(RasaException):
    """One sentence that Rasa's command line shows as it is."""


def shared_encoder(config: Mapping[str, Any]) -> Encoder:
    """The encoder of a component's config; one in a process for the same description.

    Raises:
        EmbeddingError: it cannot be had, and why.
    """
    try:
        return load_encoder(config)
    except EncoderError as error:
        raise EmbeddingError(str(error)) from error


def training_encoder(config: Mapping[str, Any]) -> CachedEncoder:
    """The same with the cache on disk. For examples only: what customers write is not kept.

    Raises:
        EmbeddingError: it cannot be had, and why.
    """
    chosen = {name: config.get(name, default) for name, default in CACHE_DEFAULTS.items()}
    folder, threads = chosen["cache"], chosen["training_threads"]
    cache = EmbeddingCache(PROJECT / Path(folder).expanduser()) if folder else None
    return CachedEncoder(shared_encoder(config), cache, threads=threads or _cores())


def _cores() -> int:
    """Texts encoded at once: ``ENCODER_THREADS``, or as many as there are cores for us."""
    asked = os.environ.get("ENCODER_THREADS", "")
    if asked.isdecimal() and int(asked):
        return int(asked)
    return cores()


def embed(encoder: Encoder | CachedEncoder, texts: Sequence[str]) -> np.ndarray:
    """A row a text, of length 1 (zeros for a blank one); the log tells how far a long work has come.

    Raises:
        EmbeddingError: the model fails.
    """
    try:
        if isinstance(encoder, CachedEncoder):
            return encoder.encode(texts, _tell)
        return _at_once(encoder, texts)
    except EncoderError as error:
        raise EmbeddingError(str(error)) from error


def _at_once(encoder: Encoder, texts: Sequence[str]) -> np.ndarray:
    """The first text, which is the whole message, here; its parts meanwhile on the other cores."""
    if len(texts) < 2 or _cores() < 2:
        return encoder.encode(texts)
    others = _helpers().map(lambda text: encoder.encode([text]), texts[1:])
    return np.concatenate([encoder.encode(texts[:1]), *others])


@cache
def _helpers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(_cores(), AT_ONCE) - 1, thread_name_prefix="encode")


os.register_at_fork(after_in_child=_helpers.cache_clear)  # threads are not copied


def _tell(done: int, total: int) -> None:
    logger.info("Embedding examples: %d of %d", done, total)


def said(message: Message) -> str:
    """What a message says: from its first to its last token, courtesies left out (``courtesy.py``).

    A question mark after the last token belongs to it: tokenizers drop it, encoders understand it.
    """
    text, tokens = message.get(TEXT) or "", message.get(TOKENS_NAMES[TEXT])
    if not tokens:
        return text
    end = tokens[-1].end
    question = QUESTION.match(text, end)
    return text[tokens[0].start : question.end() if question else end]


@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER], is_trainable=False)
class SentenceEmbedder(DenseFeaturizer, GraphComponent):
    """Gives each message a dense sentence feature. Stands after the tokenizer and ``CourtesyTrimmer``.

    Its config is described in ``encoders.DEFAULTS`` and ``CACHE_DEFAULTS``.
    """

    @classmethod
    def required_components(cls) -> list[type]:
        """What must stand before it."""
        return [Tokenizer]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """The component's default config."""
        return {**DenseFeaturizer.get_default_config(), **DEFAULTS, **CACHE_DEFAULTS}

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """The encoder validates what it is given when it is loaded."""

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,  # noqa: ARG003 - Rasa's signature
        resource: Resource,  # noqa: ARG003
        execution_context: ExecutionContext,
    ) -> SentenceEmbedder:
        """Called by Rasa for each graph. The model is loaded now, so that a missing one is known at once."""
        shared_encoder(config)
        return cls(execution_context.node_name, config)

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Give the examples their features, from the cache where they are known."""
        examples = [example for example in training_data.training_examples if example.get(TEXT)]
        self._add_features(examples, training_encoder(self._config))
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Give each message its feature; nothing is kept."""
        self._add_features(messages, shared_encoder(self._config))
        return messages

    def _add_features(self, messages: list[Message], encoder: Encoder | CachedEncoder) -> None:
        vectors = embed(encoder, [said(message) for message in messages])
        for message, vector in zip(messages, vectors, strict=True):
            self.add_features_to_message(None, vector[np.newaxis], TEXT, message)
