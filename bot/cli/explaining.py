"""Why a text was understood as it was, in an admin's words and for programs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import typer

from bot.cli.output import plain, print_table
from bot.domain.chat import Chat
from bot.domain.events import CustomerMessage
from bot.domain.identity import ChatId
from bot.domain.turn import Turn
from bot.domain.understanding import Explanation, Guess, Question, Understanding
from handlers.care import Thresholds
from handlers.reading import OUT_OF_SCOPE, Kind, Reading, meaning

RUNNERS_UP = 3
LANGUAGES = ("fr", "en")

_TEXTS: dict[str, tuple[str, str]] = {
    # what the bot does
    "does.sure": ("Le bot répond à : {intents}.", "The bot acts on: {intents}."),
    "does.several": (
        "Plusieurs questions, chacune a sa réponse : {intents}.",
        "Several questions, each is answered: {intents}.",
    ),
    "does.ambiguous": (
        "Le bot demande au client de choisir entre : {intents}.",
        "The bot asks the customer which is meant: {intents}.",
    ),
    "does.protected": (
        "Sujet protégé, une personne est appelée tout de suite : {intents}.",
        "A protected subject, a person is called at once: {intents}.",
    ),
    "does.unsure": (
        "Le bot ne comprend pas et demande de reformuler. Sujets proposés : {intents}.",
        "The bot does not understand and asks to rephrase. Topics it offers: {intents}.",
    ),
    "does.out": (
        "Le bot dit que ce sujet n'est pas le sien.",
        "The bot says that this is not something it can help with.",
    ),
    "does.wordless": ("Rien à lire : le bot le dit.", "Nothing to read: the bot says so."),
    "does.thresholds": (
        "Il agit à partir de {answer_at:.0f} %, ou de {protected_at:.0f} % pour tous les sujets protégés "
        "ensemble.",
        "It acts from {answer_at:.0f}% on, or from {protected_at:.0f}% for all protected subjects together.",
    ),
    "none": ("aucun", "none"),
    # in scope or not
    "in": (
        "Dans son domaine (probabilité {in_scope:.0f} %). {reason}",
        "In scope (probability {in_scope:.0f}%). {reason}",
    ),
    "out": (
        "Hors de son domaine (probabilité d'en être : {in_scope:.0f} %). {reason}",
        "Out of scope (probability of being in: {in_scope:.0f}%). {reason}",
    ),
    "unsure": (
        "À la limite de son domaine (probabilité d'en être : {in_scope:.0f} %). {reason}",
        "On the edge of its scope (probability of being in: {in_scope:.0f}%). {reason}",
    ),
    "reason.near_examples": (
        "Le texte ressemble à des exemples que le bot a appris.",
        "The text is like examples the bot has learnt.",
    ),
    "reason.far_from_examples": (
        "Le texte ne ressemble vraiment à aucun exemple.",
        "The text is not really like any example.",
    ),
    "reason.near_out_of_scope_examples": (
        "Le texte ressemble à des exemples de ce qui n'est pas à nous de traiter.",
        "The text is like examples of what is not ours to answer.",
    ),
    "reason.no_known_words": (
        "Le bot ne connaît aucun de ses mots.",
        "The bot knows none of its words.",
    ),
    "reason.between_intents": (
        "Le texte ressemble autant aux exemples de plusieurs intentions.",
        "The text is as much like the examples of several intents.",
    ),
    "reason.small_talk_only": ("Ce n'est que de la politesse.", "It is nothing but politeness."),
    "stage.words": ("Ses mots ont suffi à le dire.", "Its words were enough to tell."),
    "stage.sentence": (
        "Il a fallu regarder le sens de la phrase.",
        "The meaning of the sentence had to be looked at.",
    ),
    "unexplained": (
        "Ce modèle n'explique pas ses réponses : entraînez celui du projet (guichet nlu train).",
        "This model does not explain itself: train the project's own (guichet nlu train).",
    ),
    # lists
    "questions": ("Questions trouvées", "Questions found"),
    "nearest": ("Exemples les plus proches", "Nearest training examples"),
    "column.part": ("partie du texte", "part of the text"),
    "column.meaning": ("sens le plus probable", "most likely meaning"),
    "column.next": ("puis", "then"),
    "column.intent": ("intention", "intent"),
    "column.similarity": ("ressemblance", "similarity"),
    "column.example": ("exemple", "example"),
}


class Says:
    """The texts in one language."""

    def __init__(self, language: str) -> None:
        self._column = LANGUAGES.index(language)

    def __call__(self, key: str, **values: object) -> str:
        """A text, with its values filled in."""
        return _TEXTS[key][self._column].format(**values)

    def known(self, key: str, otherwise: str) -> str:
        """A text without values, or something else where there is none."""
        return _TEXTS[key][self._column] if key in _TEXTS else otherwise


def read(text: str, understanding: Understanding, thresholds: Thresholds) -> Reading:
    """What the bot would make of it as the first message of a conversation."""
    chat, now = ChatId("cli", "main", "nobody"), datetime.now(UTC)
    event = CustomerMessage(id="cli", chat=chat, at=now, message_id="1", text=text)
    turn = Turn(event=event, chat=Chat(id=chat), now=now, understanding=understanding)
    return meaning(turn, thresholds)


# --- for programs ----------------------------------------------------------------------------


def document(text: str, understanding: Understanding, thresholds: Thresholds) -> dict[str, Any]:
    """What ``--json`` adds to a parse."""
    found, told = read(text, understanding, thresholds), understanding.explanation
    return {
        "outcome": {"kind": found.kind.value, "intents": list(_intents(found))},
        "questions": [
            {"start": one.start, "end": one.end, "text": _part(text, one), "ranking": ranking(one.ranking)}
            for one in understanding.questions
        ],
        "explanation": told and _explanation(told),
    }


def ranking(guesses: tuple[Guess, ...]) -> list[dict[str, Any]]:
    """Intents best first."""
    return [{"name": guess.intent, "confidence": guess.confidence} for guess in guesses]


def _explanation(told: Explanation) -> dict[str, Any]:
    return {
        "in_scope": told.in_scope,
        "verdict": told.verdict.value,
        "stage": told.stage,
        "reason": told.reason,
        "nearest": [
            {"text": one.text, "intent": one.intent, "similarity": one.similarity} for one in told.nearest
        ],
    }


# --- for people ------------------------------------------------------------------------------


def show(text: str, understanding: Understanding, thresholds: Thresholds, language: str) -> None:
    """Print what the bot does with the text, and why."""
    say = Says(language)
    typer.echo(f"\n{_does(read(text, understanding, thresholds), say)} {_acts_from(thresholds, say)}")
    typer.echo(plain(_why(understanding.explanation, say)))
    if understanding.questions:
        typer.echo(f"\n{say('questions')}")
        columns = ("column.part", "column.meaning", "column.next")
        print_table([say(one) for one in columns], [_row(text, one) for one in understanding.questions])
    nearest = understanding.explanation.nearest if understanding.explanation else ()
    if nearest:
        typer.echo(f"\n{say('nearest')}")
        columns = ("column.intent", "column.similarity", "column.example")
        rows = [(one.intent, f"{one.similarity:.2f}", one.text) for one in nearest]
        print_table([say(one) for one in columns], rows)


def _does(found: Reading, say: Says) -> str:
    if found.intent == OUT_OF_SCOPE:
        return say("does.out")
    key = f"does.{found.kind.value}"
    intents = plain(", ".join(_intents(found))) or say("none")
    return say(key, intents=intents) if key in _TEXTS else say("does.wordless")


def _acts_from(thresholds: Thresholds, say: Says) -> str:
    percent = {"answer_at": 100 * thresholds.answer_at, "protected_at": 100 * thresholds.protected_at}
    return say("does.thresholds", **percent)


def _why(told: Explanation | None, say: Says) -> str:
    if told is None:
        return say("unexplained")
    reason = say.known(f"reason.{told.reason}", told.reason.replace("_", " "))
    judged = say(told.verdict.value, in_scope=100 * told.in_scope, reason=reason)
    return f"{judged} {say.known(f'stage.{told.stage}', '')}".strip()


def _row(text: str, asked: Question) -> tuple[str, str, str]:
    following = ", ".join(map(_guess, asked.ranking[1 : 1 + RUNNERS_UP]))
    return _part(text, asked), _guess(asked.best), following


def _guess(guess: Guess) -> str:
    return f"{guess.intent} {guess.confidence:.2f}"


def _part(text: str, asked: Question) -> str:
    return text[asked.start : asked.end]


def _intents(found: Reading) -> tuple[str, ...]:
    if found.kind in (Kind.SURE, Kind.PROTECTED):
        return (found.intent,)
    return found.options
