"""Why a message was understood as it was: in numbers and keys here, in words where people read it."""

from __future__ import annotations

from typing import Any

import numpy as np

from components.intent_model import IntentModel
from components.reading import Habits

NEAREST = 3


def explained(
    row: np.ndarray,
    inside: float,
    likeness: np.ndarray,
    model: IntentModel,
    examples: list[str],
    habits: Habits,
) -> dict[str, Any]:
    """The verdict, its reason, and the examples nearest to the message.

    ``inside`` is how likely the message belongs to any intent; those for what nobody should answer are
    intents too, and are taken from it.
    """
    ours = max(float(inside - sum(row[k] for k in habits.strangers)), 0.0)
    verdict, reason = _verdict(row, ours, habits)
    return {
        "in_scope": ours,
        "verdict": verdict,
        "stage": "sentence",
        "reason": reason,
        "nearest": _nearest(likeness, model, examples),
    }


def _verdict(row: np.ndarray, ours: float, habits: Habits) -> tuple[str, str]:
    best = int(row.argmax())
    if best in habits.strangers and row[best] >= habits.sure:
        return "out", "near_out_of_scope_examples"
    if row[best] >= habits.sure:
        return "in", "small_talk_only" if best in habits.small_talk else "near_examples"
    if ours >= habits.sure:
        return "unsure", "between_intents"
    return "out", "far_from_examples"


def _nearest(likeness: np.ndarray, model: IntentModel, examples: list[str]) -> list[dict[str, Any]]:
    """Each text once, although it may stand under two intents."""
    labels, seen = model.regression.labels, set()
    nearest = []
    for k in _highest(likeness, NEAREST * 3):
        if examples[k] not in seen:
            seen.add(examples[k])
            intent = model.intents[labels[k]]
            nearest.append({"text": examples[k], "intent": intent, "similarity": float(likeness[k])})
    return nearest[:NEAREST]


def _highest(numbers: np.ndarray, count: int) -> np.ndarray:
    """Where they are, highest first, of equal ones the first. To put all of a brand's examples in order would
    take longer than the rest.
    """
    last = min(count, len(numbers)) - 1
    few = np.flatnonzero(numbers >= -np.partition(-numbers, last)[last])
    return few[np.argsort(-numbers[few], kind="stable")][:count]
