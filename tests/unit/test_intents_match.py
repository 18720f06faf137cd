"""The Rasa project and the handlers table speak of the same intents."""

from __future__ import annotations

from pathlib import Path

from ruamel.yaml import YAML

from bot.knowledge.files import FileKnowledge
from bot.knowledge.reading import check_project
from handlers import HANDLED_INTENTS

PROJECT = Path(__file__).resolve().parents[2] / "rasa_project"


def intents_of(folder: str) -> set[str]:
    files = [YAML(typ="safe").load(path) for path in (PROJECT / folder).rglob("*.yml")]
    return {block["intent"] for file in files for block in file.get("nlu", []) if "intent" in block}


def test_every_intent_that_rasa_learns_has_a_handler_or_an_answer() -> None:
    known = HANDLED_INTENTS | set(FileKnowledge(PROJECT / "data").intents())
    assert intents_of("data") - known == set()


def test_every_handled_intent_is_learnt() -> None:
    assert intents_of("data") >= HANDLED_INTENTS


def test_the_held_out_messages_cover_exactly_what_is_learnt() -> None:
    assert intents_of("tests/held_out") == intents_of("data")


def test_the_data_we_ship_has_no_mistake() -> None:
    check_project(PROJECT)
