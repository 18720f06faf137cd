"""What a button says that a customer pressed: all that is kept of the press is the button's id."""

from __future__ import annotations

import re

from bot.desk.slack.wording import known, say
from bot.domain.message import Author, Line
from bot.ports.knowledge import Knowledge

_PRESSED = re.compile(r"\[(?P<button>[a-z_]+(?::[\w.+-]+){0,2})\]")
_RATED = re.compile(r"\[rate(?:_skip|:\d[\w:.-]*)\]")


def words(line: Line, language: str, knowledge: Knowledge | None = None) -> str:
    """What a line says; a button pressed by what it says on it, where we know."""
    found = _PRESSED.fullmatch(line.text) if line.author is Author.CUSTOMER else None
    return pressed(found["button"], language, knowledge) if found else line.text


def is_rating(line: Line) -> bool:
    """Whether the customer pressed a rating, which staff hear of otherwise."""
    return line.author is Author.CUSTOMER and bool(_RATED.fullmatch(line.text))


def pressed(button: str, language: str, knowledge: Knowledge | None = None) -> str:
    """A button in words of those who read; its id when nobody knows it (any more)."""
    kind, _, about = button.partition(":")
    score = about.partition(":")[0]
    answer = knowledge.answer(about, language) if knowledge and kind == "faq" else None
    if answer is not None:
        label = answer.title
    elif kind == "rate" and score.isdigit():
        label = say("desk.pressed_rate", language, score=score)
    else:
        key = next((one for one in (f"{kind}_{about}", about, kind) if known(f"desk.pressed_{one}")), None)
        label = say(f"desk.pressed_{key}", language) if key else button
    return say("desk.pressed", language, label=label)
