"""Real messages tell a story and ask two things. This cuts them into parts that can be understood alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rasa.nlu.tokenizers.tokenizer import Token

from components.courtesy import LONGEST, beginning, fold, phrases, without_courtesies
from components.embedding import QUESTION

LONG_ENOUGH = 7
"""Words from which a message is worth cutting."""
FEWEST_WORDS = 3
"""A part of fewer says nothing alone."""
MOST_CLAUSES = 6
"""Each costs an encoding; of a longer message the shortest clauses are left to the whole."""

_ENDS = re.compile(r"[.!?;:…\n,()–—]|\s-\s")
# Written as folded by `fold`, here and below.
_JOINTS = phrases("""
    et | mais | puis | ensuite | sinon | donc | car | and | but | then | otherwise | so | because
""")
"""Words that begin a part."""
_OPENINGS = phrases("""
    est ce que | est ce | qu est ce | comment | combien | cmt | pourquoi | quand est ce | avez vous
    pouvez vous | peut on | puis je | faites vous | y a t il | j aimerais | je voudrais | au fait
    par ailleurs | d autre part | de plus | how much | how long | how many | how do | how can | can i
    can you | could i | could you | do you | do i | does it | is it | is there | are there | what is
    what s | where is | where s | when will | when is | would you | would it | would your | will you
    will it | should i | i d also | i also | btw | by the way
""")
"""So a question begins, also where nothing stands before it: "ma crème est cassée comment je fais"."""
_LONGEST = max(map(len, _OPENINGS))
_LEANING = _JOINTS | phrases("""
    a | d | de | depuis | jusqu | pour | par | avec | savoir | dire | demander | demande | demandais | si
    en | que | qu | vous | ou | quoi | c | sur | le | la | les | ask | if | whether | know | tell | me
    wonder | wondering | to | of | for | about | at | by | in | from | or | the
    quand | comment | combien | pourquoi | when | where | what | how | why | which | number
""")
"""After these a question begins nothing: "savoir combien", "depuis quand", "tell me how much"."""
_LEADS = phrases("""
    et | mais | puis | ensuite | sinon | donc | car | aussi | egalement | alors | plus | en plus | de plus
    ah | oh | au fait | par ailleurs | d autre part | du coup | bref | ps | autre question | ou alors
    ou sinon
    and | but | then | also | otherwise | so | because | plus | besides | btw | by the way | or else
    on another note | another question
""")
"""What leads from one part to the next says nothing of what is asked."""
_MOST_LEADS = 3
"""So many may stand in a row: "et sinon au fait"."""


@dataclass(frozen=True)
class Clause:
    """A part of a message, at ``text[start:end]``."""

    start: int
    end: int

    def before(self, other: Clause) -> bool:
        """Whether it ends where the other has not begun."""
        return self.end <= other.start


def clauses(text: str, tokens: Sequence[Token]) -> list[Clause]:
    """The parts of a message that say something, in order; none when it is short or of one piece."""
    if len(tokens) < LONG_ENOUGH:
        return []
    kept = [group for group in _joined(_cut(text, tokens)) if _words(group) >= FEWEST_WORDS]
    spoken = [group for group in map(_told, kept) if _words(group) >= FEWEST_WORDS - 1]
    if len(spoken) < 2:
        return []
    longest = sorted(spoken, key=len, reverse=True)[:MOST_CLAUSES]
    kept = sorted(longest, key=lambda group: group[0].start)
    return [Clause(group[0].start, _end(text, group[-1].end)) for group in kept]


def runs(parts: Sequence[Clause]) -> list[Clause]:
    """From the first clause on, and up to the last, as far as these are neither clauses nor everything.

    A story often belongs to one of two questions: "my daughter lives in Bern, do you ship there, and …".
    """
    first, last = parts[0], parts[-1]
    return [
        *(Clause(first.start, part.end) for part in parts[1:-1]),
        *(Clause(part.start, last.end) for part in parts[1:-1]),
    ]


def _cut(text: str, tokens: Sequence[Token]) -> list[list[Token]]:
    words = [fold(token.text).split() for token in tokens]
    groups: list[list[Token]] = [[]]
    for k, token in enumerate(tokens):
        if groups[-1] and (_ended(text, tokens[k - 1], token) or _begins(words, k)):
            groups.append([])
        groups[-1].append(token)
    return groups


def _ended(text: str, before: Token, token: Token) -> bool:
    return bool(_ENDS.search(text[before.end - 1 : token.start]))


def _begins(words: list[list[str]], k: int) -> bool:
    """Whether the token begins a part by what it says."""
    if tuple(words[k]) in _JOINTS:
        return True
    if tuple(words[k - 1][-1:]) in _LEANING:
        return False
    ahead = [word for token in words[k : k + _LONGEST] for word in token]
    return any(tuple(ahead[:count]) in _OPENINGS for count in range(1, _LONGEST + 1))


def _joined(groups: list[list[Token]]) -> list[list[Token]]:
    """A fragment of one or two words goes with what follows it: "et sinon, …"."""
    joined: list[list[Token]] = []
    carried: list[Token] = []
    words = 0
    for group in groups:
        carried += group
        words += _words(group) if _without_leads(group) else 0
        if words >= FEWEST_WORDS:
            joined.append(carried)
            carried, words = [], 0
    if carried and joined:
        joined[-1] += carried
    return joined


def _told(group: list[Token]) -> list[Token]:
    """Without courtesies around it, and without what leads to it, as long as two words are left."""
    told = without_courtesies(group)
    for _ in range(_MOST_LEADS):
        rest = without_courtesies(told[beginning(told, _LEADS) :])
        if _words(rest) < FEWEST_WORDS - 1:
            break
        told = rest
    return told


def _without_leads(group: list[Token]) -> list[Token]:
    start = 0
    for _ in range(_MOST_LEADS):
        start += beginning(group[start : start + LONGEST], _LEADS)
    return group[start:]


def _words(tokens: Sequence[Token]) -> int:
    return sum(len(fold(token.text).split()) for token in tokens)


def _end(text: str, end: int) -> int:
    """With the question mark, which tokenizers drop and encoders understand."""
    mark = QUESTION.match(text, end)
    return mark.end() if mark else end
