"""What an agent proposed becomes a line of a file, if an admin says so, and nothing of a customer with it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bot.analytics.proposals import Proposal, Status
from bot.domain.errors import ConfigurationError, RecordUnavailable
from bot.knowledge.files import FileKnowledge
from bot.knowledge.writing import Texts
from bot.operations.anonymous import personal
from bot.operations.proposals import Edits, accept, plan, reject, short_ids
from tests.fakes.facts import NOON

ENTRY = """version: "3.1"
intents:
  - faq_{id}
nlu:
  - intent: faq_{id}
    metadata: {{language: fr}}
    examples: |
      - {id} en français ?
  - intent: faq_{id}
    metadata: {{language: en}}
    examples: |
      - {id} in English?
responses:
  utter_faq_{id}:
    - text: "Réponse {id} : écrivez à bonjour@maison-alba.example ou au 01 23 45 67 89."
      metadata: {{language: fr, title: "Titre {id}"}}
    - text: "Answer {id}"
      metadata: {{language: en, title: "Title {id}"}}
"""
PROPOSAL = Proposal(
    id="l_1f0c3a77de00-2", at=NOON, agent_id="slack:U1", agent_name="Léa", intent="faq_vegan", language="fr",
    question="vos crèmes ont du lait ?", answer="", message_id="m1", conversation="c_1", status=Status.OPEN,
    customer="Zoé Martin",
)  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data" / "faq").mkdir(parents=True)
    for name in ("vegan", "samples"):
        (tmp_path / "data" / "faq" / f"{name}.yml").write_text(ENTRY.format(id=name))
    return tmp_path / "data"


@dataclass
class Decisions:
    """Keeps what was decided; ``open`` is whether the proposal still was."""

    open: bool = True
    down: bool = False
    made: list[dict[str, Any]] = field(default_factory=list)

    async def decide(
        self, proposal_id: str, status: Status, *, by: str, at: datetime, intent: str = "", reason: str = ""
    ) -> bool:
        if self.down:
            raise RecordUnavailable("down")
        self.made.append({"id": proposal_id, "status": status, "by": by, "intent": intent, "reason": reason})
        return self.open


# --- accepting ----------------------------------------------------------------------------------


async def test_an_accepted_question_is_an_example_of_its_entry(data: Path) -> None:
    decisions, planned = Decisions(), plan(PROPOSAL, Edits(), data)
    assert "vos crèmes" not in (data / "faq" / "vegan.yml").read_text()
    assert await accept(planned, decisions, by="Ana", at=NOON)
    assert "      - vos crèmes ont du lait ?\n" in (data / "faq" / "vegan.yml").read_text()
    assert decisions.made == [
        {"id": PROPOSAL.id, "status": "accepted", "by": "Ana", "intent": "faq_vegan", "reason": ""}
    ]


def test_an_answer_leaves_the_other_language_to_be_looked_at(data: Path) -> None:
    planned = plan(replace(PROPOSAL, answer="Aucun lait."), Edits(), data)
    assert (planned.left, planned.is_new) == ("en", False)
    assert '+    - text: "Aucun lait."' in planned.change.diff("x")
    assert plan(PROPOSAL, Edits(), data).left == ""


def test_the_admin_may_say_it_otherwise_and_put_it_elsewhere(data: Path) -> None:
    edits = Edits(intent="faq_samples", language="en", question="any milk in it?")
    planned = plan(PROPOSAL, edits, data)
    assert planned.change.path.name == "samples.yml"
    assert planned.change.after.index("any milk") > planned.change.after.index("samples in English")


async def test_a_crash_between_the_file_and_the_record_is_mended_by_accepting_again(data: Path) -> None:
    with pytest.raises(RecordUnavailable):
        await accept(plan(PROPOSAL, Edits(), data), Decisions(down=True), by="Ana", at=NOON)
    again = plan(PROPOSAL, Edits(), data)
    assert again.change.is_none
    assert await accept(again, Decisions(), by="Ana", at=NOON)


async def test_who_comes_second_is_told(data: Path) -> None:
    assert not await accept(plan(PROPOSAL, Edits(), data), Decisions(open=False), by="Ana", at=NOON)


# --- a new entry --------------------------------------------------------------------------------

NEW = replace(PROPOSAL, intent="", question="gravez-vous un nom ?", answer="Oui, en boutique.")
OTHER = Texts("do you engrave?", "Yes, in our shops.", "Engraving")


def test_a_new_entry_must_be_named(data: Path) -> None:
    with pytest.raises(ConfigurationError, match="--intent"):
        plan(NEW, Edits(), data)


def test_a_new_entry_must_speak_the_other_language_too(data: Path) -> None:
    with pytest.raises(ConfigurationError, match="in en, too, with --other-question, --other-answer"):
        plan(NEW, Edits(intent="faq_engraving"), data)


async def test_a_new_entry_is_read_by_the_bot(data: Path) -> None:
    planned = plan(NEW, Edits(intent="faq_engraving", title="Gravure", other=OTHER), data)
    assert planned.is_new
    await accept(planned, Decisions(), by="Ana", at=NOON)
    found = FileKnowledge(data).answer("faq_engraving", "fr")
    assert found is not None
    assert (found.text, found.title) == ("Oui, en boutique.", "Gravure")


def test_a_short_question_is_its_own_title_and_a_long_one_is_not(data: Path) -> None:
    edits = Edits(intent="faq_engraving", other=OTHER)
    assert 'title: "gravez-vous un nom ?"' in plan(NEW, edits, data).change.after
    with pytest.raises(ConfigurationError, match="--title"):
        plan(replace(NEW, question="gravez-vous " * 6), edits, data)


def test_a_new_entry_without_an_answer_is_none(data: Path) -> None:
    with pytest.raises(ConfigurationError, match="needs its answer"):
        plan(replace(NEW, answer=""), Edits(intent="faq_engraving", other=OTHER), data)


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "what"),
    [
        ("je suis zoé, où est-ce ?", "the customer's name (Zoé)"),
        ("écrivez à zoe@example.org", "an email"),
        ("appelez le 06 12 34 56 78", "a phone number"),
        ("ma commande 1234567", "a long number"),
        ("je vis au 12 bis rue de la Paix", "an address"),
        ("at 12 Old Mill Road", "an address"),
        ("ma carte 4111 1111 1111 1111", "a card"),
        ("ma carte [carte/card ••••]", "masked or shortened"),
        ("au 06 •• •• •• 12", "masked or shortened"),
    ],
)
def test_nothing_of_a_person_gets_into_an_example(data: Path, question: str, what: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        plan(replace(PROPOSAL, question=question), Edits(), data)
    assert what in str(refused.value)
    assert "--question" in str(refused.value)
    assert plan(replace(PROPOSAL, question=question), Edits(question="et le lait ?"), data)


def test_a_text_may_say_what_the_files_tell_everybody_and_no_more(data: Path) -> None:
    ours = "Écrivez à bonjour@maison-alba.example, ou appelez le 01 23 45 67 89."
    assert plan(replace(PROPOSAL, answer=ours, question=f"{ours} ?"), Edits(), data).change.after
    for theirs in ("Écrivez à zoe@example.org", "Bonjour Zoé, oui.", "C'est la commande 1234567."):
        with pytest.raises(ConfigurationError, match="--answer"):
            plan(replace(PROPOSAL, answer=theirs), Edits(), data)


def test_what_is_given_for_the_other_language_is_looked_at_too(data: Path) -> None:
    edits = Edits(intent="faq_engraving", other=replace(OTHER, question="I am Zoé Martin"))
    with pytest.raises(ConfigurationError, match="--other-question"):
        plan(NEW, edits, data)


@pytest.mark.parametrize(
    "text",
    ["livrez-vous à Paris 75011 ?", "en 3 fois ?", "ouvert de 9 h 30 à 19 h ?", "30 ml ou 50 ml ?", "24/7 ?",
     "la place du marché", "SPF 50, 100 % végétal, depuis 1998 ?"],
)  # fmt: skip
def test_ordinary_numbers_and_words_are_nobodys(text: str) -> None:
    assert personal(text, customer="Al") == []


async def test_what_is_decided_stays_decided(data: Path) -> None:
    decided = replace(PROPOSAL, status=Status.REJECTED, decided_by="Ana", decided_at=NOON)
    with pytest.raises(ConfigurationError, match="rejected by Ana on 2026-11-22"):
        plan(decided, Edits(), data)
    with pytest.raises(ConfigurationError, match="rejected by Ana"):
        await reject(decided, Decisions(), by="Bo", at=NOON, reason="non")


def test_what_was_erased_cannot_be_accepted(data: Path) -> None:
    with pytest.raises(ConfigurationError, match="erased"):
        plan(replace(PROPOSAL, erased=True, question=""), Edits(question="autre chose"), data)


async def test_a_rejection_says_why() -> None:
    decisions = Decisions()
    with pytest.raises(ConfigurationError, match="--reason"):
        await reject(PROPOSAL, decisions, by="Ana", at=NOON, reason="  ")
    assert await reject(PROPOSAL, decisions, by="Ana", at=NOON, reason=" déjà dit ")
    assert decisions.made[0]["reason"] == "déjà dit"


def test_ids_are_as_short_as_tells_them_apart() -> None:
    ids = ["l_aaaaaaaaaaaa1-0", "l_aaaaaaaaaaaa2-0", "l_bbbbbbbbbbbbb-0"]
    short = short_ids([replace(PROPOSAL, id=one) for one in ids])
    assert list(short.values()) == ["l_aaaaaaaaaaaa1", "l_aaaaaaaaaaaa2", "l_bbbbbbbbbbbbb"]
    assert short_ids([PROPOSAL]) == {PROPOSAL.id: "l_1f0c3a77de"}
    assert short_ids([]) == {}
