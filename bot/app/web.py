"""The web process: the web chat, webhooks, health and figures, on one uvicorn."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack

import uvicorn
from fastapi import APIRouter, FastAPI
from fastapi.responses import RedirectResponse, Response

from bot.app import nlu, parts
from bot.app.core import Core
from bot.app.runner import Runner
from bot.app.serving import QuietServer, backlog_watch, bind
from bot.channels.web.limits import SOCKET_BYTES, Rate, WebLimits
from bot.channels.web.server import WebService, create_web_chat
from bot.domain.errors import DeliveryFailed, StoreUnavailable
from bot.observability import health
from bot.settings import Settings

NEEDED_ROLES = ("worker", "sender")
"""Without them a message is taken and not answered."""
LAST_REQUESTS_SECONDS = 3


async def build(core: Core, stack: AsyncExitStack) -> list[Runner]:
    """The server, its port already bound, and what keeps Telegram's webhook registered.

    Raises:
        ConfigurationError: the port is taken or not allowed, or the chat cannot be set up.
    """
    settings = core.settings
    bound = bind(settings.web.host, settings.web.port)
    stack.callback(bound.close)
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    chat = create_web_chat(
        inbox=core.inbox,
        transcripts=core.transcripts,
        media=parts.media(settings),
        sessions=core.sessions,
        clock=core.clock,
        brand=settings.web.brand,
        accent=settings.web.accent,
        privacy=parts.privacy(settings),
        allowed_origins=settings.web.allowed_origins,
        limits=_limits(settings),
    )
    app.include_router(chat.router)
    app.include_router(_health(core))
    app.add_api_route("/", _front_door, methods=["GET"], include_in_schema=False)
    server = WebServer(app, chat.service, bound, settings)
    mounted = [*await _mount_telegram(core, app, stack), *await _mount_slack(core, app, stack)]
    return [server.run, backlog_watch(core), *mounted]


class WebServer:
    """uvicorn, told to stop by us instead of by signals."""

    def __init__(self, app: FastAPI, chat: WebService, bound: socket.socket, settings: Settings) -> None:
        self._chat = chat
        self._bound = bound
        self._server = QuietServer(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=bool(settings.web.trusted_proxies),
                forwarded_allow_ips=list(settings.web.trusted_proxies),
                ws_max_size=SOCKET_BYTES,
                ws_per_message_deflate=False,  # frames are short: it costs more than it saves
                timeout_graceful_shutdown=LAST_REQUESTS_SECONDS,
                lifespan="off",
            )
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until told to stop; visitors are then asked to come back, which they do by themselves."""
        async with self._chat:
            await self._server.serve_until(stop, self._bound, self._chat.close)


async def _front_door() -> Response:
    return RedirectResponse("/chat", 307)


def _limits(settings: Settings) -> WebLimits:
    web = settings.web
    return WebLimits(
        messages=Rate(web.messages_burst, web.messages_per_second),
        sessions=Rate(web.sessions_per_address, web.sessions_per_address / 50),
        sockets=web.connections_per_address,
        file_bytes=settings.media.max_mb * 1024 * 1024,
    )


def _health(core: Core) -> APIRouter:
    checks = health.Health()

    async def roles() -> None:
        running = {process.role for process in await core.store.processes.processes()}
        missing = [role for role in NEEDED_ROLES if role not in running]
        if missing:
            raise StoreUnavailable(f"not running: {', '.join(missing)}")

    checks.add("store", core.store.ping)
    checks.add("roles", roles)
    checks.add("nlu", lambda: nlu.check(core.settings))
    if core.settings.slack.bot_token is not None:
        checks.add("slack", lambda: _slack_is_heard(core), vital=False)
    token = core.settings.metrics.token
    return health.router(checks, metrics_token=token.get_secret_value() if token else None)


async def _mount_telegram(core: Core, app: FastAPI, stack: AsyncExitStack) -> list[Runner]:
    settings = core.settings
    if settings.telegram.mode != "webhook" or settings.telegram.webhook_secret is None:
        return []
    telegram = await parts.telegram(core, stack)
    if telegram is None:
        return []
    secret = settings.telegram.webhook_secret.get_secret_value()
    app.include_router(telegram.webhook(secret))
    return [lambda stop: telegram.announce_webhook(settings, secret, stop)]


async def _slack_is_heard(core: Core) -> None:
    """Whether some process has the socket open. Customers are served without it, so this page stays ready."""
    if core.settings.slack.mode == "http":
        return
    states = [process.detail.get("slack", "") for process in await core.store.processes.processes()]
    if "connected" not in states:
        raise DeliveryFailed("no process holds a socket to Slack")


async def _mount_slack(core: Core, app: FastAPI, stack: AsyncExitStack) -> list[Runner]:
    if core.settings.slack.bot_token is None or core.settings.slack.mode != "http":
        return []
    from bot.app import slack_intake  # its libraries take long to load

    heard = await stack.enter_async_context(slack_intake.listening(core))
    app.include_router(heard.webhook())
    core.detail["slack"] = "listening"
    return [heard.known.watch, heard.warm_up(), heard.catching_up()]
