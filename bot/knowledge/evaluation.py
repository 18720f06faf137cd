"""Measuring a pipeline: train it on some messages, ask it about others, score what it says.

The project that is trained is a copy in a temporary folder, made of the components and the configuration
of the real one and of the given examples. So nothing of it is ever served, edits during a long evaluation
do not matter, and a training never profits from what another one left behind (it is cold).
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from ruamel.yaml import YAML

from bot.domain.errors import ConfigurationError
from bot.domain.understanding import Guess, Question, Understanding
from bot.knowledge.examples import OOS_NAMES, Example, language_of, load_rasa, rasa_files
from bot.knowledge.reading import BadFile
from bot.knowledge.training import FOREIGN, LAUNCHER, Progress, train_into

Prepare = Callable[[str], str]
"""What the bot does to a text before Rasa sees it; empty when there is nothing to read."""

OOS_INTENT = "out_of_scope"
"""The name that components know messages out of scope by."""
NOBODY = frozenset({"nlu_fallback"})
"""What Rasa's own fallback puts at the top of a ranking: a threshold of its own, not an intent."""
CONVERTED, EMBEDDINGS = ".cache/encoders", ".cache/embeddings"
"""Where components keep the encoder in the form they run, and what it said of the examples."""
LARGE = 2**20
"""Bytes from which on a file is no source text."""
REPORTS = 100
"""How often parsing says how far it is."""

_LEFT_OUT = ("data", "tests", "models", "results", "__pycache__", ".*")
_SAFE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,80}")


@dataclass(frozen=True, slots=True)
class Trained:
    """A model, the seconds from the command's start to its end, and its peak of resident memory in MB
    (None where the system does not tell)."""

    model: Path
    seconds: float
    peak_mb: float | None


@dataclass(frozen=True, slots=True)
class Parses:
    """What a model made of some texts, in their order: milliseconds each (None: not worth asking), and
    the process' seconds to load it and peak of resident memory in MB."""

    understandings: tuple[Understanding, ...]
    ms: tuple[float | None, ...]
    load_s: float
    peak_mb: float


class Names:
    """Intents by names that Rasa takes, and back. Rasa gives ``/`` and ``+`` a meaning, for example."""

    def __init__(self, intents: Iterable[str]) -> None:
        self._safe: dict[str, str] = {}
        self._given: dict[str, str] = {}
        known = sorted(set(intents))
        plain = {name for name in known if _SAFE.fullmatch(name)} | {OOS_INTENT}
        for number, name in enumerate(known):
            safe = OOS_INTENT if name in OOS_NAMES else name if name in plain else f"intent_{number}"
            while safe not in (OOS_INTENT, name) and safe in plain:
                safe += "_"
            self._safe[name] = safe
            self._given.setdefault(safe, name)

    def safe(self, intent: str) -> str:
        """The name for Rasa."""
        return self._safe[intent]

    def given(self, safe: str) -> str:
        """The name as it stands in the file; one that Rasa made up stays."""
        return self._given.get(safe, safe)


# --- the project that is trained ----------------------------------------------------------


@contextmanager
def workshop(rasa_project: Path, config: Path | None = None, *, warm: bool = False) -> Iterator[Path]:
    """A Rasa project like the real one, without its data, in a folder that is gone afterwards.

    ``config`` stands in for ``config.yml``. A ``warm`` one has the real one's cache of embeddings, and
    adds to it; otherwise a first training finds no example that it knows. The encoder itself, converted
    once an installation, is the real one's in any case.

    Raises:
        ConfigurationError: there is no Rasa project or no such configuration.
    """
    if not (rasa_project / "config.yml").is_file():
        raise ConfigurationError(f"{rasa_project / 'config.yml'} is missing; restore it from git.")
    python = rasa_project / ".venv" / "bin" / "python"
    if not python.exists():
        raise ConfigurationError(f"Rasa is not installed: {python} is missing; run `make install`.")
    if config is not None and not config.is_file():
        raise ConfigurationError(f"{config} does not exist; name a Rasa configuration file.")
    place = Path(tempfile.mkdtemp(prefix="guichet-evaluate-"))
    project = place / "rasa_project"
    try:
        left_out = shutil.ignore_patterns(*_LEFT_OUT)
        shutil.copytree(rasa_project, project, ignore=left_out, copy_function=_copy)
        if config is not None:
            shutil.copy(config, project / "config.yml")
        # Reached through a link it still is the same environment.
        _share(rasa_project, project, ".venv")
        _share(rasa_project, project, CONVERTED)
        if warm:
            _share(rasa_project, project, EMBEDDINGS)
        (project / "data").mkdir()
        yield project
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _copy(source: str, target: str) -> str:
    """A copy of what people edit; an encoder's weights are only pointed at."""
    if Path(source).stat().st_size <= LARGE:
        return str(shutil.copy2(source, target))
    Path(target).symlink_to(Path(source).absolute())
    return target


def _share(rasa_project: Path, project: Path, folder: str) -> None:
    """Give the copy a folder of the real one; a missing one is made."""
    real, link = rasa_project / folder, project / folder
    real.mkdir(parents=True, exist_ok=True)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(real.absolute(), target_is_directory=True)


def write_labelled(project: Path, examples: Sequence[Example], names: Names, prepare: Prepare) -> None:
    """Make labelled messages the project's data, word for word: in JSON nothing is markup.

    They are prepared as the bot prepares what customers write; what is empty then is left out.
    """
    learnt = [
        {"text": text, "intent": names.safe(example.intent)}
        for example in examples
        if (text := prepare(example.text))
    ]
    intents = sorted({one["intent"] for one in learnt})
    _replace(project, "nlu.json", json.dumps({"rasa_nlu_data": {"common_examples": learnt}}))
    _replace(project, "domain.yml", json.dumps({"version": "3.1", "intents": intents}))  # JSON is YAML


def write_rasa(project: Path, source: Path, language: str | None = None) -> None:
    """Make Rasa's own files the project's data, whole or only the blocks in one language.

    Raises:
        BadFile: a file cannot be read, or nothing is left.
    """
    files = rasa_files(source)
    if not files:
        raise BadFile(source, None, "holds no YAML file; name a folder of Rasa NLU files, or a CSV file")
    for file in files:
        below = file.relative_to(source) if source.is_dir() else Path(file.name)
        target = project / "data" / below
        target.parent.mkdir(parents=True, exist_ok=True)
        if language is None:
            shutil.copy(file, target)
        else:
            _write_language(file, target, language)


def _replace(project: Path, name: str, text: str) -> None:
    (project / "data" / name).write_text(text, encoding="utf-8")


def _write_language(file: Path, target: Path, language: str) -> None:
    """The file without the blocks of other languages; what says no language stays."""
    content = load_rasa(file)
    blocks = content.get("nlu")
    if isinstance(blocks, list):
        content["nlu"] = [block for block in blocks if language_of(block) in (None, language)]
    with target.open("w", encoding="utf-8") as out:
        YAML(typ="safe").dump(content, out)


# --- training -----------------------------------------------------------------------------


async def train(project: Path, *, progress: Progress, timeout: float) -> Trained:
    """Train the project exactly as production does; ``timeout`` in seconds.

    Raises:
        ConfigurationError: Rasa cannot, with its reason.
    """
    folder = project / "models"
    folder.mkdir(exist_ok=True)
    begun = monotonic()
    model = await train_into(folder, project, progress=progress, timeout=timeout)
    return Trained(model, monotonic() - begun, _peak_of_children())


def _peak_of_children() -> float | None:
    """Of all processes that have ended under this one, so only a first one is known for sure."""
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10) if peak else None


# --- parsing ------------------------------------------------------------------------------


async def parse(
    project: Path, model: Path, texts: Sequence[str], names: Names, *, prepare: Prepare, progress: Progress
) -> Parses:
    """Ask the model about each text, one after the other, in a process with one computing thread.

    A text in which there is nothing to read is not asked: the bot would not either. It is out of scope,
    with confidence 0.

    Raises:
        ConfigurationError: the process ended by itself.
    """
    prepared = [prepare(text) for text in texts]
    progress("loading the model")
    async with _parser(project, model) as process:
        answers = _Answers(process)
        load_s = await answers.number("load_s")
        asking = asyncio.create_task(_ask(process, prepared))
        try:
            told = await _collect(answers, [bool(text) for text in prepared], names, progress)
            await asking
            peak_mb = await answers.number("peak_mb")
        finally:
            asking.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await asking
    return Parses(tuple(one for one, _ in told), tuple(ms for _, ms in told), load_s, peak_mb)


NOTHING = Understanding(ranking=(Guess(OOS_INTENT, 0.0),))


async def _collect(
    answers: _Answers, asked: Sequence[bool], names: Names, progress: Progress
) -> list[tuple[Understanding, float | None]]:
    told: list[tuple[Understanding, float | None]] = []
    for number, has_words in enumerate(asked):
        if number % max(len(asked) // REPORTS, 1) == 0:
            progress(f"parsing {number}/{len(asked)} messages")
        told.append(_understood(await answers.next(), names) if has_words else (NOTHING, None))
    return told


def _understood(answer: Mapping[str, object], names: Names) -> tuple[Understanding, float]:
    ranking, ms, asked = answer["ranking"], answer["ms"], answer.get("questions", [])
    if not isinstance(ranking, list) or not isinstance(ms, float | int) or not isinstance(asked, list):
        raise ConfigurationError("The parsing process answered something else than a parse.")
    questions = tuple(Question(start, end, _guesses(one, names)) for start, end, one in asked)
    guesses = _guesses(ranking, names) or NOTHING.ranking
    return Understanding(ranking=guesses, ms=float(ms), questions=questions), float(ms)


def _guesses(ranking: Iterable[tuple[str, float]], names: Names) -> tuple[Guess, ...]:
    known = ((name, sure) for name, sure in ranking if name and name not in NOBODY)
    return tuple(Guess(names.given(name), float(sure)) for name, sure in known)


async def _ask(process: asyncio.subprocess.Process, texts: Sequence[str]) -> None:
    if process.stdin is None:
        return
    for text in filter(None, texts):
        process.stdin.write(json.dumps({"text": text}).encode() + b"\n")
        await process.stdin.drain()
    process.stdin.close()


class _Answers:
    """The lines of the process' output, and its last words when it ends too early."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._tail: deque[str] = deque(maxlen=20)
        self._listening = asyncio.create_task(self._listen())

    async def next(self) -> Mapping[str, object]:
        """One answer.

        Raises:
            ConfigurationError: there is no more.
        """
        line = await self._process.stdout.readline() if self._process.stdout else b""
        if not line:
            await self._listening
            reason = self._tail[-1][:500] if self._tail else "it said nothing"
            raise ConfigurationError(f"The model could not be asked: {reason}")
        answer: Mapping[str, object] = json.loads(line)
        return answer

    async def number(self, name: str) -> float:
        """One answer that is a number by that name."""
        value = (await self.next())[name]
        if not isinstance(value, float | int):
            raise ConfigurationError("The parsing process answered something else than was asked.")
        return float(value)

    async def _listen(self) -> None:
        if self._process.stderr is not None:
            async for raw in self._process.stderr:
                if line := raw.decode(errors="replace").strip():
                    self._tail.append(line)


def _parse_command(project: Path, model: Path) -> list[str]:
    python = str((project / ".venv" / "bin" / "python").absolute())
    command = [python, str(LAUNCHER), "--signal", "KILL", "--", python, "parse_texts.py"]
    return [*command, str(model.absolute())]


@asynccontextmanager
async def _parser(project: Path, model: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *_parse_command(project, model),
        cwd=project,
        env={name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=2**22,
    )
    try:
        yield process
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
