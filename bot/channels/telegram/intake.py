"""What polling and webhook do alike with an update: append, park, or knowingly let go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakValueDictionary

import structlog
from prometheus_client import Counter

from bot.channels.telegram.courtesies import Courtesies
from bot.channels.telegram.ingest import CHANNEL, Ignored, InGroup, Outcome, Taken, Unreadable, read_update
from bot.domain.events import CustomerEdit
from bot.domain.ids import new_id
from bot.ports.clock import Clock
from bot.ports.inbox import Inbox

log = structlog.get_logger(__name__)


UPDATES = Counter(
    "guichet_telegram_updates", "Updates received from Telegram, by what became of them", ["outcome"]
)


@dataclass(frozen=True, slots=True)
class Received:
    """An update and what it means. Updates with the same ``order`` are taken one after the other."""

    raw: object
    outcome: Outcome
    order: str


def _new_file_id() -> str:
    return new_id("f")


class Intake:
    """Takes updates in. Whoever calls :meth:`take` confirms to Telegram once it has returned.

    Args:
        inbox: where events go.
        courtesies: the small calls an update asks for.
        account: the bot's name in our chat ids.
        clock: when events were taken in.
        new_file_id: makes an unguessable id for each file.
    """

    def __init__(
        self,
        inbox: Inbox,
        courtesies: Courtesies,
        account: str,
        clock: Clock,
        *,
        new_file_id: Callable[[], str] = _new_file_id,
    ) -> None:
        self._inbox = inbox
        self._courtesies = courtesies
        self._account = account
        self._clock = clock
        self._new_file_id = new_file_id
        self._in_turn: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def read(self, raw: object) -> Received:
        """What an update means. Never raises."""
        outcome = read_update(raw, self._account, self._clock.now(), self._new_file_id)
        order = str(outcome.event.chat) if isinstance(outcome, Taken) else ""
        return Received(raw, outcome, order)

    async def take(self, received: Received) -> None:
        """Make it durable. Taking the same update again changes nothing.

        Raises:
            StoreUnavailable: nothing was promised: do not confirm.
        """
        match received.outcome:
            case Taken() as taken:
                await self._append(taken, received.order)
                callback = taken.callback
            case InGroup(place, callback):
                self._courtesies.decline_group(place)
            case Ignored(reason, callback):
                log.debug("telegram.update_ignored", reason=reason)
            case Unreadable(reason):
                await self.park(_as_text(received.raw), reason)
                callback = None
        if callback is not None:
            self._courtesies.answer(callback)
        UPDATES.labels(_label(received.outcome)).inc()

    async def park(self, text: str, reason: str) -> None:
        """Keep what is not even an update.

        Raises:
            StoreUnavailable: nothing was promised: do not confirm.
        """
        readable = text.encode("utf-8", "replace").decode()  # no lone surrogates, which no store takes
        await self._inbox.park(f"{CHANNEL}:{self._account}", readable, reason)
        log.warning("telegram.update_parked", reason=reason)

    async def _append(self, taken: Taken, order: str) -> None:
        lock = self._in_turn.setdefault(order, asyncio.Lock())
        async with lock:
            appended = await self._inbox.append(taken.event)
        if appended.new and not isinstance(taken.event, CustomerEdit):
            self._courtesies.typing(taken.event.chat, appended.speaker)


def _as_text(raw: object) -> str:
    try:
        return json.dumps(raw, ensure_ascii=False)
    except RecursionError:
        return "(nested too deeply to be shown)"


def _label(outcome: Outcome) -> str:
    match outcome:
        case Taken():
            return "taken"
        case InGroup():
            return "group"
        case Ignored(reason) | Unreadable(reason):
            return reason
