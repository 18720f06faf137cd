"""What became of what we sent: logged and shown to the desk by the engine, never answered."""

from __future__ import annotations

from bot.domain.chat import Chat
from bot.domain.decision import Decision
from bot.domain.events import Receipt, ReceiptStatus
from bot.domain.turn import Turn
from handlers.care import Care
from handlers.saying import silent


async def received(turn: Turn, _care: Care) -> Decision:
    """A message was delivered, seen, or failed. One that was taken back in time was no answer: whoever
    owes one owes it again, and since the same moment."""
    event = turn.event
    if (
        isinstance(event, Receipt)
        and event.status is ReceiptStatus.DROPPED
        and _leaves_nothing_said(turn.chat)
    ):
        return Decision(chat=turn.chat.with_handoff(answered=False))
    return silent(turn)


def _leaves_nothing_said(chat: Chat) -> bool:
    """Whether all that agents sent in this conversation was taken back."""
    return all(one.note or one.message_id in chat.recalled for one in chat.written)
