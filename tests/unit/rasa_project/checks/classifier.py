"""FewShotClassifier, called as Rasa calls it: most with a stand-in encoder, some with the real one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from components import classifier, encoders
from components.classifier import FewShotClassifier, TooLittle, numberless
from components.courtesy import CourtesyTrimmer
from components.embedding import EmbeddingError
from components.encoder_base import Backend, Reading
from components.reading import Habits, Parts
from components.reading import Reading as Found
from components.storing import Damaged
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.nlu.tokenizers.whitespace_tokenizer import WhitespaceTokenizer
from rasa.shared.exceptions import RasaException
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

SHOP = {
    "greet": ["bonjour", "salut", "hello there", "coucou"],
    "parcel": ["où est mon colis", "mon colis n'est pas arrivé", "suivre mon colis", "colis en retard"],
    "return": ["comment rendre une crème", "renvoyer un article", "faire un retour", "rendre ma commande"],
    "gift": ["vendez-vous des cartes cadeaux", "offrir une carte cadeau", "acheter un bon cadeau"],
    "pain": ["ma peau brûle depuis la crème", "j'ai des plaques rouges", "la crème me brûle le visage"],
}
ODD = [
    "",
    " ",
    "x",
    "?",
    "😀",
    "😀😀😀",
    "4812077",
    "包裹在哪里",
    "где моя посылка",
    "\0",
    "\ud83d",
    "& , " * 500,
]


class Letters(Backend):
    """A stand-in for an encoder: what words a text has, and nothing of what they mean."""

    identity = "letters"
    dimension = 64

    def __init__(self, reading: Reading, **options: Any) -> None:
        super().__init__(reading)

    def count(self, text: str) -> int:
        return len(text) // 4

    def vectors(self, texts: list[str]) -> np.ndarray:
        rows = np.full((len(texts), self.dimension), 0.1)
        for row, text in zip(rows, texts, strict=True):
            for word in text.replace("?", " ").split():
                row += np.random.RandomState(sum(map(ord, word))).randn(self.dimension)
        return rows


class OtherLetters(Letters):
    """Another model with vectors as long."""

    identity = "other letters"


encoders.BACKENDS |= {"letters": Letters, "other letters": OtherLetters}


class House:
    """Where a classifier is trained, stored, and loaded again."""

    def __init__(self, folder: Path, **config: object) -> None:
        (folder / "storage").mkdir(exist_ok=True)
        self.storage, self.resource = LocalModelStorage(folder / "storage"), Resource("classifier")
        defaults = FewShotClassifier.get_default_config()
        self.config = {**defaults, "encoder": "letters", "cache": False, "protected": ["pain"], **config}
        self.context = ExecutionContext(GraphSchema({}), node_name="classifier")

    def train(self, examples: dict[str, list[str]]) -> House:
        data = TrainingData(
            [read(text, intent=intent) for intent, texts in examples.items() for text in texts]
        )
        FewShotClassifier.create(self.config, self.storage, self.resource, self.context).train(data)
        return self

    def load(self) -> FewShotClassifier:
        return FewShotClassifier.load(self.config, self.storage, self.resource, self.context)

    def parse(self, *texts: str) -> list[dict[str, Any]]:
        return [
            message.as_dict(only_output_properties=True)
            for message in self.load().process(list(map(read, texts)))
        ]


def read(text: str, **properties: str) -> Message:
    """A message as it comes to the classifier."""
    tokenizer = WhitespaceTokenizer(WhitespaceTokenizer.get_default_config())
    messages = tokenizer.process([Message({TEXT: text, **properties})]) if text else [Message({TEXT: text})]
    return CourtesyTrimmer().process(messages)[0]


def refused(examples: dict[str, list[str]], folder: Path) -> str:
    try:
        House(folder).train(examples)
    except TooLittle as error:
        assert isinstance(error, RasaException)  # noqa: PT017 - there is no pytest here
        assert not any((folder / "storage").rglob("model.npz"))
        return str(error)
    raise AssertionError("trained")


def test_examples_are_known_again_under_their_intents(tmp_path: Path) -> None:
    house = House(tmp_path).train(SHOP)
    for intent, texts in SHOP.items():
        for parsed in house.parse(*texts):
            assert parsed["intent"] == parsed["intent_ranking"][0]
            assert parsed["intent"]["name"] == intent


def test_confidences_go_down_and_sum_to_one_at_most_whatever_is_said(tmp_path: Path) -> None:
    house = House(tmp_path).train(SHOP)
    for parsed in house.parse(*ODD, "où est mon colis", "mot " * 10_000, "où est mon colis ? " * 2500):
        given = [guess["confidence"] for guess in parsed["intent_ranking"]]
        assert len(given) == len(SHOP)
        assert given == sorted(given, reverse=True)
        assert min(given) >= 0
        assert sum(given) <= 1 + 1e-9
        assert 0 <= parsed["explanation"]["in_scope"] <= 1
        json.dumps(parsed)


def test_a_blank_text_is_none_of_ours(tmp_path: Path) -> None:
    for parsed in House(tmp_path).train(SHOP).parse("", " ", "\0"):
        assert parsed["intent"]["confidence"] < 0.35
        assert "questions" not in parsed


def test_a_second_look_is_at_longer_parts_and_what_it_finds_is_told(tmp_path: Path) -> None:
    house, looked = House(tmp_path).train(SHOP), []

    def torn(whole: np.ndarray, parts: Parts, habits: Habits) -> Found:
        assert len(parts.places) == len(parts.rows) == 3
        return Found(whole, None, (), torn=True)

    def look(whole: np.ndarray, parts: Parts, habits: Habits) -> tuple[int, ...]:
        looked.append([parts.text[place.start : place.end] for place in parts.places])
        assert len(parts.rows) == len(parts.places)
        return (3, 2)

    kept = classifier.read, classifier.two_questions
    classifier.read, classifier.two_questions = torn, look
    try:
        (parsed,) = house.parse("suivre mon colis, rendre une crème, acheter un bon cadeau")
    finally:
        classifier.read, classifier.two_questions = kept
    assert looked[0][3:] == ["suivre mon colis, rendre une crème", "rendre une crème, acheter un bon cadeau"]
    assert [(one["start"], one["end"]) for one in parsed["questions"]] == [(0, 34), (36, 57)]


def test_two_intents_of_one_example_each_will_do(tmp_path: Path) -> None:
    parsed = (
        House(tmp_path)
        .train({"a": ["où est mon colis"], "b": ["rendre une crème"]})
        .parse("rendre une crème")
    )
    assert [guess["name"] for guess in parsed[0]["intent_ranking"]] == ["b", "a"]


def test_less_than_two_intents_are_refused_with_a_sentence_and_nothing_is_left(tmp_path: Path) -> None:
    for examples in ({}, {"parcel": ["où est mon colis"]}, {"parcel": ["où est mon colis"], "return": [" "]}):
        assert "at least two intents" in refused(examples, tmp_path)


def test_the_ranking_is_as_long_as_asked(tmp_path: Path) -> None:
    for length, expected in ((2, 2), (0, len(SHOP)), (100, len(SHOP))):
        (parsed,) = House(tmp_path, ranking_length=length).train(SHOP).parse("où est mon colis")
        assert len(parsed["intent_ranking"]) == expected


def test_trained_twice_it_answers_the_same(tmp_path: Path) -> None:
    said = [
        "où est le colis ?",
        "la crème",
        "😀",
        "bonjour, un colis à rendre ? et une carte cadeau pour ma mère ?",
    ]
    answers = [House(tmp_path).train(SHOP).parse(*said) for _ in range(2)]
    assert answers[0] == answers[1]


def test_a_model_without_a_classifier_leaves_messages_as_they_are(tmp_path: Path) -> None:
    (message,) = House(tmp_path).load().process([read("où est mon colis")])
    assert message.get("intent") is None


def test_a_damaged_model_is_not_taken_for_one_without_examples(tmp_path: Path) -> None:
    house = House(tmp_path).train(SHOP)
    (document,) = (tmp_path / "storage").rglob("examples.json")
    document.write_text("{")
    try:
        house.load()
    except Damaged as error:
        assert isinstance(error, RasaException)  # noqa: PT017
    else:
        raise AssertionError("loaded")


def test_a_model_learnt_with_another_encoder_is_not_taken(tmp_path: Path) -> None:
    house = House(tmp_path).train(SHOP)
    house.config["encoder"] = "other letters"
    try:
        house.load()
    except Damaged as error:
        assert "another sentence encoder" in str(error)  # noqa: PT017
        assert "guichet nlu train --force" in str(error)  # noqa: PT017
    else:
        raise AssertionError("loaded")


def test_an_encoder_that_is_missing_is_told_before_anything_is_parsed(tmp_path: Path) -> None:
    house = House(tmp_path).train(SHOP)
    house.config["encoder"] = "nowhere"
    try:
        house.load()
    except EmbeddingError as error:
        assert "nowhere" in str(error)  # noqa: PT017
    else:
        raise AssertionError("loaded")


def test_what_customers_write_is_not_put_on_disk(tmp_path: Path) -> None:
    house = House(tmp_path).train(SHOP)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    house.parse("je m'appelle Léa Dupont")
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")} == before


# with the real encoder, for what must be understood


def test_a_real_message_is_understood_in_both_languages_and_strangers_are_not(tmp_path: Path) -> None:
    house = House(tmp_path, encoder="e5").train(SHOP)
    two, english, alarm, stranger, polite = house.parse(
        text := "Bonjour, où est passé mon colis ? Et je voudrais offrir une carte cadeau à ma mère. Merci !",
        "hello, where is my parcel?",
        "coucou, mon colis est bien arrivé, mais la crème me brûle le visage",
        "quelle est la capitale de l'Australie",
        "bonjour",
    )
    assert {guess["intent_ranking"][0]["name"] for guess in two.get("questions", [])} in (
        {"parcel", "gift"},
        set(),
    )
    for question in two.get("questions", []):
        assert text[question["start"] : question["end"]].strip()
    assert two["intent"]["name"] in ("parcel", "gift")
    assert english["intent"]["name"] == "parcel"
    assert alarm["intent"]["name"] == "pain"
    assert stranger["intent"]["confidence"] < english["intent"]["confidence"]
    assert polite["intent"]["name"] == "greet"
    assert polite["explanation"]["reason"] in ("small_talk_only", "between_intents")


def test_which_order_it_is_says_nothing_of_what_is_asked() -> None:
    assert numberless("où est 4812077 ?") == numberless("où est 4800001 ?") != "où est 4812077 ?"
    assert numberless("30 jours, 2 crèmes, en 2026") == "30 jours, 2 crèmes, en 2026"
