"""The benchmark's own arithmetic: it must not flatter."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import nlu
from benchmarks.nlu_figures import AIMS, CROSS, DIET, OURS, SOF, Aim, Run, crossed, lines, looked_up, mean


def run(group: str, pipeline: str = OURS, **told: object) -> Run:
    return Run(group, f"{group} run", pipeline, told)


def test_a_figure_is_the_mean_over_the_runs_of_its_row() -> None:
    runs = [run("a", x=0.5), run("a", x=0.7), run("b", x=0.1), run("a", DIET, x=0.2), run("a", x=None)]
    assert mean(runs, "a", OURS, ("x",)) == (pytest.approx(0.6), 2)
    assert mean(runs, "a", DIET, ("x",)) == (0.2, 1)
    assert mean(runs, "b", DIET, ("x",)) is None


def test_a_figure_deep_inside_is_found_or_missing() -> None:
    assert looked_up({"by_language": {"fr": {"accuracy": 0.5}}}, ("by_language", "fr", "accuracy")) == 0.5
    assert looked_up({"by_language": None}, ("by_language", "fr")) is None
    assert looked_up({}, ("ece",)) is None


def test_what_is_asked_for_is_told_from_what_is_reached() -> None:
    accuracy = Aim(SOF, "accuracy", ("x",), 80, 83, "%")
    assert [accuracy.reached(value) for value in (79.9, 80, 82.9, 83)] == ["✗", "✓", "✓", "✓✓"]
    seconds = Aim(SOF, "seconds", ("x",), 40, 20, at_most=True)
    assert [seconds.reached(value) for value in (41, 40, 20)] == ["✗", "✓", "✓✓"]


def test_the_loss_is_against_a_model_that_learnt_the_language_asked() -> None:
    french = {"by_language": {"fr": {"accuracy": 0.9}, "en": {"accuracy": 0.8}}}
    english = {"by_language": {"fr": {"accuracy": 0.7}, "en": {"accuracy": 0.95}}}
    assert crossed(french, english) == {"loss_en": pytest.approx(0.15), "loss_fr": pytest.approx(0.2)}
    assert crossed({}, english) == {"loss_en": None, "loss_fr": None}


def test_shares_are_shown_in_percent_beside_what_was_asked_for() -> None:
    told = {"best_mcc": 0.7, "best_mcc_threshold": 0.55, "accuracy_in_scope": 0.79}
    page = "\n".join(lines([run(SOF, **told), run(SOF, DIET, best_mcc=0.5), run(CROSS, loss_en=0.06)]))
    assert "| SOFMattress | best MCC | ≥ 0.68 | ≥ 0.72 | **0.700** ✓ | 0.500 |" in page
    assert "| SOFMattress | accuracy in scope | ≥ 80 | ≥ 83 | **79.0** ✗ | – |" in page
    assert "asked in English | ≤ 8 | ≤ 4 | **6.0** ✓ | – |" in page
    assert "0.700 (0.55)" in page


def test_every_aim_has_evaluations_that_measure_it() -> None:
    groups = {task.group for task in nlu.tasks(Path("data"), oos_train=False)} | {nlu.SPEED}
    assert {aim.group for aim in AIMS} <= groups


def test_without_the_data_it_says_so_and_steps_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    only = "sofmattress,banking77,clinc150,speed"
    assert nlu.main(["--data", str(tmp_path), "--only", only]) == 0
    err = capsys.readouterr().err
    assert f"not measured: SOFMattress ({tmp_path}/hint3-sofmattress/train.csv is not there" in err
    assert "not measured: training time" in err


def test_out_of_scope_examples_are_learnt_only_when_asked_for() -> None:
    def learnt(oos_train: bool) -> set[str]:
        found = nlu.tasks(Path("data"), oos_train=oos_train)
        return {path.name for task in found for path in task.train}

    assert "oos_train.csv" not in learnt(False)
    assert "oos_train.csv" in learnt(True)
