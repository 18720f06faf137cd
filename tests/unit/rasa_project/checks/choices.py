"""What the NLU's settings are chosen by: training files, never a test file."""

from __future__ import annotations

import argparse
import csv
import hashlib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from choosing.__main__ import _settings, accuracy
from choosing.draws import Draw, Draws, Said, examples, few, folds, many
from choosing.threshold import FAR, GRID, can_be_judged, mean_mcc
from components.encoder_base import PROJECT
from components.intent_model import Settings

TESTED = "of a test file"
INTENTS = [f"intent_{letter}" for letter in "abcdef"]
ALBA = [
    Said(f"{intent} {language} message {number}", intent, language)
    for intent in [*INTENTS, "out_of_scope"]
    for language in ("fr", "en")
    for number in range(50)
]


@cache
def vector(text: str) -> np.ndarray:
    """A direction an intent, and a little of the text's own."""
    seeds = [part.encode() for part in (text.replace(" ", "_")[:8], text)]
    digests = [hashlib.blake2b(seed, digest_size=4).digest() for seed in seeds]
    intent, own = (np.random.RandomState(int.from_bytes(digest, "big")).randn(24) for digest in digests)
    both = intent + 0.3 * own
    return (both / np.linalg.norm(both)).astype(np.float32)


def embed(texts: Sequence[str]) -> np.ndarray:
    return np.stack([vector(text) for text in texts])


def written(path: Path, rows: Sequence[Said]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "intent"])
        writer.writerows([(said.text, said.intent) for said in rows])


def data(folder: Path) -> Path:
    """Three data sets, with test files that nobody may look into."""
    for name in ("banking77", "clinc150"):
        rows = [Said(f"{intent} of {name} {n}", intent) for intent in INTENTS for n in range(40)]
        written(folder / name / "train.csv", [*rows, Said("a stranger in it", "oos")])
        written(folder / name / "test.csv", [Said(TESTED, intent) for intent in INTENTS])
        for split in (0, 1):
            written(folder / name / f"train_10shot_{split}.csv", rows[split::4])
    written(folder / "clinc150" / "oos_train.csv", [Said(f"stranger {n}", "oos") for n in range(20)])
    sof = [Said(f"{intent} sofa {n}", intent) for intent in INTENTS for n in range(12)]
    twice = [said._replace(text=said.text.upper()) for said in sof[::7]]
    written(folder / "hint3-sofmattress" / "train.csv", sof + twice)
    written(folder / "hint3-sofmattress" / "test.csv", [Said(TESTED, intent) for intent in INTENTS])
    return folder


def refused(call: Callable[[], object]) -> str:
    try:
        call()
    except (argparse.ArgumentTypeError, ValueError) as error:
        return str(error)
    raise AssertionError("it was not refused")


def all_draws(folder: Path) -> Draws:
    return few(folder, ALBA) | many(folder, ALBA, embed)


def test_what_is_asked_was_not_learnt(tmp_path: Path) -> None:
    found = all_draws(data(tmp_path))
    assert len(found) == 7 + 7
    for name, its in found.items():
        for draw in its:
            assert draw.learnt, name
            assert draw.asked, name
            learnt, asked = ({said.text.lower() for said in side} for side in (draw.learnt, draw.asked))
            assert not learnt & asked, name


def test_neither_test_messages_nor_strangers_are_learnt_or_asked(tmp_path: Path) -> None:
    found = all_draws(data(tmp_path))
    every = [said for its in found.values() for draw in its for said in [*draw.learnt, *draw.asked]]
    assert TESTED not in {said.text for said in every}
    assert "oos" not in {said.intent for said in every}
    few_ours = [draw for name, its in found.items() if name.endswith(" 25") for draw in its]
    assert "out_of_scope" not in {said.intent for draw in few_ours for said in draw.learnt}


def test_two_runs_draw_the_same(tmp_path: Path) -> None:
    assert all_draws(data(tmp_path)) == all_draws(tmp_path)


def test_each_language_learns_from_itself_and_is_asked_in_either(tmp_path: Path) -> None:
    found = all_draws(data(tmp_path))
    for name in ("25", "all"):
        (draw,) = found[f"fr→en {name}"]
        assert {said.language for said in draw.learnt} == {"fr"}
        assert {said.language for said in draw.asked} == {"en"}


def test_near_copies_stay_on_one_side(tmp_path: Path) -> None:
    def nearly(texts: Sequence[str]) -> np.ndarray:
        """Those that differ by their last character alone are alike by 0.98."""
        vectors = np.sqrt(0.98) * embed([text[:-1] for text in texts])
        own = np.random.RandomState(1).randn(len(texts), 400)
        own /= np.linalg.norm(own, axis=1, keepdims=True)
        return np.hstack([vectors, np.sqrt(0.02) * own])

    (draw,) = many(data(tmp_path), ALBA, nearly)["alba"]
    assert not {said.text[:-1] for said in draw.learnt} & {said.text[:-1] for said in draw.asked}


def test_without_the_data_sets_our_own_examples_are_drawn_from(tmp_path: Path) -> None:
    assert set(all_draws(tmp_path / "nothing")) == {"alba"} | {
        f"{one}→{other} {name}" for one in ("fr", "en") for other in ("fr", "en") for name in ("25", "all")
    }


def test_a_fold_that_would_leave_an_intent_without_example_is_left_out() -> None:
    lone = [*(Said(f"a {n}", "a") for n in range(9)), Said("b", "b")]
    found = folds(lone, shuffles=1)
    assert len(found) == 4
    assert all(Said("b", "b") in draw.learnt for draw in found)


def test_our_examples_are_read_with_their_language_and_without_marks() -> None:
    found = examples(PROJECT / "data")
    assert len(found) > 9000
    assert {said.language for said in found} == {"fr", "en"}
    assert not any(said.text.startswith("-") or "](" in said.text or not said.text for said in found)


def test_accuracy_is_of_the_best_intent() -> None:
    learn = [said for said in ALBA if said.text.endswith(("1", "2", "3"))]
    ask = [said for said in ALBA if said.text.endswith("7")]
    assert accuracy(Draw(learn, ask), Settings(), embed) == 1.0
    wrong = [said._replace(intent=INTENTS[0]) for said in ask]
    assert abs(accuracy(Draw(learn, wrong), Settings(), embed) - 1 / 7) < 1e-9


class Sure:
    """Right about what it knows and sure of everything: it rejects nobody."""

    def __init__(self, intents: Sequence[str], sureness: Callable[[str], float]) -> None:
        self.intents, self.sureness, self.scope = list(intents), sureness, self

    def judge(self, texts: Sequence[str], vectors: np.ndarray) -> SimpleNamespace:
        best = [
            next((k for k, i in enumerate(self.intents) if text.lower().startswith(i)), 0) for text in texts
        ]
        rows = np.eye(len(self.intents))[best] * [[self.sureness(text)] for text in texts]
        return SimpleNamespace(chances=rows, signals=vectors)

    def confidences(self, chances: np.ndarray, _: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return chances, chances.max(axis=1)


def judged(folder: Path, sureness: Callable[[str, Sequence[str]], float]) -> dict[str, float]:
    def learn(_: Sequence[Said], intents: Sequence[str]) -> object:
        return Sure(intents, lambda text: sureness(text, intents))

    return mean_mcc(folder, ALBA * 3, learn, embed)  # type: ignore[arg-type]


def test_the_threshold_is_judged_with_near_and_far_strangers_among_the_messages(tmp_path: Path) -> None:
    def known(text: str, intents: Sequence[str]) -> bool:
        return text.lower().startswith(tuple(intents))

    data(tmp_path)
    assert can_be_judged(tmp_path)
    all_told = judged(tmp_path, lambda text, intents: 0.9 if known(text, intents) else 0.1)
    assert list(all_told) == [str(at) for at in GRID]
    assert min(all_told.values()) > 0.999
    nobody = max(judged(tmp_path, lambda *_: 0.9).values())
    far_only = max(judged(tmp_path, lambda text, _: 0.1 if text.startswith("stranger") else 0.9).values())
    near_only = max(
        judged(
            tmp_path, lambda text, i: 0.9 if known(text, i) or text.startswith("stranger") else 0.1
        ).values()
    )
    assert nobody < 0.8
    assert nobody + 0.05 < far_only < 0.95
    assert nobody + 0.05 < near_only < 0.95
    steps = judged(tmp_path, lambda text, intents: 0.42 if known(text, intents) else 0.1)
    assert steps["0.4"] > 0.999
    assert steps["0.45"] < 0.1
    (tmp_path / FAR).unlink()
    assert not can_be_judged(tmp_path)


def test_a_file_with_other_columns_is_refused_with_its_name(tmp_path: Path) -> None:
    (data(tmp_path) / "clinc150" / "train.csv").write_text("message,label\na,b\n")
    assert "train.csv, line 1: the columns must be text,intent" in refused(lambda: few(tmp_path, ALBA))
    (tmp_path / "clinc150" / "train.csv").write_text("text,intent\na,b\nhello\n")
    assert "train.csv, line 3: a text and an intent are needed" in refused(lambda: few(tmp_path, ALBA))


def test_settings_are_read_as_they_are_written() -> None:
    assert _settings("density_worth=10,rehearsals=2") == Settings(density_worth=10.0, rehearsals=2)
    for odd, told in (
        ("density", "no setting"),
        ("densitie=1", "no setting"),
        ("density_worth=1,density_worth=2", "twice"),
        ("kernel_width=wide", "a number"),
        ("density_worth=nan", "a number"),
        ("density_worth=-5", "from 0"),
        ("rehearsals=1.5", "a whole number"),
    ):
        assert told in refused(lambda odd=odd: _settings(odd)), odd
