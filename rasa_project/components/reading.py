"""From the parts of a message to what is asked: the question wins over the greeting, and two may stand.

Everything here works on rows of confidences, a column an intent.

**Two questions.** Of two parts that do not overlap and ask different things, how likely is it that these
are two questions, rather than two sentences about one thing? That depends on how sure each is, on how much
the message as a whole makes of both, on how little either says of what the other asks, and on how many
sentences there are: of a long story two will always differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from components.clauses import Clause


@dataclass(frozen=True)
class Habits:
    """Which intents are what, as column numbers, and how sure is sure (chosen in docs/nlu.md).

    Attributes:
        small_talk: never the point of a message that says more.
        protected: must not be missed, wherever in the message they stand.
        strangers: "none of ours".
        sure: the bot's own threshold for an answer (``answer_at`` in handlers/care.py).
        lost: below, the message as a whole is not understood and its surest clause may speak for it.
        clear: a clause must be that sure to speak for the message, or to be answered beside another question
            that is not understood.
        alarming: a clause must be that sure to raise an alarm that the whole does not.
        two: two parts are two questions when that likely to be.
        maybe_two: from then on it is worth looking at longer parts too.
        elsewhere: a question that gives less to what the message is about asks for something else.
    """

    small_talk: frozenset[int]
    protected: frozenset[int]
    strangers: frozenset[int]
    sure: float = 0.45
    lost: float = 0.25
    clear: float = 0.5
    alarming: float = 0.9
    two: float = 0.5
    maybe_two: float = 0.2
    elsewhere: float = 0.1


@dataclass(frozen=True)
class Weights:
    """Log-odds that two parts are two questions (fitted on composed messages: docs/nlu.md).

    Attributes:
        less: times the log-odds of the part that is less sure.
        more: times those of the surer part.
        whole: times the logarithm of what the whole gives to what either asks, the lesser of both.
        across: times the logarithm of what either part gives to what the other asks, the greater of both.
        clause: times the number of clauses of the message.
    """

    less: float = 0.49
    more: float = 0.10
    whole: float = 0.33
    across: float = -0.60
    clause: float = -0.69
    intercept: float = -1.6


WEIGHTS = Weights()
LEAST = 1e-3
"""A confidence below is as good as none."""


@dataclass(frozen=True)
class Reading:
    """The confidences the message ends up with, and its questions: parts by position.

    ``torn`` when it could hold two questions and does not show them: longer parts may (``runs``).
    """

    row: np.ndarray
    spoken_by: int | None
    questions: tuple[int, ...]
    torn: bool = False


@dataclass(frozen=True)
class Parts:
    """Parts of a text with a row of confidences each; the first ``clauses`` of them are its clauses."""

    text: str
    places: Sequence[Clause]
    rows: np.ndarray
    clauses: int

    def best(self, k: int) -> int:
        """What a part most likely means."""
        return int(self.rows[k].argmax())

    def marked(self, k: int) -> bool:
        """Whether a question mark ends it."""
        return self.text[self.places[k].start : self.places[k].end].endswith(("?", "？"))


def read(whole: np.ndarray, parts: Parts, habits: Habits) -> Reading:
    """Weigh a message's row against those of its clauses (there may be none)."""
    asked = _askers(parts, habits)
    spoken_by = _speaker(whole, parts, asked, habits)
    row = whole if spoken_by is None else parts.rows[spoken_by]
    likely, pair = _likeliest(whole, parts, habits)
    if likely >= habits.two:
        return Reading(row, spoken_by, pair)
    torn = likely >= habits.maybe_two and len(parts.places) > 2
    return Reading(row, spoken_by, _one_unclear(whole, parts, habits), torn)


def two_questions(whole: np.ndarray, parts: Parts, habits: Habits) -> tuple[int, ...]:
    """The two parts that ask different things, in the order of the text; nothing when these are not two."""
    likely, pair = _likeliest(whole, parts, habits)
    return pair if likely >= habits.two else ()


def _askers(parts: Parts, habits: Habits) -> list[int]:
    """Parts that ask for something, surest first."""
    silent = habits.small_talk | habits.strangers
    kept = [k for k in range(len(parts.places)) if parts.best(k) not in silent]
    return sorted(kept, key=lambda k: -float(parts.rows[k].max()))


def _speaker(whole: np.ndarray, parts: Parts, asked: list[int], habits: Habits) -> int | None:
    """The clause that speaks for the message; none when the whole does."""
    best = int(whole.argmax())
    if best in habits.protected:
        return None
    alarm = next((k for k in asked if parts.best(k) in habits.protected and _heard(parts, k, habits)), None)
    if alarm is not None or not asked:
        return alarm
    surest = float(parts.rows[asked[0]].max())
    polite = best in habits.small_talk and surest >= habits.sure
    lost = whole.max() < habits.lost and surest >= habits.clear
    return asked[0] if polite or lost else None


def _heard(parts: Parts, k: int, habits: Habits) -> bool:
    """Not an alarm, or a clear one."""
    return parts.best(k) not in habits.protected or float(parts.rows[k].max()) >= habits.alarming


def _likeliest(whole: np.ndarray, parts: Parts, habits: Habits) -> tuple[float, tuple[int, ...]]:
    """The surest two that ask different things, and how likely they are two questions."""
    asked = [k for k in _askers(parts, habits) if _heard(parts, k, habits)]
    found = [pair for pair in _apart(parts, asked) if parts.best(pair[0]) != parts.best(pair[1])]
    if not found:
        return 0.0, ()
    one, two = max(found, key=lambda pair: float(parts.rows[pair[0]].max() * parts.rows[pair[1]].max()))
    return _chance(whole, parts.rows[one], parts.rows[two], parts.clauses), (one, two)


def _apart(parts: Parts, asked: list[int]) -> Iterator[tuple[int, int]]:
    places = parts.places
    return ((k, other) for k in asked for other in asked if places[k].before(places[other]))


def _chance(whole: np.ndarray, one: np.ndarray, two: np.ndarray, clauses: int) -> float:
    """How likely two parts are two questions."""
    first, second = int(one.argmax()), int(two.argmax())
    less, more = sorted((float(one[first]), float(two[second])))
    odds = (
        WEIGHTS.less * _log_odds(less)
        + WEIGHTS.more * _log_odds(more)
        + WEIGHTS.whole * np.log(min(whole[first], whole[second]) + LEAST)
        + WEIGHTS.across * np.log(max(one[second], two[first]) + LEAST)
        + WEIGHTS.clause * clauses
        + WEIGHTS.intercept
    )
    return float(1 / (1 + np.exp(-odds)))


def _log_odds(chance: float) -> float:
    return float(np.log((chance + LEAST) / (1 - chance + LEAST)))


def _one_unclear(whole: np.ndarray, parts: Parts, habits: Habits) -> tuple[int, ...]:
    """Two clauses that end in question marks, of which one is what the message is about, and the other is
    about something else that we do not understand: whoever answers should say so.
    """
    about = int(whole.argmax())
    if about in habits.small_talk | habits.strangers | habits.protected:
        return ()
    marked = [k for k in range(len(parts.places)) if parts.marked(k)]
    clear = [k for k in marked if parts.best(k) == about and parts.rows[k].max() >= habits.clear]
    unclear = [
        k for k in marked if parts.rows[k].max() < habits.sure and parts.rows[k][about] < habits.elsewhere
    ]
    return tuple(sorted((clear[0], unclear[0]))) if clear and unclear else ()
