"""Which ``answer_at``: how well messages are told apart, and told from strangers, by threshold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from components.encoder_base import numberless
from components.intent_model import IntentModel
from sklearn.metrics import matthews_corrcoef

from choosing.draws import SPLITS, Draw, Embed, Said, folds, read, ten_shot

GRID = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6)
HIDDEN = 5
"""One intent of so many is not learnt: its messages are strangers, of the near kind."""
STRANGERS = 1 / 6
"""What near and what far strangers weigh beside the messages in scope: a quarter of all are strangers."""
NOBODY = -1
FAR = Path("clinc150", "oos_train.csv")
"""Strangers of the far kind."""

Learn = Callable[[Sequence[Said], Sequence[str]], IntentModel]


def can_be_judged(data: Path) -> bool:
    """Whether there are strangers to be told apart."""
    return (data / FAR).is_file()


def mean_mcc(data: Path, alba: Sequence[Said], learn: Learn, embed: Embed) -> dict[str, float]:
    """By threshold, Matthews' correlation over messages in scope and strangers; the mean over data sets."""
    far = [said.text for said in read(data / FAR)]
    sets = []
    for its in _sets(data, alba):
        every = [said.text for draw, _ in its for said in [*draw.learnt, *draw.asked]]
        embed([numberless(text) for text in [*every, *far]])  # at once, on all cores
        sets.append(np.mean([_scores(draw, seed, far, learn, embed) for draw, seed in its], axis=0))
    return dict(zip(map(str, GRID), np.mean(sets, axis=0).tolist(), strict=True))


def _sets(data: Path, alba: Sequence[Said]) -> Iterator[list[tuple[Draw, int]]]:
    """Draws of a data set, each with the seed by which intents are hidden."""
    sof = data / "hint3-sofmattress" / "train.csv"
    if sof.is_file():
        yield [(draw, seed) for seed, draw in enumerate(folds(read(sof), shuffles=3))]
    for name in ("banking77", "clinc150"):
        if (data / name).is_dir():
            yield [(ten_shot(data / name, split, 1500), seed) for split in SPLITS for seed in (0, 1)]
    ours = [said for said in alba if said.intent != "out_of_scope"]
    order = np.random.RandomState(0).permutation(len(ours))
    mixed = [ours[place] for place in order]
    yield [(Draw(mixed[1500:], mixed[:1500]), seed) for seed in (0, 1)]


def _scores(draw: Draw, seed: int, far: Sequence[str], learn: Learn, embed: Embed) -> list[float]:
    chance = np.random.RandomState(seed)
    intents = sorted({said.intent for said in draw.learnt})
    hidden = set(chance.permutation(intents)[: max(1, len(intents) // HIDDEN)])
    known = [intent for intent in intents if intent not in hidden]
    model = learn([said for said in draw.learnt if said.intent not in hidden], known)

    ours = [said for said in draw.asked if said.intent not in hidden]
    share = int(len(ours) * STRANGERS)
    near = _some([said.text for said in draw.asked if said.intent in hidden], share, chance)
    away = _some(far, share, chance)
    texts = [numberless(text) for text in [*(said.text for said in ours), *near, *away]]
    judged = model.judge(texts, embed(texts))
    rows, _ = model.scope.confidences(judged.chances, judged.signals)
    right = [known.index(said.intent) for said in ours] + [NOBODY] * (len(near) + len(away))
    # Where there are fewer strangers than wanted, each counts for more.
    weights = np.concatenate([np.ones(len(ours)), *(_weighing(share, len(some)) for some in (near, away))])
    best, sure = rows.argmax(axis=1), rows.max(axis=1)
    return [
        float(matthews_corrcoef(right, np.where(sure >= at, best, NOBODY), sample_weight=weights))
        for at in GRID
    ]


def _some(texts: Sequence[str], most: int, chance: np.random.RandomState) -> list[str]:
    return [texts[place] for place in chance.permutation(len(texts))[:most]]


def _weighing(wanted: int, there: int) -> np.ndarray:
    return np.full(there, wanted / max(there, 1))
