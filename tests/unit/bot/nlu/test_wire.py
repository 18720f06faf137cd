"""What an answer of Rasa means to us, and what becomes of parts we do not know."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.domain.understanding import Example, Explanation, Guess, Question, Understanding, Verdict
from bot.nlu.wire import read_parse

RANKING = [{"name": "order_status", "confidence": 0.8}, {"name": "faq_contact", "confidence": 0.1}]
FIRST = {"start": 0, "end": 10, "intent_ranking": RANKING}
SECOND = {"start": 12, "end": 30, "intent_ranking": [{"name": "faq_change_address", "confidence": 0.9}]}
WHY = {
    "in_scope": 0.97,
    "verdict": "in",
    "stage": "sentence",
    "reason": "near_examples",
    "nearest": [{"text": "où est mon colis ?", "intent": "order_status", "similarity": 0.93}],
}


def parsed(**more: Any) -> Understanding:
    body = {"intent_ranking": RANKING, "entities": [], "model_id": "m1", **more}
    return read_parse(json.dumps(body).encode(), 3.0)


def test_two_questions_have_their_places_and_rankings() -> None:
    first, second = parsed(questions=[FIRST, SECOND]).questions
    assert first == Question(0, 10, (Guess("order_status", 0.8), Guess("faq_contact", 0.1)))
    assert (second.start, second.end, second.best.intent) == (12, 30, "faq_change_address")


def test_an_explanation_is_read_in_full() -> None:
    assert parsed(explanation=WHY).explanation == Explanation(
        0.97,
        Verdict.IN,
        "sentence",
        "near_examples",
        (Example("où est mon colis ?", "order_status", 0.93),),
    )


@pytest.mark.parametrize("more", [{}, {"questions": None, "explanation": None}, {"questions": []}])
def test_a_pipeline_that_gives_neither_is_understood_as_well(more: dict[str, Any]) -> None:
    understanding = parsed(**more)
    assert understanding.best == Guess("order_status", 0.8)
    assert (understanding.questions, understanding.explanation) == ((), None)


@pytest.mark.parametrize(
    "questions",
    [
        "two",
        {},
        [1, 2],
        [FIRST],
        [FIRST, {**SECOND, "start": -1}],
        [FIRST, {**SECOND, "start": 5}],
        [FIRST, {**SECOND, "end": 12}],
        [FIRST, {**SECOND, "intent_ranking": []}],
        [FIRST, {**SECOND, "intent_ranking": [{"name": None, "confidence": 1}]}],
        [FIRST, {"start": 12, "end": 30}],
        [FIRST, FIRST],
    ],
)
def test_questions_that_make_no_sense_are_left_out_and_nobody_goes_unanswered(questions: Any) -> None:
    understanding = parsed(questions=questions)
    assert understanding.best.intent == "order_status"
    assert understanding.questions == ()


@pytest.mark.parametrize(
    "explanation",
    ["because", [], {**WHY, "verdict": "maybe"}, {**WHY, "reason": "x" * 201}, {**WHY, "nearest": [1]}, {}],
)
def test_an_explanation_that_makes_no_sense_is_left_out(explanation: Any) -> None:
    understanding = parsed(explanation=explanation)
    assert understanding.best.intent == "order_status"
    assert understanding.explanation is None


def test_only_so_much_is_kept() -> None:
    example = {"text": "x" * 10_000, "intent": "greet", "similarity": 7}
    third = {"start": 40, "end": 50, "intent_ranking": RANKING}
    understanding = parsed(
        intent_ranking=RANKING * 100,
        entities=[{"entity": "email", "start": 0, "end": 1, "value": "x"}] * 100,
        questions=[third, SECOND, FIRST],
        explanation={**WHY, "in_scope": 1.2, "nearest": [example] * 50},
    )
    assert (len(understanding.ranking), len(understanding.entities)) == (100, 50)
    assert [one.start for one in understanding.questions] == [0, 12]
    assert understanding.explanation is not None
    assert understanding.explanation.in_scope == 1.0
    assert understanding.explanation.nearest == (Example("x" * 300, "greet", 1.0),) * 5


@pytest.mark.parametrize(("told", "kept"), [(1.0000001, 1.0), (-0.1, 0.0), (0.5, 0.5)])
def test_a_confidence_is_a_probability(told: float, kept: float) -> None:
    assert parsed(intent_ranking=[{"name": "greet", "confidence": told}]).best.confidence == kept


def test_what_leads_is_each_question_then_the_rest_each_intent_once() -> None:
    leading = parsed(questions=[{**SECOND, "start": 0, "end": 11}, {**FIRST, "start": 12, "end": 20}]).leading
    assert [guess.intent for guess in leading] == ["faq_change_address", "order_status", "faq_contact"]
