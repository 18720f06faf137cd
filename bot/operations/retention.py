"""Lets go of what has been kept long enough, once a day, place by place."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

import structlog
from prometheus_client import Counter, Gauge

from bot.domain.errors import GuichetError
from bot.engine.leases import Singleton, pause
from bot.ports.clock import Clock, SystemClock
from bot.ports.store import Lease, LeaseStore

log = structlog.get_logger(__name__)

ERASED = Counter("guichet_retention_erased_total", "Records let go of because of their age", ["place"])
FAILURES = Counter("guichet_retention_failures_total", "Purges that failed", ["place"])
LAST = Gauge("guichet_retention_last_success_timestamp_seconds", "When a place was last purged", ["place"])

EVERY = timedelta(days=1)
RETRY = timedelta(hours=1)
LOOK_SECONDS = 60.0
FIRST_SECONDS = 20.0
"""What the other roles get to come up first: the record's tables are made by the archiver."""

Purge = Callable[[], Awaitable[int]]
"""Removes what is too old; returns how many records went. Safe to repeat, and to interrupt."""


class Retention:
    """Runs purges under the lease ``retention``: at start, then daily; a failed one again in an hour.

    Args:
        purges: by the name of the place, as metrics show it.
        leases: where the lease is.
        owner: this process, unlike any other.
        lease_ttl: seconds after which a silent holder is replaced.
        clock: when a purge is due.
        first_after: seconds before the first purges.
    """

    def __init__(
        self,
        purges: Mapping[str, Purge],
        leases: LeaseStore,
        owner: str,
        *,
        lease_ttl: float = 5.0,
        clock: Clock | None = None,
        first_after: float = FIRST_SECONDS,
    ) -> None:
        self._purges = dict(purges)
        self._clock = clock or SystemClock()
        self._first_after = first_after
        self._due: dict[str, datetime] = {}
        self._singleton = Singleton(leases, "retention", owner, lease_ttl)

    async def run(self, stop: asyncio.Event) -> None:
        """Purge what is due until told to stop. A purge under way is cut off; the next one carries on."""
        await pause(stop, self._first_after)
        await self._singleton.run(stop, self._watch)

    async def purge_due(self) -> dict[str, int]:
        """Purge the places whose time has come; returns how many records went, by place.

        One that fails keeps no other from being purged.
        """
        gone: dict[str, int] = {}
        for name, purge in self._purges.items():
            due = self._due.get(name)
            if due is not None and due > self._clock.now():
                continue
            count = await _purged(name, purge)
            self._due[name] = self._clock.now() + (RETRY if count is None else EVERY)
            if count is not None:
                gone[name] = count
                LAST.labels(name).set(self._clock.now().timestamp())
        return gone

    async def _watch(self, _lease: Lease, ended: asyncio.Event) -> None:
        ending = asyncio.create_task(ended.wait())
        try:
            while not ended.is_set():
                work = asyncio.create_task(self.purge_due())
                await asyncio.wait((work, ending), return_when=asyncio.FIRST_COMPLETED)
                if not work.done():
                    work.cancel()
                await asyncio.gather(work, return_exceptions=True)
                await pause(ended, LOOK_SECONDS)
        finally:
            ending.cancel()


async def _purged(name: str, purge: Purge) -> int | None:
    """How many records went; None when it failed."""
    try:
        count = await purge()
    except GuichetError as error:
        log.warning("retention.failed", place=name, error=type(error).__name__)
    except Exception:
        # A bug in one place must not keep personal data in all the others: it is shown, and counted.
        log.exception("retention.failed", place=name)
    else:
        ERASED.labels(name).inc(count)
        log.info("retention.purged", place=name, count=count)
        return count
    FAILURES.labels(name).inc()
    return None
