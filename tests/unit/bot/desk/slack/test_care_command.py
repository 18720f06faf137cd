"""``/care``: what may be typed, and what comes back, to oneself only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.desk.slack.care_command import WORDS, help_blocks, nearest, read
from bot.domain.identity import ChatId, Profile
from bot.domain.understanding import Guess
from bot.ports.service import CustomerFound
from tests.builders import LEA, NOW
from tests.fakes.slack_features import ANNA, CHANNEL, House, actions, actor, house, words


@pytest.fixture
async def at_work() -> AsyncIterator[House]:
    async with house() as opened:
        yield opened


async def care(at_work: House, typed: str, user: str = "U1") -> dict[str, Any]:
    """Type ``/care …``; returns what this person, and nobody else, then sees."""
    person = at_work.user(user)
    before = len(person.ephemerals())
    answer = await person.command("/care", typed, channel=CHANNEL)
    assert answer.acked
    await at_work.slack.until(lambda: len(person.ephemerals()) > before)
    assert at_work.slack.channel(CHANNEL).messages == []
    shown: dict[str, Any] = person.ephemerals()[-1]
    return shown


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", ("help", "", "")),
        ("help", ("help", "", "")),
        ("Aide", ("help", "", "")),
        ("search  opened jar ", ("search", "opened jar", "")),
        ("chercher pot ouvert", ("search", "pot ouvert", "")),
        ("client Martin", ("customer", "Martin", "")),
        ("modèles retour", ("saved", "retour", "")),
        ("Présente", ("back", "", "")),
        ("retour", ("back", "", "")),
        ("file", ("queue", "", "")),
        ("serch x", ("help", "", "serch")),
    ],
)
def test_what_is_typed_is_read_in_both_languages(typed: str, meant: tuple[str, str, str]) -> None:
    assert read(typed) == meant


def test_a_slip_is_told_what_was_meant_in_the_agents_own_words() -> None:
    assert nearest("serch", "en") == "search"
    assert nearest("cherchr", "fr") == "chercher"
    assert nearest("zzz", "fr") == ""
    assert "Did you mean “queue”?" in words(help_blocks(actor(language="en"), "queu"))


@pytest.mark.parametrize("language", ["fr", "en"])
def test_help_names_every_command_as_it_can_be_typed(language: str) -> None:
    shown = words(help_blocks(actor(language=language)))
    typed = [line.split()[1] for line in shown.splitlines() if line.startswith("/care ")]
    assert {read(word)[0] for word in typed} == set(WORDS.values())
    assert all(read(word)[2] == "" for word in typed)


async def test_search_answers_from_the_faq(at_work: House) -> None:
    at_work.knowledge.add("faq_x", ("Retour", "30 jours."), ("Return", "30 days."))
    at_work.nlu.ranking = (Guess("faq_x", 0.81),)
    shown = words(await care(at_work, "chercher retour"))
    assert "Retour*  ·  81%" in shown
    assert "30 jours." in shown
    assert "depuis le fil" in shown


async def test_search_says_when_the_bot_is_down_or_nothing_is_there(at_work: House) -> None:
    at_work.nlu.down = True
    shown = words(await care(at_work, "search anything", "U2"))
    assert "The bot does not answer" in shown
    assert "Nothing found" in shown
    assert "/care search" in words(await care(at_work, "search", "U2"))


async def test_a_customer_is_found_shortened_with_their_order_and_details(at_work: House) -> None:
    at_work.record.customers = [CustomerFound(LEA, "Lucie 4812077 06 12 34 56 78", "fr", NOW, NOW)]
    shown = await care(at_work, "client 4812077")
    everything = words(shown)
    assert "4812077 · expédiée" in everything
    assert "06 12 34 56 78" not in everything
    assert actions(shown["blocks"]) == ["details_chat"]
    await at_work.user().press_ephemeral(shown["ts"], "details_chat")
    view = await at_work.modal(holds="Lucie")
    assert view["private_metadata"] == str(LEA)


async def test_nobody_is_found_and_nothing_is_asked_without_words(at_work: House) -> None:
    assert "Aucun client trouvé" in words(await care(at_work, "client Personne"))
    assert "Qui cherchez-vous" in words(await care(at_work, "client a"))


async def test_the_queue_is_listed_and_can_be_claimed_from(at_work: House) -> None:
    assert "Personne n'attend" in words(await care(at_work, "file"))
    at_work.case("c_7", profile=Profile("Lucie Roy"))
    shown = await care(at_work, "queue")
    assert "Lucie Roy" in words(shown)
    assert [block["accessory"]["value"] for block in shown["blocks"]] == ["c_7"]


async def test_away_and_back_are_so_when_they_are_confirmed(at_work: House) -> None:
    shown = words(await care(at_work, "absent"))
    assert (await at_work.roster.presence(ANNA.id)).away
    assert "retournent dans la file" in shown
    await care(at_work, "retour")
    assert not (await at_work.roster.presence(ANNA.id)).away


async def test_saved_replies_are_listed_with_their_placeholders(at_work: House) -> None:
    shown = words(await care(at_work, "saved refund", "U2"))
    assert "Order {order} is refunded." in shown
    assert "Taking over" not in shown
    assert "Aucune réponse type" in words(await care(at_work, "modeles zzz"))


async def test_what_cannot_be_read_now_is_said(at_work: House) -> None:
    at_work.record.down = at_work.board.down = at_work.roster.down = True
    for typed in ("client Lucie", "file", "absent"):
        assert "ne peut pas lire" in words(await care(at_work, typed))


async def test_a_customer_cannot_ping_from_a_list(at_work: House) -> None:
    hostile = "<!channel> *x*"
    at_work.record.customers = [CustomerFound(ChatId("web", "main", "u"), hostile, "<@U1>", NOW, NOW)]
    at_work.case(profile=Profile(hostile))
    for typed in ("client channel", "file", f"chercher {hostile}", f"{hostile}"):
        assert at_work.slack.pings(await care(at_work, typed)) == []
