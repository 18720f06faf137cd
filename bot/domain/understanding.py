"""What the NLU made of a text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guess:
    """An intent and how sure the model is of it, in [0, 1]."""

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
class Understanding:
    """One parse: the ranking is best first and never empty.

    ``model`` is the id of the model that answered; ``ms`` how long the parse took us
    (0 for a cache hit).
    """

    ranking: tuple[Guess, ...]
    entities: tuple[Entity, ...] = ()
    model: str = ""
    ms: float = 0.0

    @property
    def best(self) -> Guess:
        """The most likely intent."""
        return self.ranking[0]

    def entity(self, name: str) -> str | None:
        """The first value found for an entity, if any."""
        return next((found.value for found in self.entities if found.name == name), None)
