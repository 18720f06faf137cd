"""Models of Rasa's own components are without TensorFlow what they are with it; so are its commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.nlu.small_projects import LOADED, SWITCH, TEXTS, parse, run, small_project, train

pytestmark = [pytest.mark.rasa, pytest.mark.slow]

CLASSIFIERS = """
recipe: default.v1
language: fr
assistant_id: small
pipeline:
  - name: WhitespaceTokenizer
  - name: RegexFeaturizer
  - name: LexicalSyntacticFeaturizer
  - name: CountVectorsFeaturizer
  - name: RegexEntityExtractor
  - name: CRFEntityExtractor
  - name: EntitySynonymMapper
  - name: KeywordIntentClassifier
  - name: LogisticRegressionClassifier
  - name: FallbackClassifier
    threshold: 0.3
  - name: components.stamp.ModelStamp
policies: []
"""


@pytest.fixture(scope="module")
def sparse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of Rasa's components that are said to do without; trained without and with TensorFlow."""
    project = small_project(tmp_path_factory.mktemp("sparse"), CLASSIFIERS)
    assert LOADED not in train(project, "light").stderr
    assert LOADED + "RASA_TENSORFLOW is set" in train(project, "full", SWITCH).stderr
    return project


def test_what_is_trained_without_is_what_is_trained_with_it(sparse: Path) -> None:
    answers, said = parse(sparse, "light")
    assert LOADED not in said
    assert len(answers) == len(TEXTS)
    assert {json.loads(answer)["intent"]["name"] for answer in answers} > {"parcel", "refund"}
    with_it, said = parse(sparse, "full", SWITCH)
    assert LOADED + "RASA_TENSORFLOW is set" in said
    assert with_it == answers


def test_rasas_own_test_reports_errors_and_plots_without_it(sparse: Path) -> None:
    done = run(
        sparse, "run_rasa.py", "test", "nlu", "--nlu", "data", "--domain", "data", "--out", "results",
        "--model", "models/light.tar.gz", "--successes",
    )  # fmt: skip
    assert LOADED not in done.stderr
    report = json.loads((sparse / "results" / "intent_report.json").read_text())
    assert report["accuracy"] > 0.5
    assert (sparse / "results" / "intent_confusion_matrix.png").stat().st_size > 0
    assert (sparse / "results" / "CRFEntityExtractor_report.json").exists()


def test_rasas_own_cross_validation_trains_and_reports_without_it(sparse: Path) -> None:
    done = run(
        sparse, "run_rasa.py", "test", "nlu", "--nlu", "data", "--domain", "data", "--out", "folds",
        "--config", "config.yml", "--cross-validation", "--folds", "2", "--no-plot",
    )  # fmt: skip
    assert LOADED not in done.stderr
    assert (sparse / "folds" / "intent_report.json").exists()


def test_rasas_own_check_of_the_data_runs_without_it(sparse: Path) -> None:
    done = run(sparse, "run_rasa.py", "data", "validate", "--domain", "data", "--data", "data")
    assert LOADED not in done.stderr
