"""Rasa without TensorFlow does what Rasa with it does, and steps aside for pipelines that need it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from bot.nlu.host import nlu_command, nlu_environment, wait_ready
from tests.rasa_fixtures import PROJECT, apart

pytestmark = [pytest.mark.rasa, pytest.mark.slow]

PYTHON = PROJECT / ".venv" / "bin" / "python"
SWITCH = {"RASA_TENSORFLOW": "1"}
LOADED = "With TensorFlow: "
SAMPLE = 80
"""Held-out messages compared: every so many, over all intents and both languages."""

CLASSIFIERS = """
recipe: default.v1
language: fr
assistant_id: small
pipeline:
  - name: WhitespaceTokenizer
  - name: RegexFeaturizer
  - name: LexicalSyntacticFeaturizer
  - name: CountVectorsFeaturizer
  - name: RegexEntityExtractor
  - name: CRFEntityExtractor
  - name: EntitySynonymMapper
  - name: KeywordIntentClassifier
  - name: LogisticRegressionClassifier
  - name: FallbackClassifier
    threshold: 0.3
  - name: components.stamp.ModelStamp
policies: []
"""
DIET = """
recipe: default.v1
language: fr
assistant_id: small
pipeline:
  - name: WhitespaceTokenizer
  - name: CountVectorsFeaturizer
  - name: DIETClassifier
    epochs: 1
    run_eagerly: true # compiling its graphs for nine examples takes minutes, and computes the same
  - name: components.stamp.ModelStamp
policies: []
"""
EXAMPLES = {
    "parcel": ["où est mon colis ?", "mon [colis](thing) 4812077 est perdu", "where is my [parcel](thing)?"],
    "refund": ["je veux être remboursé", "un remboursement svp", "can I have a [refund](thing)?"],
    "greet": ["bonjour", "hello", "salut à vous"],
}
DATA = {
    "version": "3.1",
    "intents": list(EXAMPLES),
    "entities": ["thing", "number"],
    "nlu": [
        *({"intent": intent, "examples": "- " + "\n- ".join(texts)} for intent, texts in EXAMPLES.items()),
        {"synonym": "parcel", "examples": "- colis\n"},
        {"regex": "number", "examples": "- \\d{7}\n"},
    ],
}  # fmt: skip
TEXTS = ["mon colis 4812077 ?", "a refund please", "bonjour, remboursement", "😀", "rien à voir", "PARCEL"]

PARSE = """
import asyncio, json, sys
import run_rasa
run_rasa.prepare(sys.argv[1])
from rasa.core.agent import Agent
agent = Agent.load(sys.argv[1])
for text in json.loads(sys.argv[2]):
    parsed = asyncio.run(agent.parse_message(text))
    del parsed["model_id"]
    print(json.dumps(parsed, sort_keys=True))
"""


def run(folder: Path, *arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GUICHET_"))}
    kept.pop("RASA_TENSORFLOW", None)
    done = subprocess.run(
        [str(PYTHON), *arguments],
        cwd=folder,
        env={**kept, **(env or {})},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def small_project(folder: Path, config: str) -> Path:
    """A Rasa project like ours with a few examples."""
    for part in ("components", "standin"):
        shutil.copytree(PROJECT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "run_rasa.py", folder)
    (folder / "config.yml").write_text(config)
    (folder / "data").mkdir()
    with (folder / "data" / "data.yml").open("w") as out:
        YAML().dump(DATA, out)
    return folder


def train(project: Path, name: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    arguments = ["--nlu", "data", "--domain", "data", "--out", "models", "--fixed-model-name", name]
    return run(project, "run_rasa.py", "train", "nlu", "--config", "config.yml", *arguments, env=env)


def parse(
    project: Path, name: str, env: dict[str, str] | None = None, *, texts: list[str] = TEXTS
) -> tuple[list[str], str]:
    """The answers to the texts, and what was said besides."""
    done = run(project, "-c", PARSE, f"models/{name}.tar.gz", json.dumps(texts), env=env)
    return [line for line in done.stdout.splitlines() if line.startswith("{")], done.stderr


@dataclass(frozen=True)
class Serving:
    """A server, and what it said at its start."""

    url: str
    pid: int
    log: Path

    def ask(self, text: str) -> dict[str, Any]:
        reply = httpx.post(f"{self.url}/model/parse", params={"token": "t"}, json={"text": text}, timeout=30)
        read: dict[str, Any] = reply.raise_for_status().json()
        return read

    def holds_tensorflow(self) -> bool:
        maps = Path(f"/proc/{self.pid}/maps")
        return "libtensorflow" in maps.read_text() if maps.exists() else LOADED in self.log.read_text()


@contextmanager
def serving(model: Path, log: Path, env: dict[str, str] | None = None) -> Iterator[Serving]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "bot.launch",
        "--signal",
        "KILL",
        "--",
        *nlu_command(PROJECT, model, port),
    ]
    kept = {name: value for name, value in os.environ.items() if name != "RASA_TENSORFLOW"}
    with log.open("wb") as output:
        server = subprocess.Popen(
            command,
            env={**nlu_environment(kept, "t"), "PYTHONPATH": str(PROJECT.parent), **(env or {})},
            cwd=PROJECT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        apart(wait_ready(url, "t", model, timeout=180))
        yield Serving(url, server.pid, log)
    finally:
        server.kill()
        server.wait()


@pytest.fixture(scope="module")
def light(rasa_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(rasa_model, tmp_path_factory.mktemp("light") / "log") as server:
        yield server


@pytest.fixture(scope="module")
def sparse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of Rasa's components that are said to do without; trained without and with TensorFlow."""
    project = small_project(tmp_path_factory.mktemp("sparse"), CLASSIFIERS)
    assert LOADED not in train(project, "light").stderr
    assert LOADED + "RASA_TENSORFLOW is set" in train(project, "full", SWITCH).stderr
    return project


@pytest.fixture(scope="module")
def diet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with Rasa's default classifier, trained by the plain command."""
    project = small_project(tmp_path_factory.mktemp("diet"), DIET)
    assert LOADED + "DIETClassifier may need it" in train(project, "diet").stderr
    return project


def held_out() -> list[str]:
    texts = []
    for file in sorted((PROJECT / "tests" / "held_out").glob("*.yml")):
        for block in YAML(typ="safe").load(file)["nlu"]:
            texts += [line.removeprefix("- ") for line in block.get("examples", "").splitlines()]
    return texts[:: max(1, len(texts) // SAMPLE)]


def test_a_server_of_the_shipped_pipeline_answers_the_same_to_the_last_digit(
    light: Serving, rasa_model: Path, tmp_path: Path
) -> None:
    texts = held_out()
    assert len(texts) >= SAMPLE
    without = [light.ask(text) for text in texts]
    assert not light.holds_tensorflow()
    assert LOADED not in light.log.read_text()
    with serving(rasa_model, tmp_path / "log", SWITCH) as full:
        assert [full.ask(text) for text in texts] == without
        assert full.holds_tensorflow()
        assert LOADED + "RASA_TENSORFLOW is set" in full.log.read_text()


def test_what_is_trained_without_is_what_is_trained_with_it(sparse: Path) -> None:
    answers, said = parse(sparse, "light")
    assert LOADED not in said
    assert len(answers) == len(TEXTS)
    assert {json.loads(answer)["intent"]["name"] for answer in answers} > {"parcel", "refund"}
    with_it, said = parse(sparse, "full", SWITCH)
    assert LOADED + "RASA_TENSORFLOW is set" in said
    assert with_it == answers


def test_rasas_own_test_reports_errors_and_plots_without_it(sparse: Path) -> None:
    done = run(
        sparse, "run_rasa.py", "test", "nlu", "--nlu", "data", "--domain", "data", "--out", "results",
        "--model", "models/light.tar.gz", "--successes",
    )  # fmt: skip
    assert LOADED not in done.stderr
    report = json.loads((sparse / "results" / "intent_report.json").read_text())
    assert report["accuracy"] > 0.5
    assert (sparse / "results" / "intent_confusion_matrix.png").stat().st_size > 0
    assert (sparse / "results" / "CRFEntityExtractor_report.json").exists()


def test_rasas_own_cross_validation_trains_and_reports_without_it(sparse: Path) -> None:
    done = run(
        sparse, "run_rasa.py", "test", "nlu", "--nlu", "data", "--domain", "data", "--out", "folds",
        "--config", "config.yml", "--cross-validation", "--folds", "2", "--no-plot",
    )  # fmt: skip
    assert LOADED not in done.stderr
    assert (sparse / "folds" / "intent_report.json").exists()


def test_rasas_own_check_of_the_data_runs_without_it(sparse: Path) -> None:
    done = run(sparse, "run_rasa.py", "data", "validate", "--domain", "data", "--data", "data")
    assert LOADED not in done.stderr


def test_a_diet_pipeline_trains_and_parses_as_ever(diet: Path) -> None:
    answers, said = parse(diet, "diet", texts=TEXTS)
    assert LOADED + "rasa.nlu.classifiers.diet_classifier.DIETClassifier may need it" in said
    assert {guess["name"] for guess in json.loads(answers[0])["intent_ranking"]} == set(EXAMPLES)


def test_a_server_without_it_refuses_a_diet_model_and_keeps_the_one_it_has(
    light: Serving, diet: Path
) -> None:
    before = light.ask("où est mon colis ?")
    model = {"model_file": str(diet / "models" / "diet.tar.gz")}
    refused = httpx.put(f"{light.url}/model", params={"token": "t"}, json=model, timeout=60)
    assert refused.is_error
    assert "needs TensorFlow" in light.log.read_text()
    assert "RASA_TENSORFLOW=1" in light.log.read_text()
    assert light.ask("où est mon colis ?") == before


def test_run_rasa_copied_elsewhere_alone_is_rasa_with_tensorflow(tmp_path: Path) -> None:
    shutil.copy(PROJECT / "run_rasa.py", tmp_path)
    code = (
        "import importlib.util as u, run_rasa; run_rasa.prepare(''); print(u.find_spec('tensorflow').origin)"
    )
    assert run(tmp_path, "-c", code).stdout.strip().endswith("tensorflow/__init__.py")
