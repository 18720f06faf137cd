"""Rasa projects like ours with a few examples: trained, and asked, in processes of Rasa's Python."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from ruamel.yaml import YAML

from tests.rasa_fixtures import PROJECT

PYTHON = PROJECT / ".venv" / "bin" / "python"
SWITCH = {"RASA_TENSORFLOW": "1"}
LOADED = "With TensorFlow: "

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
