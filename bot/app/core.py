"""What every process and every command needs: the live state, and the way in."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bot.channels.web.sessions import Sessions
from bot.engine.inbox import Inbox
from bot.ports.clock import Clock, SystemClock
from bot.ports.roster import Waits
from bot.settings import Settings
from bot.storage.board import RedisBoard
from bot.storage.embedded import running_url
from bot.storage.message_map import RedisMessageMap
from bot.storage.roster import RedisRoster
from bot.storage.state import RedisStore
from bot.storage.threads import RedisThreads
from bot.storage.transcripts import RedisTranscripts


@dataclass(frozen=True, slots=True)
class Core:
    """Opened by :func:`open_core`; ``owner`` names this process in leases, unlike any other. ``detail`` is
    what ``guichet status`` shows of this process beside what it runs."""

    settings: Settings
    store: RedisStore
    inbox: Inbox
    transcripts: RedisTranscripts
    board: RedisBoard
    messages: RedisMessageMap
    threads: RedisThreads
    roster: RedisRoster
    clock: Clock
    owner: str
    detail: dict[str, str] = field(default_factory=dict)

    @property
    def waits(self) -> Waits:
        """How long customers waited lately: every case passes by the board."""
        return self.board

    @property
    def sessions(self) -> Sessions:
        """What signs the web chat's sessions."""
        return Sessions(self.settings.web_secret().encode(), self.settings.web.account)


def redis_url(settings: Settings) -> str:
    """Where the live state is: the operator's Redis, or the embedded server of the data directory.

    Raises:
        StoreUnavailable: no Redis is configured, and Guichet does not run in the data directory.
    """
    return settings.redis_url or running_url(settings.data_dir)


@asynccontextmanager
async def open_core(settings: Settings) -> AsyncIterator[Core]:
    """Connect; hangs up at the end.

    Raises:
        ConfigurationError: the address, the server's version or the shards do not fit.
        StoreUnavailable: nothing answers.
    """
    retention = settings.retention
    store = await RedisStore.open(
        redis_url(settings),
        shards=settings.shards,
        dedupe_days=retention.dedupe,
        keep_days=retention.chats,
    )
    clock = SystemClock()
    try:
        yield Core(
            settings=settings,
            store=store,
            inbox=Inbox(store.inbox, clock),
            transcripts=RedisTranscripts(store.connection, settings.shards, days=retention.transcripts),
            board=RedisBoard(
                store.layout, clock, closed_days=retention.transcripts, live_days=retention.chats
            ),
            messages=RedisMessageMap(store.layout, clock),
            threads=RedisThreads(store.layout, days=retention.chats),
            roster=RedisRoster(store.connection),
            clock=clock,
            owner=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
        )
    finally:
        await store.close()
