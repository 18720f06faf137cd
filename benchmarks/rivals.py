"""The sides, as real processes: Guichet, and Rasa answering by itself, in two ways.

``rasa init``'s bot is Rasa as it ships: its own command line, its default pipeline and policies, no
setting of ours. The other rival is Guichet's NLU (configuration, components, examples, launcher)
with what Rasa needs to answer: a rule for each intent, a response for each rule, and RulePolicy.
Both keep conversations in memory (Rasa's default) and write nothing down; Guichet's side is
complete: Valkey with an fsync before each ack, the record in SQLite, a supervisor, five processes.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks.clients import Rests, Side, visitors
from benchmarks.processes import PROJECT, WORKSHOP, BenchError, child, free_port, last_words
from benchmarks.texts import Question
from bot.knowledge.training import ensure_model

RASA_PROJECT = PROJECT / "rasa_project"
READY_SECONDS = 600.0
TRAINING_SECONDS = 1500.0
MODEL = "models/bench.tar.gz"
TOKEN = "bench"
PLAIN = {"RASA_TELEMETRY_ENABLED": "false"}
"""Rasa as it is, but it tells nobody."""

Say = Callable[[str], None]


async def until(
    condition: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, what: str
) -> None:
    """Wait for a condition while the process lives.

    Raises:
        BenchError: it died, or takes too long.
    """
    deadline = time.monotonic() + READY_SECONDS
    while not condition():
        if process.poll() is not None:
            raise BenchError(f"{what} ended by itself:\n{last_words(log)}")
        if time.monotonic() > deadline:
            raise BenchError(f"{what} is not ready after {READY_SECONDS:.0f} s:\n{last_words(log)}")
        await asyncio.sleep(0.2)


# --- Guichet ------------------------------------------------------------------------------


@asynccontextmanager
async def guichet(*, cache_size: int, say: Say) -> AsyncIterator[Side]:
    """``guichet run`` in a data directory of its own; its visitors."""
    await ensure_model(RASA_PROJECT, progress=say)
    WORKSHOP.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="guichet-", dir=WORKSHOP))
    log, port = home / "run.log", free_port()
    env = {
        "GUICHET_DATA_DIR": str(home / "data"),
        "GUICHET_WEB__PORT": str(port),
        "GUICHET_NLU__CACHE_SIZE": str(cache_size),
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "bot.cli", "run"]
    try:
        with child(command, cwd=PROJECT, env=env, log=log, grace=40) as process:
            page = f"http://127.0.0.1:{port}/chat"
            await until(lambda: page in log.read_text(errors="replace"), process, log, "Guichet")
            yield Side(visitors(f"ws://127.0.0.1:{port}/chat/ws"), process.pid)
    finally:
        shutil.rmtree(home, ignore_errors=True)


# --- rasa run -----------------------------------------------------------------------------


@asynccontextmanager
async def rasa_alone(say: Say) -> AsyncIterator[Rests]:
    """``rasa run`` with its REST webhook on our NLU; those who write to it."""
    python = rasa_python()
    project = await asyncio.to_thread(answering_project, python, say)
    command = [str(python), "run_rasa.py", "run", "--model", MODEL]
    async with _answering(command, project, {"GUICHET_NLU_TOKEN": TOKEN}, TOKEN) as people:
        yield people


@asynccontextmanager
async def rasa_init(say: Say) -> AsyncIterator[Rests]:
    """``rasa run`` with its REST webhook on ``rasa init``'s bot; those who write to it."""
    python = rasa_python()
    project = await asyncio.to_thread(default_project, python, say)
    command = [str(python.with_name("rasa")), "run"]
    async with _answering(command, project, PLAIN, "") as people:
        yield people


@asynccontextmanager
async def _answering(
    command: list[str], project: Path, env: Mapping[str, str], token: str
) -> AsyncIterator[Rests]:
    log, port = project / "run.log", free_port()
    command += ["--enable-api", "--credentials", "credentials.yml"]
    command += ["--interface", "127.0.0.1", "--port", str(port)]
    env = {**env, "PYTHONUNBUFFERED": "1"}
    with child(command, cwd=project, env=env, log=log, grace=5, orphan="KILL") as process:
        ready = "Rasa server is up and running"
        await until(lambda: ready in log.read_text(errors="replace"), process, log, "rasa run")
        yield Rests(port, token, process.pid)


def rasa_python() -> Path:
    """The Python that Rasa is installed for.

    Raises:
        BenchError: it is not.
    """
    python = RASA_PROJECT / ".venv" / "bin" / "python"
    if not python.exists():
        raise BenchError(f"Rasa is not installed: {python} is missing; run `make bench`.")
    return python


def default_project(python: Path, say: Say) -> Path:
    """What ``rasa init`` makes and trains; kept, and found again while Rasa is the same.

    Raises:
        BenchError: Rasa cannot make it.
    """
    project = WORKSHOP / f"init-{_rasa_version()}"
    if project.exists():
        return project
    say("training rasa init's bot (DIET, TED and all: some minutes, once)")
    WORKSHOP.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix="fresh-", dir=WORKSHOP))
    try:
        command = [str(python.with_name("rasa")), "init", "--no-prompt", "--init-dir", str(fresh)]
        log = fresh / "train.log"
        _run_to_the_end(command, fresh, PLAIN, log)
        if not list((fresh / "models").glob("*.tar.gz")):
            raise BenchError(f"Rasa could not train its own example:\n{last_words(log, 40)}")
        fresh.rename(project)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return project


def default_questions(project: Path) -> list[Question]:
    """The examples that ``rasa init``'s bot answers whatever was said before: those with a rule."""
    rules = YAML(typ="safe").load(project / "data" / "rules.yml")["rules"]
    answered = {rule["steps"][0]["intent"] for rule in rules}
    return [
        Question(line.removeprefix("- ").strip(), block["intent"])
        for block in YAML(typ="safe").load(project / "data" / "nlu.yml")["nlu"]
        if block["intent"] in answered
        for line in block["examples"].splitlines()
    ]


def _rasa_version() -> str:
    found = re.search(r"^rasa==(\S+)", (RASA_PROJECT / "requirements.lock").read_text(), re.MULTILINE)
    return found[1] if found else "unknown"


def answering_project(python: Path, say: Say) -> Path:
    """A Rasa project that answers, trained; kept, and found again while nothing has changed.

    Raises:
        BenchError: Rasa cannot train it.
    """
    WORKSHOP.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix="fresh-", dir=WORKSHOP))
    try:
        _write_project(fresh)
        project = WORKSHOP / f"rasa-{_digest(fresh)}"
        if (project / MODEL).exists():
            return project
        say("training rasa run's model (rules and responses included)")
        for old in WORKSHOP.glob("rasa-*"):
            shutil.rmtree(old, ignore_errors=True)
        fresh.rename(project)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    _train(python, project)
    return project


def _digest(project: Path) -> str:
    """Changes with any of its files, and with Rasa."""
    digest = hashlib.sha256((RASA_PROJECT / "requirements.lock").read_bytes())
    for path in sorted(path for path in project.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(project).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _write_project(project: Path) -> None:
    for part in ("components", "data"):
        shutil.copytree(RASA_PROJECT / part, project / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(RASA_PROJECT / "run_rasa.py", project)
    yaml = YAML()
    config = yaml.load(RASA_PROJECT / "config.yml")
    config["policies"] = [{"name": "RulePolicy"}]
    yaml.dump(config, project / "config.yml")
    yaml.dump({"rest": None}, project / "credentials.yml")
    intents, responses = _known(RASA_PROJECT / "data")
    missing = {name: [{"text": "…"}] for name in map(_response_of, intents) if name not in responses}
    yaml.dump({"version": "3.1", "responses": missing}, project / "data" / "bench_responses.yml")
    rules = [
        {"rule": f"answer {intent}", "steps": [{"intent": intent}, {"action": _response_of(intent)}]}
        for intent in intents
    ]
    yaml.dump({"version": "3.1", "rules": rules}, project / "data" / "bench_rules.yml")


def _response_of(intent: str) -> str:
    return f"utter_{intent}"


def _known(data: Path) -> tuple[list[str], set[str]]:
    """All intents, and the responses there are."""
    intents: dict[str, None] = {}
    responses: set[str] = set()
    for path in sorted(data.rglob("*.yml")):
        found: dict[str, Any] = YAML(typ="safe").load(path)
        intents.update(dict.fromkeys(found.get("intents") or ()))
        responses.update(found.get("responses") or ())
    return list(intents), responses


def _train(python: Path, project: Path) -> None:
    log = project / "train.log"
    command = [str(python), "run_rasa.py", "train", "--config", "config.yml", "--domain", "data"]
    command += ["--data", "data", "--out", "models", "--fixed-model-name", "bench"]
    _run_to_the_end(command, project, {}, log)
    if not (project / MODEL).exists():
        raise BenchError(f"Rasa could not train the rival:\n{last_words(log, 40)}")


def _run_to_the_end(command: list[str], cwd: Path, env: Mapping[str, str], log: Path) -> None:
    with child(command, cwd=cwd, env=env, log=log, grace=2, orphan="KILL") as process:
        try:
            status = process.wait(TRAINING_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise BenchError(f"training took longer than {TRAINING_SECONDS:.0f} s") from error
    if status != 0:
        raise BenchError(f"Rasa could not train:\n{last_words(log, 40)}")
