"""What the engine asks of the behaviour."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.domain.decision import Decision
from bot.domain.turn import Turn

Handler = Callable[[Turn], Awaitable[Decision]]
"""Takes a turn, returns a decision. Repeatable, writes nothing, reads through ports within 2 s."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A handler and the name it goes by in the log."""

    name: str
    handler: Handler


Choose = Callable[[Turn], Choice]
"""Picks the handler of a turn: the table in ``handlers/__init__.py``."""
