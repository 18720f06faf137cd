"""What is learnt from and what is asked, of training files alone: no test file is ever opened.

Every draw is the same at each call (its chance is seeded), so that two runs differ by what is tried.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.sparse
from ruamel.yaml import YAML
from scipy.sparse.csgraph import connected_components

LANGUAGES = ("fr", "en")
SPLITS = (0, 1)
"""Of the files with ten examples an intent."""
TWINS = 0.975
"""Likeness from which two of Maison Alba's examples are near copies: in ``many`` they stay on one side."""
FEW_LEARNT, FEW_ASKED = 25, 20
"""Of Maison Alba's examples an intent and language, where little is learnt."""

_ENTITY = re.compile(r"\[([^\]]+)\]\([^)]*\)")
"""How Rasa's files mark one."""

Embed = Callable[[Sequence[str]], np.ndarray]


class Said(NamedTuple):
    """A message and its intent; the language where the data says it."""

    text: str
    intent: str
    language: str | None = None


@dataclass(frozen=True)
class Draw:
    """One model's share: what it learns from, and what it is asked."""

    learnt: Sequence[Said]
    asked: Sequence[Said]


Draws = dict[str, list[Draw]]
"""By the name of their column; a column's figure is the mean over its draws."""


def few(data: Path, alba: Sequence[Said]) -> Draws:
    """Ten to 25 examples an intent."""
    found: Draws = {}
    for name in ("banking77", "clinc150"):
        if (data / name).is_dir():
            found[f"{name} 10"] = [ten_shot(data / name, split, 4000) for split in SPLITS]
    found |= _languages(_few_of_each(alba), "25")
    if (data / "hint3-sofmattress").is_dir():
        found["sofmattress"] = folds(read(data / "hint3-sofmattress" / "train.csv"), shuffles=4)
    return found


def many(data: Path, alba: Sequence[Said], embed: Embed) -> Draws:
    """Thirty examples an intent and more. ``embed`` tells which of Maison Alba's are near copies."""
    quarter = _twinned_quarter(alba, embed)
    learnt = [said for said, apart in zip(alba, quarter, strict=True) if not apart]
    asked = [said for said, apart in zip(alba, quarter, strict=True) if apart]
    found = {"alba": [Draw(learnt, asked)], **_languages(Draw(learnt, asked), "all")}
    for name in ("banking77", "clinc150"):
        if (data / name).is_dir():
            draw = ten_shot(data / name, 0, 4500)
            found[f"{name} 30+"] = [Draw([*draw.learnt, *draw.asked[1500:]], draw.asked[:1500])]
    return found


def read(path: Path) -> list[Said]:
    """The messages of a CSV file with the columns ``text`` and ``intent``.

    Raises:
        ValueError: it is not such a file; with its name and the line.
    """
    found = []
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if not {"text", "intent"} <= set(rows.fieldnames or ()):
            raise ValueError(f"{path}, line 1: the columns must be text,intent.")
        for row in rows:
            if not row["text"] or not row["intent"]:
                raise ValueError(f"{path}, line {rows.line_num}: a text and an intent are needed.")
            found.append(Said(row["text"], row["intent"]))
    return found


def examples(folder: Path) -> list[Said]:
    """A Rasa project's own, each with its language, entities unmarked. Courtesies are not trimmed."""
    yaml = YAML(typ="safe")
    blocks = (
        block
        for path in sorted(folder.glob("**/*.yml"))
        for block in yaml.load(path).get("nlu") or ()
        if "intent" in block
    )
    return [
        Said(
            _ENTITY.sub(r"\1", line.removeprefix("- ").strip()),
            block["intent"],
            (block.get("metadata") or {}).get("language"),
        )
        for block in blocks
        for line in str(block["examples"]).splitlines()
        if line.strip()
    ]


def ten_shot(folder: Path, split: int, most: int) -> Draw:
    """Ten examples an intent, asked ``most`` others of the training file."""
    learnt = read(folder / f"train_10shot_{split}.csv")
    known = {said.text for said in learnt}
    rest = [said for said in read(folder / "train.csv") if said.text not in known and said.intent != "oos"]
    return Draw(learnt, _some(rest, most, seed=split + 1))


def folds(all_said: Sequence[Said], shuffles: int, parts: int = 5) -> list[Draw]:
    """A fifth asked of the others, ``shuffles`` times: but none that is learnt too, whatever its case, and no
    fifth that leaves an intent without example.
    """
    every = {said.intent for said in all_said}
    draws = []
    for seed in range(shuffles):
        mixed = _some(all_said, len(all_said), seed)
        for part in range(parts):
            learnt = [said for place, said in enumerate(mixed) if place % parts != part]
            known = {_plainly(said) for said in learnt}
            asked = [said for said in mixed[part::parts] if _plainly(said) not in known]
            if {said.intent for said in learnt} == every:
                draws.append(Draw(learnt, asked))
    return draws


def _plainly(said: Said) -> str:
    return " ".join(said.text.casefold().split())


def _some(all_said: Sequence[Said], most: int, seed: int) -> list[Said]:
    order = np.random.RandomState(seed).permutation(len(all_said))[:most]
    return [all_said[place] for place in order]


def _few_of_each(alba: Sequence[Said]) -> Draw:
    chance = np.random.RandomState(7)
    learnt: list[Said] = []
    asked: list[Said] = []
    for language in LANGUAGES:
        for intent in sorted({said.intent for said in alba} - {"out_of_scope"}):
            its = [said for said in alba if said.intent == intent and said.language == language]
            mixed = [its[place] for place in chance.permutation(len(its))]
            learnt += mixed[:FEW_LEARNT]
            asked += mixed[FEW_LEARNT : FEW_LEARNT + FEW_ASKED]
    return Draw(learnt, asked)


def _languages(draw: Draw, name: str) -> Draws:
    """Learnt in one language, asked in either."""
    return {
        f"{one}→{other} {name}": [Draw(list(_in(one, draw.learnt)), list(_in(other, draw.asked)))]
        for one in LANGUAGES
        for other in LANGUAGES
    }


def _in(language: str, all_said: Sequence[Said]) -> Iterator[Said]:
    return (said for said in all_said if said.language == language)


def _twinned_quarter(alba: Sequence[Said], embed: Embed) -> np.ndarray:
    """Which examples are asked: a quarter of them, near copies together."""
    vectors = embed([said.text for said in alba])
    alike = scipy.sparse.csr_matrix(vectors @ vectors.T > TWINS)
    groups, group = connected_components(alike)
    chosen = np.random.RandomState(0).randint(0, 4, groups)[group] == 0
    return np.asarray(chosen)
