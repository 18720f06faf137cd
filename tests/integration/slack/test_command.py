"""``/care`` and what is done from a thread, through the whole app on a real Valkey."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.desk.slack.names import Shortcut
from bot.domain.events import AgentReply, AgentReveal, AgentTeach
from bot.domain.understanding import Guess
from bot.storage.state import RedisStore
from tests.fakes.slack import User
from tests.fakes.slack_features import words
from tests.integration.slack.features import Listening, listening
from tests.integration.slack.people import CHANNEL


@pytest.fixture
async def at_work(store: RedisStore) -> AsyncIterator[Listening]:
    async with listening(store) as opened:
        opened.knowledge.add("faq_refund_when", ("Remboursement", "Cinq jours."), ("Refund", "Five days."))
        opened.nlu.ranking = (Guess("faq_refund_when", 0.8),)
        yield opened


async def typed(at_work: Listening, person: User, text: str) -> str:
    before = len(person.ephemerals())
    assert (await person.command("/care", text, channel=CHANNEL)).acked
    await at_work.slack.until(lambda: len(person.ephemerals()) > before)
    return words(person.ephemerals()[-1])


async def modal(at_work: Listening, person: User, holds: str) -> dict[str, Any]:
    def ready() -> dict[str, Any] | None:
        opened = person.opened_views()
        return opened[-1] if opened and holds in words(opened[-1]) else None

    found: dict[str, Any] = await at_work.slack.until(ready, what=f"a modal that holds {holds!r}")
    return found


async def test_each_agent_is_answered_in_their_language_and_nobody_else_sees_it(at_work: Listening) -> None:
    lea, omar = at_work.slack.user("U0LEA"), at_work.slack.user("U0OMAR")
    assert "Cinq jours." in await typed(at_work, lea, "chercher remboursement")
    assert "Five days." in await typed(at_work, omar, "search refund")
    assert len(lea.ephemerals()) == len(omar.ephemerals()) == 1
    assert at_work.slack.channel(CHANNEL).messages == []


async def test_who_is_not_in_the_configuration_gets_no_customer(at_work: Listening) -> None:
    await at_work.case()
    said = await typed(at_work, at_work.slack.user("U0NOBODY"), "file")
    assert "Lucie" not in said


async def test_away_from_the_command_is_away_everywhere(at_work: Listening) -> None:
    await typed(at_work, at_work.slack.user("U0LEA"), "absente")
    assert (await at_work.desk.roster.presence("slack:U0LEA")).away


async def test_an_answer_is_found_and_sent_from_the_thread(at_work: Listening) -> None:
    lea = at_work.slack.user("U0LEA")
    await at_work.case()
    await at_work.says("quand serai-je remboursée ?")
    root = await at_work.thread()
    assert (await lea.shortcut(Shortcut.SEARCH, CHANNEL, root)).acked
    view = await modal(at_work, lea, "Cinq jours.")
    await lea.press_in_view(view["id"], "offer_send")
    await modal(at_work, lea, "C'est parti")
    (event,) = at_work.inbox.events
    assert isinstance(event, AgentReply)
    assert (event.text, event.agent.name, event.conversation) == ("Cinq jours.", "Léa Dumas", "c_1")


async def test_a_modal_closed_too_soon_does_not_call_what_was_sent_a_failure(at_work: Listening) -> None:
    lea = at_work.slack.user("U0LEA")
    await at_work.case()
    await at_work.says("quand serai-je remboursée ?")
    root = await at_work.thread()
    await lea.shortcut(Shortcut.SEARCH, CHANNEL, root)
    view = await modal(at_work, lea, "Cinq jours.")
    updates = len(at_work.slack.calls_of("views.update"))
    at_work.slack.faults.order("error", "views.update", times=1, error="not_found")
    await lea.press_in_view(view["id"], "offer_send")
    await at_work.slack.until(lambda: len(at_work.slack.calls_of("views.update")) > updates)
    assert len(at_work.inbox.events) == 1
    assert "Cinq jours." in await typed(
        at_work, lea, "chercher remboursement"
    )  # a later answer, and the only one
    assert len(lea.ephemerals()) == 1
    assert lea.dms() == []


async def test_details_are_revealed_and_the_bot_taught_from_the_thread(at_work: Listening) -> None:
    lea = at_work.slack.user("U0LEA")
    await at_work.case()
    await at_work.says("écrivez à lucie@exemple.fr", "m1")
    root = await at_work.thread()
    posted = await at_work.desk.client.chat_postMessage(channel=CHANNEL, text="écrivez…", thread_ts=root)
    await at_work.desk.threads.remember("c_1", "m1", str(posted["ts"]))
    await lea.shortcut(Shortcut.DETAILS, CHANNEL, root)
    view = await modal(at_work, lea, "l•••@e•••.fr")
    await lea.press_in_view(view["id"], "details_reveal")
    await modal(at_work, lea, "lucie@exemple.fr")
    await lea.close(view["id"])
    await lea.shortcut(Shortcut.TEACH, CHANNEL, str(posted["ts"]))
    form = await modal(at_work, lea, "écrivez à …")
    answer = await lea.submit(
        form["id"], {"entry": "faq_refund_when", "question": "quand suis-je remboursée ?"}
    )
    assert not answer.errors
    revealed, taught = at_work.inbox.events
    assert isinstance(revealed, AgentReveal)
    assert isinstance(taught, AgentTeach)
    assert (taught.intent, taught.message_id) == ("faq_refund_when", "m1")


async def test_saved_replies_open_from_the_thread(at_work: Listening) -> None:
    lea = at_work.slack.user("U0LEA")
    await at_work.case()
    root = await at_work.thread()
    await lea.shortcut(Shortcut.SAVED, CHANNEL, root)
    await modal(at_work, lea, "Bonjour Lucie Roy, je suis Léa.")
