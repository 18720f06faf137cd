"""Threads, a roster and waits in memory, for tests of what uses them. Held to the same contracts as the
real ones (tests/contract/test_threads.py, test_roster.py)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.domain.errors import StoreUnavailable
from bot.domain.identity import Agent
from bot.ports.roster import Presence
from bot.ports.threads import Thread


class MemoryThreads:
    """The Threads port. Set ``down`` and everything raises ``StoreUnavailable``."""

    def __init__(self) -> None:
        self.down = False
        self._threads: dict[str, Thread] = {}
        self._roots: dict[tuple[str, str], str] = {}
        self._ids: dict[tuple[str, str], tuple[str, ...]] = {}
        self._names: dict[tuple[str, str], str] = {}
        self._notes: dict[str, dict[str, str]] = defaultdict(dict)

    async def open(self, thread: Thread) -> Thread:
        """Bind, unless bound."""
        self._check()
        bound = self._threads.setdefault(thread.conversation, thread)
        self._roots[(bound.place, bound.root)] = bound.conversation
        return bound

    async def move(self, thread: Thread) -> None:
        """Bind elsewhere."""
        self._check()
        self._threads[thread.conversation] = thread
        self._roots[(thread.place, thread.root)] = thread.conversation

    async def of(self, conversation: str) -> Thread | None:
        """A conversation's thread."""
        self._check()
        return self._threads.get(conversation)

    async def at(self, place: str, root: str) -> Thread | None:
        """The conversation's thread as it is now, also by a root it had before."""
        self._check()
        conversation = self._roots.get((place, root))
        return None if conversation is None else self._threads.get(conversation)

    async def remember(self, conversation: str, message_id: str, platform_id: str) -> None:
        """Shown there under that id."""
        self._check()
        known = self._ids.get((conversation, message_id), ())
        if platform_id not in known:
            self._ids[(conversation, message_id)] = (*known, platform_id)
        self._names[(conversation, platform_id)] = message_id

    async def find(self, conversation: str, message_id: str) -> tuple[str, ...]:
        """The platform's ids."""
        self._check()
        return self._ids.get((conversation, message_id), ())

    async def named(self, conversation: str, platform_id: str) -> str | None:
        """Our id."""
        self._check()
        return self._names.get((conversation, platform_id))

    async def note(self, conversation: str, name: str, value: str | None) -> None:
        """Keep or forget."""
        self._check()
        if value is None:
            self._notes[conversation].pop(name, None)
        else:
            self._notes[conversation][name] = value

    async def notes(self, conversation: str) -> Mapping[str, str]:
        """All of it."""
        self._check()
        return dict(self._notes[conversation])

    def _check(self) -> None:
        if self.down:
            raise StoreUnavailable("the store is down")


class MemoryRoster:
    """The Roster port. What was seen is never forgotten here; set ``down`` for ``StoreUnavailable``."""

    def __init__(self) -> None:
        self.down = False
        self._said: dict[str, tuple[bool, datetime, datetime]] = {}
        self._seen: dict[str, bool] = {}

    async def presence(self, agent_id: str) -> Presence:
        """An agent nobody has heard of is here."""
        self._check()
        away, since = self._said[agent_id][:2] if agent_id in self._said else (False, None)
        return Presence(away=away, online=self._seen.get(agent_id), since=since)

    async def say(self, agent: Agent, *, away: bool, at: datetime) -> None:
        """The agent goes away, or is back."""
        self._check()
        was, since, last = self._said.get(agent.id, (None, at, at))
        if at >= last:
            self._said[agent.id] = (away, since if was == away else at, at)

    async def saw(self, agent_id: str, *, online: bool) -> None:
        """What the desk saw."""
        self._check()
        self._seen[agent_id] = online

    def _check(self) -> None:
        if self.down:
            raise StoreUnavailable("the store is down")


class MemoryWaits:
    """The Waits port: what a test put into ``seconds``, by team."""

    def __init__(self, **seconds: Sequence[float]) -> None:
        self.down = False
        self.seconds: dict[str, Sequence[float]] = dict(seconds)

    async def recent(self, team: str) -> Sequence[float]:
        """Oldest first."""
        if self.down:
            raise StoreUnavailable("the store is down")
        return tuple(self.seconds.get(team, ()))[-50:]
