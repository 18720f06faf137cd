"""Proposals in the record."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.analytics.database import Database
from bot.analytics.personal_data import RecordedPersonalData
from bot.analytics.proposals import SqlProposals, Status
from bot.analytics.record import SqlRecord
from bot.domain.facts import Fact, Proposed
from bot.ports.clock import SystemClock
from tests.fakes.facts import CHAT, OTHER_CHAT, after, fact, said

PROPOSED = Proposed(
    agent_id="slack:U1",
    agent_name="Léa",
    intent="faq_vegan",
    question="du lait ?",
    language="fr",
    message_id="m1",
)


@pytest.fixture
def proposals(database: Database) -> SqlProposals:
    return SqlProposals(database)


@pytest.fixture
async def filed(database: Database) -> list[Fact]:
    facts = [
        fact(replace(said("du lait ?"), author_name="Zoé"), id="l_0-0"),
        fact(PROPOSED, id="l_aa11-0", at=after(1)),
        fact(replace(PROPOSED, question="et du miel ?"), id="l_aa22-0", at=after(2), chat=OTHER_CHAT),
    ]
    await SqlRecord(database, SystemClock()).store(facts)
    return facts


@pytest.mark.usefixtures("filed")
async def test_what_waits_is_listed_oldest_first_with_whose_words_they_were(proposals: SqlProposals) -> None:
    first, second = await proposals.all()
    assert (first.question, first.agent_name, first.customer, first.status) == (
        "du lait ?",
        "Léa",
        "Zoé",
        "open",
    )
    assert (second.question, second.customer) == ("et du miel ?", "")


@pytest.mark.usefixtures("filed")
async def test_one_is_found_by_how_its_id_begins(proposals: SqlProposals) -> None:
    assert [one.id for one in await proposals.beginning("l_aa1")] == ["l_aa11-0"]
    assert [one.id for one in await proposals.beginning("aa2")] == ["l_aa22-0"]
    assert len(await proposals.beginning("aa")) == 2
    assert await proposals.beginning("%") == []


async def test_it_is_decided_once_and_coming_again_does_not_open_it(
    database: Database, proposals: SqlProposals, filed: list[Fact]
) -> None:
    assert await proposals.decide("l_aa11-0", Status.REJECTED, by="Ana", at=after(9), reason="déjà dit")
    assert not await proposals.decide("l_aa11-0", Status.ACCEPTED, by="Bo", at=after(10), intent="faq_x")
    await SqlRecord(database, SystemClock()).store(filed)
    assert [one.id for one in await proposals.all()] == ["l_aa22-0"]
    decided = (await proposals.all(decided=True))[0]
    assert (decided.status, decided.decided_by, decided.decided_at, decided.reason, decided.intent) == (
        "rejected", "Ana", after(9), "déjà dit", "faq_vegan",
    )  # fmt: skip


@pytest.mark.usefixtures("filed")
async def test_with_the_customer_go_the_words_and_the_reason_and_nothing_waits_any_more(
    database: Database, proposals: SqlProposals
) -> None:
    await proposals.decide("l_aa22-0", Status.REJECTED, by="Ana", at=after(9), reason="Zoé encore")
    kept = RecordedPersonalData(database, SystemClock(), days=365)
    for chat in (CHAT, OTHER_CHAT):
        await kept.erase(chat)
    assert await proposals.all() == []
    erased = await proposals.all(decided=True)
    assert [(one.question, one.reason, one.customer, one.erased) for one in erased] == [
        ("", None, "", True)
    ] * 2
    assert [one.status for one in erased] == ["open", "rejected"]
