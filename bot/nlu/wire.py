"""The JSON that Rasa answers, and what it means to us."""

from __future__ import annotations

import msgspec

from bot.domain.errors import NluUnavailable
from bot.domain.understanding import Entity, Guess, Understanding


class _Guess(msgspec.Struct):
    name: str
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


class Status(msgspec.Struct):
    """What ``GET /status`` says."""

    model_id: str = ""
    model_file: str = ""


_PARSE = msgspec.json.Decoder(_Parse)
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
        ranking=tuple(Guess(guess.name, guess.confidence) for guess in parse.intent_ranking),
        entities=tuple(Entity(e.entity, str(e.value), e.start, e.end) for e in parse.entities),
        model=parse.model_id or "",
        ms=ms,
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
