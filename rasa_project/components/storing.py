"""The model on disk: plain arrays and a list of texts. Loading them runs no code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from rasa.shared.exceptions import RasaException

from components.density import Density
from components.intent_model import IntentModel, Regression
from components.kernel import Kernel, squared
from components.ngrams import NGrams
from components.scope import Scope
from components.whitening import Whitening

ARRAYS, TEXTS = "model.npz", "examples.json"
TRAIN_AGAIN = "run `guichet nlu train --force`."


class Damaged(RasaException):
    """One sentence that Rasa's command line shows as it is."""


def store(folder: Path, model: IntentModel, texts: list[str], encoder: str) -> None:
    """Write the model, the examples it was learnt from, in the order it knows them, and whose vectors they
    have: ``encoder`` is its identity.
    """
    regression, whitening, scope = model.regression, model.regression.whitening, model.scope
    np.savez(
        folder / ARRAYS,
        rarity=model.ngrams.rarity,
        directions=model.ngrams.directions,
        centre=whitening.centre,
        matrix=whitening.matrix,
        coefficients=regression.coefficients,
        intercepts=regression.intercepts,
        meanings=regression.meanings.astype(np.float16),
        centres=regression.kernel.centres,
        duals=regression.kernel.duals.astype(np.float16),
        kernel_width=np.float64(regression.kernel.width),
        density=np.array([regression.density.worth, regression.density.sharpness]),
        labels=regression.labels,
        ngram_weight=np.float64(regression.ngram_weight),
        scope_mean=scope.mean,
        scope_deviation=scope.deviation,
        scope_weights=scope.weights,
        scope_intercepts=scope.intercepts,
    )
    document = {"intents": model.intents, "texts": texts, "encoder": encoder}
    (folder / TEXTS).write_text(json.dumps(document), encoding="utf-8")


def load(folder: Path, encoder: str) -> tuple[IntentModel, list[str]]:
    """What was stored.

    Raises:
        Damaged: it cannot be read, or was learnt from another encoder's vectors.
    """
    try:
        model, document = _load(folder)
        known, texts = document["encoder"], document["texts"]
    except Exception as error:  # json, numpy, zipfile and zlib raise a dozen unrelated ones at damaged files
        raise Damaged(f"The intent classifier of this model cannot be read: {TRAIN_AGAIN}") from error
    if known != encoder:
        raise Damaged(f"This model was trained with another sentence encoder: {TRAIN_AGAIN}")
    return model, texts


def _load(folder: Path) -> tuple[IntentModel, dict[str, Any]]:
    document = json.loads((folder / TEXTS).read_text(encoding="utf-8"))
    with np.load(folder / ARRAYS, allow_pickle=False) as kept:
        whitening = Whitening(kept["centre"], kept["matrix"])
        meanings = kept["meanings"].astype(np.float32)
        regression = Regression(
            whitening,
            kept["coefficients"],
            kept["intercepts"],
            meanings,
            kept["labels"],
            float(kept["ngram_weight"]),
            Kernel(
                kept["centres"],
                squared(meanings)[kept["centres"]],
                kept["duals"].astype(np.float32),
                float(kept["kernel_width"]),
            ),
            Density(kept["labels"], *map(float, kept["density"])),
        )
        scope = Scope(
            kept["scope_mean"], kept["scope_deviation"], kept["scope_weights"], kept["scope_intercepts"]
        )
        model = IntentModel(
            document["intents"], NGrams(kept["rarity"], kept["directions"]), regression, scope
        )
    return model, document
