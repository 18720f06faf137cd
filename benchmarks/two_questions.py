"""``python -m benchmarks.two_questions``: how often both questions of a message are found, and how often two
where there is one.

On the messages written for that (``rasa_project/tests/README.md``), with the model of the present files; and
on pairs composed of examples that a second model, trained on four fifths of them, has not seen.
"""

from __future__ import annotations

import asyncio
import csv
import random
import statistics
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from benchmarks.processes import PROJECT as HOUSE
from bot.domain.understanding import Understanding
from bot.knowledge.evaluation import Names, Parses, parse, train, workshop, write_labelled
from bot.knowledge.examples import Example, read_rasa
from bot.knowledge.training import ensure_model
from bot.nlu.text import prepare as prepared

PROJECT = HOUSE / "rasa_project"
FILES = ("development", "held_back")
SURE = 0.45
"""``answer_at`` of handlers/care.py."""
LIMIT = 1000
"""Characters that the bot lets Rasa see."""
PAIRS, FEWEST, MOST, LONG = 250, 3, 16, 8
"""Composed pairs a language; words that an example must have to be part of one; words of a long message."""
JOINTS = {
    "fr": (" ", " et ", ", ", ". ", " ? ", " et aussi ", ", sinon ", " ? au fait ", " ? et ", ", et "),
    "en": (" ", " and ", ", ", ". ", "? ", " and also ", ", also ", "? btw ", "? and ", ", and "),
}


@dataclass(frozen=True)
class Asking:
    """A message and what it asks; each question may have several right intents."""

    text: str
    asked: tuple[frozenset[str], ...]
    language: str = ""

    def both(self, found: Understanding) -> bool:
        """Whether two questions were found, sure enough to be answered, and rightly understood."""
        meant = [question.best.intent for question in found.questions if question.best.confidence >= SURE]
        if len(meant) != 2 or len(self.asked) != 2:
            return False
        one, other = self.asked
        return any(first in one and second in other for first, second in (meant, meant[::-1]))


def written(name: str) -> Iterator[Asking]:
    """The messages of a file of ``rasa_project/tests/two_questions``."""
    with (PROJECT / "tests" / "two_questions" / f"{name}.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            asked = tuple(frozenset(one.split("/")) for one in row["asks"].split(" + "))
            yield Asking(row["text"], asked, row["language"])


def composed(apart: Sequence[Example], chance: random.Random) -> Iterator[Asking]:
    """Pairs of examples put together as people do."""
    for language, joints in JOINTS.items():
        questions = [one for one in apart if one.language == language and _may_stand_in_a_pair(one)]
        pairs = (chance.sample(questions, 2) for _ in iter(int, 1))
        for one, other in islice((pair for pair in pairs if pair[0].intent != pair[1].intent), PAIRS):
            text = one.text.rstrip(".?! ") + chance.choice(joints) + other.text
            yield Asking(text, (frozenset({one.intent}), frozenset({other.intent})), language)


def _may_stand_in_a_pair(one: Example) -> bool:
    about = one.intent.startswith("faq_") or one.intent == "order_status"
    return about and FEWEST <= len(one.text.split()) <= MOST


def report(title: str, asked: Iterable[Asking], found: Parses) -> str:
    """One line."""
    told = list(zip(asked, found.understandings, strict=True))
    two = [one.both(understanding) for one, understanding in told if len(one.asked) == 2]
    one = [bool(understanding.questions) for one, understanding in told if len(one.asked) == 1]
    ms = [time for time in found.ms if time is not None]
    return f"{title}: both {_share(two)}, two found of one {_share(one)}, p50 {statistics.median(ms):.0f} ms"


def _share(told: Sequence[bool]) -> str:
    return f"{sum(told)}/{len(told)} ({sum(told) / max(len(told), 1):.1%})"


def prepare(text: str) -> str:
    """As the bot does before Rasa sees it."""
    return prepared(text, LIMIT).text


def _quiet(_: str) -> None:
    return


async def _main() -> None:
    learnt = read_rasa(PROJECT / "data")
    names = Names(example.intent for example in learnt)
    model = await ensure_model(PROJECT)
    for name in FILES:
        asked = list(written(name))
        for language in ("fr", "en"):
            part = [one for one in asked if one.language == language]
            found = await parse(
                PROJECT, model, [one.text for one in part], names, prepare=prepare, progress=_quiet
            )
            print(report(f"{name}, {language}", part, found))
    apart = [one for one in learnt if zlib.crc32(one.text.encode()) % 5 == 0]
    pairs = list(composed(apart, random.Random(5)))
    long = [Asking(one.text, (frozenset({one.intent}),)) for one in apart if len(one.text.split()) >= LONG]
    with workshop(PROJECT, warm=True) as project:
        kept = [one for one in learnt if zlib.crc32(one.text.encode()) % 5]
        write_labelled(project, kept, names, prepare)
        trained = await train(project, progress=_quiet, timeout=900)
        texts = [one.text for one in (*pairs, *long)]
        found = await parse(project, trained.model, texts, names, prepare=prepare, progress=_quiet)
    print(report("composed pairs, and long examples of one intent", (*pairs, *long), found))


if __name__ == "__main__":
    asyncio.run(_main())
