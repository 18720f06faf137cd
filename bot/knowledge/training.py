"""Training a model when, and only when, what it is made of has changed."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

import structlog

import bot
from bot.domain.errors import ConfigurationError
from bot.knowledge.reading import check_project

log = structlog.get_logger(__name__)

KEPT_MODELS = 3
WORTH_TELLING = 200
"""Examples to read from which a person who waits wants to know how far it is."""
LAUNCHER = Path(bot.__file__).with_name("launch.py")
"""Runs the training so that it ends with us, however we end."""

FOREIGN = ("PYTHON", "VIRTUAL_ENV", "GUICHET_", "UV_")
_STEP = re.compile(r"Starting to train component '([^']+)'")
_ENCODED = re.compile(r"Embedding examples: (\d+) of (\d+)")
_ERROR = re.compile(r"(?:Error|Exception)\b")

Progress = Callable[[str], None]
"""Told, in a few words, what is being done now."""


def _ignore(_: str) -> None:
    pass


def fingerprint(rasa_project: Path) -> str:
    """Sixteen hex digits that change with anything a model is made of, Rasa's version included."""
    digest = hashlib.sha256()
    for path in sorted(_sources(rasa_project)):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(rasa_project).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def _sources(rasa_project: Path) -> Iterator[Path]:
    yield from (rasa_project / name for name in ("config.yml", "requirements.lock"))
    yield from (rasa_project / "data").rglob("*.yml")
    yield from (rasa_project / "components").rglob("*.py")
    yield from (rasa_project / "components").glob("e5_adapter.npz")


def model_path(rasa_project: Path) -> Path:
    """Where the model of the present files is, or will be.

    Raises:
        ConfigurationError: there is no Rasa project.
    """
    try:
        return rasa_project / "models" / f"{fingerprint(rasa_project)}.tar.gz"
    except FileNotFoundError as error:
        raise ConfigurationError(f"{error.filename} is missing; restore it from git.") from error


async def ensure_model(
    rasa_project: Path, *, progress: Progress = _ignore, timeout: float = 900.0, again: bool = False
) -> Path:
    """The model of the present files, trained first if there is none yet; ``timeout`` in seconds.

    ``again``: trained although there is one. Training happens in a temporary folder and the model appears in
    one step, so a crash leaves no half of one. Two trainings at once wait for each other. The last few models
    are kept.

    Raises:
        ConfigurationError: the files do not make a model; one sentence names file and line where
            that is known, and the remedy.
    """
    while not (model := model_path(rasa_project)).exists() or again:
        await asyncio.to_thread(check_project, rasa_project)
        async with _alone(model.parent, progress):
            if again or not model.exists():
                kept = await _train(rasa_project, model, progress, timeout)
                again = again and not kept
                _forget_old(model.parent, keep=model)
    return model


async def train_into(
    folder: Path, rasa_project: Path, *, progress: Progress = _ignore, timeout: float = 900.0
) -> Path:
    """Train on a project's files as they are, into an existing folder; the model's path.

    Raises:
        ConfigurationError: Rasa cannot, or takes longer than ``timeout`` seconds.
    """
    progress("starting Rasa")
    await _run(_command(rasa_project, folder), rasa_project, progress, timeout)
    trained = folder / "model.tar.gz"
    if not trained.exists():
        raise ConfigurationError("Rasa ended without a model; run `guichet nlu train` to see why.")
    return trained


@asynccontextmanager
async def _alone(models: Path, progress: Progress) -> AsyncIterator[None]:
    with _lock_file(models) as lock:
        waiting = False
        while not _locked(lock.fileno()):
            if not waiting:
                progress("waiting for another training to end")
            waiting = True
            await asyncio.sleep(0.5)
        yield


def _lock_file(models: Path) -> IO[str]:
    models.mkdir(parents=True, exist_ok=True)
    return (models / ".lock").open("w")


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _command(rasa_project: Path, folder: Path) -> list[str]:
    python = rasa_project / ".venv" / "bin" / "python"
    if not python.exists():
        raise ConfigurationError(f"Rasa is not installed: {python} is missing; run `make install`.")
    command = [str(python.absolute()), str(LAUNCHER), "--signal", "KILL", "--"]
    command += [str(python.absolute()), "run_rasa.py", "train", "nlu", "--config", "config.yml"]
    command += ["--nlu", "data", "--domain", "data"]
    return [*command, "--out", str(folder.absolute()), "--fixed-model-name", "model"]


async def _train(rasa_project: Path, model: Path, progress: Progress, timeout: float) -> bool:
    """Whether the model was kept."""
    for left in model.parent.glob(".training-*"):  # this is the only training now: another was killed
        shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=".training-", dir=model.parent))
    try:
        trained = await train_into(folder, rasa_project, progress=progress, timeout=timeout)
        if model_path(rasa_project) != model:
            log.warning("model_discarded", reason="the files changed during the training")
            return False
        trained.replace(model)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    log.info("model_trained", model=model.name)
    return True


async def _run(command: list[str], folder: Path, progress: Progress, timeout: float) -> None:
    tail: deque[str] = deque(maxlen=40)
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=2**20,
    )
    try:
        async with asyncio.timeout(timeout):
            await _follow(process, tail, progress)
            status = await process.wait()
    except TimeoutError as error:
        raise ConfigurationError(f"Training took longer than {timeout:.0f} s and was stopped.") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if status != 0:
        raise ConfigurationError(f"Rasa could not train a model: {_reason(tail)}")


async def _follow(process: asyncio.subprocess.Process, tail: deque[str], progress: Progress) -> None:
    if process.stdout is None:
        return
    async for raw in process.stdout:
        line = raw.decode(errors="replace").strip()
        tail.append(line)
        if step := _STEP.search(line):
            progress(f"training {step[1]}")
        elif (encoded := _ENCODED.search(line)) and int(encoded[2]) >= WORTH_TELLING:
            progress(f"reading examples: {encoded[1]} of {encoded[2]}")


def _reason(tail: deque[str]) -> str:
    """The last line that names an error, without terminal colours."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in tail if line]
    named = [line for line in lines if _ERROR.search(line)]
    return (named or lines or ["it said nothing"])[-1][:500]


def _forget_old(models: Path, *, keep: Path) -> None:
    """Keep the new model and the latest others; a server may still be reading one of them."""
    others = [path for path in models.glob("*.tar.gz") if path != keep]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in others[KEPT_MODELS - 1 :]:
        path.unlink(missing_ok=True)
