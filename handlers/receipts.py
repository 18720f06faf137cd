"""What became of what we sent."""

from __future__ import annotations

from bot.domain.decision import Decision
from bot.domain.events import Receipt, ReceiptStatus
from bot.domain.facts import ReceiptLogged
from bot.domain.turn import Turn
from handlers.care import Care
from handlers.saying import silent


async def received(turn: Turn, _care: Care) -> Decision:
    """Log that the customer has seen it; all else was logged by the sender that knows it."""
    event = turn.event
    if not isinstance(event, Receipt) or event.status is not ReceiptStatus.SEEN:
        return silent(turn)
    seen = ReceiptLogged(
        message_id=event.message_id, destination=event.chat.destination, status=ReceiptStatus.SEEN
    )
    return silent(turn, facts=(seen,))
