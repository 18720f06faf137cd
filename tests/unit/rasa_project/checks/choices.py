"""What the NLU's settings are chosen by: training files, never a test file."""

from __future__ import annotations

import argparse
import csv
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from choosing.__main__ import _settings, accuracy, learnt
from choosing.draws import Draw, Draws, Said, examples, few, folds, many
from choosing.threshold import FAR, GRID, can_be_judged, mean_mcc
from components.intent_model import Settings

INTENTS = [f"intent_{letter}" for letter in "abcdef"]
ALBA = [
    Said(f"{intent} {language} message {number}", intent, language)
    for intent in INTENTS
    for language in ("fr", "en")
    for number in range(50)
]


def embed(texts: Sequence[str]) -> np.ndarray:
    """A direction an intent, and a little of each text's own."""
    rows = []
    for text in texts:
        seeds = [part.encode() for part in (text.replace(" ", "_")[:8], text)]
        made = [np.random.RandomState(hashlib.blake2b(s).digest()[0]).randn(24) for s in seeds]
        rows.append(made[0] + 0.3 * made[1])
    vectors = np.array(rows, dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def written(path: Path, rows: Sequence[Said]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "intent"])
        writer.writerows([(said.text, said.intent) for said in rows])


def data(folder: Path) -> Path:
    """Training files only: whoever opened a test file would not find it."""
    for name in ("banking77", "clinc150"):
        rows = [Said(f"{intent} of {name} {n}", intent) for intent in INTENTS for n in range(40)]
        written(folder / name / "train.csv", rows)
        for split in (0, 1):
            written(folder / name / f"train_10shot_{split}.csv", rows[split::4])
    written(folder / "clinc150" / "oos_train.csv", [Said(f"stranger {n}", "oos") for n in range(20)])
    sof = [Said(f"{intent} sofa {n}", intent) for intent in INTENTS for n in range(12)]
    written(folder / "hint3-sofmattress" / "train.csv", sof)
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
            assert not {said.text for said in draw.learnt} & {said.text for said in draw.asked}, name


def test_two_runs_draw_the_same(tmp_path: Path) -> None:
    assert all_draws(data(tmp_path)) == all_draws(tmp_path)


def test_each_language_learns_from_itself_and_is_asked_in_either(tmp_path: Path) -> None:
    found = all_draws(data(tmp_path))
    for name in ("25", "all"):
        (draw,) = found[f"fr→en {name}"]
        assert {said.language for said in draw.learnt} == {"fr"}
        assert {said.language for said in draw.asked} == {"en"}


def test_near_copies_stay_on_one_side(tmp_path: Path) -> None:
    (draw,) = many(data(tmp_path), ALBA, lambda texts: embed([text[:-1] for text in texts]))["alba"]
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


def test_our_examples_are_read_with_their_language() -> None:
    from components.encoder_base import PROJECT

    found = examples(PROJECT / "data")
    assert len(found) > 9000
    assert {said.language for said in found} == {"fr", "en"}
    assert not any(said.text.startswith("-") or not said.text for said in found)


def test_accuracy_is_of_the_best_intent() -> None:
    learn = [said for said in ALBA if said.text.endswith(("1", "2", "3"))]
    ask = [said for said in ALBA if said.text.endswith("7")]
    assert accuracy(Draw(learn, ask), Settings(), embed) == 1.0
    wrong = [said._replace(intent=INTENTS[0]) for said in ask]
    assert abs(accuracy(Draw(learn, wrong), Settings(), embed) - 1 / len(INTENTS)) < 1e-9


def test_the_threshold_is_judged_with_strangers_among_the_messages(tmp_path: Path) -> None:
    def learn(said: Sequence[Said], intents: Sequence[str]) -> object:
        return learnt(said, intents, Settings(), embed)

    found = mean_mcc(data(tmp_path), ALBA * 3, learn, embed)  # type: ignore[arg-type]
    assert list(found) == [str(at) for at in GRID]
    assert max(found.values()) > 0.8
    assert can_be_judged(tmp_path)
    (tmp_path / FAR).unlink()
    assert not can_be_judged(tmp_path)


def test_a_file_with_other_columns_is_refused_with_its_name(tmp_path: Path) -> None:
    (data(tmp_path) / "clinc150" / "train.csv").write_text("message,label\na,b\n")
    assert "train.csv, line 1: the columns must be text,intent" in refused(lambda: few(tmp_path, ALBA))


def test_settings_are_read_as_they_are_written() -> None:
    assert _settings("density_worth=10,rehearsals=2") == Settings(density_worth=10.0, rehearsals=2)
    for odd in ("density", "densitie=1", "kernel_width=wide"):
        assert refused(lambda odd=odd: _settings(odd))
