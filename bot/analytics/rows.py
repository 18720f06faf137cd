"""From facts to rows: pure, and tolerant of text no database takes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Table

from bot.analytics import schema
from bot.domain.facts import (
    Audited,
    ConversationChanged,
    ErrorLogged,
    Fact,
    FactBody,
    FeedbackGiven,
    HandoffChanged,
    MessageDeleted,
    MessageEdited,
    MessageLogged,
    Proposed,
    Rated,
    ReceiptLogged,
    Understood,
)
from bot.domain.message import Attachment, Author
from bot.domain.understanding import Entity, Explanation, Guess, Question

Row = dict[str, Any]

TABLES: Mapping[type[FactBody], Table] = {
    MessageLogged: schema.messages,
    MessageEdited: schema.message_edits,
    MessageDeleted: schema.message_deletions,
    Understood: schema.understandings,
    ConversationChanged: schema.conversation_changes,
    HandoffChanged: schema.handoffs,
    ReceiptLogged: schema.receipts,
    FeedbackGiven: schema.feedback,
    Rated: schema.ratings,
    Audited: schema.audits,
    Proposed: schema.proposals,
    ErrorLogged: schema.errors,
}
"""Where each kind of fact goes."""

LOOKED_UP = frozenset({"order_number", "email"})
"""The entities that customers are found by."""


def rows_of(fact: Fact, identity_id: int) -> Iterator[tuple[Table, Row]]:
    """All rows of a fact: the one of its kind, then those that can be erased."""
    yield TABLES[type(fact.body)], {**_envelope(fact, identity_id), **_particulars(fact.body)}
    erasable = {"fact_id": fact.id, "at": fact.at, "identity_id": identity_id}
    match fact.body:
        case MessageLogged() as said:
            files = [_attachment(file) for file in said.attachments] or None
            name = storable(said.author_name) or None
            texts = {"text": storable(said.text), "author_name": name, "attachments": files}
            yield schema.message_texts, {**erasable, **texts}
        case MessageEdited(text=text):
            texts = {"text": storable(text), "author_name": None, "attachments": None}
            yield schema.message_texts, {**erasable, **texts}
        case Understood(entities=entities) if entities:
            values = [
                {"name": one.name, "value": storable(one.value), "start": one.start, "end": one.end}
                for one in entities
            ]
            yield schema.entity_values, {**erasable, "entities": values}
            for number, key in enumerate(_keys(entities)):
                yield schema.entity_keys, {**erasable, "number": number, "value": key}
        case Proposed(question=question, answer=answer):
            texts = {"question": storable(question), "answer": storable(answer), "reason": None}
            yield schema.proposal_texts, {**erasable, **texts}


def key_of(value: str) -> str:
    """What a name, an email or a number is looked up by: without case, accents and double blanks."""
    bare = "".join(one for one in unicodedata.normalize("NFKD", value) if not unicodedata.combining(one))
    return storable(" ".join(bare.casefold().split()))


def _keys(entities: Iterable[Entity]) -> list[str]:
    """Each once: a customer may repeat their number."""
    return list(dict.fromkeys(key_of(one.value) for one in entities if one.name in LOOKED_UP and one.value))


def storable(text: str) -> str:
    """Text as both databases take it: NUL goes, half a surrogate pair becomes a question mark."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def _envelope(fact: Fact, identity_id: int) -> Row:
    return {
        "fact_id": fact.id,
        "at": fact.at,
        "identity_id": identity_id,
        "conversation_id": fact.conversation,
        "model": fact.model,
    }


def _particulars(body: FactBody) -> Row:
    match body:
        case MessageLogged():
            return _message(body)
        case MessageEdited() | MessageDeleted():
            return {"message_id": storable(body.message_id), "author": body.author.value}
        case Understood():
            return _understanding(body)
        case ConversationChanged():
            return {
                "change": body.change.value,
                "contact_id": body.contact_id or None,
                "language": body.language,
                "outcome": body.outcome and body.outcome.value,
            }
        case HandoffChanged():
            return _handoff(body)
        case ReceiptLogged():
            return _receipt(body)
        case FeedbackGiven():
            return {"topic": body.topic, "helped": body.helped}
        case ErrorLogged():
            return {"where": body.where, "error": body.error, "detail": storable(body.detail)}
        case Rated() | Audited() | Proposed():
            return _of_staff(body)


def _message(body: MessageLogged) -> Row:
    return {
        "message_id": storable(body.message_id),
        "author": body.author.value,
        "author_id": None if body.author is Author.CUSTOMER else body.author_id or None,
        "kind": body.kind.value,
        "language": body.language,
        "reply_to": None if body.reply_to is None else storable(body.reply_to),
        "topic": body.topic,
        "attachments": len(body.attachments),
    }


def _understanding(body: Understood) -> Row:
    return {
        "message_id": storable(body.message_id),
        "intent": body.intent,
        "confidence": body.confidence,
        "ranking": _ranking(body.ranking),
        "entities": [entity.name for entity in body.entities],
        "ms": body.ms,
        "handler": body.handler,
        "also": _also(body),
        "questions": [_question(one) for one in body.questions] or None,
        "explanation": body.explanation and _explanation(body.explanation),
    }


def _also(body: Understood) -> str | None:
    """The other question's intent."""
    return next((one.best.intent for one in body.questions if one.best.intent != body.intent), None)


def _ranking(guesses: Iterable[Guess]) -> list[Row]:
    return [{"intent": guess.intent, "confidence": guess.confidence} for guess in guesses]


def _question(one: Question) -> Row:
    return {"start": one.start, "end": one.end, "ranking": _ranking(one.ranking)}


def _explanation(told: Explanation) -> Row:
    nearest = [
        {"text": storable(one.text), "intent": one.intent, "similarity": one.similarity}
        for one in told.nearest
    ]
    return {
        "in_scope": told.in_scope,
        "verdict": told.verdict.value,
        "stage": told.stage,
        "reason": told.reason,
        "nearest": nearest,
    }


def _handoff(body: HandoffChanged) -> Row:
    return {
        "step": body.step.value,
        "reason": body.reason and body.reason.value,
        "team": body.team,
        "urgent": body.urgent,
        "intent": body.intent,
        "agent_id": body.agent_id,
    }


def _receipt(body: ReceiptLogged) -> Row:
    return {
        "message_id": storable(body.message_id),
        "destination": body.destination,
        "status": body.status.value,
        "attempts": body.attempts,
        "platform_id": body.platform_id,
        "detail": storable(body.detail),
    }


def _of_staff(body: Rated | Audited | Proposed) -> Row:
    match body:
        case Rated():
            reason = None if body.reason_id is None else storable(body.reason_id)
            return {"score": body.score, "agent_id": body.agent_id, "team": body.team, "reason_id": reason}
        case Audited():
            return {"action": body.action, "agent_id": body.agent_id, "subject": storable(body.subject)}
        case Proposed():
            return {
                "agent_id": body.agent_id,
                "agent_name": storable(body.agent_name) or None,
                "intent": storable(body.intent) or None,
                "language": storable(body.language) or None,
                "message_id": storable(body.message_id) or None,
            }


def _attachment(file: Attachment) -> Row:
    return {
        "id": file.id,
        "name": storable(file.name),
        "mime": storable(file.mime),
        "size": file.size,
        "kind": file.kind.value,
    }
