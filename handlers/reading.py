"""Reading a message: what the model's ranking means here, in this order.

The model was not reached → files without words → no words at all → protected → the answer to
what we asked → sure, of one question or of two → "which of these?" → not understood.

The numbers it goes by are ``handlers.care.Thresholds``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.events import CustomerMessage
from bot.domain.turn import Turn
from bot.domain.understanding import Guess, Question, Understanding, Verdict
from handlers import order_facts
from handlers.care import Care, Thresholds

FAQ = "faq_"
ORDER = "order_status"
HUMAN = "talk_to_human"
GREETING = "greet"
COMPLAINT = "complaint"
OUT_OF_SCOPE = "out_of_scope"
PROTECTED = ("distress", "threat", "adverse_reaction", "minor", "withdrawal", "data_request")
"""Gravest first."""
SMALL_TALK = frozenset({GREETING, "goodbye", "thanks", "how_are_you", "bot_challenge", "affirm", "deny"})
OPENERS = frozenset({GREETING, "thanks", "how_are_you"})
"""Politeness that often stands before a question in the same message."""
OPENER_WORDS = 3
"""A message of more words may hold a question behind its greeting."""
FACTS_WORDS = 8
"""A message of more words may hold a question beside the order's number and proof."""
NO_WORDS_KNOWN = "no_known_words"
"""The model's reason for a text of which it knows no word: not understood, rather than not ours."""

_YES = frozenset(
    {"oui", "ouais", "ok", "okay", "yes", "yep", "yeah", "si", "volontiers", "d'accord", "sure", "o", "y"}
)
_NO = frozenset({"non", "nan", "nope", "no", "nn", "n"})
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
    SEVERAL = "several"
    AMBIGUOUS = "ambiguous"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Reading:
    """What we make of a message.

    ``options`` are the intents to offer when it is not clear, and the questions of a message that asks
    several, in the order asked; ``unclear`` is one that stands beside them and was not understood.
    """

    kind: Kind
    intent: str = ""
    options: tuple[str, ...] = ()
    unclear: Question | None = None


def read(turn: Turn, care: Care) -> Reading:
    """Read the customer's message."""
    return meaning(turn, care.thresholds)


def meaning(turn: Turn, thresholds: Thresholds) -> Reading:
    """Read the customer's message by these numbers."""
    if turn.nlu_down:
        return Reading(Kind.DOWN)
    if not has_words(turn.text):
        return _without_words(turn)
    if turn.understanding is None:
        return Reading(Kind.UNSURE)
    if order_facts.is_bare(turn.text):
        about_an_order = order_facts.completes(turn)
        return _in_context(turn, Reading(Kind.SURE, ORDER) if about_an_order else Reading(Kind.UNSURE))
    alarm = protected(turn.understanding, thresholds)
    if alarm is not None:
        return Reading(Kind.PROTECTED, alarm)
    return _in_context(turn, _with_words(turn, turn.understanding, thresholds))


def protected(understanding: Understanding, thresholds: Thresholds) -> str | None:
    """The protected intent that must be acted on, the gravest if several: one that is best in the message
    or as good as, or likely enough together with the others; or one that a part of it is all about."""
    clear = (one.best for one in understanding.questions if one.best.confidence >= thresholds.answer_at)
    parts = (guess.intent for guess in clear)
    found = [_alarm(understanding.ranking, thresholds), *(intent for intent in parts if intent in PROTECTED)]
    return min(filter(None, found), key=PROTECTED.index, default=None)


def _alarm(ranking: tuple[Guess, ...], thresholds: Thresholds) -> str | None:
    grave = [guess for guess in ranking if guess.intent in PROTECTED]
    if not grave:
        return None
    behind = ranking[0].confidence - grave[0].confidence
    best = grave[0].confidence >= thresholds.protected_best_at and behind <= thresholds.protected_within
    together = sum(guess.confidence for guess in grave) >= thresholds.protected_at
    return grave[0].intent if best or together else None


def has_words(text: str) -> bool:
    """Whether there is anything to understand: a letter or a digit."""
    return any(char.isalnum() for char in text)


def is_upset(turn: Turn, thresholds: Thresholds) -> bool:
    """Whether the customer sounds angry: no cheerful questions then."""
    if turn.understanding is None:
        return False
    guesses = (guess for ranking in turn.understanding.rankings for guess in ranking)
    angry = (g.intent == COMPLAINT and g.confidence >= thresholds.upset_at for g in guesses)
    return is_shouting(turn.text) or any(angry)


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


def _with_words(turn: Turn, understanding: Understanding, thresholds: Thresholds) -> Reading:
    whole = _one(turn, turn.text, understanding.ranking, thresholds)
    parts = [_part(turn, asked, thresholds) for asked in understanding.questions]
    meant = tuple(dict.fromkeys(filter(None, parts)))
    said = (*meant, whole.intent) if whole.kind is Kind.SURE else meant
    for intent in (COMPLAINT, HUMAN, *said):
        if intent in said and _goes_first(intent):
            return Reading(Kind.SURE, intent)
    asked = tuple(intent for intent in meant if _is_question(intent))
    unclear = next(_unread(turn, understanding.questions, parts), None)
    if len(asked) > 1 or (asked and unclear):
        return Reading(Kind.SEVERAL, options=asked, unclear=unclear)
    return Reading(Kind.SURE, asked[0]) if asked else whole


def _unread(turn: Turn, asked: tuple[Question, ...], parts: list[str]) -> Iterator[Question]:
    """The questions that are not clear, as far as they say anything."""
    for question, intent in zip(asked, parts, strict=True):
        if not intent and has_words(turn.text[question.start : question.end]):
            yield question


def _part(turn: Turn, asked: Question, thresholds: Thresholds) -> str:
    """What one of several questions means; nothing where it is not clear."""
    words = turn.text[asked.start : asked.end]
    found = _one(turn, words, asked.ranking, thresholds)
    if asked.best.confidence < thresholds.answer_at and not order_facts.stand_in(words):
        # An order that another part names makes no order of this one.
        return found.intent if found.kind is Kind.SURE and found.intent != ORDER else ""
    likely = found.kind is Kind.AMBIGUOUS and asked.best.confidence >= thresholds.answer_at
    return found.intent if found.kind is Kind.SURE or likely else ""


def _one(turn: Turn, text: str, ranking: tuple[Guess, ...], thresholds: Thresholds) -> Reading:
    """What one question means; ``text`` is the part of the message that asks it."""
    question = _behind_the_greeting(text, ranking, thresholds)
    if question is not None:
        return Reading(Kind.SURE, question)
    best = ranking[0]
    needed = thresholds.person_at if best.intent in (HUMAN, COMPLAINT) else thresholds.answer_at
    if best.confidence < needed:
        return _unclear(turn, ranking, thresholds)
    rivals = _rivals(ranking, thresholds.ambiguous_within)
    if COMPLAINT in rivals and is_shouting(turn.text):
        return Reading(Kind.SURE, COMPLAINT)
    options = tuple(intent for intent in rivals if _can_offer(intent))
    if _can_offer(best.intent) and best.intent != HUMAN and options:
        return _which(turn, (best.intent, *options))
    return Reading(Kind.SURE, best.intent)


def _which(turn: Turn, options: tuple[str, ...]) -> Reading:
    # Looking up the order that was named tells more than asking back.
    if ORDER in options and order_facts.number_in(turn):
        return Reading(Kind.SURE, ORDER)
    return Reading(Kind.AMBIGUOUS, options[0], options[:3])


def _unclear(turn: Turn, ranking: tuple[Guess, ...], thresholds: Thresholds) -> Reading:
    # A bare order number, or the proof of an order named before, says enough.
    if order_facts.completes(turn):
        return Reading(Kind.SURE, ORDER)
    best = ranking[0].intent
    if best in SMALL_TALK and _share(ranking, SMALL_TALK) >= thresholds.answer_at:
        return Reading(Kind.SURE, best)
    strong = tuple(g for g in ranking if g.confidence >= thresholds.option_at and _can_offer(g.intent))[:3]
    if len(strong) > 1 and sum(g.confidence for g in strong) >= thresholds.answer_at:
        return Reading(Kind.AMBIGUOUS, best, tuple(g.intent for g in strong))
    if _is_not_ours(turn.understanding, thresholds):
        return Reading(Kind.SURE, OUT_OF_SCOPE)
    likely = (g.intent for g in ranking if g.confidence >= thresholds.suggest_at)
    return Reading(Kind.UNSURE, "", tuple(i for i in likely if _can_offer(i) and i != HUMAN)[:3])


def _is_not_ours(understanding: Understanding | None, thresholds: Thresholds) -> bool:
    """Whether the model is sure that the message is about nothing we know."""
    told = understanding.explanation if understanding else None
    if told is None or told.verdict is not Verdict.OUT or told.reason == NO_WORDS_KNOWN:
        return False
    return 1 - told.in_scope >= thresholds.not_ours_at


def _share(ranking: tuple[Guess, ...], intents: frozenset[str]) -> float:
    return sum(guess.confidence for guess in ranking if guess.intent in intents)


def _behind_the_greeting(text: str, ranking: tuple[Guess, ...], thresholds: Thresholds) -> str | None:
    """``bonjour, comment retourner une crème ?`` is a question."""
    if ranking[0].intent not in OPENERS or len(text.split()) <= OPENER_WORDS:
        return None
    asked = (guess for guess in ranking if _can_offer(guess.intent) or guess.intent == COMPLAINT)
    likely = next(asked, None)
    return likely.intent if likely and likely.confidence >= thresholds.behind_greeting_at else None


def _rivals(ranking: tuple[Guess, ...], within: float) -> tuple[str, ...]:
    best = ranking[0].confidence
    return tuple(guess.intent for guess in ranking[1:] if best - guess.confidence <= within)


def _can_offer(intent: str) -> bool:
    return intent.startswith(FAQ) or intent in (ORDER, HUMAN)


def _is_question(intent: str) -> bool:
    return intent.startswith(FAQ) or intent == ORDER


def _goes_first(intent: str) -> bool:
    """What is done about something else than a question, by a person as a rule, is done before answering."""
    return not (_is_question(intent) or intent in SMALL_TALK or intent == OUT_OF_SCOPE)


# --- in the light of what we asked ---------------------------------------------------------


def _in_context(turn: Turn, found: Reading) -> Reading:
    awaiting = turn.chat.dialogue.awaiting
    if awaiting == "order":
        return found if _interrupts(turn, found) else _with_the_form(turn, found)
    if awaiting in ("help", "person"):
        said = yes_or_no(turn.text)
        return Reading(Kind.SURE, said) if said else found
    return found


def _interrupts(turn: Turn, found: Reading) -> bool:
    """Whether a message sent while we wait for order details is about something else."""
    if found.kind is Kind.SEVERAL and not order_facts.mentions_any(turn):
        return True
    if found.kind is not Kind.SURE:
        return False
    if found.intent in (HUMAN, COMPLAINT):
        return True
    if found.intent in (ORDER, "affirm", "deny", OUT_OF_SCOPE):
        return False
    return not order_facts.mentions_any(turn)


def _with_the_form(turn: Turn, found: Reading) -> Reading:
    """What we asked for, and perhaps questions beside it: ``4812077, et l'adresse se change encore ?``."""
    beside = found.options if found.kind is Kind.SEVERAL else ()
    if found.kind is Kind.SURE and len(turn.text.split()) > FACTS_WORDS:
        beside = (found.intent,)
    asked = tuple(intent for intent in beside if intent.startswith(FAQ))
    if not asked:
        return Reading(Kind.FORM, ORDER)
    return Reading(Kind.SEVERAL, options=(*asked, ORDER), unclear=found.unclear)


def yes_or_no(text: str) -> str | None:
    """``affirm`` or ``deny`` for the plainest of words."""
    told = [word for word in _WORD.findall(_plain(text)) if word not in _POLITE]
    if len(told) != 1:
        return None
    return "affirm" if told[0] in _YES else "deny" if told[0] in _NO else None


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text[:80]).casefold().replace("’", "'")
