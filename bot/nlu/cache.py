"""Parses that were made already."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

from bot.domain.understanding import Understanding


class ParseCache:
    """The latest parses of the model in use, by exact text.

    A parse by another model empties it. ``size`` entries at most, 0 switches it off; an entry is
    forgotten after ``max_age`` seconds.
    """

    def __init__(self, size: int, *, max_age: float = 300.0, clock: Callable[[], float] = monotonic) -> None:
        self._size = size
        self._max_age = max_age
        self._clock = clock
        self._model = ""
        self._entries: OrderedDict[str, tuple[float, Understanding]] = OrderedDict()

    def get(self, text: str) -> Understanding | None:
        """The parse of that text, if it is there and fresh."""
        found = self._entries.get(text)
        if found is None:
            return None
        if self._clock() - found[0] > self._max_age:
            del self._entries[text]
            return None
        self._entries.move_to_end(text)
        return found[1]

    def put(self, text: str, understanding: Understanding) -> None:
        """Keep a parse; one without a model id is not kept, for it could not be told from a later one."""
        if self._size <= 0 or not understanding.model:
            return
        if understanding.model != self._model:
            self.clear()
            self._model = understanding.model
        self._entries[text] = (self._clock(), understanding)
        self._entries.move_to_end(text)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._model = ""
