"""A Bot API that answers as told, and the ports a Telegram channel needs, in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import httpx

from bot.domain.chat import Speaker
from bot.domain.errors import MediaUnavailable, StoreUnavailable
from bot.domain.events import Event
from bot.domain.identity import ChatId
from bot.ports.inbox import Appended
from bot.ports.media import StoredFile

TOKEN = "7:AAH-only-for-tests"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

Answer = httpx.Response | Exception | None


class FixedClock:
    """Always the same time, until it is changed."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


class ScriptedApi(httpx.AsyncBaseTransport):
    """Answers every call with success, unless something else was scripted for its method.

    ``calls`` are the methods and their fields, in order.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, str]]] = []
        self.bodies: list[bytes] = []
        self._script: dict[str, list[Answer]] = {}
        self._files: dict[str, Callable[[], httpx.Response]] = {}
        self._next_id = 100

    def next(self, method: str, *answers: Answer) -> None:
        """The next calls of a method end like this; None is a success."""
        self._script.setdefault(method, []).extend(answers)

    def serve(self, path: str, answer: Callable[[], httpx.Response]) -> None:
        """What is found at a file's address."""
        self._files[path] = answer

    def of(self, method: str) -> list[dict[str, str]]:
        """The fields of each call of a method."""
        return [fields for name, fields in self.calls if name == method]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/file/"):
            return self._files[request.url.path.split("/", 3)[3]]()
        method = request.url.path.rsplit("/", 1)[1]
        body = await request.aread()
        self.bodies.append(body)
        self.calls.append((method, dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))))
        answer = self._script[method].pop(0) if self._script.get(method) else None
        if isinstance(answer, Exception):
            raise answer
        return answer or self._success(method)

    def _success(self, method: str) -> httpx.Response:
        if method == "getUpdates":
            return ok([])
        if not (method.startswith("send") or method == "editMessageText") or method == "sendChatAction":
            return ok(True)
        self._next_id += 1
        return ok({"message_id": self._next_id, "date": 1, "chat": {"id": 42, "type": "private"}})


def ok(result: Any) -> httpx.Response:
    """A success, as Telegram says it."""
    return httpx.Response(200, json={"ok": True, "result": result})


def refusal(status: int, description: str, **parameters: Any) -> httpx.Response:
    """A refusal, as Telegram says it."""
    body = {"ok": False, "error_code": status, "description": description}
    return httpx.Response(status, json=body | ({"parameters": parameters} if parameters else {}))


@dataclass
class FakeInbox:
    """Keeps events and parked updates once; ``failing`` of the next appends and parks fail."""

    speaker: Speaker | None = Speaker.BOT
    failing: int = 0
    events: list[Event] = field(default_factory=list)
    parked: list[tuple[str, str, str]] = field(default_factory=list)
    before_append: Callable[[], object] = bool

    def clean(self, text: str) -> str:
        return text

    async def append(self, event: Event) -> Appended:
        self.before_append()
        self._fail()
        new = all(known.id != event.id for known in self.events)
        if new:
            self.events.append(event)
        return Appended(new, self.speaker)

    async def park(self, source: str, raw: str, error: str) -> None:
        self._fail()
        raw.encode()
        if (source, raw, error) not in self.parked:
            self.parked.append((source, raw, error))

    def _fail(self) -> None:
        if self.failing:
            self.failing -= 1
            raise StoreUnavailable("down")


class FakeMessageMap:
    """Remembers in memory; while ``down`` it does not."""

    def __init__(self) -> None:
        self.known: dict[tuple[ChatId, str], list[str]] = {}
        self.down = False
        self._done: set[tuple[ChatId, str]] = set()

    async def remember(self, chat: ChatId, message_id: str, part: int, platform_id: str) -> None:
        self._check()
        parts = self.known.setdefault((chat, message_id), [])
        if len(parts) == part:
            parts.append(platform_id)

    async def find(self, chat: ChatId, message_id: str) -> tuple[str, ...]:
        self._check()
        return tuple(self.known.get((chat, message_id), ()))

    async def first_time(self, chat: ChatId, what: str) -> bool:
        self._check()
        new = (chat, what) not in self._done
        self._done.add((chat, what))
        return new

    def _check(self) -> None:
        if self.down:
            raise StoreUnavailable("down")


class FakeFiles:
    """A media store in memory."""

    def __init__(self, **files: bytes) -> None:
        self.files = files

    async def save(
        self, file_id: str, chat: ChatId, name: str, mime: str, content: AsyncIterator[bytes]
    ) -> StoredFile:
        self.files[file_id] = b"".join([chunk async for chunk in content])
        return StoredFile(file_id, chat, name, mime, len(self.files[file_id]))

    async def stat(self, file_id: str) -> StoredFile | None:
        if file_id not in self.files:
            return None
        chat = ChatId("telegram", "7", "42")
        return StoredFile(file_id, chat, file_id, "application/octet-stream", len(self.files[file_id]))

    async def read(self, file_id: str) -> AsyncIterator[bytes]:
        if file_id not in self.files:
            raise MediaUnavailable(file_id)
        yield self.files[file_id]

    async def delete(self, file_id: str) -> bool:
        return self.files.pop(file_id, None) is not None


# --- updates, as Telegram writes them --------------------------------------------------------


def update(update_id: int = 1, **kinds: Any) -> dict[str, Any]:
    """An update of any kind."""
    return {"update_id": update_id, **kinds}


def message(text: str | None = None, *, message_id: int = 10, user: int = 42, **more: Any) -> dict[str, Any]:
    """A message in a private chat."""
    said: dict[str, Any] = {"text": text} if text is not None else {}
    return {
        "message_id": message_id,
        "date": 1,
        "chat": {"id": user, "type": "private", "first_name": "Inès"},
        "from": {
            "id": user,
            "is_bot": False,
            "first_name": "Inès",
            "last_name": "Roy",
            "language_code": "fr",
        },
        **said,
        **more,
    }


def group_message(text: str = "bonjour", *, group: int = -100) -> dict[str, Any]:
    """A message in a group."""
    return message(text, chat={"id": group, "type": "supergroup", "title": "Amies"})


def press(data: str | None = "faq:vegan", *, query: str = "q1", user: int = 42) -> dict[str, Any]:
    """A button pressed under one of our messages."""
    pressed: dict[str, Any] = {"id": query, "from": {"id": user, "first_name": "Inès"}, "chat_instance": "x"}
    pressed["message"] = {"message_id": 99, "date": 0, "chat": {"id": user, "type": "private"}}
    return pressed if data is None else {**pressed, "data": data}
