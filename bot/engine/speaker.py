"""Who speaks: what an event alone changes, before anybody decides anything."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.chat import Chat, Pace, Speaker
from bot.domain.conversation import Conversation
from bot.domain.events import (
    AgentClaim,
    AgentReply,
    ButtonPress,
    CustomerCommand,
    CustomerMessage,
    Event,
)
from bot.domain.ids import derived_id

PACE_WINDOW = timedelta(seconds=10)

_OPENS = (CustomerMessage, ButtonPress, CustomerCommand, AgentClaim, AgentReply)


def with_open_conversation(chat: Chat, event: Event, reopening: timedelta) -> Chat:
    """The chat with an episode going on, if the event is one that begins one.

    An episode closed less than ``reopening`` ago goes on; after that a new one begins.
    """
    if chat.speaker is not Speaker.CLOSED or not _opens(event):
        return chat
    last = chat.conversation
    if last is not None and last.closed_at is not None and event.at - last.closed_at < reopening:
        again = replace(last, closed_at=None, outcome=None, reopened=last.reopened + 1)
        return chat.open(again)
    return chat.open(Conversation(id=derived_id("c", event.id), opened_at=event.at))


def _opens(event: Event) -> bool:
    return isinstance(event, _OPENS) and not (isinstance(event, AgentReply) and not event.reopens)


def paced(pace: Pace | None, at: datetime) -> Pace:
    """Count a message in the present window."""
    if pace is None or at - pace.since > PACE_WINDOW:
        return Pace(since=at, count=1)
    return Pace(since=pace.since, count=pace.count + 1, told=pace.told)


def listens_to(chat: Chat, text: str) -> bool:
    """Whether a text is worth understanding: while a person speaks too, for suggestions."""
    return bool(text.strip()) and chat.speaker is not Speaker.CLOSED
