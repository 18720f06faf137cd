"""Finds FAQ entries for an agent: what the bot makes of the words, and where the words stand."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from bot.domain.errors import NluUnavailable
from bot.ports.knowledge import Answer, Knowledge
from bot.ports.nlu import Nlu

LONGEST = 500
"""Characters of a question that are looked at."""
FLOOR = 0.05
"""A guess less likely than that is none."""
SHORTEST_WORD = 3
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Found:
    """An entry; ``confidence`` is the bot's, None when only the words were found in it."""

    answer: Answer
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """What was found, best first. ``understood`` is False when the bot could not be asked."""

    found: tuple[Found, ...] = ()
    understood: bool = True


async def search(nlu: Nlu, knowledge: Knowledge, words: str, language: str, *, limit: int) -> Search:
    """The entries that answer ``words``, in that language where they have it."""
    words = words.strip()[:LONGEST]
    if not words:
        return Search()
    guessed: list[Found] = []
    understood = True
    try:
        meaning = await nlu.parse(words)
    except NluUnavailable:
        understood = False
    else:
        for guess in meaning.leading:
            answer = knowledge.answer(guess.intent, language)
            if answer is not None and guess.confidence >= FLOOR:
                guessed.append(Found(answer, guess.confidence))
    found = {one.answer.intent: one for one in (*guessed, *_with_words(knowledge, words, language))}
    first = {one.answer.intent: one for one in guessed}
    return Search(tuple(({**found, **first}).values())[:limit], understood)


def _with_words(knowledge: Knowledge, words: str, language: str) -> Iterator[Found]:
    """Entries that hold the words, the most of them first, those in the title counting more."""
    wanted = {word for word in _words(words) if len(word) >= SHORTEST_WORD}
    scored: list[tuple[int, str]] = []
    for intent in knowledge.intents():
        score = max((_score(wanted, knowledge.answer(intent, one)) for one in ("fr", "en")), default=0)
        if score:
            scored.append((score, intent))
    for _, intent in sorted(scored, key=lambda one: (-one[0], one[1])):
        answer = knowledge.answer(intent, language)
        if answer is not None:
            yield Found(answer)


def _score(wanted: set[str], answer: Answer | None) -> int:
    if answer is None:
        return 0
    title, text = set(_words(answer.title)), set(_words(answer.text))
    return sum(3 * _has(title, word) + _has(text, word) for word in wanted)


def _has(words: set[str], beginning: str) -> bool:
    return any(word.startswith(beginning) for word in words)


def folded(words: str) -> str:
    """Without case and accents."""
    parts = unicodedata.normalize("NFKD", words.casefold())
    return "".join(one for one in parts if not unicodedata.combining(one))


def _words(words: str) -> list[str]:
    return _WORD.findall(folded(words))
