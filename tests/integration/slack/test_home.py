"""The Home page through the whole app: who may see it, what it shows of a real board, what its buttons do."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.desk.slack import home
from bot.domain.events import AgentClaim
from bot.domain.identity import Agent, Profile
from bot.domain.outgoing import CaseState
from bot.storage.state import RedisStore
from tests.integration.slack.features import Listening, listening
from tests.integration.slack.people import actions, words


@pytest.fixture
async def at_work(store: RedisStore, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Listening]:
    monkeypatch.setattr(home, "EVERY", 0.05)
    monkeypatch.setattr(home, "PACE", 0.01)
    async with listening(store) as opened:
        yield opened


async def test_an_agents_page_follows_their_conversations(at_work: Listening) -> None:
    slack, lea = at_work.slack, at_work.slack.user("U0LEA")
    await at_work.case()
    await at_work.says("allô ?")
    root = await at_work.thread()
    lea.open_home()
    page = await slack.until(lambda: lea.home())
    assert "File d'attente (1)" in words(page)
    assert "claim" in actions(page)
    await at_work.case(state=CaseState.CLAIMED, agent=Agent("slack:U0LEA", "Léa Dumas"))
    await slack.until(lambda: "Mes conversations (1)" in words(lea.home() or {}))
    page = lea.home() or {}
    assert "« allô ? »" in words(page)
    assert f"/p{root.replace('.', '')}|Ouvrir>" in words(page)


async def test_a_claim_from_the_page_is_a_claim(at_work: Listening) -> None:
    slack, omar = at_work.slack, at_work.slack.user("U0OMAR")
    await at_work.case("c_1")
    await at_work.case("c_2", profile=Profile("Second"))
    omar.open_home()
    await slack.until(lambda: omar.home())
    assert (await omar.press_home("claim", "c_2")).acked
    (event,) = at_work.inbox.events
    assert isinstance(event, AgentClaim)
    assert (event.agent.id, event.conversation or "c_2") == ("slack:U0OMAR", "c_2")


async def test_availability_is_kept_where_every_process_sees_it(at_work: Listening) -> None:
    slack, lea = at_work.slack, at_work.slack.user("U0LEA")
    lea.open_home()
    await slack.until(lambda: lea.home())
    await lea.press_home("away")
    assert (await at_work.desk.roster.presence("slack:U0LEA")).away
    await slack.until(lambda: "Vous n'êtes plus en service" in words(lea.home() or {}))


async def test_a_page_that_slack_does_not_take_now_comes_by_itself(at_work: Listening) -> None:
    slack, lea = at_work.slack, at_work.slack.user("U0LEA")
    lea.open_home()
    await slack.until(lambda: lea.home())
    slack.faults.order("429", "views.publish", times=1, retry_after=1)
    await lea.press_home("away")
    await slack.until(lambda: "Vous n'êtes plus en service" in words(lea.home() or {}))
    assert (lea.ephemerals(), lea.dms()) == (
        [],
        [],
    )  # nobody is told to try again


async def test_who_is_not_in_the_configuration_sees_nothing_of_customers(at_work: Listening) -> None:
    await at_work.case()
    nobody = at_work.slack.user("U0NOBODY")
    nobody.open_home()
    page = await at_work.slack.until(lambda: nobody.home())
    assert "Lucie Roy" not in words(page)
    assert actions(page) == []
