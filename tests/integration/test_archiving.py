"""From a real log in Valkey to a real database, with the archiver stopped and started between."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from sqlalchemy import func, select

from bot.analytics import schema
from bot.analytics.archiver import Archiver
from bot.analytics.database import Database
from bot.analytics.record import SqlRecord
from bot.analytics.upgrade import upgrade
from bot.domain.facts import Fact
from bot.ports.clock import SystemClock
from bot.storage import codec
from bot.storage.keys import ShardKeys, shard_of
from bot.storage.state import RedisStore
from tests.fakes.facts import CHAT, fact, said

SHARDS = 8


async def log_facts(store: RedisStore, facts: list[Fact]) -> None:
    """As a commit does."""
    for one in facts:
        key = ShardKeys(shard_of(one.chat, SHARDS)).log
        await store.layout.connection.do("XADD", key, "*", "d", codec.encode_fact(one))


async def archive_until_empty(store: RedisStore, database: Database, archivers: int) -> None:
    stop, clock = asyncio.Event(), SystemClock()
    record = SqlRecord(database, clock)
    running = [
        asyncio.create_task(Archiver(store.log, record, clock, batch=64, block=0.05, linger=0.01).run(stop))
        for _ in range(archivers)
    ]
    try:
        async with asyncio.timeout(60):
            while (await store.processes.backlog())["log"]:
                await asyncio.sleep(0.02)
    finally:
        stop.set()
        await asyncio.gather(*running)


async def test_a_real_log_reaches_sql_once_through_restarts_and_two_archivers(
    valkey_url: str, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/record.db"
    await asyncio.to_thread(upgrade, url)
    store, database = await RedisStore.open(valkey_url, shards=SHARDS), Database.open(url)
    try:
        facts = [
            fact(said(f"message {n}", f"m{n}"), chat=replace(CHAT, user=f"visitor-{n % 20}"))
            for n in range(300)
        ]
        await log_facts(store, facts[:200])
        await store.layout.connection.do("XADD", ShardKeys(3).log, "*", "d", "not one of ours")
        await archive_until_empty(store, database, 1)
        await log_facts(store, facts[150:])  # some of them come again
        await archive_until_empty(store, database, 2)

        async with database.reading() as connection:
            counts = {
                table.name: await connection.scalar(select(func.count()).select_from(table))
                for table in (schema.messages, schema.message_texts, schema.identities, schema.parked_facts)
            }
        assert counts == {"messages": 300, "message_texts": 300, "identities": 20, "parked_facts": 1}
    finally:
        await database.close()
        await store.close()
