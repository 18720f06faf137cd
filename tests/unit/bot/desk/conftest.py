from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.desk.terminal.deliverer import BoardDeliverer
from bot.desk.terminal.session import DeskSession
from bot.storage.board import RedisBoard
from bot.storage.connection import Connection
from bot.storage.layout import Layout
from tests.fakes.desk import MARIE, PAUL, FixedClock, SmallEngine


@pytest.fixture
async def board(valkey_url: str) -> AsyncIterator[RedisBoard]:
    connection = await Connection.open(valkey_url)
    yield RedisBoard(await Layout.open(connection, 8))
    await connection.close()


@pytest.fixture
async def engine(board: RedisBoard) -> SmallEngine:
    """An engine with one customer waiting."""
    engine = SmallEngine(BoardDeliverer(board))
    await engine.show()
    return engine


@pytest.fixture
def marie(engine: SmallEngine, board: RedisBoard) -> DeskSession:
    return DeskSession(engine, board, MARIE, FixedClock(), confirm_within=0.2)


@pytest.fixture
def paul(engine: SmallEngine, board: RedisBoard) -> DeskSession:
    return DeskSession(engine, board, PAUL, FixedClock(), confirm_within=0.2)
