"""What the benchmarks' customers write: questions of the FAQ, no two alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path

from ruamel.yaml import YAML

LONGEST = 160
SYLLABLES = ("ba", "de", "fi", "go", "lu", "ma", "ne", "pi", "ro", "tu")


@dataclass(frozen=True, slots=True)
class Question:
    """An example and the intent it is one of."""

    text: str
    intent: str


def questions(rasa_project: Path) -> list[Question]:
    """Every FAQ example, French and English, neighbours of different intents.

    Only FAQ: a customer who asks for a person is not answered by the bot any more.
    """
    by_intent: dict[str, list[Question]] = {}
    for path in sorted((rasa_project / "data" / "faq").glob("*.yml")):
        for block in YAML(typ="safe").load(path).get("nlu", ()):
            for line in str(block["examples"]).splitlines():
                text = line.removeprefix("- ").strip()
                if text and len(text) <= LONGEST:
                    by_intent.setdefault(block["intent"], []).append(Question(text, block["intent"]))
    longest = max(len(found) for found in by_intent.values())
    return [found[i] for i in range(longest) for found in by_intent.values() if i < len(found)]


def distinct(known: list[Question]) -> Iterator[Question]:
    """Questions without end, each with a word of its own, so that no cache has seen it."""
    for number, question in zip(count(), cycle(known), strict=False):
        yield Question(f"{question.text} {_word(number)}", question.intent)


def _word(number: int) -> str:
    return "".join(SYLLABLES[int(digit)] for digit in f"{number:05d}")
