"""Checks that run in Rasa's environment, which has Rasa and numpy but no pytest.

A file of checks is plain Python: functions called ``test_…`` that assert, taking nothing or ``tmp_path``.
``test_components.py`` collects them by name; each file runs in one process of Rasa's Python.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import json
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from types import ModuleType

PROJECT = Path(__file__).resolve().parents[1] / "rasa_project"


def names(file: Path) -> list[str]:
    """The checks of a file, which is not imported."""
    functions = (node for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef))
    return [function.name for function in functions if function.name.startswith("test_")]


def outcomes(file: Path, folder: Path) -> dict[str, str]:
    """What went wrong with each check, or nothing; a process that dies leaves out what it did not reach."""
    results = folder / "results"
    results.touch()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GUICHET_"))}
    done = subprocess.run(
        [str(PROJECT / ".venv" / "bin" / "python"), "-B", __file__, str(file), str(results)],
        env={**kept, "PYTHONPATH": str(PROJECT)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    told = dict(json.loads(line) for line in results.read_text().splitlines())
    died = f"the process ended before this check did, with status {done.returncode}: {done.stderr[-2000:]}"
    return {name: told.get(name, died) for name in names(file)}


def main(file: Path, results: Path) -> None:
    """Run the checks of a file, here and now: as the shipped pipeline runs, so without TensorFlow."""
    os.environ.update(importlib.import_module("run_rasa").QUIET)
    assert importlib.import_module("standin.placeholders").install()
    module = _module(file)
    with results.open("w") as out:
        for name in names(file):
            out.write(json.dumps([name, _outcome(getattr(module, name))]) + "\n")
            out.flush()


def _module(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return module


def _outcome(check: object) -> str:
    assert callable(check)
    with tempfile.TemporaryDirectory() as folder:
        given = {"tmp_path": Path(folder)} if "tmp_path" in inspect.signature(check).parameters else {}
        try:
            check(**given)
        except Exception:  # noqa: BLE001 - told to whoever collects
            return traceback.format_exc()
    return ""


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
