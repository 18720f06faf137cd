"""Sentence vectors under Rasa's own commands, with a classifier of Rasa's own."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.rasa_fixtures import PROJECT

pytestmark = [pytest.mark.rasa, pytest.mark.slow]

EXAMPLES = {
    "order_status": ["bonjour, où est mon colis ?", "suivi de livraison", "quand arrive mon paquet"],
    "gift_card": ["vendez-vous des cartes cadeaux ?", "utiliser un bon cadeau", "offrir une carte"],
}


def python(*arguments: str, texts: str = "") -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GUICHET_"))}
    command = [str(PROJECT / ".venv" / "bin" / "python"), *arguments]
    return subprocess.run(
        command, cwd=PROJECT, env=kept, input=texts, capture_output=True, text=True, timeout=600, check=False
    )


def pipeline(folder: Path, **embedder: str) -> dict[str, Any]:
    components: list[dict[str, Any]] = [
        {"name": "WhitespaceTokenizer"},
        {"name": "components.courtesy.CourtesyTrimmer"},
        {"name": "components.embedding.SentenceEmbedder", "cache": str(folder / "cache"), **embedder},
        {"name": "LogisticRegressionClassifier"},
    ]
    return {"recipe": "default.v1", "language": "fr", "assistant_id": "test", "pipeline": components}


def train(folder: Path, examples: dict[str, list[str]], **embedder: str) -> subprocess.CompletedProcess[str]:
    nlu = [
        {"intent": intent, "examples": "".join(f"- {text}\n" for text in texts)}
        for intent, texts in examples.items()
    ]
    files = {
        "config": {**pipeline(folder, **embedder), "policies": []},
        "nlu": {"version": "3.1", "nlu": nlu},
        "domain": {"version": "3.1", "intents": list(examples)},
    }
    named = []
    for name, content in files.items():
        path = folder / f"{name}.yml"
        with path.open("w") as out:
            YAML().dump(content, out)
        named += [f"--{name}", str(path)]
    return python("run_rasa.py", "train", "nlu", *named, "--out", str(folder), "--fixed-model-name", "model")


def embedded(done: subprocess.CompletedProcess[str]) -> list[tuple[str, ...]]:
    assert done.returncode == 0, done.stdout + done.stderr
    return re.findall(r"Embedding examples: (\d+) of (\d+)", done.stdout + done.stderr)


def test_rasas_own_classifier_learns_from_vectors_and_an_edit_costs_one_of_them(tmp_path: Path) -> None:
    assert embedded(train(tmp_path, EXAMPLES))[-1] == ("6", "6")
    edited = {**EXAMPLES, "gift_card": [*EXAMPLES["gift_card"][:2], "offrir une jolie carte"]}
    assert embedded(train(tmp_path, edited)) == [("1", "1")]
    asked = {"where has my parcel got to?": "order_status", "I would like to give a voucher": "gift_card"}
    lines = "".join(json.dumps({"text": text}) + "\n" for text in asked)
    answers = python("parse_texts.py", str(tmp_path / "model.tar.gz"), texts=lines).stdout.splitlines()
    assert [json.loads(line)["ranking"][0][0] for line in answers[1:3]] == list(asked.values())


def test_an_encoder_that_is_not_there_ends_the_training_with_the_reason(tmp_path: Path) -> None:
    done = train(tmp_path, EXAMPLES, encoder="onnx", model="./nowhere")
    assert done.returncode != 0
    assert "EmbeddingError: The folder of the encoder is not there" in done.stdout + done.stderr
    assert not (tmp_path / "model.tar.gz").exists()
