"""What is measured of the NLU, beside what was asked of it. Pure: numbers in, Markdown out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

OURS, DIET = "ours", "default DIET"
PIPELINES = (OURS, DIET)

Told = Mapping[str, Any]
"""What ``guichet nlu evaluate --json`` says."""


@dataclass(frozen=True, slots=True)
class Run:
    """One evaluation: ``group`` is the row of the table it counts in, with others of its kind."""

    group: str
    name: str
    pipeline: str
    told: Told


@dataclass(frozen=True, slots=True)
class Aim:
    """A figure that was asked for. ``path`` is where evaluations of ``group`` tell it; ``unit`` "%" for
    shares told in percent. ``at_most`` where less is better."""

    group: str
    what: str
    path: tuple[str, ...]
    floor: float
    reach: float
    unit: str = ""
    at_most: bool = False

    def reached(self, value: float) -> str:
        """Which of both a value comes up to."""
        sign = -1 if self.at_most else 1
        if sign * value >= sign * self.reach:
            return "✓✓"
        return "✓" if sign * value >= sign * self.floor else "✗"


SOF, BANKING, CLINC = "SOFMattress", "BANKING77", "CLINC150"
FEW, FULL = ", 10 examples an intent", ", all examples"
ALBA, CROSS, SPEED = "Maison Alba, held out", "Maison Alba, other language", "770 examples"

AIMS = (
    Aim(SOF, "best MCC", ("best_mcc",), 0.68, 0.72),
    Aim(SOF, "accuracy in scope", ("accuracy_in_scope",), 80, 83, "%"),
    Aim(SOF, "MCC at the threshold", ("mcc_at_threshold",), 0.65, 0.70),
    Aim(BANKING + FEW, "accuracy", ("accuracy_in_scope",), 85.2, 87.2, "%"),
    Aim(BANKING + FULL, "accuracy", ("accuracy_in_scope",), 93.4, 94, "%"),
    Aim(CLINC + FEW, "accuracy in scope", ("accuracy_in_scope",), 93.3, 94.2, "%"),
    Aim(CLINC + FULL, "in scope at the threshold", ("in_scope_at_threshold",), 94, 96, "%"),
    Aim(CLINC + FULL, "out-of-scope recall", ("oos_recall",), 75, 85, "%"),
    Aim(ALBA, "accuracy, French", ("by_language", "fr", "accuracy"), 92, 96, "%"),
    Aim(ALBA, "accuracy, English", ("by_language", "en", "accuracy"), 92, 96, "%"),
    Aim(ALBA, "at the threshold, French", ("by_language", "fr", "accuracy_at_threshold"), 92, 96, "%"),
    Aim(ALBA, "at the threshold, English", ("by_language", "en", "accuracy_at_threshold"), 92, 96, "%"),
    Aim(ALBA, "protected, best guess, French", ("protected", "fr", "recall"), 97, 99, "%"),
    Aim(ALBA, "protected, best guess, English", ("protected", "en", "recall"), 97, 99, "%"),
    Aim(ALBA, "protected, as the bot acts, French", ("protected", "fr", "acted"), 97, 99, "%"),
    Aim(ALBA, "protected, as the bot acts, English", ("protected", "en", "acted"), 97, 99, "%"),
    Aim(CROSS, "points lost, learnt in French, asked in English", ("loss_en",), 8, 4, "%", at_most=True),
    Aim(CROSS, "points lost, learnt in English, asked in French", ("loss_fr",), 8, 4, "%", at_most=True),
    Aim(SPEED, "training, cold, s", ("cold_s",), 40, 20, at_most=True),
    Aim(SPEED, "training after one edit, s", ("edit_s",), 8, 5, at_most=True),
    Aim(BANKING + FEW, "parse p50, one thread, ms", ("parse_p50_ms",), 25, 8, at_most=True),
)

EACH = (
    ("in scope", ("accuracy_in_scope",), "%"),
    ("… at the threshold", ("in_scope_at_threshold",), "%"),
    ("oos precision", ("oos_precision",), "%"),
    ("oos recall", ("oos_recall",), "%"),
    ("MCC at the threshold", ("mcc_at_threshold",), ""),
    ("best MCC (at)", ("best_mcc",), ""),
    ("ECE", ("ece",), ""),
    ("training s", ("train_s",), ""),
    ("parse p50 ms", ("parse_p50_ms",), ""),
    ("p95 ms", ("parse_p95_ms",), ""),
    ("peak MB", ("peak_mb",), ""),
)


def looked_up(told: Told, path: Sequence[str]) -> float | None:
    """The number at a path, if it is there."""
    found: Any = told
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return float(found) if isinstance(found, int | float) else None


def mean(runs: Sequence[Run], group: str, pipeline: str, path: Sequence[str]) -> tuple[float, int] | None:
    """The mean over a group's runs that tell it, and how many those are; None without any."""
    own = (run for run in runs if run.group == group and run.pipeline == pipeline)
    values = [value for run in own if (value := looked_up(run.told, path)) is not None]
    return (sum(values) / len(values), len(values)) if values else None


def crossed(french: Told, english: Told) -> dict[str, float | None]:
    """What is lost by learning in one language and being asked in the other, as a share of messages.

    Both were asked in both languages; beside each stands the one that learnt in the language asked.
    """

    def told(run: Told, language: str) -> float | None:
        return looked_up(run, ("by_language", language, "accuracy"))

    def lost(own: float | None, other: float | None) -> float | None:
        return None if own is None or other is None else own - other

    return {
        "loss_en": lost(told(english, "en"), told(french, "en")),
        "loss_fr": lost(told(french, "fr"), told(english, "fr")),
    }


def lines(runs: Sequence[Run]) -> list[str]:
    """Two Markdown tables: what was asked for, and each evaluation."""
    return [*_aims(runs), "", *_each(runs)]


def _aims(runs: Sequence[Run]) -> list[str]:
    rows = [
        f"| {aim.group} | {aim.what} | {_bound(aim, aim.floor)} | {_bound(aim, aim.reach)} "
        f"| {_cell(aim, mean(runs, aim.group, OURS, aim.path), judged=True)} "
        f"| {_cell(aim, mean(runs, aim.group, DIET, aim.path))} |"
        for aim in AIMS
    ]
    return [
        f"| data | figure | floor | reach for | {OURS} | {DIET} |",
        "|---|---|---:|---:|---:|---:|",
        *rows,
    ]


def _bound(aim: Aim, value: float) -> str:
    return f"{'≤' if aim.at_most else '≥'} {value:g}"


def _cell(aim: Aim, found: tuple[float, int] | None, *, judged: bool = False) -> str:
    if found is None:
        return "–"
    value = found[0] * 100 if aim.unit == "%" else found[0]
    times = f" (×{found[1]})" if found[1] > 1 else ""
    return f"**{_shown(value, aim.unit)}** {aim.reached(value)}{times}" if judged else _shown(value, aim.unit)


def _each(runs: Sequence[Run]) -> list[str]:
    head = f"| data | pipeline | {' | '.join(name for name, _, _ in EACH)} |"
    rows = [_run(run) for run in runs if run.group not in (CROSS, SPEED)]
    return [head, "|---|---|" + "---:|" * len(EACH), *rows]


def _run(run: Run) -> str:
    cells: list[str] = []
    for name, path, unit in EACH:
        value = looked_up(run.told, path)
        cell = "–" if value is None else _shown(value * 100 if unit == "%" else value, unit)
        at = looked_up(run.told, ("best_mcc_threshold",))
        cells.append(f"{cell} ({at:.2f})" if "(at)" in name and at is not None else cell)
    return f"| {run.name} | {run.pipeline} | {' | '.join(cells)} |"


def _shown(value: float, unit: str) -> str:
    return f"{value:.1f}" if unit == "%" or abs(value) >= 2 else f"{value:.3f}"
