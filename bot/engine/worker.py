"""Takes events from its shards and runs turns: one chat strictly in order, many chats at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from bot.domain.deadletter import DeadLetter, DeadLetterKind
from bot.domain.errors import Fenced, StoreUnavailable
from bot.domain.events import Event
from bot.domain.facts import ErrorLogged, Fact
from bot.domain.ids import derived_id
from bot.engine.leases import pause
from bot.engine.shards import HeldShard, Lane, ShardHolder
from bot.engine.turn import Result, TurnRunner
from bot.observability import metrics
from bot.ports.clock import Clock, SystemClock
from bot.ports.store import Commit, CommitResult, Entry, Loaded, TurnStore

log = structlog.get_logger(__name__)

READ_COUNT = 64
READ_BLOCK = 0.5
RETRY_PAUSES = (0.2, 1.0)
"""Seconds before a failed turn is run again; after the last one the customer is told."""
STORE_PAUSE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRules:
    """What the operator may set. Times in seconds."""

    lease_ttl: float = 5.0
    concurrency: int = 256
    drain: float = 10.0


class Worker:
    """Runs the turns of the shards it holds."""

    def __init__(
        self,
        store: TurnStore,
        runner: TurnRunner,
        owner: str,
        rules: WorkerRules | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._store = store
        self._runner = runner
        self._rules = rules or WorkerRules()
        self._clock = clock or SystemClock()
        self._holder = ShardHolder(store, owner, self._rules.lease_ttl)
        self._slots = asyncio.Semaphore(self._rules.concurrency)
        self._broken: asyncio.Future[None] | None = None

    @property
    def holds(self) -> int:
        """How many shards are held."""
        return len(self._holder.held)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop, then finish what is under way and give the shards up."""
        self._broken = asyncio.get_running_loop().create_future()
        tasks = [asyncio.create_task(self._keep_shards(stop)), asyncio.create_task(self._read(stop))]
        try:
            await asyncio.wait([*tasks, self._broken], return_when=asyncio.FIRST_COMPLETED)
            for done in [*tasks, self._broken]:
                if done.done() and not done.cancelled():
                    done.result()
            await asyncio.gather(*tasks)
            await self._drain()
            if self._broken.done():
                self._broken.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for shard in list(self._holder.held.values()):
                self._holder.drop(shard)
            self._broken.cancel()

    # --- shards ----------------------------------------------------------------------------

    async def _keep_shards(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self._holder.balance()
            except StoreUnavailable as error:
                log.warning("worker.store_unavailable", error=str(error))
            metrics.shards_held.set(self.holds)
            await pause(stop, self._rules.lease_ttl / 4)

    async def _read(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            shards = {number: shard for number, shard in self._holder.held.items() if not shard.draining}
            cursors = {number: shard.cursor for number, shard in shards.items()}
            try:
                entries = await self._store.read_events(
                    cursors, count=READ_COUNT, block=READ_BLOCK if cursors else 0.05
                )
            except StoreUnavailable as error:
                log.warning("worker.store_unavailable", error=str(error))
                await pause(stop, STORE_PAUSE)
                continue
            for entry in entries:
                shard = self._holder.held.get(entry.shard)
                if shard is not None and shard is shards[entry.shard]:
                    shard.cursor = entry.id
                    await self._queue(shard, entry)

    async def _drain(self) -> None:
        lanes = [
            lane.task for shard in self._holder.held.values() for lane in shard.lanes.values() if lane.task
        ]
        if lanes:
            await asyncio.wait(lanes, timeout=self._rules.drain)
        try:
            await self._holder.release_all()
        except StoreUnavailable as error:
            log.warning("worker.not_released", error=str(error))

    # --- lanes -----------------------------------------------------------------------------

    async def _queue(self, shard: HeldShard, entry: Entry[Event]) -> None:
        if entry.value is None:
            await self._park_unreadable(shard, entry)
            return
        lane = shard.lanes.setdefault(entry.value.chat, Lane())
        lane.waiting.append(entry)
        if lane.task is None:
            lane.task = asyncio.create_task(self._serve(shard, lane, entry.value))
            lane.task.add_done_callback(self._report)

    async def _park_unreadable(self, shard: HeldShard, entry: Entry[Event]) -> None:
        try:
            await self._park(shard, entry, "not_understandable")
        except Fenced:
            log.warning("shard.fenced", shard=shard.number)
            self._holder.drop(shard)

    async def _serve(self, shard: HeldShard, lane: Lane, first: Event) -> None:
        try:
            while lane.waiting:
                async with self._slots:
                    await self._handle(shard, lane.waiting.popleft())
        except Fenced:
            log.warning("shard.fenced", shard=shard.number)
            self._holder.drop(shard)
        finally:
            shard.lanes.pop(first.chat, None)

    def _report(self, task: asyncio.Task[None]) -> None:
        """A lane never fails but by a bug: then the worker stops, loudly, and is restarted."""
        if not task.cancelled() and (error := task.exception()) and self._broken and not self._broken.done():
            self._broken.set_exception(error)

    # --- one event -------------------------------------------------------------------------

    async def _handle(self, shard: HeldShard, entry: Entry[Event]) -> None:
        if entry.value is None:
            return
        for attempt, wait in enumerate((*RETRY_PAUSES, None)):
            try:
                await self._turn(shard, entry, entry.value)
            except (Fenced, asyncio.CancelledError):
                raise
            except Exception as error:
                # A bug in a handler must not stop the others, nor be forgotten: it is tried
                # again, then told to the customer, and parked if even that fails.
                log.exception("turn.failed", event_id=entry.value.id, attempt=attempt)
                metrics.turn_failures.inc()
                if wait is None:
                    await self._apologise(shard, entry, entry.value, error)
                    return
                await asyncio.sleep(wait)
            else:
                return

    async def _turn(self, shard: HeldShard, entry: Entry[Event], event: Event) -> None:
        while True:
            loaded = await self._loaded(shard, event)
            result = await self._decided(event, loaded)
            if await self._commit(shard, entry, event, loaded, result):
                return

    async def _decided(self, event: Event, loaded: Loaded, *, failed: bool = False) -> Result:
        try:
            return await self._runner.run(event, loaded.chat, failed=failed)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Nobody stops us: something the handler waited for was cancelled. A failure like any other.
            raise RuntimeError("cancelled from within") from error

    async def _apologise(self, shard: HeldShard, entry: Entry[Event], event: Event, cause: Exception) -> None:
        try:
            loaded = await self._loaded(shard, event)
            result = await self._decided(event, loaded, failed=True)
            fact = self._error_fact(event, result, cause)
            with_fact = Result(
                chat=result.chat,
                outgoing=result.outgoing,
                facts=(*result.facts, fact),
                timers=result.timers,
            )
            if await self._commit(shard, entry, event, loaded, with_fact):
                return
        except (Fenced, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("turn.given_up", event_id=event.id)
        await self._park(shard, entry, type(cause).__name__)

    async def _loaded(self, shard: HeldShard, event: Event) -> Loaded:
        known = shard.chats.get(event.chat)
        while known is None:
            try:
                known = await self._store.load(event.chat)
            except StoreUnavailable as error:
                log.warning("worker.store_unavailable", error=str(error))
                await asyncio.sleep(STORE_PAUSE)
        return known

    async def _commit(
        self, shard: HeldShard, entry: Entry[Event], event: Event, loaded: Loaded, result: Result
    ) -> bool:
        """Commit until it is known to be done; False when the turn must be run again."""
        commit = Commit(
            shard=shard.number,
            entry_id=entry.id,
            event_id=event.id,
            chat=result.chat,
            version=loaded.version,
            outgoing=result.outgoing,
            facts=result.facts,
            timers=result.timers,
        )
        while True:
            try:
                outcome = await self._store.commit(shard.lease, commit)
                break
            except StoreUnavailable as error:
                log.warning("worker.store_unavailable", error=str(error))
                await asyncio.sleep(STORE_PAUSE)
        if outcome in (CommitResult.DONE, CommitResult.ALREADY):
            shard.remember(event.chat, Loaded(result.chat, loaded.version + 1))
            return True
        shard.chats.pop(event.chat, None)
        return outcome is CommitResult.GONE

    async def _park(self, shard: HeldShard, entry: Entry[Event], error: str) -> None:
        event = entry.value
        letter = DeadLetter(
            id=derived_id("d", shard.number, entry.id),
            kind=DeadLetterKind.EVENT,
            at=self._clock.now(),
            source=event.chat.destination if event else f"shard {shard.number}",
            chat=str(event.chat) if event else None,
            error=error,
            payload=entry.raw,
        )
        while True:
            try:
                await self._store.park_event(shard.lease, entry, letter)
            except StoreUnavailable as failure:
                log.warning("worker.store_unavailable", error=str(failure))
                await asyncio.sleep(STORE_PAUSE)
            else:
                metrics.parked.labels(kind="event").inc()
                return

    def _error_fact(self, event: Event, result: Result, cause: Exception) -> Fact:
        conversation = result.chat.conversation
        return Fact(
            id=derived_id("l", event.id, "error"),
            at=event.at,
            chat=event.chat,
            conversation=conversation.id if conversation else None,
            body=ErrorLogged(where="turn", error=type(cause).__name__),
        )
