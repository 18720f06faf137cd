"""What a turn leaves in the log, read off the chat before and after it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bot.domain import events as ev
from bot.domain.chat import Chat, Speaker
from bot.domain.conversation import Conversation, Handoff
from bot.domain.facts import (
    ConversationChanged,
    Episode,
    FactBody,
    HandoffChanged,
    HandoffStep,
    MessageDeleted,
    MessageEdited,
    MessageKind,
    MessageLogged,
    ReceiptLogged,
    Understood,
)
from bot.domain.message import Author
from bot.domain.outgoing import DeleteOut, EditOut, MessageOut, Payload
from bot.domain.turn import Turn
from bot.domain.understanding import Explanation

GUESSES = 10
QUESTION_GUESSES = 3
EXAMPLES = 3
EXAMPLE_TEXT = 80
"""What is kept of an understanding: enough to see why, a thousand times a day."""


def conversation_began(before: Chat, chat: Chat) -> Iterator[FactBody]:
    """An episode opened or reopened."""
    if before.speaker is not Speaker.CLOSED or chat.speaker is Speaker.CLOSED or chat.conversation is None:
        return
    change = Episode.REOPENED if chat.conversation.reopened else Episode.OPENED
    yield ConversationChanged(change=change, contact_id=chat.contact_id, language=chat.language)


def conversation_ended(before: Chat, chat: Chat) -> Iterator[FactBody]:
    """An episode closed."""
    if before.speaker is Speaker.CLOSED or chat.speaker is not Speaker.CLOSED or chat.conversation is None:
        return
    yield ConversationChanged(
        change=Episode.CLOSED,
        contact_id=chat.contact_id,
        language=chat.language,
        outcome=chat.conversation.outcome,
    )


def what_happened(event: ev.Event, language: str | None) -> Iterator[FactBody]:
    """The event itself, if it is something said."""
    match event:
        case ev.CustomerMessage():
            yield MessageLogged(
                message_id=event.message_id,
                author=Author.CUSTOMER,
                author_name=event.profile.name,
                text=event.text,
                language=language,
                attachments=event.attachments,
            )
        case ev.ButtonPress():
            yield _said(event, MessageKind.PRESS, event.button, language)
        case ev.CustomerCommand():
            yield _said(event, MessageKind.COMMAND, f"/{event.command} {event.argument}".strip(), language)
        case ev.CustomerEdit():
            yield MessageEdited(message_id=event.edited_id, author=Author.CUSTOMER, text=event.text)
        case ev.CustomerDelete():
            yield MessageDeleted(message_id=event.deleted_id, author=Author.CUSTOMER)
        case ev.AgentNote():
            yield MessageLogged(
                message_id=event.message_id,
                author=Author.AGENT,
                author_id=event.agent.id,
                author_name=event.agent.name,
                text=event.text,
                kind=MessageKind.NOTE,
            )
        case ev.Receipt(status=ev.ReceiptStatus.SEEN):
            yield ReceiptLogged(
                message_id=event.message_id,
                destination=event.chat.destination,
                status=event.status,
                platform_id=event.platform_id,
            )
        case _:
            return


def understood(turn: Turn, handler: str) -> Iterator[FactBody]:
    """What the NLU made of the message, and who took it."""
    if turn.understanding is None or not isinstance(turn.event, ev.CustomerEvent):
        return
    best = turn.understanding.best
    yield Understood(
        message_id=turn.event.message_id,
        intent=best.intent,
        confidence=best.confidence,
        ranking=turn.understanding.ranking[:GUESSES],
        entities=turn.understanding.entities,
        ms=turn.understanding.ms,
        handler=handler,
        questions=tuple(
            replace(one, ranking=one.ranking[:QUESTION_GUESSES]) for one in turn.understanding.questions
        ),
        explanation=_shortened(turn.understanding.explanation),
    )


def said(payload: Payload, language: str | None) -> Iterator[FactBody]:
    """A message that was decided on."""
    match payload:
        case MessageOut():
            yield MessageLogged(
                message_id=payload.message_id,
                author=payload.author,
                author_id=payload.author_id,
                author_name=payload.author_name,
                text=payload.text,
                language=language,
                reply_to=payload.reply_to,
                attachments=payload.attachments,
                topic=payload.topic,
            )
        case EditOut():
            yield MessageEdited(message_id=payload.message_id, author=payload.author, text=payload.text)
        case DeleteOut():
            yield MessageDeleted(message_id=payload.message_id, author=payload.author)
        case _:
            return


def handoff_steps(before: Chat, after: Chat, event: ev.Event) -> Iterator[FactBody]:
    """What happened on the way to, with and from a person. One to whom it was given has claimed it, too."""
    was, now = _handoff(before.conversation), _handoff(after.conversation)
    match (before.speaker, after.speaker):
        case (Speaker.WAITING | Speaker.HUMAN, Speaker.BOT):
            yield _step(HandoffStep.RELEASED, was)
        case (Speaker.WAITING | Speaker.HUMAN, Speaker.CLOSED):
            yield _step(HandoffStep.RESOLVED, was)
        case (Speaker.HUMAN, Speaker.WAITING):
            yield _step(HandoffStep.REQUEUED, now)
        case (Speaker.HUMAN, Speaker.HUMAN) if was and now and was.agent != now.agent:
            yield _step(HandoffStep.TAKEN_OVER, now)
        case (Speaker.WAITING, Speaker.WAITING) if _asked_for(was) != _asked_for(now):
            yield _step(
                HandoffStep.REQUEUED if was and now and was.team != now.team else HandoffStep.ESCALATED, now
            )
        case (_, Speaker.HUMAN) if before.speaker is not Speaker.HUMAN:
            if isinstance(event, ev.AgentClaim) and event.assigned:
                yield _step(HandoffStep.ASSIGNED, now)
            yield _step(HandoffStep.CLAIMED, now)
        case (Speaker.BOT | Speaker.CLOSED, Speaker.WAITING):
            yield _step(HandoffStep.REQUESTED, now)
    if isinstance(event, ev.AgentSnooze) and was != now and now and now.snoozed_until:
        yield replace(_step(HandoffStep.SNOOZED, now), agent_id=event.agent.id)


def _asked_for(handoff: Handoff | None) -> tuple[object, ...]:
    """What a handoff is about; how it stands (level, due …) is no step of it."""
    return (handoff.team, handoff.reason, handoff.urgent, handoff.intent) if handoff else ()


def _said(event: ev.CustomerEvent, kind: MessageKind, text: str, language: str | None) -> MessageLogged:
    return MessageLogged(
        message_id=event.message_id,
        author=Author.CUSTOMER,
        author_name=event.profile.name,
        text=text,
        kind=kind,
        language=language,
    )


def _shortened(explanation: Explanation | None) -> Explanation | None:
    if explanation is None:
        return None
    nearest = (replace(one, text=one.text[:EXAMPLE_TEXT]) for one in explanation.nearest[:EXAMPLES])
    return replace(explanation, nearest=tuple(nearest))


def _handoff(conversation: Conversation | None) -> Handoff | None:
    return conversation.handoff if conversation else None


def _step(step: HandoffStep, handoff: Handoff | None) -> HandoffChanged:
    if handoff is None:
        return HandoffChanged(step=step)
    return HandoffChanged(
        step=step,
        reason=handoff.reason,
        team=handoff.team,
        urgent=handoff.urgent,
        intent=handoff.intent,
        agent_id=handoff.agent.id if handoff.agent else None,
    )
