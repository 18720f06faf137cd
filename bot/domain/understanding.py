"""What the NLU made of a text."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Guess:
    """An intent, and how likely it is that the message means it, in [0, 1].

    What the guesses of a ranking lack to 1 is the chance that the message means none of them.
    """

    intent: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Entity:
    """A value found in the text, at ``text[start:end]``."""

    name: str
    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Question:
    """One of several questions in a text, at ``text[start:end]``; its ranking is best first, never empty."""

    start: int
    end: int
    ranking: tuple[Guess, ...]

    @property
    def best(self) -> Guess:
        """The most likely intent."""
        return self.ranking[0]


@dataclass(frozen=True, slots=True)
class Example:
    """A training example like the text; ``similarity`` is in [-1, 1], 1 for the same meaning."""

    text: str
    intent: str
    similarity: float


class Verdict(StrEnum):
    """Whether the text is about anything the model knows."""

    IN = "in"
    OUT = "out"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why the model understood a text as it did.

    Attributes:
        in_scope: how likely it is that the text means any intent at all, in [0, 1].
        verdict: what the model concludes from that.
        stage: what was looked at: ``words`` alone, or the meaning of the ``sentence``.
        reason: a short key, such as ``near_examples`` or ``far_from_examples``.
        nearest: the training examples most like the text, best first.
    """

    in_scope: float
    verdict: Verdict
    stage: str = ""
    reason: str = ""
    nearest: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class Understanding:
    """One parse: the ranking is best first and never empty.

    ``questions`` are those of a text that holds two, in the order of the text; otherwise there is none.
    The ranking is then that of the more important one. ``explanation`` is None for a model that gives
    none. ``model`` is the id of the model that answered; ``ms`` how long the parse took us
    (0 for a cache hit).
    """

    ranking: tuple[Guess, ...]
    entities: tuple[Entity, ...] = ()
    model: str = ""
    ms: float = 0.0
    questions: tuple[Question, ...] = ()
    explanation: Explanation | None = None

    @property
    def best(self) -> Guess:
        """The most likely intent."""
        return self.ranking[0]

    @property
    def rankings(self) -> tuple[tuple[Guess, ...], ...]:
        """The ranking of the whole, then that of each question."""
        return (self.ranking, *(question.ranking for question in self.questions))

    @property
    def leading(self) -> tuple[Guess, ...]:
        """Each intent once: what each question most likely means, then the rest of the ranking."""
        guesses = (*(question.best for question in self.questions), *self.ranking)
        first: dict[str, Guess] = {}
        for guess in guesses:
            first.setdefault(guess.intent, guess)
        return tuple(first.values())

    def entity(self, name: str) -> str | None:
        """The first value found for an entity, if any."""
        return next((found.value for found in self.entities if found.name == name), None)
