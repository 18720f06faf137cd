"""``guichet nlu evaluate``: how well the shipped pipeline, or another, learns from some examples."""

from __future__ import annotations

import asyncio
import csv
import json
import re
import signal
import sys
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Annotated, Any

import typer
from rich.console import Console

from bot.cli.output import plain, print_table
from bot.domain.errors import ConfigurationError
from bot.domain.understanding import Understanding
from bot.knowledge import evaluation, examples, measured, scores
from bot.knowledge.evaluation import Names, Parses, Trained
from bot.knowledge.examples import Example
from bot.knowledge.measured import Asked
from bot.knowledge.reading import BadFile
from bot.knowledge.training import Progress
from bot.nlu.text import prepare
from bot.settings import Settings, load_settings
from handlers import reading
from handlers.care import Thresholds

EXAMPLES = """
Examples:

  guichet nlu evaluate --train train.csv --test test.csv

  guichet nlu evaluate --train train.csv --train oos_train.csv --test test.csv --json | tail -n 1 | jq .ece

  guichet nlu evaluate --train train.csv --test test.csv --config benchmarks/diet.yml

  guichet nlu evaluate --train rasa_project/data --test rasa_project/tests/held_out

  guichet nlu evaluate --train rasa_project/data --train-language fr
      --test rasa_project/tests/held_out --test-language en

A CSV file is UTF-8, and its first line is text,intent; a message that belongs to no intent has the intent
oos. A folder, or a .yml file, is read as Rasa NLU data; test messages that also stand in it are left out.
Training takes from seconds to many minutes, by the number of examples and the pipeline.
"""

LONGEST_SECONDS = 4 * 3600.0
TEXT_LIMIT = 1000
"""Characters that the bot looks at (bot.nlu.client.RasaNlu)."""
QUIET_SECONDS = 15.0
"""How long one step goes on before it is told again, where output is kept."""
SHOWN = 5
"""How many of many warnings of a kind are shown."""

_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Sources:
    """What is learnt and what is asked. Rasa's own data is trained on as it is. In ``blank`` examples the
    bot can read nothing. ``left_out`` counts the test messages that stand among the examples too."""

    learnt: Sequence[Example]
    asked: Sequence[Example]
    blank: Sequence[Example]
    rasa_data: Path | None
    language: str | None
    left_out: int

    @property
    def unknown(self) -> list[str]:
        """Intents in scope that are asked and were never learnt."""
        known = {example.intent for example in self.learnt}
        return sorted({one.intent for one in self.asked} - known - examples.OOS_NAMES)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A model, and what it made of the test messages."""

    trained: Trained
    parses: Parses
    asked: tuple[Asked, ...]


def evaluate(
    train: Annotated[list[Path], typer.Option(help="Examples to learn from; may be given again.")],
    test: Annotated[list[Path], typer.Option(help="Messages to understand; may be given again.")],
    config: Annotated[
        Path | None, typer.Option(help="Another Rasa configuration than the shipped config.yml.")
    ] = None,
    train_language: Annotated[
        str | None, typer.Option(help="Learn only from blocks in that language (Rasa data).")
    ] = None,
    test_language: Annotated[
        str | None, typer.Option(help="Ask only messages in that language (Rasa data).")
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="Also write what each message was taken for, as CSV.")
    ] = None,
    warm: Annotated[
        bool, typer.Option("--warm", help="Use the project's cache of embeddings: training is not cold.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="For programs: one JSON object, the last line.")
    ] = False,
) -> None:
    """Train the shipped pipeline on some examples and measure how well it understands others.

    Nothing of it is ever served: it is trained in a temporary folder, without any cache, and forgotten.
    Figures at the threshold use the one the bot uses (understanding.answer_at).
    """
    settings = load_settings()
    console = Console(stderr=True, highlight=False)
    sources = _sources(train, test, train_language, test_language)
    _warn(sources, console)
    place = evaluation.workshop(settings.rasa_project, config, warm=warm)
    with _terminable(), _progress(console) as progress, place as project:
        outcome = asyncio.run(_interruptible(_measure(project, sources, progress)))
    told = _document(settings, sources, outcome)
    told |= {"train": [str(path) for path in train], "test": [str(path) for path in test]}
    told |= {"config": str(config or settings.rasa_project / "config.yml"), "cold": not warm}
    if predictions is not None:
        _write_predictions(predictions, outcome.asked)
    if as_json:
        sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
    else:
        _print(told)


# --- what is read -------------------------------------------------------------------------


def _sources(
    train: Sequence[Path], test: Sequence[Path], train_language: str | None, test_language: str | None
) -> Sources:
    """Read everything before anything is started.

    Raises:
        BadFile: a file cannot be used.
        ConfigurationError: the options do not fit together.
    """
    rasa = [path for path in train if examples.is_rasa_data(path)]
    if rasa and len(train) > 1:
        raise ConfigurationError(f"{rasa[0]} is Rasa data and must be the only --train; name one folder.")
    everything = _read(train)
    wanted = _only(everything, train_language, "--train-language")
    learnt = [example for example in wanted if _prepared(example.text)] or wanted
    examples.check_trainable(learnt)
    given = _only(_read(test), test_language, "--test-language")
    asked = given
    if all(examples.is_rasa_data(path) for path in test):
        asked = examples.unseen(given, everything)
        if not asked:
            raise BadFile(test[0], None, "every message stands in the training data too; name other messages")
    blank = [example for example in wanted if not _prepared(example.text)]
    left_out = len(given) - len(asked)
    return Sources(learnt, asked, blank, rasa[0] if rasa else None, train_language, left_out)


def _read(paths: Sequence[Path]) -> list[Example]:
    return [example for path in paths for example in examples.read_examples(path)]


def _only(found: list[Example], language: str | None, option: str) -> list[Example]:
    if language is None:
        return found
    kept = [example for example in found if example.language in (None, language)]
    known = sorted({example.language for example in found if example.language})
    if language not in known:
        told = f"has {', '.join(known)}" if known else "names no language: only Rasa's own files do"
        raise ConfigurationError(f"{option} {language}: {found[0].path.parent} {told}.")
    return kept


def _warn(sources: Sources, console: Console) -> None:
    """Say what will cost accuracy and is no reason to stop."""
    _tell(
        console, "the same text under two intents", [str(one) for one in examples.conflicts(sources.learnt)]
    )
    _tell(
        console,
        "an intent with a single example",
        [f"{one.path}, line {one.line}: {one.intent}" for one in examples.lonely(sources.learnt)],
    )
    _tell(
        console,
        "an example in which the bot can read nothing, and which is left out",
        [f"{one.path}, line {one.line}: {one.text!r}" for one in sources.blank],
    )
    _tell(console, "an intent that is tested and was never learnt: always wrong", sources.unknown)
    if sources.left_out:
        told = f"{sources.left_out} test messages stand in the training data too and are left out"
        console.print(told, markup=False)


def _tell(console: Console, what: str, found: Sequence[str]) -> None:
    for one in found[:SHOWN]:
        console.print(f"warning: {what}: {plain(one)}", markup=False, soft_wrap=True)
    if len(found) > SHOWN:
        console.print(f"warning: {what}: {len(found) - SHOWN} more", markup=False)


def _prepared(text: str) -> str:
    return prepare(text, TEXT_LIMIT).text


# --- what is done -------------------------------------------------------------------------


async def _measure(project: Path, sources: Sources, progress: Progress) -> Outcome:
    names = Names(example.intent for example in sources.learnt)
    if sources.rasa_data is not None:
        evaluation.write_rasa(project, sources.rasa_data, sources.language)
    else:
        evaluation.write_labelled(project, sources.learnt, names, _prepared)
    trained = await evaluation.train(project, progress=progress, timeout=LONGEST_SECONDS)
    progress(f"trained in {trained.seconds:.1f} s")
    texts = [one.text for one in sources.asked]
    parses = await evaluation.parse(
        project, trained.model, texts, names, prepare=_prepared, progress=progress
    )
    return Outcome(trained, parses, tuple(map(Asked, sources.asked, parses.understandings)))


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends everything in order, as Ctrl-C does: nothing stays behind."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


async def _interruptible(work: Coroutine[Any, Any, Outcome]) -> Outcome:
    """The same where a loop runs."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await task
    except asyncio.CancelledError as error:
        raise KeyboardInterrupt from error


@contextmanager
def _progress(console: Console) -> Iterator[Progress]:
    """A line that changes on a terminal; otherwise a line for each step, or now and then within one."""
    if console.is_terminal:
        with console.status("reading") as status:
            yield lambda step: status.update(plain(step))
        return
    shown, at = "", 0.0

    def show(step: str) -> None:
        nonlocal shown, at
        kind = _DIGITS.sub("", step)
        if kind != shown or monotonic() - at >= QUIET_SECONDS:
            console.print(plain(step), markup=False, soft_wrap=True)
            shown, at = kind, monotonic()

    yield show


# --- what is told -------------------------------------------------------------------------


def _document(settings: Settings, sources: Sources, outcome: Outcome) -> dict[str, Any]:
    numbers = Thresholds(**settings.understanding.model_dump())

    def alarm(understanding: Understanding) -> str | None:
        return reading.protected(understanding, numbers)

    told = measured.document(outcome.asked, numbers.answer_at, reading.PROTECTED, alarm)
    times = [ms for ms in outcome.parses.ms if ms is not None]
    return told | {
        "train_s": outcome.trained.seconds,
        "parse_p50_ms": scores.percentile(times, 0.50),
        "parse_p95_ms": scores.percentile(times, 0.95),
        "peak_mb": outcome.parses.peak_mb,
        "train_peak_mb": outcome.trained.peak_mb,
        "load_s": outcome.parses.load_s,
        "examples": len(sources.learnt),
        "intents": len({example.intent for example in sources.learnt} - examples.OOS_NAMES),
        "conflicts": len(examples.conflicts(sources.learnt)),
        "unknown_intents": sources.unknown,
        "left_out": sources.left_out,
    }


ROWS = (
    ("messages", "messages"),
    ("of them out of scope", "out_of_scope"),
    ("accuracy in scope, no threshold", "accuracy_in_scope"),
    ("in scope, right and not rejected", "in_scope_at_threshold"),
    ("out-of-scope precision", "oos_precision"),
    ("out-of-scope recall", "oos_recall"),
    ("MCC at the threshold", "mcc_at_threshold"),
    ("best MCC over thresholds", "best_mcc"),
    ("  its threshold", "best_mcc_threshold"),
    ("calibration error (ECE)", "ece"),
    ("  in scope", "ece_in_scope"),
    ("accuracy, all messages, no threshold", "accuracy"),
    ("accuracy, all messages, at the threshold", "accuracy_at_threshold"),
)


def _print(told: Mapping[str, Any]) -> None:
    groups = {"all": told, **told.get("by_language", {})}
    print_table(
        (f"at the threshold {told['threshold']:g}", *groups),
        [(name, *(_shown(group[key]) for group in groups.values())) for name, key in ROWS],
    )
    if "protected" in told:
        typer.echo("")
        _print_protected(told["protected"])
    typer.echo("")
    typer.echo(
        f"trained on {told['examples']} examples of {told['intents']} intents in {told['train_s']:.1f} s, "
        f"{'cold' if told['cold'] else 'warm'} (peak {_mb(told['train_peak_mb'])})"
    )
    typer.echo(
        f"parsed on one thread: p50 {_ms(told['parse_p50_ms'])}, p95 {_ms(told['parse_p95_ms'])} "
        f"(peak {_mb(told['peak_mb'])}; loaded in {told['load_s']:.1f} s)"
    )


def _print_protected(found: Mapping[str, Mapping[str, Any]]) -> None:
    rows: list[tuple[str, ...]] = []
    for name, one in found.items():
        rows.append(
            (f"protected intents, {name}", *map(_shown, (one["messages"], one["recall"], one["acted"])))
        )
        for intent, own in one["intents"].items():
            rows.append((f"  {intent}", *map(_shown, (own["messages"], own["recall"], own["acted"]))))
        rows.append(("  alarms for other messages", "", "", _shown(one["false_alarms"])))
    print_table(("", "messages", "best guess", "as the bot acts"), rows)


def _shown(value: float | None) -> str:
    return "–" if value is None else str(value) if isinstance(value, int) else f"{value:.3f}"


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} ms"


def _mb(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} MB"


def _write_predictions(path: Path, asked: Sequence[Asked]) -> None:
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("text", "intent", "language", "predicted", "confidence", "second", "confidence"))
            for one in asked:
                best, *others = one.understanding.ranking
                second = (others[0].intent, f"{others[0].confidence:.4f}") if others else ("", "")
                message = one.message
                told = (message.text, message.intent, message.language or "", best.intent)
                writer.writerow((*told, f"{best.confidence:.4f}", *second))
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written ({error.strerror}); name another file."
        ) from error
