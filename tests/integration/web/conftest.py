from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from bot.storage.connection import Connection
from bot.storage.transcripts import RedisTranscripts
from tests.integration.web.house import Setting, make_setting
from tests.integration.web.valkey import running_valkey


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_valkey(tmp_path_factory.mktemp("valkey")) as url:
        yield url


@pytest.fixture
async def transcripts(valkey_url: str) -> AsyncIterator[RedisTranscripts]:
    connection = await Connection.open(valkey_url)
    yield RedisTranscripts(connection, 64)
    await connection.close()


@pytest.fixture
async def web(transcripts: RedisTranscripts) -> AsyncIterator[Setting]:
    setting = make_setting(transcripts)
    async with setting.server:
        yield setting
