"""From outbox entries to Slack: each payload to who shows it, in the conversation's thread."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence

from slack_sdk.web.async_client import AsyncWebClient

from bot.desk.slack.admission import SAID_BELOW, Admission
from bot.desk.slack.alerts import Alerts
from bot.desk.slack.budget import Budget
from bot.desk.slack.calls import Calls
from bot.desk.slack.client import PLACE_GONE, ROOT_GONE
from bot.desk.slack.context import DeskTeam
from bot.desk.slack.fates import Fates
from bot.desk.slack.heads import Heads
from bot.desk.slack.lateness import Lateness
from bot.desk.slack.names import DESTINATION
from bot.desk.slack.places import Places
from bot.desk.slack.posting import Job, Surroundings
from bot.desk.slack.prompts import Prompts
from bot.desk.slack.talk import Talk
from bot.desk.slack.uploads import Uploads
from bot.domain.errors import DeliveryDelayed, DeliveryFailed, DeliveryRefused, StoreUnavailable
from bot.domain.outgoing import (
    CaseAlert,
    CaseCard,
    CaseDelete,
    CaseEdit,
    CaseFate,
    CaseFile,
    CaseHeld,
    CaseLine,
    CaseRefused,
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
REMEMBERED = 2_000
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
        self._alerts = Alerts(self._around)
        self._lateness = Lateness(self._around, lag_seconds, self._calls)
        self._admission = Admission(
            self._around, self._budget, self._places, self._fates, self._lateness.seen
        )
        self._waiting: OrderedDict[str, float] = OrderedDict()

    # --- what goes when, and with what -------------------------------------------------------

    def lane(self, entry: Outgoing) -> Hashable:
        """What is kept in order."""
        return self._admission.lane(entry)

    async def admit(self, entry: Outgoing) -> None:
        """Wait for room for the entry's main call."""
        await self._admission.admit(entry)

    def joins(self, ahead: Sequence[Outgoing], entry: Outgoing) -> bool:
        """Whether an entry goes with those ahead of it."""
        return self._admission.joins(ahead, entry)

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
        admitted = self._admission.taken(first)
        calls = self._calls(first.priority, admitted)
        job = Job(
            entry=first,
            conversation=first.conversation,
            calls=calls,
            doubtful=doubtful,
            said_below=admitted == SAID_BELOW,
        )
        try:
            shown = await self._deliver(job, entries)
        except StoreUnavailable as error:
            raise DeliveryFailed("store_unavailable", doubtful=True) from error
        except DeliveryFailed as failure:  # a doubt about an earlier attempt stays
            raise DeliveryFailed(failure.reason, doubtful=failure.doubtful or doubtful) from failure
        except DeliveryRefused:
            self._admission.done(entries)
            raise
        self._admission.done(entries)
        return [Delivered(platform_id=one) for one in shown]

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
        while len(self._waiting) > REMEMBERED:
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
