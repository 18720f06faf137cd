"""Asking Rasa what a text means."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from time import monotonic, perf_counter

import aiohttp
import msgspec
import structlog
from prometheus_client import Counter, Histogram

from bot.domain.errors import NluUnavailable
from bot.domain.understanding import Guess, Understanding
from bot.nlu.cache import ParseCache
from bot.nlu.replicas import Replicas
from bot.nlu.text import prepare
from bot.nlu.wire import read_parse

log = structlog.get_logger(__name__)

PARSE_SECONDS = Histogram(
    "guichet_nlu_parse_seconds",
    "Time a parse took, retry included, cache hits excluded",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0),
)
PARSE_FAILURES = Counter("guichet_nlu_attempt_failures", "Attempts at a parse that failed", ["reason"])
CACHE_HITS = Counter("guichet_nlu_cache_hits", "Parses answered from the cache")

JSON = {"Content-Type": "application/json"}
NOTHING = Understanding(ranking=(Guess("out_of_scope", 0.0),))
"""What a text without anything to read means."""


class RasaNlu:
    """The Nlu port over one or more Rasa processes. All times are in seconds.

    A parse has ``total`` to succeed. The first attempt may use ``first`` of it; when it fails, one
    more is made, at another replica if there is one, with what is left. Text beyond ``text_limit``
    characters is not looked at. Text in which nothing can be read (blank, zero-width, a bare ``/``)
    is not sent: it is ``out_of_scope`` with confidence 0. The token is never logged.

    Rasa parses one text at a time, in about 10 ms. So only ``in_flight`` requests a replica are made
    at once and the rest of a burst waits here, where waiting costs nothing, for ``patience`` at most:
    handed to Rasa, a burst of 300 would time out as a whole, and its retries would follow it. Those
    who wait while every replica fails are told at once: they do not time out one after the other.
    """

    def __init__(
        self,
        replicas: Sequence[str],
        token: str,
        *,
        first: float = 1.2,
        total: float = 2.0,
        text_limit: int = 1000,
        cache_size: int = 4096,
        set_aside: float = 5.0,
        in_flight: int = 4,
        patience: float = 5.0,
    ) -> None:
        self._replicas = Replicas(replicas, set_aside=set_aside)
        self._set_aside = set_aside
        self._in_flight = in_flight
        self._patience = patience
        self._gate = asyncio.Semaphore(in_flight * len(replicas))
        self._first = first
        self._total = total
        self._limit = text_limit
        self._cache = ParseCache(cache_size)
        self._token = token
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),  # there are never more than ``in_flight`` a replica
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),  # each attempt has its own
        )

    async def parse(self, text: str) -> Understanding:
        """What the text means; ``ms`` is 0 when it was known already.

        Raises:
            NluUnavailable: no usable answer within ``total``, one retry included, or no turn to ask
                within ``patience``.
        """
        prepared = prepare(text, self._limit)
        if not prepared.text:
            return NOTHING
        known = self._cache.get(prepared.text)
        if known is not None:
            CACHE_HITS.inc()
            return _moved(replace(known, ms=0.0), prepared.offset)
        understanding = await self._in_turn(prepared.text)
        self._cache.put(prepared.text, understanding)
        return _moved(understanding, prepared.offset)

    def use(self, replicas: Sequence[str]) -> None:
        """Ask these from now on (another model, more processes). Parses under way finish where they are."""
        self._replicas = Replicas(replicas, set_aside=self._set_aside)
        self._gate = asyncio.Semaphore(self._in_flight * len(replicas))
        self._cache.clear()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _in_turn(self, text: str) -> Understanding:
        gate = self._gate
        waited = gate.locked()
        if waited:
            await self._queue_at(gate)
        else:
            await gate.acquire()  # at once
        try:
            if waited and self._replicas.are_all_ailing:
                raise NluUnavailable("down while waiting")
            return await self._ask(text)
        finally:
            gate.release()

    async def _queue_at(self, gate: asyncio.Semaphore) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await gate.acquire()
        except TimeoutError as error:
            PARSE_FAILURES.labels(reason="busy").inc()
            raise NluUnavailable("busy") from error

    async def _ask(self, text: str) -> Understanding:
        begun = monotonic()
        order = self._replicas.order()
        try:
            return await self._attempt(order[0], text, self._first, begun)
        except NluUnavailable as error:
            self._note_failure(order[0], error)
        left = self._total - (monotonic() - begun)
        other = order[1 % len(order)]
        try:
            return await self._attempt(other, text, left, begun)
        except NluUnavailable as error:
            self._note_failure(other, error)
            raise

    async def _attempt(self, url: str, text: str, timeout: float, begun: float) -> Understanding:
        started = perf_counter()
        try:
            with self._replicas.asking(url):
                async with asyncio.timeout(timeout):
                    status, body = await self._post(f"{url}/model/parse", {"text": text})
        except TimeoutError as error:
            raise NluUnavailable("timeout") from error
        except (aiohttp.ClientError, OSError) as error:
            raise NluUnavailable("connection") from error
        if status != HTTPStatus.OK:
            raise NluUnavailable(f"status {status}")
        understanding = read_parse(body, (perf_counter() - started) * 1000)
        self._replicas.answered(url)
        PARSE_SECONDS.observe(monotonic() - begun)
        return understanding

    async def _post(self, url: str, body: dict[str, str]) -> tuple[int, bytes]:
        asked = self._client.post(
            url,
            params={"token": self._token},
            data=msgspec.json.encode(body),
            headers=JSON,
            allow_redirects=False,
        )
        async with asked as response:
            return response.status, await response.read()

    def _note_failure(self, url: str, error: NluUnavailable) -> None:
        self._replicas.failed(url)
        PARSE_FAILURES.labels(reason=str(error)).inc()
        log.warning("nlu_attempt_failed", replica=url, reason=str(error))


def _moved(understanding: Understanding, offset: int) -> Understanding:
    """Entities and questions where they are in the original text."""
    if not offset or not (understanding.entities or understanding.questions):
        return understanding
    entities = (
        replace(one, start=one.start + offset, end=one.end + offset) for one in understanding.entities
    )
    questions = (
        replace(one, start=one.start + offset, end=one.end + offset) for one in understanding.questions
    )
    return replace(understanding, entities=tuple(entities), questions=tuple(questions))
