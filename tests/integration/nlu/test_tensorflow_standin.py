"""Rasa without TensorFlow does what Rasa with it does, and steps aside for pipelines that need it."""

from __future__ import annotations

import json
import os
import shutil
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
from tests.integration.nlu.small_projects import (
    EXAMPLES,
    LOADED,
    SWITCH,
    TEXTS,
    parse,
    run,
    small_project,
    train,
)
from tests.rasa_fixtures import PROJECT, apart
from tests.servers import free_port

pytestmark = [pytest.mark.rasa, pytest.mark.slow]

SAMPLE = 80
"""Held-out messages compared: every so many, over all intents and both languages."""

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
    port = free_port()
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
