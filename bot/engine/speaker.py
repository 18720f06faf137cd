"""Who speaks: what an event alone changes, before anybody decides anything."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.chat import Chat, Pace, Speaker
from bot.domain.conversation import Conversation
from bot.domain.events import (
    AgentClaim,
    AgentDecides,
    AgentEvent,
    AgentReply,
    ButtonPress,
    CustomerCommand,
    CustomerMessage,
    DraftChoice,
    Event,
)
from bot.domain.ids import derived_id
from bot.domain.message import HoldReason

PACE_WINDOW = timedelta(seconds=10)

_OPENS = (CustomerMessage, ButtonPress, CustomerCommand, AgentClaim, AgentReply)


def with_open_conversation(chat: Chat, event: Event, reopening: timedelta) -> Chat:
    """The chat with an episode going on, if the event is one that begins one.

    An episode closed less than ``reopening`` ago goes on; after that a new one begins.
    """
    if chat.speaker is not Speaker.CLOSED or not _opens(event, chat):
        return chat
    last = chat.conversation
    if last is not None and last.closed_at is not None and event.at - last.closed_at < reopening:
        again = replace(last, closed_at=None, outcome=None, reopened=last.reopened + 1)
        return chat.open(again)
    return chat.open(Conversation(id=derived_id("c", event.id), opened_at=event.at))


def _opens(event: Event, chat: Chat) -> bool:
    match event:
        case AgentDecides():
            return _is_sent_after_all(event, chat)
        case AgentClaim(assigned=True) | AgentReply(reopens=False):
            return False
        case AgentClaim(holder=holder) if holder:  # what nobody has any more was not meant
            return False
        case AgentEvent(conversation=theirs) if theirs and _has_gone_on(chat, theirs):
            return False
    return isinstance(event, _OPENS)


def _is_sent_after_all(event: AgentDecides, chat: Chat) -> bool:
    """Whether an agent was asked "it has ended: reopen it and send?", and says yes."""
    draft = chat.draft(event.message_id)
    if draft is None or draft.agent.id != event.agent.id or draft.reason is not HoldReason.CLOSED:
        return False
    return event.choice in (DraftChoice.SEND, DraftChoice.TAKE_OVER)


def _has_gone_on(chat: Chat, conversation: str) -> bool:
    """Whether that conversation is not the chat's last one any more."""
    return chat.conversation is not None and chat.conversation.id != conversation


def paced(pace: Pace | None, at: datetime) -> Pace:
    """Count a message in the present window."""
    if pace is None or at - pace.since > PACE_WINDOW:
        return Pace(since=at, count=1)
    return Pace(since=pace.since, count=pace.count + 1, told=pace.told)


def listens_to(chat: Chat, text: str) -> bool:
    """Whether a text is worth understanding: while a person speaks too, for suggestions."""
    return bool(text.strip()) and chat.speaker is not Speaker.CLOSED
