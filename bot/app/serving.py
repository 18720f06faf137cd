"""HTTP servers inside our processes, and what they show of them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import uvicorn
from fastapi import FastAPI

from bot.app.core import Core
from bot.app.runner import Runner
from bot.domain.errors import ConfigurationError, StoreUnavailable
from bot.observability import health, metrics

WAITING_CONNECTIONS = 2048
BACKLOG_SECONDS = 5.0


class QuietServer(uvicorn.Server):
    """uvicorn without its signal handlers: signals are the process'."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield

    async def serve_until(
        self, stop: asyncio.Event, bound: socket.socket, closing: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Serve until told to stop; ``closing`` is awaited before requests are cut short."""
        serving = asyncio.create_task(self.serve(sockets=[bound]))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if closing is not None:
            await closing()
        self.should_exit = True
        await serving


def bind(host: str, port: int, *, setting: str = "GUICHET_WEB__PORT") -> socket.socket:
    """A listening socket.

    Raises:
        ConfigurationError: the address cannot be had; the text says which setting to change.
    """
    try:
        family, *_rest, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(address)
            bound.listen(WAITING_CONNECTIONS)
        except OSError:
            bound.close()
            raise
    except OSError as error:
        raise ConfigurationError(
            f"Guichet cannot listen on {host}:{port} ({error.strerror or error}): "
            f"set {setting} to another port."
        ) from error
    bound.setblocking(False)
    return bound


def figures(core: Core, stack: AsyncExitStack) -> Runner:
    """``/metrics``, ``/healthz`` and ``/readyz`` of a process that serves nothing else.

    Raises:
        ConfigurationError: ``metrics.port`` cannot be had.
    """
    settings = core.settings.metrics
    bound = bind(settings.host, settings.port or 0, setting="GUICHET_METRICS__PORT")
    stack.callback(bound.close)
    checks = health.Health()
    checks.add("store", core.store.ping)
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    token = settings.token.get_secret_value() if settings.token else None
    app.include_router(health.router(checks, metrics_token=token))
    server = QuietServer(
        uvicorn.Config(app, log_config=None, access_log=False, server_header=False, lifespan="off")
    )
    return lambda stop: server.serve_until(stop, bound)


def backlog_watch(core: Core) -> Runner:
    """Keeps the figures of what waits fresh."""

    async def watch(stop: asyncio.Event) -> None:
        while not stop.is_set():
            with contextlib.suppress(StoreUnavailable):
                for queue, count in (await core.store.processes.backlog()).items():
                    metrics.backlog.labels(queue=queue).set(count)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), BACKLOG_SECONDS)

    return watch
