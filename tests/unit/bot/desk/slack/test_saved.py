"""Replies kept ready: how the file is read, and how one is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.desk.slack.names import Shortcut
from bot.desk.slack.saved import matching
from bot.desk.slack.saved_replies import is_complete, load_saved_replies
from bot.domain.errors import ConfigurationError
from bot.domain.events import AgentReply
from tests.fakes.slack_features import CHANNEL, REPLIES, House, house, words

SHIPPED = Path(__file__).resolve().parents[5] / "config" / "saved_replies.toml"
GOOD = """
[hello]
title = {fr = "Bonjour", en = "Hello"}
text = {fr = "Bonjour {customer}.", en = "Hello {customer}."}
"""


def test_the_shipped_replies_are_in_order() -> None:
    replies = load_saved_replies(SHIPPED).replies
    assert len(replies) >= 12
    for reply in replies:
        for language in ("fr", "en"):
            assert "!" not in reply.text(language)
            assert len(reply.text(language)) <= 600


def test_there_may_be_no_file(tmp_path: Path) -> None:
    assert load_saved_replies(tmp_path / "none.toml").replies == ()


@pytest.mark.parametrize(
    ("found", "instead", "said"),
    [
        ('en = "Hello"}', 'en = ""}', "hello.title.en is empty"),
        (', en = "Hello {customer}."', "", "hello.text needs a text in each of fr and en"),
        ("Hello {customer}.", "Hello.", "other placeholders in French"),
        ("{customer}", "{coupon}", "unknown placeholder {coupon}"),
        ("{customer}", "{customer!r}", "unknown placeholder"),
        ("Hello {customer}.", "Hello {customer.", "a brace is not closed"),
        ('fr = "Bonjour"', 'fr = "{customer}"', "cannot hold placeholders"),
        ("[hello]", "[Hello-1]", "is no name of a reply"),
        ("title =", "titel =", "needs title and text"),
        ("Bonjour {customer}.", "x" * 3000, "longer than 2500"),
        ("[hello]", "[hello", "cannot be read"),
    ],
)
def test_what_is_wrong_with_the_file_is_said_at_the_start(
    tmp_path: Path, found: str, instead: str, said: str
) -> None:
    file = tmp_path / "saved_replies.toml"
    file.write_text(GOOD.replace(found, instead), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=".*" + said.replace("{", r"\{")):
        load_saved_replies(file)


def test_what_is_not_known_stays_to_be_filled_in() -> None:
    refund = REPLIES.replies[1]
    assert refund.text("fr", {"order": "4812077"}) == "La commande 4812077 est remboursée."
    assert refund.text("en", {"order": ""}) == "Order {order} is refunded."
    assert not is_complete(refund.text("fr"))


def test_replies_are_found_by_their_words_in_either_language() -> None:
    assert [one.key for one in matching(REPLIES.replies, "REMBOURSEE")] == ["refund"]
    assert [one.key for one in matching(REPLIES.replies, "order refund")] == ["refund"]
    assert len(matching(REPLIES.replies, "")) == 2


@pytest.fixture
async def at_work() -> AsyncIterator[House]:
    async with house() as opened:
        opened.case()
        yield opened


async def test_a_saved_reply_is_filled_in_from_the_conversation_and_sent(at_work: House) -> None:
    at_work.says("commande 4812077, où est mon remboursement ?")
    root = await at_work.thread()
    await at_work.user().shortcut(Shortcut.SAVED, CHANNEL, root)
    view = await at_work.modal(holds="Bonjour Lucie Roy, je suis Anna.")
    assert "La commande 4812077 est remboursée." in words(view)
    value = next(
        element["value"]
        for block in view["blocks"]
        for element in block.get("elements", [])
        if element.get("action_id") == "offer_send" and element["value"].startswith("saved:refund")
    )
    await at_work.user().press_in_view(view["id"], "offer_send", value)
    await at_work.modal(holds="C'est parti")
    (event,) = at_work.inbox.events
    assert isinstance(event, AgentReply)
    assert event.text == "La commande 4812077 est remboursée."


async def test_a_reply_with_something_missing_can_only_be_edited_and_not_sent_so(at_work: House) -> None:
    root = await at_work.thread()
    await at_work.user().shortcut(Shortcut.SAVED, CHANNEL, root)
    view = await at_work.modal(holds="La commande {order}")
    edit = next(
        element["value"]
        for block in view["blocks"]
        for element in block.get("elements", [])
        if element.get("action_id") == "offer_edit" and element["value"].startswith("saved:refund")
    )
    sends = [
        one
        for block in view["blocks"]
        for one in block.get("elements", [])
        if one.get("action_id") == "offer_send"
    ]
    assert [one["value"].split("|")[0] for one in sends] == ["saved:hello"]
    await at_work.user().press_in_view(view["id"], "offer_edit", edit)
    form = await at_work.modal(holds="Votre message")
    refused = await at_work.user().submit(form["id"])
    assert refused.errors == {"message": "Remplacez d'abord ce qui est entre accolades."}
    assert at_work.inbox.events == []


async def test_the_list_is_narrowed_and_its_language_changed(at_work: House) -> None:
    root = await at_work.thread()
    await at_work.user("U2").shortcut(Shortcut.SAVED, CHANNEL, root)
    view = await at_work.modal("U2", holds="Remboursement")
    await at_work.user("U2").submit(view["id"], {"words": "refund", "language": "en"})
    narrowed = await at_work.modal("U2", holds="is refunded")
    assert "Hello" not in words(narrowed)


async def test_outside_a_conversation_nothing_is_offered(at_work: House) -> None:
    ts = at_work.user().post(CHANNEL, "bonjour l'équipe")
    await at_work.user().shortcut(Shortcut.SAVED, CHANNEL, ts)
    await at_work.modal(holds="n'est pas dans une conversation")
