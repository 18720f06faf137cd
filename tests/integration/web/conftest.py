from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from bot.storage.connection import Connection
from bot.storage.transcripts import RedisTranscripts
from tests.integration.web.house import Setting, make_setting


@pytest_asyncio.fixture(loop_scope="module")
async def transcripts(valkey_url: str) -> AsyncIterator[RedisTranscripts]:
    connection = await Connection.open(valkey_url)
    yield RedisTranscripts(connection, 64)
    await connection.close()


@pytest_asyncio.fixture(loop_scope="module")
async def web(transcripts: RedisTranscripts) -> AsyncIterator[Setting]:
    setting = make_setting(transcripts)
    async with setting.server:
        yield setting
