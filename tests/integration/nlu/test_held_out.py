"""Rasa's own checks over our data. The floors lie a little below what was measured.

Measured with this pipeline on the 1,574 held-out messages that no training example happens to repeat
(the others are left out): accuracy 0.936 (French 0.931, English 0.941), mean recall of the protected
intents, as best guess, 0.974, lowest 0.936 (threat). The margin, about three points (six for a single
intent, of 80 messages), is what careless edits of the data may cost before somebody has to look.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.rasa_fixtures import PROJECT

pytestmark = [pytest.mark.rasa, pytest.mark.slow]

MARK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
PROTECTED = ("adverse_reaction", "distress", "threat", "minor", "withdrawal", "data_request")
ACCURACY_FLOOR = 0.91
PROTECTED_FLOOR = 0.95
EACH_PROTECTED_FLOOR = 0.89


def rasa(*arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GUICHET_"))}
    command = [str(PROJECT / ".venv" / "bin" / "python"), "run_rasa.py", *arguments]
    return subprocess.run(
        command, cwd=PROJECT, env=kept, capture_output=True, text=True, timeout=900, check=False
    )


def messages(file: Path) -> Iterator[tuple[str, str]]:
    """Intent and text of each example of a file, without entity marks."""
    for block in YAML(typ="safe").load(file)["nlu"]:
        if "intent" in block:
            lines = (line.removeprefix("- ").strip() for line in block["examples"].splitlines())
            yield from ((block["intent"], MARK.sub(r"\1", line)) for line in lines)


def bare(text: str) -> str:
    return re.sub(r"\W+", " ", text.lower()).strip()


def write_unseen(folder: Path) -> tuple[Path, Path]:
    """The held-out messages that nobody wrote into the training data too, not even by chance, and a domain
    of their intents; in JSON, which Rasa reads ten seconds faster than its YAML."""
    learnt = {bare(text) for file in (PROJECT / "data").rglob("*.yml") for _, text in messages(file)}
    unseen = [
        {"text": text, "intent": file.stem}
        for file in sorted((PROJECT / "tests" / "held_out").glob("*.yml"))
        for _, text in messages(file)
        if bare(text) not in learnt
    ]
    asked, domain = folder / "held_out.json", folder / "domain.yml"
    asked.write_text(json.dumps({"rasa_nlu_data": {"common_examples": unseen}}))
    domain.write_text(json.dumps({"version": "3.1", "intents": sorted({one["intent"] for one in unseen})}))
    return asked, domain


@pytest.fixture(scope="module")
def report(rasa_model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("report")
    unseen, domain = write_unseen(tmp_path_factory.mktemp("held_out"))
    done = rasa(
        "test", "nlu", "--nlu", str(unseen), "--domain", str(domain), "--model", str(rasa_model),
        "--out", str(out), "--no-plot", "--no-errors",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    read: dict[str, Any] = json.loads((out / "intent_report.json").read_text())
    return read


def test_rasa_finds_no_fault_in_the_data() -> None:
    done = rasa("data", "validate", "--domain", "data", "--data", "data")
    assert done.returncode == 0, done.stderr[-2000:]


def test_held_out_messages_are_understood(report: dict[str, Any]) -> None:
    assert report["accuracy"] >= ACCURACY_FLOOR


def test_protected_intents_are_recognised(report: dict[str, Any]) -> None:
    recalls = {intent: report[intent]["recall"] for intent in PROTECTED}
    assert sum(recalls.values()) / len(recalls) >= PROTECTED_FLOOR, recalls
    assert min(recalls.values()) >= EACH_PROTECTED_FLOOR, recalls
