from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from bot.domain.errors import ConfigurationError
from bot.knowledge.training import KEPT_MODELS, ensure_model, fingerprint, model_path
from tests.unit.bot.knowledge.test_files import ENTRY

TRAINER = """
import pathlib, sys
print("2026 INFO - Starting to train component 'CountVectorsFeaturizer'.", flush=True)
out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1])
with open("trainings", "a") as file:
    file.write("x")
(out / "model.tar.gz").write_text("a model")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A Rasa project whose Python is ours and whose Rasa is a few lines."""
    (tmp_path / "data" / "faq").mkdir(parents=True)
    for name in ("vegan", "samples"):
        (tmp_path / "data" / "faq" / f"{name}.yml").write_text(ENTRY.format(id=name, related=name))
    (tmp_path / "components").mkdir()
    (tmp_path / "components" / "one.py").write_text("ONE = 1\n")
    (tmp_path / "components" / "e5_adapter.npz").write_text("1")
    (tmp_path / "config.yml").write_text("pipeline: []\n")
    (tmp_path / "requirements.lock").write_text("rasa==3.6.21\n")
    (tmp_path / "run_rasa.py").write_text(TRAINER)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    return tmp_path


def trainings(project: Path) -> int:
    path = project / "trainings"
    return len(path.read_text()) if path.exists() else 0


async def test_a_model_is_trained_once_and_found_afterwards(project: Path) -> None:
    said: list[str] = []
    model = await ensure_model(project, progress=said.append)
    assert model == model_path(project)
    assert model.read_text() == "a model"
    assert await ensure_model(project) == model
    assert trainings(project) == 1
    assert said == ["starting Rasa", "training CountVectorsFeaturizer"]
    assert not list(model.parent.glob(".training-*"))


@pytest.mark.parametrize(
    "name",
    [
        "data/faq/vegan.yml",
        "components/one.py",
        "components/e5_adapter.npz",
        "config.yml",
        "requirements.lock",
    ],
)
async def test_a_change_of_anything_it_is_made_of_asks_for_another_model(project: Path, name: str) -> None:
    before = fingerprint(project)
    path = project / name
    path.write_text(path.read_text() + "\n# changed\n")
    assert fingerprint(project) != before


async def test_one_may_ask_for_another_training_of_the_same_files(project: Path) -> None:
    model = await ensure_model(project)
    model.write_text("of an encoder that is another now")
    assert await ensure_model(project, again=True) == model
    assert model.read_text() == "a model"
    assert trainings(project) == 2
    await ensure_model(project)
    assert trainings(project) == 2


async def test_other_files_ask_for_nothing(project: Path) -> None:
    before = fingerprint(project)
    (project / "notes.txt").write_text("hello")
    assert fingerprint(project) == before


async def test_two_trainings_at_once_make_one(project: Path) -> None:
    models = await asyncio.gather(*(ensure_model(project) for _ in range(3)))
    assert len(set(models)) == 1
    assert trainings(project) == 1


async def test_the_latest_models_are_kept(project: Path) -> None:
    for change in range(KEPT_MODELS + 2):
        (project / "config.yml").write_text(f"pipeline: [] # {change}\n")
        await ensure_model(project)
    assert len(list((project / "models").glob("*.tar.gz"))) == KEPT_MODELS
    assert model_path(project).exists()


async def test_a_failed_training_leaves_nothing_and_says_why(project: Path) -> None:
    (project / "run_rasa.py").write_text("raise SystemExit('YamlException: no pipeline')")
    with pytest.raises(ConfigurationError, match="YamlException: no pipeline"):
        await ensure_model(project)
    assert not list((project / "models").glob("*.tar.gz"))
    assert not list((project / "models").glob(".training-*"))


async def test_what_a_killed_training_left_goes_with_the_next_one(project: Path) -> None:
    half = project / "models" / ".training-killed"
    half.mkdir(parents=True)
    (half / "model.tar.gz").write_text("half a model")
    await ensure_model(project)
    assert not half.exists()


@pytest.mark.parametrize("again", [False, True])
async def test_files_that_change_during_the_training_are_trained_again(project: Path, again: bool) -> None:
    meddling = """
if not pathlib.Path("meddled").exists():
    pathlib.Path("meddled").touch()
    pathlib.Path("config.yml").write_text("pipeline: [changed]")
"""
    (project / "run_rasa.py").write_text(TRAINER + meddling)
    model = await ensure_model(project, again=again)
    assert trainings(project) == 2
    assert list((project / "models").glob("*.tar.gz")) == [model]  # none under the name of the old files
    assert model == model_path(project)


async def test_a_mistake_in_the_data_is_told_without_starting_rasa(project: Path) -> None:
    (project / "data" / "faq" / "vegan.yml").write_text('version: "3.1\n')
    with pytest.raises(ConfigurationError, match=r"vegan\.yml, line"):
        await ensure_model(project)
    assert trainings(project) == 0


async def test_a_training_that_never_ends_is_stopped(project: Path) -> None:
    (project / "run_rasa.py").write_text("import time; time.sleep(600)")
    with pytest.raises(ConfigurationError, match="stopped"):
        await ensure_model(project, timeout=0.5)


async def test_without_rasa_the_remedy_is_told(project: Path) -> None:
    (project / ".venv" / "bin" / "python").unlink()
    with pytest.raises(ConfigurationError, match="make install"):
        await ensure_model(project)


async def test_without_a_project_the_remedy_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="restore it from git"):
        await ensure_model(tmp_path)
