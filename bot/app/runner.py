"""What a role gives to be run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

Runner = Callable[[asyncio.Event], Awaitable[None]]
"""Works until the event is set, then finishes what is under way."""

LEASE_TTL = 5.0
"""Seconds after which a silent holder of a lease is replaced."""
