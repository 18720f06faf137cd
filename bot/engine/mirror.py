"""What a desk gets to see of a turn, read off the chat before and after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.domain import events as ev
from bot.domain.chat import Chat, Speaker
from bot.domain.message import Author, Line
from bot.domain.outgoing import (
    CaseCard,
    CaseDelete,
    CaseEdit,
    CaseFate,
    CaseFile,
    CaseLine,
    CaseState,
    DeleteOut,
    DeskPayload,
    EditOut,
    MessageOut,
    Payload,
)
from bot.domain.turn import Turn

GUESSES = 3

_STATES = {
    Speaker.WAITING: CaseState.WAITING,
    Speaker.HUMAN: CaseState.CLAIMED,
    Speaker.BOT: CaseState.RELEASED,
    Speaker.CLOSED: CaseState.CLOSED,
}


def is_live(chat: Chat) -> bool:
    """Whether a desk has this chat on its table."""
    return chat.speaker in (Speaker.WAITING, Speaker.HUMAN)


def for_desk(turn: Turn, before: Chat, after: Chat, sent: Iterable[Payload]) -> Iterator[DeskPayload]:
    """The card when the case changed, then what was said."""
    began = is_live(after) and not is_live(before)
    if not began and not is_live(before):
        yield from _afterwards(turn, sent)
        return
    if began or _case(before) != _case(after):
        yield card(turn, before, after)
    if began:
        return  # the card tells it all
    yield from _incoming(turn)
    for payload in sent:
        if not _is_told_by_the_card(turn, payload):
            yield from _outgoing(payload, turn)


def _is_told_by_the_card(turn: Turn, payload: Payload) -> bool:
    """Whether it tells the customer what an agent just did, which the card tells the desk."""
    is_told = isinstance(payload, MessageOut) and payload.author is Author.SYSTEM
    return is_told and isinstance(turn.event, ev.AgentEvent)


def card(turn: Turn, before: Chat, after: Chat) -> CaseCard:
    """The head of the conversation."""
    source = after if is_live(after) else before
    if source.conversation is None or source.conversation.handoff is None:
        raise ValueError("a chat with no handoff has no case")
    handoff = source.conversation.handoff
    return CaseCard(
        state=_STATES[after.speaker],
        profile=after.profile,
        channel=after.id.channel,
        language=turn.language,
        since=handoff.since,
        reason=handoff.reason,
        team=handoff.team,
        urgent=handoff.urgent,
        intent=handoff.intent,
        agent=handoff.agent,
        guesses=after.guesses,
        recent=after.recent,
        reopened=source.conversation.reopened,
        hushed=handoff.hushed,
        level=handoff.level,
        due=handoff.due,
        answered=handoff.answered,
        snoozed_until=handoff.snoozed_until,
        back_at=handoff.back_at,
        outcome=after.conversation.outcome if after.conversation else None,
        rating=after.conversation.rating if after.conversation else None,
    )


def _case(chat: Chat) -> tuple[object, ...]:
    return chat.speaker, chat.conversation.handoff if chat.conversation else None


def _incoming(turn: Turn) -> Iterator[DeskPayload]:
    match turn.event:
        case ev.CustomerMessage() | ev.ButtonPress():
            guesses = turn.understanding.leading[:GUESSES] if turn.understanding else ()
            yield CaseLine(line=incoming_line(turn.event), guesses=guesses, language=turn.language)
        case ev.AgentNote():
            yield CaseLine(line=incoming_line(turn.event), note=True)
        case ev.MediaReady(message_id=message_id) if turn.chat.draft(message_id):
            return  # an agent's own file, which has not been shown yet
        case ev.MediaReady(message_id=message_id, attachment=attachment):
            yield CaseFile(message_id=message_id, attachment=attachment)
        case ev.MediaFailed(message_id=message_id, attachment=attachment, reason=reason):
            yield CaseFile(message_id=message_id, attachment=attachment, reason=reason)
        case ev.CustomerEdit(edited_id=message_id, text=text):
            yield CaseEdit(message_id=message_id, text=text)
        case ev.CustomerDelete(deleted_id=message_id):
            yield CaseDelete(message_id=message_id)
        case ev.Receipt():
            yield _fate(turn.event)
        case _:
            return


def _afterwards(turn: Turn, sent: Iterable[Payload]) -> Iterator[DeskPayload]:
    """What is still to be shown once no desk has the chat on its table: what became of an agent's last
    words, notes, and changes of what was said. What was seen says nothing here: the bot's own messages are
    seen too."""
    match turn.event:
        case ev.Receipt() if turn.event.status is not ev.ReceiptStatus.SEEN:
            yield _fate(turn.event)
        case ev.AgentNote():
            yield CaseLine(line=incoming_line(turn.event), note=True)
        case ev.MediaReady() | ev.MediaFailed() | ev.CustomerEdit() | ev.CustomerDelete():
            yield from _incoming(turn) if _was_at_a_desk(turn.chat) else ()
    for payload in sent:
        match payload:
            case MessageOut() | EditOut() | DeleteOut() if payload.author is Author.AGENT:
                yield from _outgoing(payload, turn)


def _was_at_a_desk(chat: Chat) -> bool:
    return bool(chat.conversation and chat.conversation.last_agent) or bool(chat.written or chat.drafts)


def _fate(event: ev.Receipt) -> CaseFate:
    return CaseFate(
        message_id=event.message_id, status=event.status, detail=event.detail, letter=event.letter
    )


def _outgoing(payload: Payload, turn: Turn) -> Iterator[DeskPayload]:
    match payload:
        case MessageOut():
            yield CaseLine(line=outgoing_line(payload, turn), agent_id=payload.author_id)
        case EditOut(message_id=message_id, text=text):
            yield CaseEdit(message_id=message_id, text=text)
        case DeleteOut(message_id=message_id):
            yield CaseDelete(message_id=message_id)
        case _:
            return


def incoming_line(event: ev.CustomerMessage | ev.ButtonPress | ev.AgentNote) -> Line:
    """What came in, as a line of the conversation."""
    match event:
        case ev.CustomerMessage():
            return Line(
                event.message_id, Author.CUSTOMER, event.text, event.at, event.attachments, event.profile.name
            )
        case ev.ButtonPress():
            return Line(event.message_id, Author.CUSTOMER, f"[{event.button}]", event.at)
        case ev.AgentNote():
            return Line(event.message_id, Author.AGENT, event.text, event.at, author_name=event.agent.name)


def outgoing_line(payload: MessageOut, turn: Turn) -> Line:
    """What goes out, as a line of the conversation."""
    return Line(
        payload.message_id,
        payload.author,
        payload.text,
        turn.now,
        payload.attachments,
        payload.author_name,
    )
