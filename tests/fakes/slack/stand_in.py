"""The whole stand-in: one workspace with one app installed, on a loopback port."""

from __future__ import annotations

import asyncio
import tempfile
import time
import unicodedata
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from tests.fakes.slack.control import Control
from tests.fakes.slack.errors import NotShown
from tests.fakes.slack.events import Ack, Delivery, Events
from tests.fakes.slack.faults import Faults
from tests.fakes.slack.happenings import Happenings, Rights
from tests.fakes.slack.http_mode import HttpMode
from tests.fakes.slack.limits import Limits
from tests.fakes.slack.messages import Messages
from tests.fakes.slack.modals import TRIGGER_SECONDS, Modals
from tests.fakes.slack.people import User
from tests.fakes.slack.records import Call, Channel, Person
from tests.fakes.slack.responses import Responses
from tests.fakes.slack.socket_mode import SocketMode
from tests.fakes.slack.state import ALL_SCOPES, Workspace
from tests.fakes.slack.texts import pings
from tests.fakes.slack.web_api import WebApi
from tests.fakes.slack.web_api.files import FileStore

Json = dict[str, Any]


class SlackStandIn(Happenings, Rights):
    """Start with ``async with SlackStandIn() as slack``; give the app ``slack.api_url`` and the tokens.

    limits: True for Slack's published rate limits, or so many calls a minute by method.
    scopes: what the bot token was granted (all, unless told).
    ack_timeout: seconds an app has to confirm; retry_delays: seconds before each further attempt
    (Slack's own: at once, a minute, five minutes).
    commands, shortcuts: the ones the app's manifest declares; None lets people use any.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        team_id: str = "T0ATELIER1",
        scopes: str = ALL_SCOPES,
        limits: bool | Mapping[str, float] = False,
        ack_timeout: float = 3.0,
        retry_delays: tuple[float, ...] = (0.0, 60.0, 300.0),
        ticket_seconds: float = 30.0,
        trigger_seconds: float = TRIGGER_SECONDS,
        share_delay: float = 0.02,
        commands: Iterable[str] | None = None,
        shortcuts: Iterable[str] | None = None,
    ) -> None:
        self._port = port
        self.ack_timeout, self.retry_delays = ack_timeout, retry_delays
        self.ticket_seconds, self.trigger_seconds, self.share_delay = (
            ticket_seconds,
            trigger_seconds,
            share_delay,
        )
        self._offers = {"command": commands and set(commands), "shortcut": shortcuts and set(shortcuts)}
        self.workspace = Workspace(team_id=team_id, scopes=scopes)
        self.limits, self.faults = Limits(limits), Faults()
        self.events, self.messages, self.modals = Events(self), Messages(self), Modals(self)
        self.sockets, self.http, self.responses = SocketMode(self), HttpMode(self), Responses(self)
        self._folder = tempfile.TemporaryDirectory(prefix="slack-stand-in-")
        self.files = FileStore(self, Path(self._folder.name))
        self._users: dict[str, User] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._runner: web.AppRunner | None = None
        self.url = ""

    # Life

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=16 * 1024 * 1024)
        for part in (WebApi(self), self.sockets, self.responses, self.files, Control(self)):
            part.add_to(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.sockets.close()
        await self.http.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self._folder.cleanup()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run in the background until the stand-in stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def later(self, seconds: float, do: Callable[[], object]) -> None:
        """Do something after a while."""

        async def wait() -> None:
            await asyncio.sleep(seconds)
            do()

        self.spawn(wait())

    async def until(self, holds: Callable[[], Any], *, seconds: float = 5.0, what: str = "") -> Any:
        """Wait until something holds, and return it; AssertionError after some seconds."""
        end = time.monotonic() + seconds
        while True:
            with suppress(KeyError, IndexError):
                if found := holds():
                    return found
            if time.monotonic() > end:
                raise AssertionError(what or "it did not happen in time")
            await asyncio.sleep(0.01)

    def configure(self, **options: Any) -> None:
        """Change ``ack_timeout``, ``retry_delays``, ``ticket_seconds``, ``trigger_seconds``, ``share_delay``,
        or ``subscribed`` (the event types the app wants; None is all)."""
        for name, value in options.items():
            if name == "subscribed":
                self.events.subscribed = None if value is None else set(value)
            elif name in ("ack_timeout", "retry_delays", "ticket_seconds", "trigger_seconds", "share_delay"):
                setattr(self, name, tuple(value) if name == "retry_delays" else value)
            else:
                raise TypeError(f"no option {name}")

    # What the app is configured with

    @property
    def api_url(self) -> str:
        """``base_url`` for the SDK's clients."""
        return f"{self.url}/api/"

    @property
    def bot_token(self) -> str:
        """xoxb-…"""
        return self.workspace.bot_token

    @property
    def app_token(self) -> str:
        """xapp-…, for Socket Mode."""
        return self.workspace.app_token

    @property
    def signing_secret(self) -> str:
        """For HTTP mode."""
        return self.workspace.signing_secret

    # Who and what is there

    def add_user(self, user_id: str, *, real_name: str = "", locale: str = "en-US", **how: Any) -> User:
        """A person. ``how``: name, email, tz, is_bot, is_admin, is_restricted, is_ultra_restricted,
        is_stranger, team_id, deleted, presence."""
        real_name = real_name or user_id
        how.setdefault("team_id", self.workspace.team["id"])
        how.setdefault("name", _handle(real_name))
        person = Person(id=user_id, real_name=real_name, locale=locale, **how)
        self.workspace.people[user_id] = person
        self._users[user_id] = User(self, person)
        return self._users[user_id]

    def user(self, user_id: str) -> User:
        """A person added before."""
        return self._users[user_id]

    def add_channel(
        self,
        channel_id: str,
        *,
        name: str = "",
        members: Iterable[str] = (),
        is_private: bool = False,
        bot: bool = True,
        is_ext_shared: bool = False,
    ) -> Channel:
        """A channel; the bot is in it unless told otherwise."""
        inside = [*members, *([self.workspace.bot_user] if bot else [])]
        made = Channel(
            id=channel_id,
            name=name or channel_id.lower(),
            kind="group" if is_private else "channel",
            members=list(dict.fromkeys(inside)),
            is_ext_shared=is_ext_shared,
        )
        self.workspace.channels[channel_id] = made
        return made

    def channel(self, channel_id: str) -> Channel:
        """Its ``messages``, ``thread(ts)``, ``members``, ``removed``."""
        return self.workspace.channel(channel_id)

    def add_usergroup(self, group_id: str, *, handle: str, users: Iterable[str]) -> None:
        """A user group."""
        group = {"id": group_id, "team_id": self.workspace.team["id"], "handle": handle, "name": handle}
        everyone = list(users)
        self.workspace.usergroups.append(
            {**group, "users": everyone, "user_count": len(everyone), "date_delete": 0}
        )

    # What can be looked at

    @property
    def calls(self) -> list[Call]:
        """Every call of the Web API, in order."""
        return self.workspace.calls

    def calls_of(self, method: str) -> list[Call]:
        """The calls of one method."""
        return [each for each in self.calls if each.method == method]

    @property
    def acks(self) -> list[Ack]:
        """Every confirmation, in order."""
        return self.events.acks

    @property
    def unacked(self) -> list[Delivery]:
        """What the app has not confirmed."""
        return self.events.unacked

    @property
    def lost(self) -> list[Delivery]:
        """What Slack has given up."""
        return self.events.lost

    def ephemerals(self, user_id: str) -> list[Json]:
        """What only this person sees."""
        return self.user(user_id).ephemerals()

    def dms(self, user_id: str) -> list[Json]:
        """The direct conversation with the app."""
        return self.user(user_id).dms()

    def home(self, user_id: str) -> Json | None:
        """The published Home page."""
        return self.user(user_id).home()

    def opened_views(self, user_id: str) -> list[Json]:
        """The modals in front of a person."""
        return self.user(user_id).opened_views()

    def pings(self, message: Json) -> list[str]:
        """Whom a stored message calls, its blocks and attachments included."""
        found = pings(message.get("text", ""))

        def walk(value: Any) -> None:
            if isinstance(value, dict):
                if value.get("type") == "mrkdwn":
                    found.extend(pings(value["text"]))
                elif value.get("type") == "user":
                    found.append(f"@{value['user_id']}")
                for each in value.values():
                    walk(each)
            elif isinstance(value, list):
                for each in value:
                    walk(each)

        walk([message.get("blocks", []), message.get("attachments", [])])
        return found

    def offered(self, kind: str, name: str) -> None:
        """A person cannot use what the app does not declare."""
        offers = self._offers[kind]
        if offers and name not in offers:
            raise NotShown(f"the app declares no {kind} {name!r}; it has {sorted(offers)}")


def _handle(real_name: str) -> str:
    """The name Slack derives: lower case, without accents."""
    plain = unicodedata.normalize("NFKD", real_name.split()[0].lower())
    return plain.encode("ascii", "ignore").decode() or "user"
