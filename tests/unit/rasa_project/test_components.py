"""Collects the checks in ``checks/``: they run in Rasa's environment (see ``tests/in_rasa.py``)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.in_rasa import names, outcomes

pytestmark = pytest.mark.rasa

FILES = sorted(Path(__file__).with_name("checks").glob("*.py"))
CHECKS = [pytest.param(file, name, id=f"{file.stem}-{name}") for file in FILES for name in names(file)]


@pytest.fixture(scope="module")
def told() -> dict[Path, dict[str, str]]:
    """Filled as files are asked for."""
    return {}


@pytest.mark.parametrize(("file", "name"), CHECKS)
def test_component(
    file: Path, name: str, told: dict[Path, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    if file not in told:
        told[file] = outcomes(file, tmp_path_factory.mktemp(file.stem))
    assert not told[file][name], told[file][name]
