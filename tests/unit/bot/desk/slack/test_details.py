"""Customer details: what is known, shortened, and shown whole only to those who may see it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.desk.slack import kit
from bot.desk.slack.context import Rules
from bot.desk.slack.names import Act, Shortcut
from bot.domain.events import AgentReveal
from bot.domain.identity import ChatId, Profile
from bot.domain.message import Author, Line
from bot.ports.roster import Role
from bot.ports.service import CustomerFound, PastConversation
from tests.builders import LEA, NOW
from tests.fakes.slack_features import ANNA, CHANNEL, House, actions, house, words

PAST = CustomerFound(
    LEA,
    "Lucie Roy",
    "en",
    first_seen=NOW - timedelta(days=40),
    last_seen=NOW,
    conversations=(
        PastConversation("c_1", NOW, None, None),
        PastConversation(
            "c_0",
            NOW - timedelta(days=40),
            NOW - timedelta(days=39),
            "resolved_by_agent",
            ("faq_refund_when",),
            4,
        ),
    ),
)


async def set_up(opened: House) -> None:
    opened.case(profile=Profile("Lucie Roy", "lucie_r"))
    opened.says("mon colis 4812077, écrivez-moi à lucie.roy@exemple.fr ou au 06 12 34 56 78")
    opened.says("Bien sûr, lea@maison-alba.example", "a1", author=Author.AGENT)
    opened.record.customers = [PAST]
    opened.knowledge.add("faq_refund_when", ("Délai de remboursement", "x"), ("Refund delay", "x"))
    opened.record.conversations["c_0"] = [Line("p1", Author.CUSTOMER, "et la 9999999 ?", NOW)]


@pytest.fixture
async def at_work() -> AsyncIterator[House]:
    async with house() as opened:
        await set_up(opened)
        yield opened


async def opened(at_work: House, user: str = "U1") -> dict[str, object]:
    root = await at_work.thread()
    await at_work.user(user).shortcut(Shortcut.DETAILS, CHANNEL, root)
    return await at_work.modal(user, holds="Lucie Roy")


async def test_who_it_is_what_went_before_and_which_orders(at_work: House) -> None:
    shown = words(await opened(at_work))
    for part in (
        "@lucie_r",
        "site web · français · anglais",
        "résolue par une personne",
        "★★★★☆",
        "Délai de remboursement",
        "4812077 · expédiée · passée le 02/10/2026 · attendue le 06/10/2026 · Colis Clair",
        "9999999 · inconnue de la boutique",
    ):
        assert part in shown
    assert "69002" not in shown  # the shop's postcode and email are compared, never shown


async def test_contact_details_are_shortened(at_work: House) -> None:
    shown = words(await opened(at_work))
    assert "l•••@e•••.fr" in shown
    assert "06 •• •• •• 78" in shown
    assert "lucie.roy@exemple.fr" not in shown
    assert "Bien sûr" not in shown  # what we wrote is no contact detail of theirs


async def test_what_the_customer_took_back_is_not_shown_again(at_work: House) -> None:
    at_work.says("oubliez autre@exemple.fr, commande 7654321", "m2")
    taken_back = at_work.board.lines["c_1"].pop()
    at_work.board.lines["c_1"].append(replace(taken_back, deleted=True))
    shown = words(await opened(at_work))
    assert "oubliez" not in shown
    assert "7654321" not in shown


async def test_reveal_is_durable_before_anything_is_seen_and_for_that_agent_only(at_work: House) -> None:
    view = await opened(at_work)
    at_work.inbox.down = True
    pressing = await at_work.user().press_in_view(str(view["id"]), "details_reveal")
    assert not pressing.acked
    assert "lucie.roy@exemple.fr" not in words(at_work.user().view())
    at_work.inbox.down = False
    await at_work.user().press_in_view(str(view["id"]), "details_reveal")
    revealed = await at_work.modal(holds="lucie.roy@exemple.fr")
    assert "06 12 34 56 78" in words(revealed)
    assert "details_reveal" not in actions(revealed)
    (event,) = at_work.inbox.events
    assert isinstance(event, AgentReveal)
    assert (event.chat, event.agent, event.subject) == (LEA, ANNA, "customer")
    assert at_work.user("U2").opened_views() == []


async def test_who_may_not_reveal_has_no_button() -> None:
    async with house(rules=Rules(reveal=frozenset({Role.LEAD}))) as at_work:
        await set_up(at_work)
        view = await opened(at_work)
        assert "details_reveal" not in actions(view)


async def test_a_role_that_was_taken_away_meanwhile_reveals_nothing() -> None:
    allowed = {Role.AGENT}

    class Changing(frozenset[Role]):
        def __contains__(self, role: object) -> bool:
            return role in allowed

    async with house(rules=Rules(reveal=Changing())) as at_work:
        await set_up(at_work)
        view = await opened(at_work)
        allowed.clear()
        await at_work.user().press_in_view(str(view["id"]), "details_reveal")
        await at_work.modal(holds="ne permet pas")
        assert at_work.inbox.events == []


async def test_without_the_record_what_is_known_now_is_shown(at_work: House) -> None:
    at_work.record.down = True
    shown = words(await opened(at_work))
    assert "L'historique ne répond pas" in shown
    assert "4812077 · expédiée" in shown


async def test_without_the_shop_orders_are_named(at_work: House) -> None:
    at_work.shop.down = True
    assert "4812077 · inconnue de la boutique, ou la boutique ne répond pas" in words(await opened(at_work))


async def test_details_open_from_a_button_and_from_the_cards_menu(at_work: House) -> None:
    await at_work.thread()
    option = kit.option("Fiche", f"{Act.DETAILS}|c_1")
    menu = {"type": "overflow", "action_id": Act.MORE, "options": [option]}
    blocks = [kit.actions(kit.button("Fiche", Act.DETAILS, "c_1"), menu)]
    posted = await at_work.desk.client.chat_postMessage(channel=CHANNEL, text="card", blocks=blocks)
    await at_work.user().press(CHANNEL, str(posted["ts"]), Act.DETAILS)
    await at_work.modal(holds="Lucie Roy")
    await at_work.user("U2").choose(CHANNEL, str(posted["ts"]), Act.MORE, f"{Act.DETAILS}|c_1")
    await at_work.modal("U2", holds="Customer details")


async def test_a_customer_cannot_format_or_ping_in_their_details(at_work: House) -> None:
    hostile = "<!channel> *Luc* <@U1> `x`"
    at_work.case(profile=Profile(hostile, hostile))
    at_work.record.customers = [CustomerFound(LEA, hostile, None, NOW, NOW)]
    at_work.says(f"{hostile} luc@exemple.fr", "m9")
    root = await at_work.thread()
    await at_work.user().shortcut(Shortcut.DETAILS, CHANNEL, root)
    view = await at_work.modal(holds="Luc")
    assert at_work.slack.pings(view) == []


async def test_a_customer_found_elsewhere_has_details_too(at_work: House) -> None:
    other = ChatId("telegram", "bot", "77")
    at_work.record.customers = [CustomerFound(other, "Max", "fr", NOW, NOW)]
    blocks = [kit.actions(kit.button("Fiche", "details_chat", str(other)))]
    posted = await at_work.desk.client.chat_postMessage(channel=CHANNEL, text="list", blocks=blocks)
    await at_work.user().press(CHANNEL, str(posted["ts"]), "details_chat")
    view = await at_work.modal(holds="Max")
    assert view["private_metadata"] == str(other)


async def test_outside_a_conversation_there_is_nobody_to_show(at_work: House) -> None:
    ts = at_work.user().post(CHANNEL, "bonjour l'équipe")
    await at_work.user().shortcut(Shortcut.DETAILS, CHANNEL, ts)
    await at_work.modal(holds="n'est pas dans une conversation")
