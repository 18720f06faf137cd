"""Real messages tell a story and ask two things. This cuts them into parts that can be understood alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rasa.nlu.tokenizers.tokenizer import Token

from components.courtesy import fold, without_courtesies
from components.embedding import QUESTION

LONG_ENOUGH = 8
"""Words from which a message is worth cutting."""
FEWEST_WORDS = 3
"""A part of fewer says nothing alone."""
MOST_CLAUSES = 6
"""Each costs an encoding; of a longer message the shortest clauses are left to the whole."""

_ENDS = re.compile(r"[.!?;:…\n,()–—]|\s-\s")
_JOINTS = frozenset(
    [
        *("et", "mais", "puis", "ensuite", "sinon", "donc", "car", "aussi", "egalement"),
        *("and", "but", "then", "also", "otherwise", "so", "because"),
    ]
)
"""Words that begin a part, as folded by ``fold``."""


@dataclass(frozen=True)
class Clause:
    """A part of a message, at ``text[start:end]``."""

    start: int
    end: int


def clauses(text: str, tokens: Sequence[Token]) -> list[Clause]:
    """The parts of a message that say something, in order; none when it is short or of one piece."""
    if len(tokens) < LONG_ENOUGH:
        return []
    groups: list[list[Token]] = [[]]
    for before, token in zip([None, *tokens], tokens, strict=False):
        if groups[-1] and (_ended(text, before, token) or fold(token.text) in _JOINTS):
            groups.append([])
        groups[-1].append(token)
    spoken = [without_courtesies(group) for group in _joined(groups)]
    kept = [group for group in spoken if _words(group) >= FEWEST_WORDS]
    if len(kept) < 2:
        return []
    kept = sorted(sorted(kept, key=len, reverse=True)[:MOST_CLAUSES], key=lambda group: group[0].start)
    return [Clause(group[0].start, _end(text, group[-1].end)) for group in kept]


def _ended(text: str, before: Token | None, token: Token) -> bool:
    return before is not None and bool(_ENDS.search(text[before.end - 1 : token.start]))


def _joined(groups: list[list[Token]]) -> list[list[Token]]:
    """A fragment of one or two words goes with what follows it: "et sinon, …"."""
    joined: list[list[Token]] = []
    carried: list[Token] = []
    words = 0
    for group in groups:
        carried += group
        words += _words(group)
        if words >= FEWEST_WORDS:
            joined.append(carried)
            carried, words = [], 0
    if carried and joined:
        joined[-1] += carried
    return joined


def _words(tokens: Sequence[Token]) -> int:
    return sum(len(fold(token.text).split()) for token in tokens)


def _end(text: str, end: int) -> int:
    """With the question mark, which tokenizers drop and encoders understand."""
    mark = QUESTION.match(text, end)
    return mark.end() if mark else end
