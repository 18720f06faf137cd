"""What the shipped pipeline makes of other people's data: floors on a subset small enough for every run.

The data sets are not ours to copy: without them beside this repository the tests are skipped, saying so.
`make bench-nlu` measures all of it (docs/nlu.md has the figures).

A floor lies below what was measured by the margin written beside it: what another machine's arithmetic
and a harmless change of the pipeline may cost before somebody has to look.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.nlu import DATA
from bot.cli.main import main
from bot.knowledge.examples import read_csv

pytestmark = [pytest.mark.rasa, pytest.mark.slow]

SOFMATTRESS = DATA / "hint3-sofmattress"
BANKING = DATA / "banking77"
EVERY = 20
"""Of BANKING77's test messages, which come intent by intent, each so manieth is asked: 154 of 3,080."""

# All of SOFMattress, three points below what was measured: 0.69, 0.82, 0.67.
SOFMATTRESS_FLOORS = {"best_mcc": 0.66, "accuracy_in_scope": 0.79, "mcc_at_threshold": 0.64}
# BANKING77, first 10-shot split, each twentieth test message: four points below 0.85, for so few messages.
BANKING_FLOORS = {"accuracy_in_scope": 0.80}


def needs(folder: Path) -> None:
    if not folder.is_dir():
        pytest.skip(f"the data set is not there: {folder}")


def evaluate(capsys: pytest.CaptureFixture[str], train: Path, test: Path) -> dict[str, Any]:
    status = main(["nlu", "evaluate", "--train", str(train), "--test", str(test), "--json"])
    out, err = capsys.readouterr()
    assert status == 0, err
    told: dict[str, Any] = json.loads(out.splitlines()[-1])
    return told


def falls_short(told: dict[str, Any], floors: dict[str, float]) -> dict[str, float]:
    return {name: told[name] for name, floor in floors.items() if told[name] < floor}


def test_a_shops_real_customers_are_understood_or_set_aside(capsys: pytest.CaptureFixture[str]) -> None:
    needs(SOFMATTRESS)
    told = evaluate(capsys, SOFMATTRESS / "train.csv", SOFMATTRESS / "test.csv")
    assert falls_short(told, SOFMATTRESS_FLOORS) == {}


def test_ten_examples_an_intent_tell_77_intents_apart(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    needs(BANKING)
    test = tmp_path / "test.csv"
    with test.open("w", encoding="utf-8", newline="") as part:
        asked = ((one.text, one.intent) for one in read_csv(BANKING / "test.csv")[::EVERY])
        csv.writer(part).writerows([("text", "intent"), *asked])
    told = evaluate(capsys, BANKING / "train_10shot_0.csv", test)
    assert falls_short(told, BANKING_FLOORS) == {}
