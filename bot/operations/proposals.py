"""From what an agent proposed to the file that says it: planned, shown, then done.

Nothing is published by itself: an admin decides on each, sees what will be written before it is, and the
model learns of a new example only when it is trained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from bot.analytics.proposals import Proposal, Status
from bot.domain.errors import ConfigurationError
from bot.knowledge import writing
from bot.knowledge.reading import LANGUAGES, MAX_TITLE
from bot.knowledge.writing import Change, Texts
from bot.operations.anonymous import personal

CLUE = 12
"""Characters an id is shown with at least: ``l_`` and ten letters."""


class Decisions(Protocol):
    """Where decisions are kept."""

    async def decide(
        self, proposal_id: str, status: Status, *, by: str, at: datetime, intent: str = "", reason: str = ""
    ) -> bool:
        """Decide on one that is open; False when somebody did meanwhile."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Edits:
    """What the admin says otherwise than the proposal; empty where it is as proposed.

    ``other`` is what a new entry says in the language that the proposal is not in.
    """

    intent: str = ""
    language: str = ""
    question: str = ""
    answer: str = ""
    title: str = ""
    other: Texts = Texts()


@dataclass(frozen=True, slots=True)
class Plan:
    """What accepting a proposal would write. ``left`` is the language that would not be changed, where an
    answer changes in the other one only."""

    proposal: Proposal
    intent: str
    change: Change
    left: str = ""

    @property
    def is_new(self) -> bool:
        """Whether the entry is."""
        return self.change.before is None


def plan(proposal: Proposal, edits: Edits, data: Path) -> Plan:
    """What accepting it would do to the files in ``data``. Writes nothing.

    Raises:
        ConfigurationError: it cannot be accepted as it is; the sentence says what to do.
    """
    _check_open(proposal)
    intent, language = edits.intent or proposal.intent, edits.language or proposal.language
    if not intent:
        raise ConfigurationError("It is for a new entry: name it with --intent, such as faq_gift_wrap.")
    if language not in LANGUAGES:
        raise ConfigurationError(f"Say in which language it is: --language {' or '.join(LANGUAGES)}.")
    texts = Texts(edits.question or proposal.question, edits.answer or proposal.answer, edits.title)
    _check_nobody({"": texts, "other-": edits.other}, proposal.customer, data)
    if not writing.entry_path(data, intent).exists():
        return Plan(proposal, intent, _new(data, intent, language, texts, edits.other))
    change = writing.changed_entry(data, intent, language, texts)
    left = next(one for one in LANGUAGES if one != language) if texts.answer.strip() else ""
    return Plan(proposal, intent, change, left)


async def accept(planned: Plan, decisions: Decisions, *, by: str, at: datetime) -> bool:
    """Write the file, then say so in the record; False when somebody decided meanwhile.

    A crash in between leaves the proposal open: accepting it again finds the file as it should be.

    Raises:
        ConfigurationError: the file cannot be written, or was changed since it was shown.
        RecordUnavailable: the file is written; accept again.
    """
    if not planned.change.is_none:
        writing.write(planned.change)
    return await decisions.decide(planned.proposal.id, Status.ACCEPTED, by=by, at=at, intent=planned.intent)


async def reject(proposal: Proposal, decisions: Decisions, *, by: str, at: datetime, reason: str) -> bool:
    """Keep it, with why not; False when somebody decided meanwhile.

    Raises:
        ConfigurationError: it was decided on before, or there is no reason.
        RecordUnavailable: reject again.
    """
    if proposal.status is not Status.OPEN:
        raise ConfigurationError(_decided(proposal))
    if not reason.strip():
        raise ConfigurationError("Say why with --reason: whoever proposed it may ask.")
    return await decisions.decide(proposal.id, Status.REJECTED, by=by, at=at, reason=reason.strip())


def short_ids(proposals: Sequence[Proposal]) -> dict[str, str]:
    """The beginning of each id that tells it from all the others."""
    ids = [one.id for one in proposals]
    longest = max(map(len, ids), default=CLUE)
    length = next(
        (size for size in range(CLUE, longest) if len({one[:size] for one in ids}) == len(ids)), longest
    )
    return {one: one[:length] for one in ids}


def _new(data: Path, intent: str, language: str, texts: Texts, other: Texts) -> Change:
    second = next(one for one in LANGUAGES if one != language)
    title = texts.title or texts.question
    if not texts.title and len(" ".join(title.split())) > MAX_TITLE:
        raise ConfigurationError(f"A new entry needs a title of at most {MAX_TITLE} characters: --title.")
    first = Texts(texts.question, texts.answer, title)
    lacking = [
        f"--other-{name}"
        for name in ("question", "answer", "title")
        if not getattr(other, name).strip() and not (name == "title" and 0 < len(other.question) <= MAX_TITLE)
    ]
    if lacking:
        raise ConfigurationError(
            f"There is no entry {intent} yet, and a new one speaks every language: give what it says "
            f"in {second}, too, with {', '.join(lacking)}."
        )
    second_texts = Texts(other.question, other.answer, other.title or other.question)
    return writing.new_entry(data, intent, {language: first, second: second_texts})


def _check_open(proposal: Proposal) -> None:
    if proposal.status is not Status.OPEN:
        raise ConfigurationError(_decided(proposal))
    if proposal.erased:
        raise ConfigurationError("Its texts were erased with the customer it came from: reject it.")


def _decided(proposal: Proposal) -> str:
    when = f" on {proposal.decided_at:%Y-%m-%d}" if proposal.decided_at else ""
    return f"It was {proposal.status.value} by {proposal.decided_by}{when}."


def _check_nobody(given: Mapping[str, Texts], customer: str, data: Path) -> None:
    """Nothing of a person, but what the files tell everybody already: it is the brand's."""
    public = "\n".join(path.read_text("utf-8", "replace") for path in sorted((data / "faq").glob("*.yml")))
    for which, texts in given.items():
        for name in ("question", "answer", "title"):
            found = personal(getattr(texts, name), customer=customer, known=public)
            if found:
                raise ConfigurationError(
                    f"The {name} holds {' and '.join(found)}: what the bot learns must be nobody's. "
                    f"Say it otherwise with --{which}{name}."
                )
