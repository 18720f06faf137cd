"""What the sentence encoder is taught with: the shipped messages, files that are not right, and batches."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import numpy as np
from encoder.messages import CORPUS, Line, batches, read

LINES = read(CORPUS)
HELD_OUT = Path(__file__).resolve().parents[4] / "rasa_project" / "tests"


def bare(text: str) -> str:
    return re.sub(r"\W+", " ", text.lower()).strip()


def said() -> set[str]:
    return {bare(text) for line in LINES for text in (line.french, line.english)}


def refusal(folder: Path) -> str:
    try:
        read(folder)
    except SystemExit as error:
        return str(error)
    raise AssertionError("it is taken")


def test_there_are_many_services_with_each_intent_said_in_several_ways() -> None:
    services = {line.service for line in LINES}
    ways: dict[tuple[str, str], set[str]] = {}
    for line in LINES:
        ways.setdefault((line.service, line.intent), set()).add(bare(line.french))
    assert len(services) == 172
    assert len(ways) == 3864
    assert min(map(len, ways.values())) >= 4


def test_no_message_is_one_that_the_nlu_is_measured_with() -> None:
    measured = set()
    for path in (HELD_OUT / "held_out").glob("*.yml"):
        lines = path.read_text(encoding="utf-8").splitlines()
        examples = (line.strip()[2:] for line in lines if line.strip().startswith("- "))
        measured |= {bare(re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text)) for text in examples}
    for path in (HELD_OUT / "two_questions").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            measured |= {bare(cell) for row in csv.reader(file) for cell in row}
    assert len(measured) > 1500
    assert not measured & said()


def test_a_file_that_is_not_right_is_refused_with_its_name_and_line(tmp_path: Path) -> None:
    assert "no services" in refusal(tmp_path)
    path = tmp_path / "bakery.csv"
    for content, told in (
        ("intent,french,english\n", "line 1"),
        ("", "line 1"),
        ("intent,fr,en\nbread,du pain,bread\nbread,du pain\n", "line 3"),
        ("intent,fr,en\nbread,du pain,  \n", "line 2"),
        ("intent,fr,en\nbread,du pain,bread,butter\n", "line 2"),
    ):
        path.write_text(content, encoding="utf-8")
        assert f"{path}, {told}" in refusal(tmp_path), content


def test_each_line_is_in_one_batch_once_beside_its_translation() -> None:
    made = list(batches(LINES, np.random.RandomState(1)))
    pairs = [pair for batch in made for pair in zip(batch.texts[::2], batch.texts[1::2], strict=True)]
    assert Counter(pairs) == Counter((line.french, line.english) for line in LINES)
    assert all(batch.intents[::2] == batch.intents[1::2] for batch in made)


def test_a_batch_holds_a_service_with_many_intents_or_a_few_with_less() -> None:
    def service(name: str, intents: int) -> list[Line]:
        return [Line(name, f"i{k}", f"{name} {k} {n}", "x") for k in range(intents) for n in range(4)]

    lines = [line for k in range(4) for line in service(f"wide{k}", 14) + service(f"deep{k}", 40)]
    sizes = Counter(len(set(batch.intents)) for batch in batches(lines, np.random.RandomState(1)))
    assert set(sizes) <= {14, 28, 40, 54}
    assert sizes[14] <= 1  # what is left in the end
    assert sum(size * count for size, count in sizes.items()) >= 2 * 4 * 40 + 4 * 14


def test_messages_of_an_intent_share_a_number_and_those_of_others_do_not() -> None:
    # Each text says whose it is. Of one service alone the parts meet.
    for count in (1, 2, 3):
        lines = [
            Line(f"s{service}", f"i{intent}", f"s{service} i{intent} {number}", "x")
            for service in range(count) for intent in range(3) for number in range(6)
        ]  # fmt: skip
        for batch in batches(lines, np.random.RandomState(count)):
            whose = [text.rsplit(" ", 1)[0] for text in batch.texts[::2]]
            pairs = set(zip(batch.intents[::2], whose, strict=True))
            assert len(pairs) == len(set(whose)) == len(set(batch.intents))


def test_a_service_with_an_intent_of_one_line_is_no_trouble() -> None:
    lines = [Line("a", "x", "un", "one"), *(Line("a", "y", f"deux {n}", f"two {n}") for n in range(3))]
    lines.append(Line("b", "z", "trois", "three"))
    made = list(batches(lines, np.random.RandomState(1)))
    taken = sorted(text for batch in made for text in batch.texts[::2])
    assert taken == sorted(line.french for line in lines)
