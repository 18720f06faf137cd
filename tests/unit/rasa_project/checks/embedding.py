"""SentenceEmbedder, called as Rasa calls it."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from components import embedding
from components.courtesy import CourtesyTrimmer
from components.embedding import EmbeddingError, SentenceEmbedder, embed, said
from components.encoder_base import EncoderError
from components.encoders import load_encoder
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.nlu.tokenizers.whitespace_tokenizer import WhitespaceTokenizer
from rasa.shared.exceptions import RasaException
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData


def read(text: str) -> Message:
    """A message as it comes to the embedder."""
    tokenizer = WhitespaceTokenizer(WhitespaceTokenizer.get_default_config())
    messages = tokenizer.process([Message({TEXT: text})])
    return CourtesyTrimmer().process(messages)[0]


def embedder(folder: Path, **config: object) -> SentenceEmbedder:
    merged = {**SentenceEmbedder.get_default_config(), "cache": str(folder / "cache"), **config}
    context = ExecutionContext(GraphSchema({}), node_name="embedder")
    return SentenceEmbedder.create(merged, LocalModelStorage(folder), Resource("embedder"), context)


def vector(message: Message) -> np.ndarray:
    sequence, sentence = message.get_dense_features(TEXT)
    assert sequence is None
    (row,) = sentence.features
    return row


def test_courtesies_are_not_embedded_and_the_question_mark_is() -> None:
    assert said(read("Bonjour, où est mon colis ? Merci d'avance !")) == "où est mon colis ?"
    assert said(read("where is it? thanks")) == "where is it?"
    assert said(read("bonjour")) == "bonjour"


def test_a_text_without_tokens_is_embedded_as_it_is() -> None:
    assert said(read("😀")) == "😀"
    assert said(Message({TEXT: "not tokenized"})) == "not tokenized"
    assert said(Message({})) == ""


def test_a_message_gets_a_dense_sentence_feature(tmp_path: Path) -> None:
    (message,) = embedder(tmp_path).process([read("Bonjour, où est mon colis ?")])
    assert np.array_equal(vector(message), load_encoder({}).encode(["où est mon colis ?"])[0])


def test_what_customers_write_is_not_put_on_disk(tmp_path: Path) -> None:
    embedder(tmp_path).process([read("je m'appelle Léa Dupont")])
    assert not (tmp_path / "cache").exists()


def test_examples_are_put_on_disk_and_the_work_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    embedding.logger.addHandler(handler)
    embedding.logger.setLevel(logging.INFO)
    for texts in (["où est mon colis ?", "bonjour"], ["où est mon colis ?", "bonsoir"]):
        examples = [read(text) for text in texts]
        embedder(tmp_path).process_training_data(TrainingData([*examples, Message({"intent": "empty"})]))
        assert np.array_equal(vector(examples[0]), load_encoder({}).encode(["où est mon colis ?"])[0])
    embedding.logger.removeHandler(handler)
    assert told == ["Embedding examples: 1 of 2", "Embedding examples: 2 of 2", "Embedding examples: 1 of 1"]


def test_the_cache_can_be_left_out(tmp_path: Path) -> None:
    embedder(tmp_path, cache=False).process_training_data(TrainingData([read("bonjour")]))
    assert not (tmp_path / "cache").exists()


class Slow:
    """An encoder that says on which threads it ran."""

    identity, dimension = "slow", 2

    def __init__(self) -> None:
        self.threads: set[int] = set()

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.threads.add(threading.get_ident())
        if "broken" in texts:
            raise EncoderError("It is broken.")
        return np.array([[len(text), 1.0] for text in texts], dtype=np.float32)


def at_once(threads: str, texts: Sequence[str]) -> tuple[Slow, np.ndarray]:
    """With that many threads: a real pool of them, as on a machine with so many cores."""
    encoder, before = Slow(), os.environ.get("ENCODER_THREADS")
    os.environ["ENCODER_THREADS"] = threads
    embedding._helpers.cache_clear()
    try:
        return encoder, embed(encoder, texts)
    finally:
        embedding._helpers.cache_clear()
        del os.environ["ENCODER_THREADS"]
        if before is not None:
            os.environ["ENCODER_THREADS"] = before


def test_parts_of_a_message_are_encoded_at_once_and_come_in_order() -> None:
    parts = ["a", "bb", "ccc", "dddd"]
    alone, one_by_one = at_once("1", parts)
    together, found = at_once("3", parts)
    assert np.array_equal(found, one_by_one)
    assert alone.threads == {threading.get_ident()}
    assert len(together.threads) > 1


def test_one_text_needs_no_other_thread() -> None:
    encoder, _ = at_once("3", ["a"])
    assert encoder.threads == {threading.get_ident()}


def test_a_part_that_cannot_be_encoded_fails_the_message() -> None:
    try:
        at_once("3", ["a", "broken"])
    except EmbeddingError as error:
        assert "broken" in str(error)  # noqa: PT017 - there is no pytest here
    else:
        raise AssertionError("accepted")


def test_an_encoder_that_is_not_there_is_told_in_rasas_way(tmp_path: Path) -> None:
    try:
        embedder(tmp_path, encoder="onnx", model="./nowhere")
    except EmbeddingError as error:
        assert isinstance(error, RasaException)  # noqa: PT017 - there is no pytest here
        assert "is not there" in str(error)  # noqa: PT017
    else:
        raise AssertionError("accepted")
