"""From decisions to outbox entries: ids that a repeated turn makes again, and destinations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from bot.domain import events as ev
from bot.domain.chat import Chat
from bot.domain.decision import Send
from bot.domain.identity import Agent
from bot.domain.ids import digest
from bot.domain.message import Author
from bot.domain.outgoing import (
    CaseAlert,
    CaseCard,
    CaseFate,
    CaseHeld,
    CaseLine,
    CaseRefused,
    CaseUnheld,
    DeleteOut,
    DeskPayload,
    EditOut,
    Hush,
    MediaFetch,
    MessageOut,
    Outgoing,
    Payload,
    Priority,
    ResumeEmail,
)
from bot.domain.turn import Turn

RESUME_DESTINATION = "email:resume"


def stamped(sends: Sequence[Send], event: ev.Event) -> tuple[Send, ...]:
    """Messages with their ids; the first that answers carries what it replies to."""
    reply_to = event.message_id if isinstance(event, ev.CustomerEvent) else None
    base = digest(event.id)
    done: list[Send] = []
    for index, send in enumerate(sends):
        payload = send.payload
        if isinstance(payload, MessageOut):
            answers = payload.answers and reply_to is not None
            payload = replace(
                payload,
                message_id=payload.message_id or f"m_{base}-{index}",
                reply_to=reply_to if answers else None,
            )
            reply_to = None if answers else reply_to
        done.append(Send(payload=payload, delay=send.delay))
    return tuple(done)


class Addresser:
    """Puts payloads into envelopes.

    Args:
        desks: the names of the desks that follow every case.
    """

    def __init__(self, desks: Sequence[str]) -> None:
        self._desks = tuple(f"desk:{name}" for name in desks)

    def entries(
        self,
        turn: Turn,
        after: Chat,
        sends: Iterable[Send],
        for_desks: Iterable[DeskPayload],
        *,
        hush: bool = False,
    ) -> tuple[Outgoing, ...]:
        """All outbox entries of a turn, in order.

        ``hush``: the bot loses its voice in this turn: what it had under way goes first, one way or the
        other.
        """
        addressed: list[tuple[str, Payload, float]] = [(after.id.destination, Hush(), 0.0)] if hush else []
        addressed += [(_destination(send.payload, after), send.payload, send.delay) for send in sends]
        addressed += [(desk, payload, 0.0) for payload in for_desks for desk in self._shown_at(payload)]
        addressed += [(place, fetch, 0.0) for place, fetch in _fetches(turn.event)]
        base = digest(turn.event.id)
        return tuple(
            _entry(turn, after, f"o_{base}-{index}", destination, payload, delay)
            for index, (destination, payload, delay) in enumerate(addressed)
        )

    def _shown_at(self, payload: DeskPayload) -> tuple[str, ...]:
        """Every desk follows a case; what is for one agent only goes to theirs, if it is one of these."""
        addressee = _addressee(payload)
        theirs = f"desk:{addressee.id.partition(':')[0]}" if addressee else ""
        return (theirs,) if theirs in self._desks else self._desks


def _addressee(payload: DeskPayload) -> Agent | None:
    match payload:
        case CaseHeld(draft=draft) | CaseUnheld(draft=draft):
            return draft.agent
        case CaseRefused(agent=agent):
            return agent
        case _:
            return None


def _entry(
    turn: Turn, after: Chat, entry_id: str, destination: str, payload: Payload, delay: float
) -> Outgoing:
    return Outgoing(
        id=entry_id,
        destination=destination,
        chat=after.id,
        conversation=_conversation(turn.event, after, payload),
        epoch=after.epoch,
        at=turn.now,
        payload=payload,
        priority=_priority(payload),
        not_before=turn.now + timedelta(seconds=delay) if delay else None,
        coalesce=_coalesce(payload, after),
        receipt=isinstance(payload, MessageOut | EditOut | DeleteOut) and payload.author is Author.AGENT,
    )


def _conversation(event: ev.Event, after: Chat, payload: Payload) -> str | None:
    """The chat's, but for what answers an agent: that is shown where they asked."""
    asked_in = event.conversation if isinstance(event, ev.AgentEvent) else ""
    if asked_in and isinstance(payload, CaseHeld | CaseUnheld | CaseRefused):
        return asked_in
    return after.conversation.id if after.conversation else None


def _destination(payload: Payload, chat: Chat) -> str:
    return RESUME_DESTINATION if isinstance(payload, ResumeEmail) else chat.id.destination


def _priority(payload: Payload) -> Priority:
    match payload:
        case CaseFate(status=ev.ReceiptStatus.FAILED | ev.ReceiptStatus.UNCHANGED):
            return Priority.FAILURE
        case CaseHeld() | CaseRefused() | CaseAlert():
            return Priority.FAILURE
        case CaseFate():
            return Priority.TICK
        case CaseLine() | MessageOut() | Hush():
            return Priority.CUSTOMER
        case _:
            return Priority.CARD


def _coalesce(payload: Payload, chat: Chat) -> str | None:
    """What may go together: the lines of a chat; of cards and of fates, the newer makes the older idle.
    That a change was not made is told, whatever comes after."""
    match payload:
        case CaseLine():
            return str(chat.id)
        case CaseCard():
            return f"card:{chat.id}"
        case CaseFate(message_id=message_id, status=status) if status is not ev.ReceiptStatus.UNCHANGED:
            return f"fate:{message_id}"
        case _:
            return None


def _fetches(event: ev.Event) -> Iterator[tuple[str, MediaFetch]]:
    """Files that a platform still has: the customer's channel, or the desk the agent wrote at."""
    if not isinstance(event, ev.CustomerMessage | ev.AgentReply | ev.AgentDraft):
        return
    platform = event.chat.channel if isinstance(event, ev.CustomerMessage) else event.id.split(":")[1]
    for attachment in event.attachments:
        if attachment.source and not attachment.stored:
            yield f"media:{platform}", MediaFetch(message_id=event.message_id, attachment=attachment)
