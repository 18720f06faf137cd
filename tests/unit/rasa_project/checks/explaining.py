"""Why a message was understood as it was."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
from components.explaining import explained
from components.reading import Habits

HABITS = Habits(small_talk=frozenset({0}), strangers=frozenset({1}), protected=frozenset())
EXAMPLES = ["bonjour", "la météo", "où est mon colis", "où est mon colis", "mon colis", "rendre"]
MODEL: Any = SimpleNamespace(
    intents=["greet", "oos", "parcel", "return"],
    regression=SimpleNamespace(labels=np.array([0, 1, 2, 3, 2, 3])),
)


def explanation(row: list[float], inside: float = 0.9, likeness: list[float] | None = None) -> dict[str, Any]:
    near = np.array(likeness or [0.1, 0.2, 0.9, 0.9, 0.8, 0.3], dtype=np.float32)
    return explained(np.array(row), inside, near, MODEL, EXAMPLES, HABITS)


def test_it_has_the_keys_the_bot_reads_and_is_json() -> None:
    told = json.loads(json.dumps(explanation([0, 0, 0.9, 0])))
    assert set(told) == {"in_scope", "verdict", "stage", "reason", "nearest"}
    assert all(set(near) == {"text", "intent", "similarity"} for near in told["nearest"])
    assert told["in_scope"] == 0.9


def test_the_verdict_goes_with_its_reason() -> None:
    for row, inside, verdict, reason in (
        ([0, 0, HABITS.sure, 0], 0.9, "in", "near_examples"),
        ([0.9, 0, 0, 0], 0.9, "in", "small_talk_only"),
        ([0, 0.9, 0, 0], 0.9, "out", "near_out_of_scope_examples"),
        ([0, 0, 0.3, 0.3], 0.7, "unsure", "between_intents"),
        ([0, 0.3, 0, 0], 0.8, "unsure", "between_intents"),
        ([0, 0, 0.1, 0], 0.2, "out", "far_from_examples"),
    ):
        told = explanation([float(value) for value in row], inside)
        assert (told["verdict"], told["reason"]) == (verdict, reason)


def test_what_is_like_what_nobody_should_answer_is_not_told_to_be_in_scope() -> None:
    assert round(explanation([0.0, 0.9, 0.05, 0.0], 0.97)["in_scope"], 6) == 0.07
    assert explanation([0.0, 0.9, 0.0, 0.0], 0.5)["in_scope"] == 0


def test_the_nearest_examples_come_best_first_and_each_once() -> None:
    nearest = explanation([0, 0, 0.9, 0])["nearest"]
    assert [near["text"] for near in nearest] == ["où est mon colis", "mon colis", "rendre"]
    assert [near["intent"] for near in nearest] == ["parcel", "parcel", "return"]
    assert [round(near["similarity"], 4) for near in nearest] == [0.9, 0.8, 0.3]


def test_of_equally_near_examples_the_first_are_told() -> None:
    examples = [f"text {number}" for number in range(40)]
    regression = SimpleNamespace(labels=np.zeros(40, dtype=int))
    model: Any = SimpleNamespace(intents=["a", "b"], regression=regression)
    near = np.r_[np.zeros(10), 1.0, np.zeros(29)].astype(np.float32)
    told = explained(np.array([0.9, 0.0]), 0.9, near, model, examples, HABITS)
    assert [one["text"] for one in told["nearest"]] == ["text 10", "text 0", "text 1"]
