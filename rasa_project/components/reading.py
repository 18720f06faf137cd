"""From the parts of a message to what is asked: the question wins over the greeting, and two may stand.

Everything here works on rows of confidences, a column an intent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Habits:
    """Which intents are what, as column numbers, and how sure is sure (chosen in docs/nlu.md).

    Attributes:
        small_talk: never the point of a message that says more.
        protected: must not be missed, wherever in the message they stand.
        strangers: "none of ours".
        sure: the bot's own threshold for an answer (``answer_at`` in handlers/care.py).
        lost: below, the message as a whole is not understood and its surest clause may speak for it.
        clear: a clause must be that sure to speak for the message, or to be one of two questions.
        alarming: a clause must be that sure to raise an alarm that the whole does not.
        inkling: of each of two questions, the message as a whole must give as much.
    """

    small_talk: frozenset[int]
    protected: frozenset[int]
    strangers: frozenset[int]
    sure: float = 0.35
    lost: float = 0.25
    clear: float = 0.5
    alarming: float = 0.9
    inkling: float = 0.01


@dataclass(frozen=True)
class Reading:
    """The confidences the message ends up with, and its questions: clauses by position, with their rows."""

    row: np.ndarray
    spoken_by: int | None
    questions: tuple[int, ...]


def read(whole: np.ndarray, parts: np.ndarray, habits: Habits) -> Reading:
    """Weigh a message's row against those of its clauses (a row each; may be none)."""
    asked = _askers(parts, habits)
    spoken_by = _speaker(whole, parts, asked, habits)
    row = whole if spoken_by is None else parts[spoken_by]
    return Reading(row, spoken_by, _two(whole, parts, asked, habits))


def _askers(parts: np.ndarray, habits: Habits) -> list[int]:
    """Clauses that ask for something, surest first."""
    kept = [
        k for k, part in enumerate(parts) if int(part.argmax()) not in habits.small_talk | habits.strangers
    ]
    return sorted(kept, key=lambda k: -float(parts[k].max()))


def _speaker(whole: np.ndarray, parts: np.ndarray, asked: list[int], habits: Habits) -> int | None:
    """The clause that speaks for the message; none when the whole does."""
    best = int(whole.argmax())
    if best in habits.protected:
        return None
    alarms = (k for k in asked if _intent(parts, k) in habits.protected and parts[k].max() >= habits.alarming)
    alarm = next(alarms, None)
    if alarm is not None or not asked:
        return alarm
    surest = float(parts[asked[0]].max())
    polite = best in habits.small_talk and surest >= habits.sure
    lost = whole.max() < habits.lost and surest >= habits.clear
    return asked[0] if polite or lost else None


def _two(whole: np.ndarray, parts: np.ndarray, asked: list[int], habits: Habits) -> tuple[int, ...]:
    """The two surest clauses that ask different things, in the order of the text."""
    chosen: dict[int, int] = {}
    for k in asked:
        intent = _intent(parts, k)
        needed = habits.alarming if intent in habits.protected else habits.clear
        if parts[k][intent] >= needed and whole[intent] >= habits.inkling:
            chosen.setdefault(intent, k)
    return tuple(sorted(list(chosen.values())[:2])) if len(chosen) > 1 else ()


def _intent(parts: np.ndarray, k: int) -> int:
    return int(parts[k].argmax())
