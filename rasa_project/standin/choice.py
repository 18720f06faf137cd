"""Whether a Rasa process needs TensorFlow: judged by its pipeline, before anything is loaded.

What is not known to do without TensorFlow gets it: another recipe, a component or a policy that is not
listed here, a command or a model that we cannot look into.
"""

from __future__ import annotations

import json
import os
import tarfile
import zlib
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from standin.placeholders import SWITCH

RASA = frozenset(
    {
        "CRFEntityExtractor",
        "CountVectorsFeaturizer",
        "EntitySynonymMapper",
        "FallbackClassifier",
        "KeywordIntentClassifier",
        "LexicalSyntacticFeaturizer",
        "LogisticRegressionClassifier",
        "RegexEntityExtractor",
        "RegexFeaturizer",
        "RegexMessageHandler",
        "WhitespaceTokenizer",
    }
)
"""Components of Rasa's that were seen to train and parse without TensorFlow."""

OURS = frozenset({"classifier", "courtesy", "embedding", "stamp"})
"""Modules of ``components/`` that use neither TensorFlow nor a part of Rasa's that does."""

FRAME = "rasa.graph_components."
"""What Rasa puts around every pipeline: readers, validators, converters."""

SET_UP_TENSORFLOW = (
    "TF_GPU_MEMORY_ALLOC",
    "TF_INTER_OP_PARALLELISM_THREADS",
    "TF_INTRA_OP_PARALLELISM_THREADS",
)
"""Variables that Rasa's command line hands to TensorFlow when they are set."""

_MALFORMED = (AttributeError, LookupError, TypeError, ValueError)
"""What looking into a file of another shape than expected raises."""


class _Unclear(Exception):
    """What a process will run cannot be known from here; says why."""


def of_command(arguments: Namespace) -> str | None:
    """Why Rasa's command line, so parsed, needs TensorFlow; None when it does not."""
    return _reason(lambda: _components(arguments))


def of_model(model: str | Path) -> str | None:
    """Why serving a model needs TensorFlow; None when it does not."""
    return _reason(lambda: _in_model(model))


def _reason(names: Callable[[], Iterable[str]]) -> str | None:
    if os.environ.get(SWITCH, "0") not in ("", "0"):
        return f"{SWITCH} is set"
    try:
        return next((f"{name} may need it" for name in names() if not _does_without(name)), None)
    except _Unclear as unclear:
        return str(unclear)


def _does_without(component: str) -> bool:
    package, _, name = component.rpartition(".")
    if package.startswith("components."):
        return package.removeprefix("components.") in OURS
    return component.startswith(FRAME) or (name in RASA and (not package or package.startswith("rasa.nlu.")))


def _components(arguments: Namespace) -> Iterable[str]:
    for name in SET_UP_TENSORFLOW:
        if os.environ.get(name):
            raise _Unclear(f"{name} is set")
    function = getattr(arguments, "func", None)
    where = f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', '')}"
    if where not in _COMMANDS:
        raise _Unclear("this command may need it")
    return _COMMANDS[where](arguments)


def _run(arguments: Namespace) -> Iterator[str]:
    endpoints = Path(arguments.endpoints or "endpoints.yml")
    if arguments.remote_storage or endpoints.exists() or Path("endpoints.yml").exists():
        raise _Unclear("the model may come from elsewhere")
    return _in_model(arguments.model)


def _train_nlu(arguments: Namespace) -> Iterator[str]:
    if arguments.finetune:
        raise _Unclear("the model to continue from may need it")
    return _in_config(arguments.config)


def _test_nlu(arguments: Namespace) -> Iterator[str]:
    configs = arguments.config or (["config.yml"] if arguments.cross_validation else [])
    for config in configs:
        yield from _in_config(config)
    if not configs:
        yield from _in_model(arguments.model)


def _validate(arguments: Namespace) -> Iterator[str]:
    return _in_config(arguments.config)


_COMMANDS: Mapping[str, Callable[[Namespace], Iterator[str]]] = {
    "rasa.cli.run.run": _run,
    "rasa.cli.train.run_nlu_training": _train_nlu,
    "rasa.cli.test.run_nlu_test": _test_nlu,
    "rasa.cli.data._add_data_validate_parsers.<locals>.<lambda>": _validate,
}


def _in_config(path: str | Path) -> Iterator[str]:
    """The components of a pipeline. (Policies are for conversations, which these commands leave alone.)"""
    try:
        config = YAML(typ="safe", pure=True).load(Path(path))
        pipeline = [component["name"] for component in config["pipeline"]]
        plain = not config.get("importers") and config.get("recipe", "default.v1") == "default.v1"
    except (OSError, YAMLError, *_MALFORMED) as error:
        raise _Unclear(f"{path} has no pipeline that can be read") from error
    if not pipeline or not plain:  # Rasa fills in what is left out, with DIET
        raise _Unclear(f"{path} is not a plain pipeline")
    yield from map(str, pipeline)


def _in_model(path: str | Path) -> Iterator[str]:
    """What a trained model is made of. Its training steps count too: Rasa loads their classes as well."""
    try:
        metadata = _metadata(_latest(Path(path)))
        graphs = [metadata["train_schema"]["nodes"], metadata["predict_schema"]["nodes"]]
        used = [node["uses"] for graph in graphs for node in graph.values()]
    except (OSError, tarfile.TarError, zlib.error, EOFError, *_MALFORMED) as error:
        raise _Unclear(f"{path} is not a model that can be read") from error
    yield from map(str, used)


def _latest(path: Path) -> Path:
    """Of a folder, the model that Rasa takes."""
    return max(path.glob("*.tar.gz"), key=lambda model: model.stat().st_mtime) if path.is_dir() else path


def _metadata(path: Path) -> dict[str, Any]:
    with tarfile.open(path, "r|gz") as archive:
        for member in archive:
            stored = archive.extractfile(member) if member.name == "metadata.json" else None
            if stored:
                found: dict[str, Any] = json.load(stored)
                return found
    raise LookupError("metadata.json")
