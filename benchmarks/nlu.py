"""``make bench-nlu``: how well and how fast the NLU learns, beside Rasa's default DIET."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.__main__ import page, with_figures
from benchmarks.machine import this_machine
from benchmarks.nlu_figures import (
    ALBA,
    BANKING,
    CLINC,
    CROSS,
    DIET,
    FEW,
    FULL,
    OURS,
    SOF,
    SPEED,
    Run,
    crossed,
    lines,
)
from benchmarks.processes import PROJECT, BenchError, clean_environment
from bot.domain.errors import GuichetError
from bot.knowledge import evaluation
from bot.knowledge.evaluation import Names
from bot.knowledge.examples import Example, read_csv
from bot.nlu.text import prepare

EXAMPLES = """examples:
  python -m benchmarks.nlu
  python -m benchmarks.nlu --quick --diet none
  python -m benchmarks.nlu --only sofmattress,alba
  python -m benchmarks.nlu --data ~/benchmarks --write docs/nlu.md
  python -m benchmarks.nlu --json > figures.json

With make: make bench-nlu ARGS="--only sofmattress"
All of it takes about an hour; default DIET on every file takes hours more (--diet all).
"""
DATA = PROJECT.parent / "shared" / "benchmarks"
RASA_PROJECT = PROJECT / "rasa_project"
DIET_CONFIG = PROJECT / "benchmarks" / "diet.yml"
PARTS = ("sofmattress", "banking77", "clinc150", "alba", "speed")
SPLITS = (0, 1, 2)
TRAINING_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Task:
    """An evaluation to be made. ``quick`` ones are made in any case, ``diet`` ones with DIET too."""

    part: str
    group: str
    name: str
    train: tuple[Path, ...]
    test: Path
    options: tuple[str, ...] = ()
    diet: bool = False
    quick: bool = False


def tasks(data: Path, *, oos_train: bool) -> list[Task]:
    """All evaluations, those of Maison Alba's bot last."""
    sof, banking, clinc = data / "hint3-sofmattress", data / "banking77", data / "clinc150"
    more = (clinc / "oos_train.csv",) if oos_train else ()
    found = [
        Task(
            "sofmattress", SOF, SOF, (sof / "train.csv",), sof / "test.csv", diet=True, quick=True
        )
    ]  # fmt: skip
    for part, group, folder, added in (("banking77", BANKING, banking, ()), ("clinc150", CLINC, clinc, more)):
        for split in SPLITS:
            train = (folder / f"train_10shot_{split}.csv", *added)
            name, first = f"{group}, 10-shot {split}", split == 0
            diet = first and part == "banking77"
            found.append(Task(part, group + FEW, name, train, folder / "test.csv", diet=diet, quick=first))
        train = (folder / "train.csv", *added)
        found.append(Task(part, group + FULL, f"{group}, all", train, folder / "test.csv"))
    learnt, held_out = (RASA_PROJECT / "data",), RASA_PROJECT / "tests" / "held_out"
    found.append(Task("alba", ALBA, "Maison Alba", learnt, held_out, quick=True))
    for language in ("fr", "en"):
        only = ("--train-language", language)
        found.append(Task("alba", CROSS, f"Maison Alba, {language} only", learnt, held_out, only))
    return found


def main(arguments: list[str] | None = None) -> int:
    """The command line; exit status 1 when a figure could not be made, 130 when interrupted."""
    chosen = _parser().parse_args(arguments)
    machine = this_machine()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        runs = list(_measure(chosen))
    except (BenchError, GuichetError) as error:
        print(f"The benchmark failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; every process has ended.", file=sys.stderr)
        return 130
    told = [*machine.lines(), "", *lines(runs)]
    document = {"machine": asdict(machine), "runs": [asdict(run) for run in runs]}
    print(json.dumps(document, ensure_ascii=False, indent=2) if chosen.json else "\n".join(told))
    if chosen.write is not None:
        text = chosen.write.read_text(encoding="utf-8")
        chosen.write.write_text(with_figures(text, told), encoding="utf-8")
    return 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _measure(chosen: argparse.Namespace) -> Iterator[Run]:
    """Each evaluation, DIET's right after ours."""
    wanted = [
        task
        for task in tasks(chosen.data, oos_train=chosen.oos_train)
        if task.part in chosen.only and (task.quick or not chosen.quick) and _is_there(task)
    ]
    halves: dict[str, Any] = {}
    for task in wanted:
        told = _evaluated(task, ("--warm",) if chosen.warm else ())
        yield Run(task.group, task.name, OURS, told)
        if task.group == CROSS:
            halves[task.options[1]] = told
        if chosen.diet == "all" or (chosen.diet == "some" and task.diet):
            yield Run(task.group, task.name, DIET, _evaluated(task, ("--config", str(DIET_CONFIG))))
    if len(halves) == 2:
        yield Run(CROSS, "loss", OURS, crossed(halves["fr"], halves["en"]))
    if "speed" in chosen.only:
        yield from _speed(chosen.data / "banking77" / "train_10shot_0.csv")


def _is_there(task: Task) -> bool:
    missing = [path for path in (*task.train, task.test) if not path.exists()]
    if missing:
        say(f"not measured: {task.name} ({missing[0]} is not there; --data names the folder)")
    return not missing


def _evaluated(task: Task, options: Sequence[str]) -> dict[str, Any]:
    """One evaluation, by the command that everybody uses, in a process of its own.

    Raises:
        BenchError: it fails, with what it said.
    """
    say(" ".join((task.name, *options)))
    command = [sys.executable, "-m", "bot.cli", "nlu", "evaluate", "--json", "--test", str(task.test)]
    for path in task.train:
        command += ["--train", str(path)]
    with tempfile.TemporaryFile("w+") as words:
        process = subprocess.Popen(
            [*command, *task.options, *options],
            cwd=PROJECT,
            env=clean_environment({}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=words,
            text=True,
        )
        try:
            out, _ = process.communicate()
        finally:
            _end(process)
        if process.returncode != 0:
            words.seek(0)
            raise BenchError(f"{task.name}: " + " / ".join(words.read().splitlines()[-5:]))
    told: dict[str, Any] = json.loads(out.splitlines()[-1])
    return told


def _end(process: subprocess.Popen[str]) -> None:
    """Interrupted: it clears up behind itself, so it is asked and waited for."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


# --- training time ------------------------------------------------------------------------


def _speed(source: Path) -> Iterator[Run]:
    """Training from nothing, and again after one example was edited, ``rasa train``'s start included."""
    if not source.exists():
        say(f"not measured: training time ({source} is not there; --data names the folder)")
        return
    learnt = read_csv(source)
    say(f"training {len(learnt)} examples, cold and after one edit")
    cold, edit = asyncio.run(_trainings(learnt))
    yield Run(SPEED, source.stem, OURS, {"cold_s": cold, "edit_s": edit, "examples": len(learnt)})


async def _trainings(learnt: Sequence[Example]) -> tuple[float, float]:
    names = Names(example.intent for example in learnt)
    first = learnt[0]
    edited = [Example(f"{first.text} please", first.intent, first.path, first.line), *learnt[1:]]
    seconds: list[float] = []
    with evaluation.workshop(RASA_PROJECT) as project:
        for examples in (learnt, edited):
            evaluation.write_labelled(project, examples, names, lambda text: prepare(text, 1000).text)
            trained = await evaluation.train(project, progress=lambda _: None, timeout=TRAINING_SECONDS)
            shutil.move(trained.model, project / "old.tar.gz")
            seconds.append(trained.seconds)
    return seconds[0], seconds[1]


# --- the command line ---------------------------------------------------------------------


def say(line: str) -> None:
    """Progress, apart from the figures."""
    print(f"  {line}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.nlu",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=DATA, help="the data sets (../shared/benchmarks)")
    parser.add_argument("--only", type=_parts, default=PARTS, help=f"some of: {','.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="one split of each, no full data")
    parser.add_argument(
        "--diet", choices=("all", "some", "none"), default="some", help="where default DIET is measured too"
    )
    parser.add_argument(
        "--oos-train", action="store_true", help="CLINC150: learn its out-of-scope examples too"
    )
    parser.add_argument("--warm", action="store_true", help="keep embeddings: training times mean less")
    parser.add_argument("--json", action="store_true", help="print figures as JSON")
    parser.add_argument("--write", type=page, metavar="PAGE", help="also put the figures into a page")
    return parser


def _parts(text: str) -> tuple[str, ...]:
    parts = tuple(part.strip() for part in text.split(","))
    if unknown := set(parts) - set(PARTS):
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: choose among {', '.join(PARTS)}")
    return parts


if __name__ == "__main__":
    sys.exit(main())
