"""Reading a message: what the model's ranking means here, in this order.

The model was not reached → files without words → no words at all → protected → the answer to
what we asked → sure → "which of these?" → not understood.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.events import CustomerMessage
from bot.domain.turn import Turn
from bot.domain.understanding import Guess, Understanding
from handlers import order_facts
from handlers.care import Care, Thresholds

FAQ = "faq_"
ORDER = "order_status"
HUMAN = "talk_to_human"
COMPLAINT = "complaint"
PROTECTED = ("distress", "threat", "adverse_reaction", "minor", "withdrawal", "data_request")
"""Gravest first."""
SMALL_TALK = frozenset({"greet", "goodbye", "thanks", "how_are_you", "bot_challenge", "affirm", "deny"})
OPENERS = frozenset({"greet", "thanks", "how_are_you"})
"""Politeness that often stands before a question in the same message."""
OPENER_WORDS = 3
"""A message of more words may hold a question behind its greeting."""
STRONG = 0.15
"""Two or three questions at least that likely, and together sure enough, are worth asking which."""

_YES = frozenset({"oui", "ouais", "ok", "okay", "yes", "yep", "yeah", "si", "volontiers", "d'accord", "sure"})
_NO = frozenset({"non", "nan", "nope", "no", "nn"})
_POLITE = frozenset({"merci", "please", "thanks", "svp", "stp", "thank", "you", "bien", "sûr"})
_GLAD = frozenset("👍👌🙏😊🙂😀😃😄😁🤗🥰😍❤💛💚💙💜♥☺🎉👏")
_SHOUT_LETTERS = 12
_WORD = re.compile(r"[\w']+")


class Kind(StrEnum):
    """What sort of message it is."""

    DOWN = "down"
    FILES = "files"
    WORDLESS = "wordless"
    GLAD = "glad"
    PROTECTED = "protected"
    FORM = "form"
    SURE = "sure"
    AMBIGUOUS = "ambiguous"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Reading:
    """What we make of a message. ``options`` are the intents to offer when it is not clear."""

    kind: Kind
    intent: str = ""
    options: tuple[str, ...] = ()


def read(turn: Turn, care: Care) -> Reading:
    """Read the customer's message."""
    if turn.nlu_down:
        return Reading(Kind.DOWN)
    if not has_words(turn.text):
        return _without_words(turn)
    if turn.understanding is None:
        return Reading(Kind.UNSURE)
    alarm = protected(turn.understanding, care.thresholds)
    if alarm is not None:
        return Reading(Kind.PROTECTED, alarm)
    return _in_context(turn, _meaning(turn, turn.understanding, care.thresholds))


def protected(understanding: Understanding, thresholds: Thresholds) -> str | None:
    """A protected intent that must be acted on: best, or just behind the best."""
    best = understanding.best.confidence
    for guess in understanding.ranking[:2]:
        likely = guess.confidence >= thresholds.protected_at
        close = best - guess.confidence <= thresholds.protected_within
        if guess.intent in PROTECTED and likely and close:
            return guess.intent
    return None


def has_words(text: str) -> bool:
    """Whether there is anything to understand: a letter or a digit."""
    return any(char.isalnum() for char in text)


def is_upset(turn: Turn) -> bool:
    """Whether the customer sounds angry: no cheerful questions then."""
    if turn.understanding is None:
        return False
    close = turn.understanding.ranking[:3]
    return is_shouting(turn.text) or any(g.intent == COMPLAINT and g.confidence >= 0.2 for g in close)


def is_shouting(text: str) -> bool:
    """Capitals throughout, or a row of exclamation marks."""
    letters = "".join(filter(str.isalpha, text))
    capitals = sum(map(str.isupper, letters))
    return "!!!" in text or (len(letters) >= _SHOUT_LETTERS and capitals >= 0.8 * len(letters))


# --- without words -------------------------------------------------------------------------


def _without_words(turn: Turn) -> Reading:
    event = turn.event
    files = event.attachments if isinstance(event, CustomerMessage) else ()
    if any(file.stored or file.source for file in files):
        return Reading(Kind.FILES)
    if any(char in _GLAD for char in turn.text):
        return Reading(Kind.GLAD)
    return Reading(Kind.WORDLESS)


# --- with words ----------------------------------------------------------------------------


def _meaning(turn: Turn, understanding: Understanding, thresholds: Thresholds) -> Reading:
    ranking = _behind_the_greeting(turn.text, understanding.ranking, thresholds)
    best = ranking[0]
    needed = thresholds.person_at if best.intent in (HUMAN, COMPLAINT) else thresholds.answer_at
    if best.confidence < needed:
        return _unclear(turn, ranking, thresholds)
    rivals = _rivals(ranking, thresholds.ambiguous_within)
    if COMPLAINT in rivals and is_shouting(turn.text):
        return Reading(Kind.SURE, COMPLAINT)
    options = tuple(intent for intent in rivals if _can_offer(intent))
    if _can_offer(best.intent) and best.intent != HUMAN and options:
        return Reading(Kind.AMBIGUOUS, best.intent, (best.intent, *options)[:3])
    return Reading(Kind.SURE, best.intent)


def _unclear(turn: Turn, ranking: tuple[Guess, ...], thresholds: Thresholds) -> Reading:
    # A bare order number, or the proof of an order named before, says enough.
    if order_facts.completes(turn):
        return Reading(Kind.SURE, ORDER)
    best = ranking[0].intent
    if best in SMALL_TALK and _share(ranking, SMALL_TALK) >= thresholds.answer_at:
        return Reading(Kind.SURE, best)
    strong = tuple(g for g in ranking if g.confidence >= STRONG and _can_offer(g.intent))[:3]
    if len(strong) > 1 and sum(g.confidence for g in strong) >= thresholds.answer_at:
        return Reading(Kind.AMBIGUOUS, best, tuple(g.intent for g in strong))
    likely = (g.intent for g in ranking if g.confidence >= thresholds.suggest_at)
    return Reading(Kind.UNSURE, "", tuple(i for i in likely if _can_offer(i) and i != HUMAN)[:3])


def _share(ranking: tuple[Guess, ...], intents: frozenset[str]) -> float:
    return sum(guess.confidence for guess in ranking if guess.intent in intents)


def _behind_the_greeting(text: str, ranking: tuple[Guess, ...], thresholds: Thresholds) -> tuple[Guess, ...]:
    """``bonjour, comment retourner une crème ?`` is a question: read it without its greeting."""
    if ranking[0].intent not in OPENERS or len(text.split()) <= OPENER_WORDS:
        return ranking
    rest = [guess for guess in ranking if guess.intent not in OPENERS]
    share = 1 - _share(ranking, OPENERS)
    if not rest or share <= 0.05 or rest[0].intent in SMALL_TALK:
        return ranking
    scaled = tuple(Guess(guess.intent, min(1.0, guess.confidence / share)) for guess in rest)
    return scaled if scaled[0].confidence >= thresholds.answer_at else ranking


def _rivals(ranking: tuple[Guess, ...], within: float) -> tuple[str, ...]:
    best = ranking[0].confidence
    return tuple(guess.intent for guess in ranking[1:] if best - guess.confidence <= within)


def _can_offer(intent: str) -> bool:
    return intent.startswith(FAQ) or intent in (ORDER, HUMAN)


# --- in the light of what we asked ---------------------------------------------------------


def _in_context(turn: Turn, found: Reading) -> Reading:
    awaiting = turn.chat.dialogue.awaiting
    if awaiting == "order":
        return found if _interrupts(turn, found) else Reading(Kind.FORM, ORDER)
    if awaiting in ("help", "person"):
        said = yes_or_no(turn.text)
        return Reading(Kind.SURE, said) if said else found
    return found


def _interrupts(turn: Turn, found: Reading) -> bool:
    """Whether a message sent while we wait for order details is about something else."""
    if found.kind is not Kind.SURE:
        return False
    if found.intent in (HUMAN, COMPLAINT):
        return True
    if found.intent in (ORDER, "affirm", "deny", "out_of_scope"):
        return False
    return not order_facts.mentions_any(turn)


def yes_or_no(text: str) -> str | None:
    """``affirm`` or ``deny`` for the plainest of words."""
    told = [word for word in _WORD.findall(_plain(text)) if word not in _POLITE]
    if len(told) != 1:
        return None
    return "affirm" if told[0] in _YES else "deny" if told[0] in _NO else None


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text[:80]).casefold().replace("’", "'")
