"""The figures of an evaluation, as they are reported: overall, by language, and for protected intents."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from bot.domain.understanding import Understanding
from bot.knowledge import scores
from bot.knowledge.examples import OOS_NAMES, Example
from bot.knowledge.scores import OOS, Scored

Alarm = Callable[[Understanding], str | None]
"""The protected intent that the bot acts on, if any."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A message with its meaning, and what was understood of it."""

    message: Example
    understanding: Understanding

    @property
    def scored(self) -> Scored:
        """Its truth beside the best guess."""
        best = self.understanding.best
        return Scored(label(self.message.intent), label(best.intent), best.confidence)


@dataclass(frozen=True, slots=True)
class Figures:
    """Scores of some messages (:mod:`bot.knowledge.scores`); None where there is nothing to measure.

    Attributes:
        messages: how many.
        out_of_scope: how many of them belong to no intent.
        accuracy_in_scope: best intent right, no threshold, messages in scope.
        in_scope_at_threshold: right and not rejected, messages in scope.
        accuracy: best intent right, no threshold, all messages.
        accuracy_at_threshold: taken for what they are, all messages.
        ece: calibration error over all messages: a confidence says how likely the intent is the right one
            for whatever a customer writes.
        ece_in_scope: the same over messages in scope.
    """

    messages: int
    out_of_scope: int
    accuracy_in_scope: float | None
    threshold: float
    in_scope_at_threshold: float | None
    oos_precision: float | None
    oos_recall: float | None
    mcc_at_threshold: float | None
    best_mcc: float | None
    best_mcc_threshold: float | None
    ece: float | None
    ece_in_scope: float | None
    accuracy: float | None
    accuracy_at_threshold: float | None


@dataclass(frozen=True, slots=True)
class Protected:
    """How the intents that must not be missed fare.

    Attributes:
        messages: how many mean one of them.
        recall: the share whose best intent is the right one.
        acted: the share of which the bot acts on the right one.
        alarmed: the share of which it acts on a protected intent, be it another one.
        false_alarms: the share of all other messages of which it does.
        intents: messages, recall and acted of each.
    """

    messages: int
    recall: float | None
    acted: float | None
    alarmed: float | None
    false_alarms: float | None
    intents: Mapping[str, Mapping[str, float | int | None]]


def label(intent: str) -> str:
    """The intent, whichever of its names "out of scope" goes by."""
    return OOS if intent in OOS_NAMES else intent


def figures(asked: Iterable[Asked], threshold: float) -> Figures:
    """All scores of some messages."""
    items = [one.scored for one in asked]
    inside = scores.in_scope(items)
    best = scores.best_mcc(items)
    return Figures(
        messages=len(items),
        out_of_scope=len(items) - len(inside),
        accuracy_in_scope=scores.accuracy(inside),
        threshold=threshold,
        in_scope_at_threshold=scores.accuracy_at(inside, threshold),
        oos_precision=scores.oos_precision(items, threshold),
        oos_recall=scores.oos_recall(items, threshold),
        mcc_at_threshold=scores.mcc_at(items, threshold),
        best_mcc=best[0] if best else None,
        best_mcc_threshold=best[1] if best else None,
        ece=scores.ece(items),
        ece_in_scope=scores.ece(inside),
        accuracy=scores.accuracy(items),
        accuracy_at_threshold=scores.accuracy_at(items, threshold),
    )


def protected(asked: Sequence[Asked], intents: Collection[str], alarm: Alarm) -> Protected | None:
    """The figures of protected intents; None when no message means one."""
    meant = [one for one in asked if one.message.intent in intents]
    others = [one for one in asked if one.message.intent not in intents]
    if not meant:
        return None
    found = {intent: [one for one in meant if one.message.intent == intent] for intent in intents}
    return Protected(
        messages=len(meant),
        recall=_share(meant, lambda one: one.scored.is_right),
        acted=_share(meant, lambda one: alarm(one.understanding) == one.message.intent),
        alarmed=_share(meant, lambda one: alarm(one.understanding) is not None),
        false_alarms=_share(others, lambda one: alarm(one.understanding) is not None),
        intents={
            intent: {
                "messages": len(held),
                "recall": _share(held, lambda one: one.scored.is_right),
                "acted": _share(held, lambda one: alarm(one.understanding) == one.message.intent),
            }
            for intent, held in found.items()
            if held
        },
    )


def by_language(asked: Iterable[Asked]) -> dict[str, list[Asked]]:
    """The messages by language, those of which it is known, in the languages' order of the alphabet."""
    groups: dict[str, list[Asked]] = {}
    for one in asked:
        if one.message.language:
            groups.setdefault(one.message.language, []).append(one)
    return dict(sorted(groups.items()))


def document(
    asked: Sequence[Asked], threshold: float, intents: Collection[str], alarm: Alarm
) -> dict[str, object]:
    """Every figure, as plain values: those of all messages, then ``by_language`` and ``protected``."""
    groups = by_language(asked)
    whole = protected(asked, intents, alarm)
    told: dict[str, object] = asdict(figures(asked, threshold))
    if groups:
        told["by_language"] = {name: asdict(figures(group, threshold)) for name, group in groups.items()}
    if whole is not None:
        split = {name: protected(group, intents, alarm) for name, group in groups.items()}
        told["protected"] = {"all": asdict(whole)} | {n: asdict(one) for n, one in split.items() if one}
    return told


def _share(asked: Sequence[Asked], holds: Callable[[Asked], bool]) -> float | None:
    return sum(map(holds, asked)) / len(asked) if asked else None
