"""Sends what is in the outbox of one destination, at least once, in order within a chat.

One process at a time holds a destination's lease, so its limits are everybody's. An entry is
marked before the call and removed after it, so whoever comes next knows what is in doubt.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from bot.domain.deadletter import DeadLetter, DeadLetterKind
from bot.domain.errors import DeliveryDelayed, DeliveryFailed, DeliveryRefused, StoreUnavailable
from bot.domain.events import Event, Hushed, MediaFailed, Receipt, ReceiptStatus
from bot.domain.facts import ErrorLogged, Fact, FactBody, ReceiptLogged
from bot.domain.ids import derived_id
from bot.domain.outgoing import DeleteOut, EditOut, Hush, MediaFetch, MessageOut, Outgoing
from bot.engine.leases import Singleton, pause
from bot.engine.pacing import Gate
from bot.observability import metrics
from bot.ports.clock import Clock, SystemClock
from bot.ports.delivery import Delivered, Deliverer, JoiningDeliverer
from bot.ports.store import Entry, Lease, LeaseStore, OutboxStore, SendAdvice, SendPermit, sender_lease

log = structlog.get_logger(__name__)

T = TypeVar("T")

READ_COUNT = 64
READ_BLOCK = 0.5
STORE_PAUSE = 0.2
UNSENT = 1000
"""Messages taken back in time that are remembered, so that later changes of them are not tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderRules:
    """What the operator may set. Times in seconds."""

    lease_ttl: float = 5.0
    attempts: int = 10
    first_pause: float = 0.5
    longest_pause: float = 60.0
    drain: float = 5.0


@dataclass(slots=True)
class _Lane:
    """Entries that wait to be sent, one after the other: those of one chat, or as the deliverer says."""

    waiting: deque[Entry[Outgoing]] = field(default_factory=deque)
    next_at: float = 0.0
    calling: bool = False
    in_doubt: bool = False
    task: asyncio.Task[None] | None = None


@dataclass(frozen=True, slots=True)
class _Begun:
    """An entry marked as being sent."""

    entry: Entry[Outgoing]
    out: Outgoing
    permit: SendPermit

    @property
    def in_doubt(self) -> bool:
        return self.permit.advice is SendAdvice.DOUBT

    def doubted(self) -> _Begun:
        return replace(self, permit=replace(self.permit, advice=SendAdvice.DOUBT))


class Sender:
    """Serves one destination."""

    def __init__(
        self,
        store: OutboxStore,
        leases: LeaseStore,
        deliverer: Deliverer,
        owner: str,
        rules: SenderRules | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._store = store
        self._deliverer = deliverer
        self._destination = deliverer.destination
        self._rules = rules or SenderRules()
        self._clock = clock or SystemClock()
        self._singleton = Singleton(leases, sender_lease(self._destination), owner, self._rules.lease_ttl)

    async def run(self, stop: asyncio.Event) -> None:
        """Send, whenever the destination's lease is ours, until told to stop."""
        await self._singleton.run(stop, self._serve)

    async def _serve(self, lease: Lease, ended: asyncio.Event) -> None:
        await self._store.raise_fence(self._destination, lease)
        session = _Session(self._store, self._deliverer, lease, self._rules, self._clock)
        await session.run(ended)


class _Session:
    """What a sender does under one lease."""

    def __init__(
        self, store: OutboxStore, deliverer: Deliverer, lease: Lease, rules: SenderRules, clock: Clock
    ) -> None:
        self._store = store
        self._deliverer = deliverer
        self._destination = deliverer.destination
        self._lease = lease
        self._rules = rules
        self._clock = clock
        self._time = asyncio.get_running_loop().time
        self._gate = Gate(deliverer.pacing.overall, self._time)
        self._joining = deliverer if isinstance(deliverer, JoiningDeliverer) else None
        self._lanes: dict[Hashable, _Lane] = {}
        self._deferred: dict[str, datetime] = {}
        self._unsent: deque[str] = deque(maxlen=UNSENT)
        self._draining = False
        self._failure: BaseException | None = None

    async def run(self, ended: asyncio.Event) -> None:
        cursors = dict.fromkeys(range(self._store.shards), "0")
        catching_up = True
        try:
            while not ended.is_set() and self._failure is None:
                entries = await self._read(cursors, ended)
                if entries is None:
                    continue
                if catching_up and entries:
                    self._deferred.update(await self._store.deferred(self._destination, entries))
                catching_up = catching_up and bool(entries)
                for entry in entries:
                    cursors[entry.shard] = entry.id
                    await self._queue(entry)
            if self._failure is None:
                await self._drain()
            if self._failure is not None:
                raise self._failure
        finally:
            for lane in self._lanes.values():
                if lane.task:
                    lane.task.cancel()

    async def _read(self, cursors: dict[int, str], ended: asyncio.Event) -> list[Entry[Outgoing]] | None:
        """What comes next; None when the store cannot tell."""
        try:
            return await self._store.read_outgoing(
                self._destination, cursors, count=READ_COUNT, block=READ_BLOCK
            )
        except StoreUnavailable as error:
            log.warning("sender.store_unavailable", destination=self._destination, error=str(error))
            await pause(ended, STORE_PAUSE)
            return None

    async def _drain(self) -> None:
        """Let the calls under way end; what has not begun is the next sender's."""
        self._draining = True
        for lane in self._lanes.values():
            lane.waiting.clear()
            if lane.task and not lane.calling:
                lane.task.cancel()
        under_way = [lane.task for lane in self._lanes.values() if lane.task]
        if under_way:
            await asyncio.wait(under_way, timeout=self._rules.drain)

    # --- lanes -----------------------------------------------------------------------------

    async def _queue(self, entry: Entry[Outgoing]) -> None:
        if entry.value is None:
            await self._finish(entry, letter=self._letter(entry, "not_understandable"))
            return
        key = self._joining.lane(entry.value) if self._joining else entry.value.chat
        lane = self._lanes.setdefault(key, _Lane())
        lane.waiting.append(entry)
        if lane.task is None:
            lane.task = asyncio.create_task(self._serve(lane, key))
            lane.task.add_done_callback(self._report)

    async def _serve(self, lane: _Lane, key: Hashable) -> None:
        try:
            while lane.waiting or self._keeps_pace(lane):
                if lane.waiting:
                    await self._send(lane, lane.waiting.popleft())
                else:  # for whoever comes right after
                    await asyncio.sleep(lane.next_at - self._time())
        finally:
            if self._lanes.get(key) is lane:
                del self._lanes[key]

    def _keeps_pace(self, lane: _Lane) -> bool:
        return lane.next_at > self._time() and not self._draining

    def _report(self, task: asyncio.Task[None]) -> None:
        """A lane never ends before its entries but by a lost lease or a bug: then the session ends
        too, and whoever comes next reads them again."""
        if task.cancelled():
            error: BaseException | None = None if self._draining else RuntimeError("cancelled from within")
        else:
            error = task.exception()
        self._failure = self._failure or error

    # --- one entry, or several that go together ----------------------------------------------

    async def _send(self, lane: _Lane, entry: Entry[Outgoing]) -> None:
        out = entry.value
        if out is None:
            return
        if isinstance(out.payload, Hush):
            await self._finish(entry, events=(self._hushed(out),))
            return
        if self._changes_nothing(out):
            await self._finish(entry)
            return
        await self._wait_until(self._deferred.pop(f"{entry.shard}/{entry.id}", out.not_before))
        together = [(entry, out)]
        while True:
            await asyncio.sleep(max(0.0, lane.next_at - self._time()))
            await self._enter(out)
            lane.calling = True
            if not lane.in_doubt:  # what may have been sent together stays what it was
                together += self._joined(lane, [out for _entry, out in together])
            again_in = await self._try(lane, together)
            lane.calling = False
            if again_in is None or self._draining:
                return
            await asyncio.sleep(again_in)

    def _changes_nothing(self, out: Outgoing) -> bool:
        """Whether it changes, or takes back, what was taken back before it left."""
        return isinstance(out.payload, EditOut | DeleteOut) and out.payload.message_id in self._unsent

    async def _enter(self, out: Outgoing) -> None:
        await self._gate.enter(out.priority)
        if self._joining is not None:
            await self._joining.admit(out)

    def _joined(self, lane: _Lane, ahead: list[Outgoing]) -> list[tuple[Entry[Outgoing], Outgoing]]:
        """What waits right behind and can go along."""
        joined: list[tuple[Entry[Outgoing], Outgoing]] = []
        while self._joining is not None and lane.waiting:
            entry = lane.waiting[0]
            known = f"{entry.shard}/{entry.id}" in self._deferred
            if entry.value is None or known or entry.value.not_before is not None:
                break
            if isinstance(entry.value.payload, Hush):
                break
            if not self._joining.joins([*ahead, *(out for _entry, out in joined)], entry.value):
                break
            joined.append((lane.waiting.popleft(), entry.value))
        return joined

    async def _try(self, lane: _Lane, together: list[tuple[Entry[Outgoing], Outgoing]]) -> float | None:
        """One attempt; the seconds until the next, or None when all are done with."""
        begun: list[_Begun] = []
        for entry, out in together:
            permit = await self._begin(entry)
            if permit.advice is SendAdvice.OBSOLETE:
                if isinstance(out.payload, MessageOut):
                    self._unsent.append(out.payload.message_id)
                await self._done(entry, out, permit, ReceiptStatus.DROPPED)
            else:
                begun.append(_Begun(entry, out, permit))
        lane.in_doubt = False
        if not begun:
            return None
        again_in = await self._attempt(begun)
        together[:] = [(one.entry, one.out) for one in begun]
        lane.in_doubt = again_in is not None and any(one.in_doubt for one in begun)
        per_chat = self._deliverer.pacing.per_chat
        lane.next_at = self._time() + (1.0 / per_chat if per_chat else 0.0)
        return again_in

    async def _attempt(self, begun: list[_Begun]) -> float | None:
        """Make the call; the seconds until the next attempt, or None when the entries are done with, one
        way or the other."""
        started = self._time()
        try:
            delivered = await self._deliver(begun)
        except DeliveryDelayed as delay:
            metrics.sends.labels(destination=self._destination, outcome="delayed").inc()
            if delay.everyone:
                self._gate.close_for(delay.retry_after)
            for one in begun:
                await self._defer(one.entry, delay.retry_after, doubtful=one.in_doubt, counted=False)
            return delay.retry_after
        except DeliveryFailed as failure:
            return await self._again(begun, failure)
        except DeliveryRefused as refusal:
            for one in begun:
                await self._failed(one, refusal.reason)
            return None
        metrics.send_seconds.labels(destination=self._destination).observe(self._time() - started)
        for one, made in zip(begun, delivered, strict=True):
            status = ReceiptStatus.MAYBE_DUPLICATE if made.maybe_duplicate else ReceiptStatus.DELIVERED
            await self._done(one.entry, one.out, one.permit, status, made)
        return None

    async def _deliver(self, begun: list[_Begun]) -> Sequence[Delivered]:
        doubtful = any(one.in_doubt for one in begun)
        if self._joining is None or len(begun) == 1:
            return [await self._deliverer.deliver(begun[0].out, doubtful=doubtful)]
        return await self._joining.deliver_joined([one.out for one in begun], doubtful=doubtful)

    async def _again(self, begun: list[_Begun], failure: DeliveryFailed) -> float | None:
        """It failed: those that have attempts left are tried again, all after the same pause."""
        left = [one for one in begun if one.permit.attempts < self._rules.attempts]
        for one in begun:
            if one not in left:
                await self._failed(one, failure.reason)
        if not left:
            return None
        metrics.sends.labels(destination=self._destination, outcome="retried").inc()
        pause_for = self._pause_after(max(one.permit.attempts for one in left))
        for one in left:
            await self._defer(one.entry, pause_for, doubtful=failure.doubtful or one.in_doubt)
        begun[:] = [one.doubted() for one in left] if failure.doubtful else left
        return pause_for

    async def _done(
        self,
        entry: Entry[Outgoing],
        out: Outgoing,
        permit: SendPermit,
        status: ReceiptStatus,
        delivered: Delivered | None = None,
        detail: str = "",
        letter: DeadLetter | None = None,
    ) -> None:
        metrics.sends.labels(destination=self._destination, outcome=status.value).inc()
        facts: tuple[Fact, ...] = ()
        events: tuple[Event, ...] = ()
        if isinstance(out.payload, EditOut | DeleteOut) and status is ReceiptStatus.FAILED:
            facts = (self._fact(out, ErrorLogged(where=self._destination, error="refused", detail=detail)),)
            if out.receipt:
                unchanged = ReceiptStatus.UNCHANGED
                events = (self._receipt(out, out.payload.message_id, unchanged, None, detail, None),)
        elif isinstance(out.payload, MessageOut):
            platform_id = delivered.platform_id if delivered else None
            body = ReceiptLogged(
                message_id=out.payload.message_id,
                destination=self._destination,
                status=status,
                attempts=max(1, permit.attempts),
                platform_id=platform_id,
                detail=detail,
            )
            facts = (self._fact(out, body),)
            if out.receipt:
                events = (self._receipt(out, out.payload.message_id, status, platform_id, detail, letter),)
        elif letter is not None:
            facts = (self._fact(out, ErrorLogged(where=self._destination, error="refused", detail=detail)),)
            events = self._no_file(out, detail)
        await self._finish(entry, facts=facts, events=events, letter=letter)

    async def _failed(self, one: _Begun, reason: str) -> None:
        log.error("send.failed", destination=self._destination, entry=one.out.id, reason=reason)
        # A change that the platform refuses is told to whoever made it; there is nothing to send again.
        is_change = isinstance(one.out.payload, EditOut | DeleteOut) and one.out.receipt
        letter = None if is_change else self._letter(one.entry, reason)
        await self._done(one.entry, one.out, one.permit, ReceiptStatus.FAILED, detail=reason, letter=letter)

    # --- the store -------------------------------------------------------------------------

    async def _begin(self, entry: Entry[Outgoing]) -> SendPermit:
        return await self._insist(lambda: self._store.begin_send(self._lease, entry))

    async def _defer(
        self, entry: Entry[Outgoing], seconds: float, *, doubtful: bool, counted: bool = True
    ) -> float:
        until = self._clock.now() + timedelta(seconds=seconds)
        await self._insist(
            lambda: self._store.defer_send(self._lease, entry, until, doubtful=doubtful, counted=counted)
        )
        return seconds

    async def _finish(
        self,
        entry: Entry[Outgoing],
        *,
        facts: tuple[Fact, ...] = (),
        events: tuple[Event, ...] = (),
        letter: DeadLetter | None = None,
    ) -> None:
        if letter is not None:
            metrics.parked.labels(kind="outgoing").inc()
        await self._insist(
            lambda: self._store.finish_send(self._lease, entry, facts=facts, events=events, letter=letter)
        )

    async def _insist(self, call: Callable[[], Awaitable[T]]) -> T:
        """Every write of a sender may be repeated: ask until the store answers."""
        while True:
            try:
                return await call()
            except StoreUnavailable as error:
                log.warning("sender.store_unavailable", destination=self._destination, error=str(error))
                await asyncio.sleep(STORE_PAUSE)

    async def _wait_until(self, moment: datetime | None) -> None:
        if moment is not None:
            await asyncio.sleep(max(0.0, (moment - self._clock.now()).total_seconds()))

    # --- what is written -------------------------------------------------------------------

    def _pause_after(self, attempts: int) -> float:
        longest = min(self._rules.longest_pause, self._rules.first_pause * 2.0 ** (attempts - 1))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 (spreading retries needs no secrecy)

    def _fact(self, out: Outgoing, body: FactBody) -> Fact:
        return Fact(
            id=derived_id("l", out.id, self._destination),
            at=self._clock.now(),
            chat=out.chat,
            conversation=out.conversation,
            body=body,
        )

    def _receipt(
        self,
        out: Outgoing,
        message_id: str,
        status: ReceiptStatus,
        platform_id: str | None,
        detail: str,
        letter: DeadLetter | None,
    ) -> Receipt:
        return Receipt(
            id=f"receipt:{out.id}",
            chat=out.chat,
            at=self._clock.now(),
            message_id=message_id,
            status=status,
            platform_id=platform_id,
            detail=detail,
            letter=letter.id if letter else "",
        )

    def _no_file(self, out: Outgoing, reason: str) -> tuple[Event, ...]:
        """A file that could not be fetched is told to its chat: somebody waits for it."""
        if not isinstance(out.payload, MediaFetch):
            return ()
        fetch = out.payload
        failed = MediaFailed(
            id=f"unfetched:{out.id}", chat=out.chat, at=self._clock.now(), message_id=fetch.message_id,
            attachment=fetch.attachment, reason=reason,
        )  # fmt: skip
        return (failed,)

    def _hushed(self, out: Outgoing) -> Hushed:
        return Hushed(id=f"hushed:{out.id}", chat=out.chat, at=self._clock.now(), epoch=out.epoch)

    def _letter(self, entry: Entry[Outgoing], error: str) -> DeadLetter:
        return DeadLetter(
            id=derived_id("d", self._destination, entry.shard, entry.id),
            kind=DeadLetterKind.OUTGOING,
            at=self._clock.now(),
            source=self._destination,
            chat=str(entry.value.chat) if entry.value else None,
            error=error,
            payload=entry.raw,
        )
