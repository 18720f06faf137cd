"""What people write to many services, and how it is cut into batches."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CORPUS = Path(__file__).with_name("corpus")
COLUMNS = ["intent", "fr", "en"]
LINES = 2
"""Of each intent in a batch."""
INTENTS = 28
"""At least so many are in a batch: all those of one service that has many, or of a few that have not."""


@dataclass(frozen=True)
class Line:
    """One message in both languages, as each would write it."""

    service: str
    intent: str
    french: str
    english: str


@dataclass(frozen=True)
class Batch:
    """Messages (each French one, then its English one) and the number of the intent of each."""

    texts: list[str]
    intents: list[int]


def read(folder: Path) -> list[Line]:
    """All lines of all services.

    Raises:
        SystemExit: a file is not as it should be; it says which, and where.
    """
    lines = [line for path in sorted(folder.glob("*.csv")) for line in _lines(path)]
    if not lines:
        raise SystemExit(f"There are no services in {folder}.")
    return lines


def _lines(path: Path) -> Iterator[Line]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if rows.fieldnames != COLUMNS:
            raise SystemExit(f"{path}, line 1: the columns must be {', '.join(COLUMNS)}.")
        for row in rows:
            cells = [row.get(column) for column in COLUMNS]
            if len(row) != len(COLUMNS) or not all(cell and cell.strip() for cell in cells):
                raise SystemExit(
                    f"{path}, line {rows.line_num}: three columns are needed, none of them empty."
                )
            intent, french, english = map(str, cells)
            yield Line(path.stem, intent, french, english)


def batches(lines: list[Line], chance: np.random.RandomState) -> Iterator[Batch]:
    """Each line once, in an order of chance: some lines of all intents of a service, or of a few."""
    services: dict[str, dict[str, list[Line]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        services[line.service][line.intent].append(line)
    parts = [part for intents in services.values() for part in _parts(list(intents.values()), chance)]
    gathered: list[list[Line]] = []
    for place in chance.permutation(len(parts)):
        gathered += parts[place]
        if len(gathered) >= INTENTS:
            yield _batch(gathered)
            gathered = []
    if gathered:
        yield _batch(gathered)


def _parts(intents: list[list[Line]], chance: np.random.RandomState) -> list[list[list[Line]]]:
    """A service's lines in parts that hold some of each intent."""
    mixed = [[intent[place] for place in chance.permutation(len(intent))] for intent in intents]
    longest = max(map(len, mixed))
    parts = ([lines[at : at + LINES] for lines in mixed] for at in range(0, longest, LINES))
    return [[group for group in part if group] for part in parts]


def _batch(groups: list[list[Line]]) -> Batch:
    # By name, not by place: two parts of one service may meet.
    names = sorted({(line.service, line.intent) for group in groups for line in group})
    lines = [line for group in groups for line in group]
    texts = [text for line in lines for text in (line.french, line.english)]
    intents = [names.index((line.service, line.intent)) for line in lines for _ in range(2)]
    return Batch(texts, intents)
