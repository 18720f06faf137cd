"""Rasa's own checks over our data. The floors lie a little below what was measured.

Measured with this pipeline on 1,682 held-out messages, none of them seen in training or used to tune it:
accuracy 0.8145, mean recall of the protected intents 0.890, `out_of_scope` recall 0.525. The margin, three
points, is what one more careless edit of the data may cost before somebody has to look.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.rasa_fixtures import PROJECT

pytestmark = [pytest.mark.rasa, pytest.mark.slow]

PROTECTED = ("adverse_reaction", "distress", "threat", "minor", "withdrawal", "data_request")
ACCURACY_FLOOR = 0.785
PROTECTED_FLOOR = 0.86
EACH_PROTECTED_FLOOR = 0.75


def rasa(*arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GUICHET_"))}
    command = [str(PROJECT / ".venv" / "bin" / "python"), "run_rasa.py", *arguments]
    return subprocess.run(
        command, cwd=PROJECT, env=kept, capture_output=True, text=True, timeout=900, check=False
    )


@pytest.fixture(scope="module")
def report(rasa_model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("held_out")
    done = rasa(
        "test", "nlu", "--nlu", "tests/held_out", "--domain", "data", "--model", str(rasa_model),
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
