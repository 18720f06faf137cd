"""Which ticks are shown when there is no room for all: Slack takes fifty marks a minute.

A tick stands for its reply and, since a chat's replies go in order, for those above it that bear no other
mark. So the one furthest down says it for all of a conversation that wait; and none comes before a mark that
says otherwise of a reply above it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import structlog

from bot.desk.slack.budget import Budget
from bot.desk.slack.names import place_of
from bot.domain.events import ReceiptStatus
from bot.domain.outgoing import CaseFate, CaseHeld, Outgoing, Priority

log = structlog.get_logger(__name__)

REACT = "reactions.add"
LONGEST = 300.0
"""Seconds for which a tick waits for other marks: for as long as the sender tries to show them."""

_WENT = (ReceiptStatus.DELIVERED, ReceiptStatus.SEEN, ReceiptStatus.MAYBE_DUPLICATE)

Target = tuple[str, str]
"""Channel and ts of a reply."""


@dataclass(slots=True)
class _Other:
    """A mark that says something else than a tick."""

    message_id: str
    shown: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class _Waiting:
    target: Target
    said: asyncio.Future[bool]
    """Whether it is the one to be shown."""


class Ticks:
    """Lets them through, those of a conversation as one while there is no room."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._others: dict[str, dict[str, _Other]] = {}
        self._queues: dict[tuple[str, str], list[_Waiting]] = {}

    # --- other marks -----------------------------------------------------------------------------

    def expect(self, entry: Outgoing) -> None:
        """Something was read, in the order it happened. Ticks that come after it wait for its mark."""
        message_id = _marked_otherwise(entry.payload)
        if message_id and entry.conversation:
            self._others.setdefault(entry.conversation, {})[entry.id] = _Other(message_id)

    def shown(self, entry: Outgoing) -> None:
        """It is shown, or never will be."""
        others = self._others.get(entry.conversation or "", {})
        if other := others.pop(entry.id, None):
            other.shown.set()
        if not others:
            self._others.pop(entry.conversation or "", None)

    async def _behind_others(self, entry: Outgoing, message_id: str) -> None:
        """Wait for the marks of other replies. (Those of the same one are in its lane.)"""
        others = self._others.get(entry.conversation or "", {})
        before = [(key, other) for key, other in others.items() if other.message_id != message_id]
        try:
            async with asyncio.timeout(LONGEST):
                for _key, other in before:
                    await other.shown.wait()
        except TimeoutError:
            log.warning("slack.mark_not_shown", conversation=entry.conversation)
            for key, _other in before:
                others.pop(key, None)

    # --- room ------------------------------------------------------------------------------------

    async def enter(self, entry: Outgoing, fate: CaseFate, target: Target) -> bool:
        """Wait until it can be shown; False when one further down, which is, says as much."""
        await self._behind_others(entry, fate.message_id)
        place = (entry.conversation or "", target[0])
        mine = _Waiting(target, asyncio.get_running_loop().create_future())
        if place in self._queues:  # somebody waits for room already: it is for whoever is furthest down
            self._queues[place].append(mine)
            return await mine.said
        queue = self._queues[place] = [mine]
        try:
            await self._budget.enter(REACT, "", Priority.TICK)
        except asyncio.CancelledError:
            for one in queue:
                one.said.cancel()
            raise
        finally:
            del self._queues[place]
        lowest = max(range(len(queue)), key=lambda index: (_ts(queue[index].target), index))
        for index, one in enumerate(queue):
            if not one.said.done():
                one.said.set_result(index == lowest)
        return await mine.said


def is_tick(payload: object) -> bool:
    """Whether it says that a reply went, or was seen."""
    return isinstance(payload, CaseFate) and payload.status in _WENT


def _marked_otherwise(payload: object) -> str:
    """The reply that a mark other than a tick will be put on."""
    match payload:
        case CaseFate(status=ReceiptStatus.FAILED | ReceiptStatus.DROPPED, message_id=message_id):
            return message_id
        case CaseHeld(draft=draft) if place_of(draft.message_id):
            return draft.message_id
        case _:
            return ""


def _ts(target: Target) -> float:
    return float(target[1])
