"""From outbox entries to Slack: which go together, in which order, and where.

A conversation's lines, alerts, questions and files are one lane, in order. Its card is another, and what
became of each reply a third: they may lag behind what customers say.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence

from slack_sdk.web.async_client import AsyncWebClient

from bot.desk.slack.alerts import Alerts
from bot.desk.slack.budget import POST, Budget
from bot.desk.slack.client import PLACE_GONE, ROOT_GONE, Calls
from bot.desk.slack.context import DeskTeam
from bot.desk.slack.fates import Fates
from bot.desk.slack.heads import Heads
from bot.desk.slack.lateness import Lateness
from bot.desk.slack.lines import may_join
from bot.desk.slack.names import DESTINATION, place_of
from bot.desk.slack.places import Places
from bot.desk.slack.posting import Job, Surroundings
from bot.desk.slack.prompts import Prompts
from bot.desk.slack.talk import Talk
from bot.desk.slack.ticks import REACT, Ticks, is_tick
from bot.desk.slack.uploads import Uploads
from bot.domain.errors import DeliveryDelayed, DeliveryFailed, DeliveryRefused, StoreUnavailable
from bot.domain.events import ReceiptStatus
from bot.domain.message import Author
from bot.domain.outgoing import (
    Alert,
    CaseAlert,
    CaseCard,
    CaseDelete,
    CaseEdit,
    CaseFate,
    CaseFile,
    CaseHeld,
    CaseLine,
    CaseRefused,
    CaseState,
    CaseUnheld,
    DeskPayload,
    Outgoing,
    Priority,
)
from bot.ports.board import Board
from bot.ports.clock import Clock, SystemClock
from bot.ports.delivery import Delivered, Pacing
from bot.ports.knowledge import Knowledge
from bot.ports.media import MediaStore
from bot.ports.roster import Roster
from bot.ports.threads import Thread, Threads

SOON = 0.3
"""Seconds until a line whose thread is not open yet is tried again."""
PATIENCE = 10.0
"""Seconds after which a line no longer waits for its card: it opens the thread from the board's."""
LOST = 600.0
"""Seconds after which a line of which no card is known anywhere is given up."""
HUSH_SECONDS = 0.4
"""A claim is nearly always certain by then: one change of the card tells it, of the fifty a minute that
Slack takes, instead of two."""
ADMITTED = 2_000
_SAID_BELOW = ("", "")
"""What a tick is admitted to when one further down the thread says as much."""
_MOVES = 3

_NO_THREAD_NO_NEWS = (CaseFate, CaseEdit, CaseDelete, CaseUnheld, CaseFile)
"""News of what is not shown: nothing to do."""


class SlackDeliverer:
    """Delivers ``desk:slack``: a ``JoiningDeliverer``.

    Args:
        client: from :func:`~bot.desk.slack.client.make_client`.
        threads: which conversation is which thread.
        board: cases as our own desk keeps them: read when a thread is lost, or its card late.
        media: where files are.
        knowledge: where suggested answers come from.
        roster: who is there to be called.
        teams: by name; ``default_team`` takes what no other can.
        admins: Slack ids of those who are told when a channel is lost.
        undo_seconds: how long a reply can be taken back; 0 for not at all.
        lag_seconds: from when on staff are told that messages are late.
        clock: the time of day.
        budget: Slack's limits; the published ones unless told.
    """

    pacing = Pacing()
    destination = DESTINATION

    def __init__(
        self,
        client: AsyncWebClient,
        *,
        threads: Threads,
        board: Board,
        media: MediaStore,
        knowledge: Knowledge,
        roster: Roster,
        teams: Mapping[str, DeskTeam],
        default_team: str,
        admins: Sequence[str] = (),
        undo_seconds: float = 3.0,
        lag_seconds: float = 60.0,
        clock: Clock | None = None,
        budget: Budget | None = None,
    ) -> None:
        self._client = client
        self._budget = budget or Budget()
        self._around = Surroundings(
            threads=threads,
            board=board,
            media=media,
            knowledge=knowledge,
            roster=roster,
            clock=clock or SystemClock(),
            teams=teams,
            default_team=default_team,
            admins=tuple(admins),
            undo_seconds=undo_seconds,
        )
        self._places = Places(self._around)
        self._prompts = Prompts(self._around)
        self._uploads = Uploads(self._around)
        self._talk = Talk(self._around, self._uploads, self._prompts)
        self._heads = Heads(self._around, self._places)
        self._fates = Fates(self._around)
        self._ticks = Ticks(self._budget)
        self._alerts = Alerts(self._around)
        self._lateness = Lateness(self._around, lag_seconds, self._calls)
        self._admitted: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self._waiting: OrderedDict[str, float] = OrderedDict()

    # --- what goes when, and with what -------------------------------------------------------

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
            self._lateness.seen(entry)

    async def _admit_tick(self, entry: Outgoing, fate: CaseFate) -> None:
        thread = await self._around.threads.of(entry.conversation) if entry.conversation else None
        target = await self._fates.target(thread, fate.message_id) if thread else None
        if target is not None:
            is_shown = await self._ticks.enter(entry, fate, target)
            self._let_in(entry, (REACT, target[0]) if is_shown else _SAID_BELOW)

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

    # --- delivering ----------------------------------------------------------------------------

    async def deliver(self, entry: Outgoing, *, doubtful: bool) -> Delivered:
        """Show it. What may be there already is looked for first.

        Raises:
            DeliveryDelayed: Slack limits us, refuses the token, or no channel takes the case.
            DeliveryFailed: Slack or a store cannot be reached.
            DeliveryRefused: nothing that Slack shows, or a code of Slack's.
        """
        return (await self.deliver_joined((entry,), doubtful=doubtful))[0]

    async def deliver_joined(self, entries: Sequence[Outgoing], *, doubtful: bool) -> Sequence[Delivered]:
        """Show them: lines as one message, of cards and fates the newest."""
        first = entries[0]
        if first.conversation is None:
            raise DeliveryRefused("no_conversation")
        if not isinstance(first.payload, DeskPayload):
            raise DeliveryRefused(f"not_for_a_desk:{type(first.payload).__name__}")
        admitted = self._admitted.pop(first.id, None)
        calls = self._calls(first.priority, admitted)
        job = Job(
            entry=first,
            conversation=first.conversation,
            calls=calls,
            doubtful=doubtful,
            said_below=admitted == _SAID_BELOW,
        )
        try:
            shown = await self._deliver(job, entries)
        except StoreUnavailable as error:
            raise DeliveryFailed("store_unavailable", doubtful=True) from error
        except DeliveryFailed as failure:  # a doubt about an earlier attempt stays
            raise DeliveryFailed(failure.reason, doubtful=failure.doubtful or doubtful) from failure
        except DeliveryRefused:
            self._are_shown(entries)
            raise
        self._are_shown(entries)
        return [Delivered(platform_id=one) for one in shown]

    def _are_shown(self, entries: Sequence[Outgoing]) -> None:
        for one in entries:
            self._ticks.shown(one)

    def _calls(self, priority: Priority, admitted: tuple[str, str] | None = None) -> Calls:
        return Calls(self._client, self._budget, priority, admitted)

    async def _deliver(self, job: Job, entries: Sequence[Outgoing]) -> Sequence[str | None]:
        payload = job.entry.payload
        if isinstance(payload, CaseCard):
            await self._heads.show(job, entries)
            return [None] * len(entries)
        thread = await self._thread(job)
        if thread is None:
            return [_message_id(one.payload) for one in entries]
        if isinstance(payload, CaseLine):
            await self._in_thread(job, thread, lambda there: self._talk.say(job, there, entries))
        else:
            last = job.of(entries[-1])
            before = [one.payload for one in entries[:-1]]
            await self._in_thread(
                job, thread, lambda there: self._other(last, there, last.entry.payload, before)
            )
        return [_message_id(one.payload) for one in entries]

    async def _other(self, job: Job, thread: Thread, payload: object, before: Sequence[object] = ()) -> None:
        match payload:
            case CaseEdit():
                await self._talk.edit(job, thread, payload)
            case CaseDelete():
                await self._talk.withdraw(job, thread, payload)
            case CaseFate():
                earlier = [one.status for one in before if isinstance(one, CaseFate)]
                await self._fates.show(job, thread, payload, earlier)
            case CaseFile(message_id=message_id, attachment=file, reason=why) if why:
                await self._uploads.unavailable(job, thread, message_id, file, why)
            case CaseFile(message_id=message_id, attachment=file):
                await self._uploads.show(job, thread, message_id, file, from_us=False)
            case CaseHeld():
                await self._prompts.held(job, thread, payload)
            case CaseUnheld():
                await self._prompts.unheld(job, thread, payload)
            case CaseRefused():
                await self._prompts.refused(job, thread, payload)
            case CaseAlert():
                await self._alerts.say(job, thread, payload)

    # --- the thread ----------------------------------------------------------------------------

    async def _thread(self, job: Job) -> Thread | None:
        """The conversation's thread; None when there is none and nothing to say without one."""
        thread = await self._around.threads.of(job.conversation)
        if thread is not None:
            self._waiting.pop(job.conversation, None)
            return thread
        if isinstance(job.entry.payload, _NO_THREAD_NO_NEWS):
            return None
        now = asyncio.get_running_loop().time()
        since = self._waiting.setdefault(job.conversation, now)
        while len(self._waiting) > ADMITTED:
            self._waiting.popitem(last=False)
        if now - since < PATIENCE:
            raise DeliveryDelayed(SOON, everyone=False)
        case = await self._around.board.case(job.conversation)
        if case is None:
            if now - since < LOST:
                raise DeliveryDelayed(SOON, everyone=False)
            raise DeliveryRefused("no_thread")
        return await self._places.open(job, case.card, search=True)

    async def _in_thread(self, job: Job, thread: Thread, show: Callable[[Thread], Awaitable[None]]) -> None:
        """Show it there, or where the thread goes on when that place is lost."""
        for _ in range(_MOVES):
            try:
                await show(thread)
            except DeliveryRefused as refusal:
                if refusal.reason not in PLACE_GONE | ROOT_GONE:
                    raise
                thread = await self._places.move(job, thread, refusal.reason)
            else:
                return
        raise DeliveryFailed("moving")


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


def _message_id(payload: object) -> str | None:
    match payload:
        case CaseLine(line=line):
            return line.message_id
        case CaseEdit(message_id=message_id) | CaseDelete(message_id=message_id):
            return message_id
        case CaseFate(message_id=message_id) | CaseFile(message_id=message_id):
            return message_id
        case _:
            return None
