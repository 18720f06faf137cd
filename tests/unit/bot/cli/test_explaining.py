"""``guichet nlu parse … --explain``: why, in words an admin understands, and the same for programs."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.cli import explaining
from bot.cli.main import main
from bot.domain.understanding import Guess, Understanding
from handlers.care import Thresholds
from tests.fakes.rasa_server import fake_rasa

TEXT = "coucou, la 4812077 n'est pas là, l'adresse se change encore ?"
WHERE, ADDRESS = "la 4812077 n'est pas là", "l'adresse se change encore"


def ranking(**guesses: float) -> list[dict[str, Any]]:
    return [{"name": name, "confidence": sure} for name, sure in guesses.items()]


def question(part: str, **guesses: float) -> dict[str, Any]:
    start = TEXT.index(part)
    return {"start": start, "end": start + len(part), "intent_ranking": ranking(**guesses)}


WHY = {
    "in_scope": 0.97,
    "verdict": "in",
    "stage": "sentence",
    "reason": "near_examples",
    "nearest": [{"text": "mon adresse a changé", "intent": "faq_change_address", "similarity": 0.91}],
}
PARSE = {
    "intent_ranking": ranking(order_status=0.8, faq_parcel_not_received=0.1),
    "entities": [{"entity": "order_number", "value": "4812077", "start": 11, "end": 18}],
    "model_id": "m1",
    "questions": [
        question(WHERE, order_status=0.8, faq_parcel_not_received=0.12),
        question(ADDRESS, faq_change_address=0.9),
    ],
    "explanation": WHY,
}


@contextmanager
def rasa(parse: dict[str, Any]) -> Iterator[str]:
    """A Rasa in a thread of its own, since the command has the loop of this one."""
    answer = 200, json.dumps(parse).encode()
    loop, up = asyncio.new_event_loop(), threading.Event()
    done, url = asyncio.Event(), ""

    async def serve() -> None:
        nonlocal url
        async with fake_rasa(answer=lambda _text: answer) as fake:
            url = fake.url
            up.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert up.wait(10)
        yield url
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(10)
        loop.close()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """What the command prints for an answer of Rasa."""

    def run(parse: dict[str, Any], *options: str, text: str = TEXT, language: str = "en") -> str:
        monkeypatch.setenv("GUICHET_DATA_DIR", str(tmp_path))
        monkeypatch.setenv("GUICHET_NLU__TOKEN", "t")
        monkeypatch.setenv("LC_ALL", f"{language}_XX.UTF-8")
        with rasa(parse) as url:
            monkeypatch.setenv("GUICHET_NLU__URLS", url)
            assert main(["nlu", "parse", text, *options]) in (0, None)
        return capsys.readouterr().out

    return run


def test_a_program_gets_the_questions_the_reason_and_what_comes_of_it(told: Any) -> None:
    document = json.loads(told(PARSE, "--json"))
    assert document["outcome"] == {"kind": "several", "intents": ["order_status", "faq_change_address"]}
    assert [one["text"] for one in document["questions"]] == [WHERE, ADDRESS]
    assert document["questions"][1]["ranking"] == ranking(faq_change_address=0.9)
    assert document["explanation"] == WHY
    assert document["ranking"][0] == {"name": "order_status", "confidence": 0.8}


def test_a_program_reads_that_there_is_no_explanation(told: Any) -> None:
    document = json.loads(told({"intent_ranking": ranking(greet=0.9)}, "--json"))
    assert (document["questions"], document["explanation"]) == ([], None)
    assert document["outcome"] == {"kind": "sure", "intents": ["greet"]}


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "en",
            (
                "Several questions, each is answered: order_status, faq_change_address.",
                "It acts from 45% on",
                "In scope (probability 97%). The text is like examples the bot has learnt.",
                "The meaning of the sentence had to be looked at.",
            ),
        ),
        (
            "fr",
            (
                "Plusieurs questions, chacune a sa réponse : order_status, faq_change_address.",
                "Il agit à partir de 45 %",
                "Dans son domaine (probabilité 97 %). Le texte ressemble à des exemples",
                "Il a fallu regarder le sens de la phrase.",
            ),
        ),
    ],
)
def test_a_person_reads_why_in_their_language(told: Any, language: str, expected: tuple[str, ...]) -> None:
    shown = told(PARSE, "--explain", language=language)
    for sentence in expected:
        assert sentence in shown
    rows = [line.split() for line in shown.splitlines()]
    assert [*WHERE.split(), "order_status", "0.80", "faq_parcel_not_received", "0.12"] in rows
    assert ["faq_change_address", "0.91", "mon", "adresse", "a", "changé"] in rows


def test_without_being_asked_nothing_is_explained(told: Any) -> None:
    shown = told(PARSE)
    assert "mon adresse a changé" not in shown
    assert "order_status" in shown


def test_a_model_that_does_not_explain_itself_is_said_to_be_so(told: Any) -> None:
    shown = told({"intent_ranking": ranking(greet=0.9)}, "--explain")
    assert "does not explain itself" in shown
    assert "Questions found" not in shown


@pytest.mark.parametrize(
    ("guesses", "why", "expected"),
    [
        ({"faq_return_how": 0.9}, {}, "The bot acts on: faq_return_how."),
        ({"faq_return_how": 0.5, "faq_return_cost": 0.45}, {}, "which is meant: faq_return_how, faq_return"),
        (
            {"faq_return_how": 0.2},
            {"verdict": "unsure"},
            "asks to rephrase. Topics it offers: faq_return_how.",
        ),
        ({"faq_return_how": 0.01}, {"verdict": "unsure"}, "Topics it offers: none."),
        ({"distress": 0.4, "greet": 0.5}, {}, "A protected subject, a person is called at once: distress."),
        ({"out_of_scope": 0.9}, {"verdict": "out"}, "not something it can help with"),
        (
            {"faq_jobs": 0.02},
            {"verdict": "out", "reason": "far_from_examples"},
            "not really like any example",
        ),
        ({"faq_jobs": 0.02}, {"verdict": "out", "reason": "no_known_words"}, "knows none of its words"),
        (
            {"faq_jobs": 0.4},
            {"verdict": "unsure", "reason": "between_intents"},
            "examples of several intents",
        ),
        ({"greet": 0.9}, {"reason": "small_talk_only"}, "nothing but politeness"),
        ({"greet": 0.9}, {"reason": "a_new_reason"}, "a new reason"),
    ],
)
def test_every_outcome_has_words(
    told: Any, guesses: dict[str, float], why: dict[str, Any], expected: str
) -> None:
    shown = told(
        {"intent_ranking": ranking(**guesses), "explanation": {**WHY, **why}}, "--explain", text="x y"
    )
    assert expected in shown


def test_what_a_model_says_cannot_drive_the_terminal(told: Any) -> None:
    nasty = {"text": "\x1b[2Jvoilà", "intent": "\x1b]0;x\x07", "similarity": 0.5}
    why = {**WHY, "reason": "\x1b[31m", "nearest": [nasty]}
    parse = {"intent_ranking": ranking(**{"faq_\x1b[1m": 0.9}), "explanation": why}
    assert "\x1b" not in told(parse, "--explain")


def test_text_without_anything_to_read_is_explained_too() -> None:
    nothing = Understanding(ranking=(Guess("out_of_scope", 0.0),))
    told = explaining.document("😀", nothing, Thresholds())
    assert told["outcome"] == {"kind": "glad", "intents": []}


@pytest.mark.parametrize("key", sorted(explaining._TEXTS))
def test_both_languages_take_the_same_values(key: str) -> None:
    french, english = explaining._TEXTS[key]
    values = {"intents": "a", "in_scope": 1, "reason": "b", "answer_at": 2, "protected_at": 3}
    assert french.format(**values) != english.format(**values) or key == "column.example"
    assert all(("{" + name in french) == ("{" + name in english) for name in values)
