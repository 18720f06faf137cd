"""What a handler decided. The engine turns it into one atomic commit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.domain.chat import Chat
from bot.domain.facts import FactBody
from bot.domain.outgoing import CustomerPayload, DeskPayload, ResumeEmail


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Something to send, ``delay`` seconds from now."""

    payload: CustomerPayload | ResumeEmail
    delay: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTimer:
    """Wake this chat at ``due``; a timer of the same name is replaced."""

    name: str
    due: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelTimer:
    """Forget a timer, if it is set."""

    name: str


TimerChange = SetTimer | CancelTimer


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The next state of the chat, what to send, what to log beside what the engine logs itself
    (messages, understandings, conversations, handoffs), and timers.

    ``desk`` is what desks are told beside what the engine shows them of every case: questions to an agent,
    refusals, alerts.
    """

    chat: Chat
    sends: tuple[Send, ...] = ()
    facts: tuple[FactBody, ...] = ()
    timers: tuple[TimerChange, ...] = ()
    desk: tuple[DeskPayload, ...] = ()
