"""Changed and withdrawn messages: shown to the desk and logged by the engine, never answered as new."""

from __future__ import annotations

from bot.domain.decision import Decision
from bot.domain.turn import Turn
from handlers.care import Care
from handlers.saying import silent


async def changed(turn: Turn, _care: Care) -> Decision:
    """The customer changed a message."""
    return silent(turn)


async def withdrawn(turn: Turn, _care: Care) -> Decision:
    """The customer took a message back."""
    return silent(turn)
