"""Which entries go when, and with what: the lanes of a conversation, and room within Slack's limits.

A conversation's lines, alerts and files are one lane, in order. Its card is another, and what became of each
reply, or holds it, a third: they may lag behind what customers say.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence

from bot.desk.slack.budget import POST, Budget
from bot.desk.slack.fates import Fates
from bot.desk.slack.lines import may_join
from bot.desk.slack.names import place_of
from bot.desk.slack.places import Places
from bot.desk.slack.posting import Surroundings
from bot.desk.slack.ticks import REACT, Ticks, is_tick
from bot.domain.errors import StoreUnavailable
from bot.domain.events import ReceiptStatus
from bot.domain.message import Author
from bot.domain.outgoing import (
    Alert,
    CaseAlert,
    CaseCard,
    CaseDelete,
    CaseEdit,
    CaseFate,
    CaseHeld,
    CaseLine,
    CaseState,
    CaseUnheld,
    Outgoing,
    Priority,
)

HUSH_SECONDS = 0.4
"""A claim is nearly always certain by then: one change of the card tells it, of the fifty a minute that
Slack takes, instead of two."""
ADMITTED = 2_000
SAID_BELOW = ("", "")
"""What a tick is admitted to when one further down the thread says as much."""

Call = tuple[str, str]
"""A method of Slack's, and the channel it is for."""


class Admission:
    """Lets entries go.

    Args:
        around: what the deliverer was given.
        budget: Slack's limits.
        places: which channel a case opens in.
        fates: where a reply stands.
        seen: told of each line that is let in.
    """

    def __init__(
        self,
        around: Surroundings,
        budget: Budget,
        places: Places,
        fates: Fates,
        seen: Callable[[Outgoing], None],
    ) -> None:
        self._around = around
        self._budget = budget
        self._places = places
        self._fates = fates
        self._seen = seen
        self._ticks = Ticks(budget)
        self._admitted: OrderedDict[str, Call] = OrderedDict()

    def taken(self, entry: Outgoing) -> Call | None:
        """The call an entry was let in for, once; ``SAID_BELOW`` for a tick that need not be shown."""
        return self._admitted.pop(entry.id, None)

    def done(self, entries: Sequence[Outgoing]) -> None:
        """They are shown, or never will be."""
        for one in entries:
            self._ticks.shown(one)

    def lane(self, entry: Outgoing) -> Hashable:
        """Lines and all that belongs between them; the card; a reply's fate, and what holds it."""
        self._ticks.expect(entry)
        match entry.payload:
            case CaseCard() | CaseAlert(kind=Alert.ASSIGNED | Alert.RETURNED | Alert.TAKEN_OVER):
                return entry.chat, "card"  # who has it is told behind what happened
            case CaseFate(message_id=message_id):
                return entry.chat, "fate", message_id
            case CaseHeld(draft=draft) | CaseUnheld(draft=draft):
                return entry.chat, "held", draft.message_id
            case _:
                return entry.chat, "line"

    async def admit(self, entry: Outgoing) -> None:
        """Wait for room for the entry's main call. The card that opens a thread is as urgent as the
        lines that wait for it."""
        if _is_being_taken(entry.payload):
            await asyncio.sleep(HUSH_SECONDS)
        try:
            if isinstance(entry.payload, CaseFate) and is_tick(entry.payload):
                await self._admit_tick(entry, entry.payload)
                return
            call = await self._main_call(entry)
        except StoreUnavailable:
            return  # the delivery itself will tell
        if call is None:
            return
        method, place, priority = call
        await self._budget.enter(method, place, priority)
        self._let_in(entry, (method, place))
        if priority is Priority.CUSTOMER:
            self._seen(entry)

    async def _admit_tick(self, entry: Outgoing, fate: CaseFate) -> None:
        thread = await self._around.threads.of(entry.conversation) if entry.conversation else None
        target = await self._fates.target(thread, fate.message_id) if thread else None
        if target is not None:
            is_shown = await self._ticks.enter(entry, fate, target)
            self._let_in(entry, (REACT, target[0]) if is_shown else SAID_BELOW)

    def _let_in(self, entry: Outgoing, call: tuple[str, str]) -> None:
        self._admitted[entry.id] = call
        while len(self._admitted) > ADMITTED:
            self._admitted.popitem(last=False)

    async def _main_call(self, entry: Outgoing) -> tuple[str, str, Priority] | None:
        if entry.conversation is None:
            return None
        thread = await self._around.threads.of(entry.conversation)
        payload = entry.payload
        if isinstance(payload, CaseCard) and thread is None:
            place = next(self._places.channels(entry.conversation, payload.team), None)
            return (POST, place, Priority.CUSTOMER) if place else None
        method = _method(payload) if thread else None
        return (method, thread.place, _urgency(entry)) if thread and method else None

    def joins(self, ahead: Sequence[Outgoing], entry: Outgoing) -> bool:
        """Lines that fit one message; cards, and fates of a reply, of which the newest counts."""
        if not ahead or entry.coalesce is None:
            return False
        if any((one.coalesce, one.conversation) != (entry.coalesce, entry.conversation) for one in ahead):
            return False
        if not isinstance(entry.payload, CaseLine):
            return True
        lines = [one.payload for one in ahead if isinstance(one.payload, CaseLine)]
        if any(one.line.author != entry.payload.line.author for one in lines) and self._has_room(ahead[0]):
            return False
        return len(lines) == len(ahead) and may_join(lines, entry.payload)

    def _has_room(self, admitted: Outgoing) -> bool:
        """Whether nothing presses where that entry goes: who said something is then read off its own
        name and icon."""
        method, place = self._admitted.get(admitted.id, (None, ""))
        return method == POST and self._budget.is_free(POST, place)


def _is_being_taken(payload: object) -> bool:
    return isinstance(payload, CaseCard) and payload.state is CaseState.CLAIMED and not payload.hushed


def _urgency(entry: Outgoing) -> Priority:
    """That a reply was taken back goes before ticks: one further down would say that it went."""
    match entry.payload:
        case CaseFate(status=ReceiptStatus.DROPPED):
            return Priority.FAILURE
        case _:
            return entry.priority


def _method(payload: object) -> str | None:
    """The call that showing it begins with, if that is certain."""
    match payload:
        case CaseCard() | CaseEdit() | CaseDelete():
            return None  # they read first
        case CaseLine(line=line):
            standing = place_of(line.message_id)
            return None if standing and line.author is Author.AGENT else POST
        case CaseFate(status=ReceiptStatus.FAILED | ReceiptStatus.UNCHANGED):
            return POST  # the mark comes after it, and must not use room of long ago
        case CaseFate():
            return REACT
        case CaseAlert():
            return POST
        case _:
            return None
