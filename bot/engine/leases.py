"""Doing something only while holding a lease."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

from bot.domain.errors import Fenced, StoreUnavailable
from bot.ports.store import Lease, LeaseStore

log = structlog.get_logger(__name__)

Body = Callable[[Lease, asyncio.Event], Awaitable[None]]
"""Runs until the event it is given is set: told to stop, or the lease is lost."""


class Singleton:
    """Runs a body in one process at a time, however many try.

    Args:
        leases: where the lease is.
        name: the lease's name.
        owner: this process, unlike any other.
        ttl: seconds after which a silent holder is replaced.
    """

    def __init__(self, leases: LeaseStore, name: str, owner: str, ttl: float) -> None:
        self._leases = leases
        self._name = name
        self._owner = owner
        self._ttl = ttl

    async def run(self, stop: asyncio.Event, body: Body) -> None:
        """Take the lease whenever it is free, run the body while it is ours, until ``stop``."""
        while not stop.is_set():
            lease = await self._acquired()
            if lease is None:
                await pause(stop, self._ttl / 3)
                continue
            log.info("lease.taken", lease=self._name, token=lease.token)
            await self._hold(lease, stop, body)

    async def _acquired(self) -> Lease | None:
        try:
            return await self._leases.acquire(self._name, self._owner, self._ttl)
        except StoreUnavailable as error:
            log.warning("lease.store_unavailable", lease=self._name, error=str(error))
            return None

    async def _hold(self, lease: Lease, stop: asyncio.Event, body: Body) -> None:
        ended = asyncio.Event()
        work = asyncio.ensure_future(body(lease, ended))
        keep = asyncio.create_task(self._keep(lease, ended))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((work, keep, stopping), return_when=asyncio.FIRST_COMPLETED)
            ended.set()
            await _end_of(work)
            if keep.done():
                keep.result()
        except (Fenced, StoreUnavailable) as error:
            log.warning("lease.interrupted", lease=self._name, error=str(error))
            await pause(stop, 0.2)
        finally:
            for task in (work, keep, stopping):
                task.cancel()
            await asyncio.gather(work, keep, stopping, return_exceptions=True)
            with contextlib.suppress(StoreUnavailable):
                await self._leases.release(lease)

    async def _keep(self, lease: Lease, ended: asyncio.Event) -> None:
        """Renew until the lease is lost. A store that cannot be asked is asked again: if the
        lease ends meanwhile, the fence keeps this process from doing harm."""
        while not ended.is_set():
            await pause(ended, self._ttl / 3)
            try:
                if not await self._leases.renew(lease, self._ttl):
                    log.warning("lease.lost", lease=self._name, token=lease.token)
                    return
            except StoreUnavailable as error:
                log.warning("lease.store_unavailable", lease=self._name, error=str(error))


async def _end_of(work: asyncio.Future[None]) -> None:
    """Wait for it. A cancellation nobody asked us for is a failure of the body like any other."""
    await asyncio.wait((work,))
    if work.cancelled():
        raise RuntimeError("cancelled from within")
    work.result()


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Sleep, but wake at once when told to stop."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
