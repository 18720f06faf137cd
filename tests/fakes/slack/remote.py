"""Driving a stand-in that runs in a process of its own."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.fakes.slack.errors import NotShown

ROOT = Path(__file__).resolve().parents[3]


class ControlFailed(AssertionError):
    """The stand-in would not do that."""


class RemoteSlack:
    """The stand-in as seen from another process: ``await slack.do("user.post", "U1", "C1", "hello")``."""

    def __init__(self, session: aiohttp.ClientSession, told: dict[str, Any]) -> None:
        self._session = session
        self.url: str = told["url"]
        self.api_url: str = told["api_url"]
        self.bot_token: str = told["bot_token"]
        self.app_token: str = told["app_token"]
        self.signing_secret: str = told["signing_secret"]

    async def do(self, operation: str, *args: Any, **kwargs: Any) -> Any:
        """One operation (see ``control``), and its result; NotShown when a person could not do it."""
        body = json.dumps({"args": args, "kwargs": kwargs}, default=_bytes)
        headers = {"Content-Type": "application/json"}
        async with self._session.post(
            f"{self.url}/_control/{operation}", data=body, headers=headers
        ) as answer:
            told = await answer.json()
        if told["ok"]:
            return told["result"]
        raise (NotShown if told["error"] == "NotShown" else ControlFailed)(told["message"])

    async def until(
        self, operation: str, *args: Any, holds: Callable[[Any], Any] = bool, seconds: float = 10.0
    ) -> Any:
        """Ask again until the result is as wanted, and return it."""
        end = time.monotonic() + seconds
        while True:
            result = await self.do(operation, *args)
            if holds(result):
                return result
            if time.monotonic() > end:
                raise AssertionError(f"{operation} did not become so in time")
            await asyncio.sleep(0.03)


def _bytes(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    raise TypeError(f"not for JSON: {type(value).__name__}")


@asynccontextmanager
async def running(*options: str) -> AsyncIterator[RemoteSlack]:
    """A stand-in in a process of its own, until the end of the block. ``options`` of ``__main__``."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.fakes.slack",
        "--while-stdin",
        *options,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        if process.stdout is None:
            raise ControlFailed("no output to read")
        line = await asyncio.wait_for(process.stdout.readline(), 30)
        async with aiohttp.ClientSession() as session:
            yield RemoteSlack(session, json.loads(line))
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
