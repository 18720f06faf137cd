"""Answers an agent may send with one click, under what the customer wrote."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.desk.slack.escaping import Block, button_text, one_line, plain
from bot.desk.slack.names import Act, packed
from bot.desk.slack.wording import say
from bot.domain.understanding import Guess
from bot.ports.knowledge import Answer, Knowledge

MOST = 3
FLOOR = 0.15
"""Below that confidence a guess is no help."""
WORDS = 160
PREFIX = "s:"
"""What the ids of these blocks begin with."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An FAQ entry, in the customer's language, and how likely it is meant."""

    answer: Answer
    confidence: float


def suggestions(
    guesses: Iterable[Guess], language: str, knowledge: Knowledge, floor: float = FLOOR
) -> tuple[Suggestion, ...]:
    """The best entries for what the customer wrote: those that have a text in their language."""
    best: dict[str, float] = {}
    for guess in guesses:
        best[guess.intent] = max(guess.confidence, best.get(guess.intent, 0.0))
    ranked = sorted(best.items(), key=lambda item: -item[1])
    found = [
        Suggestion(answer, confidence)
        for intent, confidence in ranked
        if confidence >= floor and (answer := knowledge.answer(intent, language)) is not None
    ]
    return tuple(one for one in found if one.answer.language == language)[:MOST]


def blocks(offered: Sequence[Suggestion], conversation: str, language: str) -> list[Block]:
    """What is shown, in the agents' language: a title, the first words, and two buttons each."""
    shown: list[Block] = []
    for number, one in enumerate(offered):
        title = say("desk.suggestion", language, title=one.answer.title, percent=round(one.confidence * 100))
        value = packed(conversation, one.answer.intent, one.answer.language)
        shown += [
            {
                "type": "section",
                "block_id": f"{PREFIX}{number}",
                "text": plain(f"{title}\n{one_line(one.answer.text, WORDS)}"),
            },
            {
                "type": "actions",
                "block_id": f"{PREFIX}{number}:a",
                "elements": [
                    _button(f"{Act.SUGGESTION}:{number}", say("desk.button_send", language), value),
                    _button(f"{Act.SUGGESTION_EDIT}:{number}", say("desk.button_edit", language), value),
                ],
            },
        ]
    return shown


def _button(action: str, label: str, value: str) -> Block:
    return {"type": "button", "action_id": action, "text": button_text(label), "value": value}
