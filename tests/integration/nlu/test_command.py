from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.cli.main import main

pytestmark = [pytest.mark.rasa, pytest.mark.slow]


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rasa_url: str, rasa_token: str) -> None:
    monkeypatch.setenv("GUICHET_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("GUICHET_NLU__URLS", rasa_url)
    monkeypatch.setenv("GUICHET_NLU__TOKEN", rasa_token)


def test_a_program_reads_what_a_text_means(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nlu", "parse", "où est mon colis 4812077 ?", "--json"]) in (0, None)
    told = json.loads(capsys.readouterr().out)
    assert told["intent"]["name"] == "order_status"
    assert told["language"] == "fr"
    assert told["entities"] == [{"name": "order_number", "value": "4812077", "start": 17, "end": 24}]
    assert told["model"]


def test_a_person_reads_it_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nlu", "parse", "how do I return a cream?"]) in (0, None)
    shown = capsys.readouterr().out
    assert "faq_return_how" in shown
    assert "language en" in shown
