"""When Rasa runs without TensorFlow, and when it must not."""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile
from argparse import Namespace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bot.knowledge.training import train_into
from bot.nlu.host import nlu_environment
from tests.rasa_fixtures import PROJECT

SPARSE = [
    "WhitespaceTokenizer",
    "CountVectorsFeaturizer",
    "components.classifier.Any",
    "components.stamp.ModelStamp",
]


@pytest.fixture
def choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The module, away from any project and from this machine's environment."""
    monkeypatch.syspath_prepend(str(PROJECT))
    from standin import choice

    for name in (choice.SWITCH, *choice.SET_UP_TENSORFLOW):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return choice


def command(module: str, name: str, **arguments: Any) -> Namespace:
    """What Rasa's parser gives: the function that will run, and its arguments."""

    def func() -> None: ...

    func.__module__, func.__qualname__ = module, name
    return Namespace(func=func, **arguments)


def training(config: object, finetune: str | None = None) -> Namespace:
    return command("rasa.cli.train", "run_nlu_training", config=str(config), finetune=finetune)


def serving(model: object, endpoints: str | None = "endpoints.yml", remote: str | None = None) -> Namespace:
    return command("rasa.cli.run", "run", model=model, endpoints=endpoints, remote_storage=remote)


def evaluating(model: object, *configs: object, cross_validation: bool = False) -> Namespace:
    listed = [str(config) for config in configs] or None
    return command(
        "rasa.cli.test", "run_nlu_test", model=model, config=listed, cross_validation=cross_validation
    )


def validating(config: object) -> Namespace:
    name = "_add_data_validate_parsers.<locals>.<lambda>"
    return command("rasa.cli.data", name, config=str(config))


def write_config(path: Path, *names: str, more: str = "") -> Path:
    path.write_text(more + "pipeline:\n" + "".join(f"  - name: {name}\n" for name in names))
    return path


def write_model(path: Path, *used: str, trained: tuple[str, ...] = ()) -> Path:
    schemas = {"train_schema": trained or used, "predict_schema": used}
    metadata = {
        key: {"nodes": {str(i): {"uses": name} for i, name in enumerate(names)}}
        for key, names in schemas.items()
    }
    content = json.dumps(metadata).encode()
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("metadata.json")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return path


SERVED = (
    "rasa.graph_components.providers.nlu_message_provider.NLUMessageProvider",
    "rasa.nlu.tokenizers.whitespace_tokenizer.WhitespaceTokenizer",
    "rasa.nlu.classifiers.regex_message_handler.RegexMessageHandler",
    "components.classifier.Any",
)
DIET = "rasa.nlu.classifiers.diet_classifier.DIETClassifier"


def test_the_shipped_pipeline_does_without(choice: ModuleType) -> None:
    """A new component of ours is listed in standin/choice.py once it is known to use none of TensorFlow."""
    assert choice.of_command(training(PROJECT / "config.yml")) is None


def test_a_pipeline_of_known_components_does_without(choice: ModuleType, tmp_path: Path) -> None:
    config = write_config(tmp_path / "config.yml", *SPARSE)
    model = write_model(tmp_path / "m.tar.gz", *SERVED)
    assert choice.of_command(training(config)) is None
    assert choice.of_command(validating(config)) is None
    assert choice.of_command(evaluating(model)) is None
    assert choice.of_command(evaluating(None, config)) is None
    assert choice.of_command(evaluating(None, cross_validation=True)) is None
    assert choice.of_command(serving(str(model))) is None
    assert choice.of_model(model) is None


@pytest.mark.parametrize(
    "name",
    [
        "DIETClassifier",
        "ResponseSelector",
        "TEDPolicy",
        "UnexpecTEDIntentPolicy",
        "ConveRTFeaturizer",
        "LanguageModelFeaturizer",
        DIET,
        "SpacyNLP",
        "components.mine.Unheard",
        "components.DIETClassifier",
        "elsewhere.WhitespaceTokenizer",
        "rasa.nlu.classifiers.Unheard",
        "rasa.core.policies.rule_policy.RulePolicy",
        "",
        "null",
    ],
)
def test_what_needs_tensorflow_or_is_unknown_gets_the_real_one(
    choice: ModuleType, tmp_path: Path, name: str
) -> None:
    config = write_config(tmp_path / "config.yml", *SPARSE, name)
    model = write_model(tmp_path / "m.tar.gz", *SERVED, name)
    plain = write_config(tmp_path / "plain.yml", *SPARSE)
    assert choice.of_command(training(config))
    assert choice.of_command(validating(config))
    assert choice.of_command(evaluating(None, config))
    assert choice.of_command(evaluating(None, plain, config))
    assert choice.of_command(evaluating(None, cross_validation=True))
    assert choice.of_command(evaluating(str(model)))
    assert choice.of_command(serving(str(model)))
    assert choice.of_model(model)


def test_the_reason_names_the_component(choice: ModuleType, tmp_path: Path) -> None:
    config = write_config(tmp_path / "config.yml", *SPARSE, "DIETClassifier")
    assert choice.of_command(training(config)) == "DIETClassifier may need it"


def test_what_a_model_was_trained_with_counts_since_its_classes_are_loaded(
    choice: ModuleType, tmp_path: Path
) -> None:
    assert choice.of_model(write_model(tmp_path / "m.tar.gz", *SERVED, trained=(*SERVED, DIET)))


def test_of_a_folder_the_latest_model_is_looked_into(choice: ModuleType, tmp_path: Path) -> None:
    old = write_model(tmp_path / "old.tar.gz", *SERVED, DIET)
    write_model(tmp_path / "new.tar.gz", *SERVED)
    os.utime(old, (1, 1))
    assert choice.of_command(serving(str(tmp_path))) is None
    os.utime(old, (2**33, 2**33))
    assert choice.of_command(serving(str(tmp_path)))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "pipeline:",
        "pipeline: []",  # Rasa fills in what is left out, with DIET
        "language: fr",
        "pipeline: supervised_embeddings",
        "pipeline: [WhitespaceTokenizer]",
        "pipeline: [{nome: WhitespaceTokenizer}]",
        "- pipeline",
        "pipeline: [",
        "a: &a [*a]\npipeline: *a",
        "recipe: graph.v1\npipeline: [{name: WhitespaceTokenizer}]",
        "importers: [{name: mine.Importer}]\npipeline: [{name: WhitespaceTokenizer}]",
        "\x00",
    ],
)
def test_a_pipeline_that_cannot_be_judged_gets_the_real_one(
    choice: ModuleType, tmp_path: Path, content: str
) -> None:
    config = tmp_path / "config.yml"
    config.write_text(content)
    assert choice.of_command(training(config))


def test_a_pipeline_in_another_encoding_or_missing_gets_the_real_one(
    choice: ModuleType, tmp_path: Path
) -> None:
    config = tmp_path / "config.yml"
    assert choice.of_command(training(config))
    assert choice.of_command(training(tmp_path))
    config.write_bytes("pipeline: [{name: é}]".encode("latin-1"))
    assert choice.of_command(training(config))


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x1f\x8b\x08\x00garbage-garbage-garbage"])
def test_a_model_that_cannot_be_read_gets_the_real_one(
    choice: ModuleType, tmp_path: Path, content: bytes
) -> None:
    model = tmp_path / "m.tar.gz"
    model.write_bytes(content)
    assert choice.of_model(model)
    whole = write_model(model, *SERVED).read_bytes()
    model.write_bytes(whole[: len(whole) // 2])
    assert choice.of_model(model)
    bent = bytearray(whole)
    bent[len(whole) // 2] ^= 0xFF
    model.write_bytes(bent)
    assert choice.of_model(model)


def test_no_model_or_an_empty_archive_gets_the_real_one(choice: ModuleType, tmp_path: Path) -> None:
    assert choice.of_command(serving(None))
    assert choice.of_command(serving(str(tmp_path / "missing.tar.gz")))
    assert choice.of_command(serving(str(tmp_path)))
    with tarfile.open(tmp_path / "empty.tar.gz", "w:gz"):
        pass
    assert choice.of_model(tmp_path / "empty.tar.gz")


def test_a_model_that_comes_from_elsewhere_gets_the_real_one(choice: ModuleType, tmp_path: Path) -> None:
    model = str(write_model(tmp_path / "m.tar.gz", *SERVED))
    assert choice.of_command(serving(model, remote="aws"))
    (tmp_path / "other.yml").write_text("models: {url: http://localhost}")
    assert choice.of_command(serving(model, "other.yml"))
    (tmp_path / "endpoints.yml").write_text("models: {url: http://localhost}")
    assert choice.of_command(serving(model, None))
    assert choice.of_command(serving(model, "missing.yml"))  # Rasa takes endpoints.yml instead


def test_other_commands_and_training_on_from_a_model_get_the_real_one(
    choice: ModuleType, tmp_path: Path
) -> None:
    config = write_config(tmp_path / "config.yml", *SPARSE)
    assert choice.of_command(training(config, finetune="models"))
    assert choice.of_command(command("rasa.cli.train", "run_training", config=str(config)))
    assert choice.of_command(Namespace())


@pytest.mark.parametrize("value", ["1", "true", "real"])
def test_the_switch_loads_the_real_one_for_training_and_serving_alike(
    choice: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("RASA_TENSORFLOW", value)
    assert choice.of_command(training(PROJECT / "config.yml")) == "RASA_TENSORFLOW is set"
    assert choice.of_model(write_model(tmp_path / "m.tar.gz", *SERVED)) == "RASA_TENSORFLOW is set"


@pytest.mark.parametrize("value", ["", "0"])
def test_a_switch_that_is_off_changes_nothing(
    choice: ModuleType, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("RASA_TENSORFLOW", value)
    assert choice.of_command(training(PROJECT / "config.yml")) is None


def test_tensorflow_settings_in_the_environment_get_the_real_one(
    choice: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rasa's command line hands them to TensorFlow before anything else."""
    monkeypatch.setenv("TF_INTRA_OP_PARALLELISM_THREADS", "1")
    assert choice.of_command(training(PROJECT / "config.yml")) == "TF_INTRA_OP_PARALLELISM_THREADS is set"


async def test_the_switch_reaches_training_and_serving_from_the_bots_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unlike what begins with GUICHET_, which may be a secret."""
    monkeypatch.setenv("RASA_TENSORFLOW", "1")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / "run_rasa.py").write_text(
        "import os; open('model.tar.gz', 'w').write(os.environ['RASA_TENSORFLOW'])"
    )
    assert (await train_into(tmp_path, tmp_path)).read_text() == "1"
    assert nlu_environment(os.environ, "token")["RASA_TENSORFLOW"] == "1"
