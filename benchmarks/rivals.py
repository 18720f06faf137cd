"""The two sides, as real processes: Guichet, and Rasa answering by itself.

The rival is the same NLU (configuration, components, examples) with what Rasa needs to answer: a
rule for each intent, a response for each rule, and RulePolicy. Both have one Rasa process with the
same launcher, hence the same threads and logging. Rasa's keeps conversations in memory (its
default) and logs nothing; Guichet's side is complete: Valkey with an fsync before each ack, the
record in SQLite, a supervisor, five processes.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks.clients import Rests, Side, visitors
from benchmarks.processes import PROJECT, WORKSHOP, BenchError, child, free_port, last_words
from bot.knowledge.training import ensure_model

RASA_PROJECT = PROJECT / "rasa_project"
READY_SECONDS = 180.0
TRAINING_SECONDS = 300.0
MODEL = "models/bench.tar.gz"
TOKEN = "bench"

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
    """``rasa run`` with its REST webhook; those who write to it."""
    python = RASA_PROJECT / ".venv" / "bin" / "python"
    if not python.exists():
        raise BenchError(f"Rasa is not installed: {python} is missing; run `make bench`.")
    project = await asyncio.to_thread(answering_project, python, say)
    log, port = project / "run.log", free_port()
    command = [str(python), "run_rasa.py", "run", "--enable-api", "--model", MODEL]
    command += ["--credentials", "credentials.yml", "--interface", "127.0.0.1", "--port", str(port)]
    env = {"GUICHET_NLU_TOKEN": TOKEN, "PYTHONUNBUFFERED": "1"}
    with child(command, cwd=project, env=env, log=log, grace=5, orphan="KILL") as process:
        ready = "Rasa server is up and running"
        await until(lambda: ready in log.read_text(errors="replace"), process, log, "rasa run")
        yield Rests(port, TOKEN, process.pid)


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
    with child(command, cwd=project, env={}, log=log, grace=2, orphan="KILL") as process:
        try:
            status = process.wait(TRAINING_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise BenchError(f"training took longer than {TRAINING_SECONDS:.0f} s") from error
    if status != 0 or not (project / MODEL).exists():
        raise BenchError(f"Rasa could not train the rival:\n{last_words(log, 40)}")
