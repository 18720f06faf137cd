"""The engine's tests run in virtual time: they wait for minutes, and take milliseconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping

import pytest
from structlog.testing import capture_logs

from tests.fakes.memory_store import MemoryStore
from tests.fakes.virtual_time import VirtualTimeLoop


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every coroutine test beside this file gets such a loop."""
    return {"virtual": VirtualTimeLoop}


@pytest.fixture
async def store() -> MemoryStore:
    """An empty store whose leases end in the same virtual time."""
    return MemoryStore(shards=8, clock=asyncio.get_running_loop().time)


@pytest.fixture(autouse=True)
def unrendered_log() -> Iterator[None]:
    """Printing a traceback prettily takes longer than all the rest of a test."""
    with capture_logs():
        yield
