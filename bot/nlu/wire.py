"""The JSON that Rasa answers, and what it means to us.

An answer without a ranking is none. What only adds to it (several questions, an explanation) may be
absent, and is left out when it is not as we know it: no customer goes unanswered for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, TypeVar

import msgspec
import structlog

from bot.domain.errors import NluUnavailable
from bot.domain.understanding import (
    Entity,
    Example,
    Explanation,
    Guess,
    Question,
    Understanding,
    Verdict,
)

MOST_GUESSES = 100
MOST_ENTITIES = 50
MOST_QUESTIONS = 2
MOST_EXAMPLES = 5
MOST_TEXT = 300
"""Characters kept of a training example."""

log = structlog.get_logger(__name__)
T = TypeVar("T")

Name = Annotated[str, msgspec.Meta(max_length=200)]


class _Guess(msgspec.Struct):
    name: Name
    confidence: float


class _Entity(msgspec.Struct):
    entity: str
    start: int
    end: int
    value: str | int | float = ""


class _Parse(msgspec.Struct):
    intent_ranking: list[_Guess]
    entities: list[_Entity] = []
    model_id: str | None = None
    questions: msgspec.Raw = msgspec.Raw()
    explanation: msgspec.Raw = msgspec.Raw()


class _Question(msgspec.Struct):
    start: Annotated[int, msgspec.Meta(ge=0)]
    end: int
    intent_ranking: Annotated[list[_Guess], msgspec.Meta(min_length=1)]


class _Example(msgspec.Struct):
    text: str
    intent: Name
    similarity: float


class _Explanation(msgspec.Struct):
    in_scope: float
    verdict: Verdict
    stage: Name = ""
    reason: Name = ""
    nearest: list[_Example] = []


class Status(msgspec.Struct):
    """What ``GET /status`` says."""

    model_id: str = ""
    model_file: str = ""


_PARSE = msgspec.json.Decoder(_Parse)
_QUESTIONS = msgspec.json.Decoder(list[_Question] | None)
_EXPLANATION = msgspec.json.Decoder(_Explanation | None)
_STATUS = msgspec.json.Decoder(Status)


def read_parse(body: bytes, ms: float) -> Understanding:
    """Translate an answer of ``/model/parse``.

    Raises:
        NluUnavailable: it is not one, or it holds no intent.
    """
    try:
        parse = _PARSE.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise NluUnavailable("the NLU answered something else than a parse") from error
    if not parse.intent_ranking:
        raise NluUnavailable("the NLU answered without an intent")
    return Understanding(
        ranking=_ranking(parse.intent_ranking),
        entities=tuple(
            Entity(e.entity, str(e.value), e.start, e.end) for e in parse.entities[:MOST_ENTITIES]
        ),
        model=parse.model_id or "",
        ms=ms,
        questions=_questions(_if_sound(_QUESTIONS, parse.questions, "questions") or ()),
        explanation=_explanation(_if_sound(_EXPLANATION, parse.explanation, "explanation")),
    )


def read_status(body: bytes) -> Status:
    """Translate an answer of ``/status``.

    Raises:
        NluUnavailable: it is not one.
    """
    try:
        return _STATUS.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise NluUnavailable("the NLU answered something else than a status") from error


def _if_sound(decoder: msgspec.json.Decoder[T], raw: msgspec.Raw, part: str) -> T | None:
    try:
        return decoder.decode(raw) if bytes(raw) else None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        log.warning("nlu_answer_in_part", unreadable=part)
        return None


def _ranking(guesses: Sequence[_Guess]) -> tuple[Guess, ...]:
    return tuple(Guess(guess.name, _share(guess.confidence)) for guess in guesses[:MOST_GUESSES])


def _questions(found: Sequence[_Question]) -> tuple[Question, ...]:
    """Two questions that do not overlap; one alone is what the ranking says already."""
    kept = list(_one_after_the_other(found))[:MOST_QUESTIONS]
    if len(kept) < MOST_QUESTIONS:
        return ()
    return tuple(Question(one.start, one.end, _ranking(one.intent_ranking)) for one in kept)


def _one_after_the_other(found: Sequence[_Question]) -> Iterator[_Question]:
    last = 0
    for one in sorted(found, key=lambda question: question.start):
        if last <= one.start < one.end:
            yield one
            last = one.end


def _explanation(told: _Explanation | None) -> Explanation | None:
    if told is None:
        return None
    nearest = (
        Example(example.text[:MOST_TEXT], example.intent, max(-1.0, min(1.0, example.similarity)))
        for example in told.nearest[:MOST_EXAMPLES]
    )
    return Explanation(_share(told.in_scope), told.verdict, told.stage, told.reason, tuple(nearest))


def _share(value: float) -> float:
    return max(0.0, min(1.0, value))
