"""What became of what we sent: logged and shown to the desk by the engine, never answered."""

from __future__ import annotations

from bot.domain.decision import Decision
from bot.domain.turn import Turn
from handlers.care import Care
from handlers.saying import silent


async def received(turn: Turn, _care: Care) -> Decision:
    """A message was delivered, seen, or failed."""
    return silent(turn)
