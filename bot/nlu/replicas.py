"""Which NLU process to ask next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic


class Replicas:
    """Base URLs, asked in turn: first those that have the fewest questions before them, and last for
    ``set_aside`` seconds one that failed.
    """

    def __init__(
        self, urls: Sequence[str], *, set_aside: float = 5.0, clock: Callable[[], float] = monotonic
    ) -> None:
        if not urls:
            raise ValueError("at least one NLU process is needed")
        self._urls = [url.rstrip("/") for url in urls]
        self._set_aside = set_aside
        self._clock = clock
        self._until: dict[str, float] = {}
        self._asked: Counter[str] = Counter()
        self._next = 0

    def order(self) -> list[str]:
        """All of them, the one to ask first at the front."""
        first, self._next = self._next, (self._next + 1) % len(self._urls)
        turned = self._urls[first:] + self._urls[:first]
        now = self._clock()
        return sorted(turned, key=lambda url: (self._until.get(url, 0.0) > now, self._asked[url]))

    @contextmanager
    def asking(self, url: str) -> Iterator[None]:
        """While it has one question more before it."""
        self._asked[url] += 1
        try:
            yield
        finally:
            self._asked[url] -= 1

    @property
    def are_all_ailing(self) -> bool:
        """Whether each of them failed lately, and none has answered since."""
        now = self._clock()
        return all(self._until.get(url, 0.0) > now for url in self._urls)

    def failed(self, url: str) -> None:
        """Ask the others first for a while."""
        self._until[url] = self._clock() + self._set_aside

    def answered(self, url: str) -> None:
        """It is well."""
        self._until.pop(url, None)
