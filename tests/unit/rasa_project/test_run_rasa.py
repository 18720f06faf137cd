"""What Rasa is started with."""

from __future__ import annotations

import sys

import pytest

from rasa_project import run_rasa


@pytest.mark.parametrize("token", ["a-token", "-begins-with-a-dash"])
def test_any_token_is_taken_for_one(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["run_rasa.py", "run"])
    monkeypatch.setenv("GUICHET_NLU_TOKEN", token)
    assert run_rasa._secret_arguments() == [f"--auth-token={token}"]
