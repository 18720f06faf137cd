"""What Rasa is started with."""

from __future__ import annotations

import gc
import os
import sys
import warnings

import pytest

from rasa_project import run_rasa


@pytest.mark.parametrize("token", ["a-token", "-begins-with-a-dash"])
def test_any_token_is_taken_for_one(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["run_rasa.py", "run"])
    monkeypatch.setenv("GUICHET_NLU_TOKEN", token)
    assert run_rasa._secret_arguments() == [f"--auth-token={token}"]


@pytest.mark.parametrize(("command", "rarely"), [("train", True), ("run", False)])
def test_garbage_is_collected_rarely_in_a_training_alone(
    command: str, rarely: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for changed in ("showwarning", "formatwarning"):
        monkeypatch.setattr(warnings, changed, getattr(warnings, changed))
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setattr(sys, "argv", ["run_rasa.py", command])
    monkeypatch.setattr(sys, "dont_write_bytecode", sys.dont_write_bytecode)
    before = gc.get_threshold()
    try:
        run_rasa._set_up()
        assert (gc.get_threshold() == run_rasa.RARELY) is rarely
    finally:
        gc.set_threshold(*before)
