"""Limits are kept in virtual time: minutes in milliseconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from tests.fakes.virtual_time import VirtualTimeLoop


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every coroutine test beside this file gets such a loop."""
    return {"virtual": VirtualTimeLoop}
