"""What a card says in either language, and what is told of a case from one card to the next."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from bot.desk.slack.cards import GREEN, GREY, RED, YELLOW, Drawer, Told, colour, stars, step
from bot.desk.slack.wording import LANGUAGES, known, problems
from bot.domain.conversation import HandoffReason, Outcome, ServiceLevel
from bot.domain.events import DraftChoice
from bot.domain.message import Author, HoldReason, Line
from bot.domain.outgoing import Alert, CaseCard, CaseState, Refusal
from bot.domain.understanding import Guess
from tests.builders import NOW
from tests.fakes.slack.blocks import check_attachments
from tests.fakes.slack_show import CARE, LEA_DUMAS, ORDERS, PAUL, Faq, a_card, seen

TEAMS = {"care": CARE, "orders": ORDERS}


def drawer(language: str = "fr") -> Drawer:
    return Drawer("c_1", language, TEAMS, Faq())


def every_card() -> Iterator[CaseCard]:
    for state, level, reason in itertools.product(CaseState, ServiceLevel, HandoffReason):
        agent = LEA_DUMAS if state is not CaseState.WAITING else None
        for due in (None, NOW):
            yield a_card(state=state, level=level, reason=reason, agent=agent, due=due, intent="faq_delay")
    for outcome in Outcome:
        yield a_card(state=CaseState.CLOSED, outcome=outcome, rating=4)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_card_is_one_that_slack_takes(language: str) -> None:
    for card in every_card():
        message = drawer(language).card(card)
        assert check_attachments(message["attachments"]) == []
        pointer = drawer(language).pointer(card, "https://atelier.slack.com/archives/C1/p1")
        assert check_attachments(pointer["attachments"]) == []


def test_long_names_and_words_fit() -> None:
    profile = a_card().profile.__class__("x" * 5000)
    line = a_card().recent[0].__class__("m1", a_card().recent[0].author, "y" * 5000, NOW, (), "z" * 500)
    message = drawer().card(a_card(profile=profile, recent=(line,) * 8, team="t" * 900))
    ids = [block.get("block_id") for block in message["attachments"][0]["blocks"] if "block_id" in block]
    assert "x" * 100 not in str(message)
    assert len(ids) == len([one for one in ids if len(one) < 255])


def test_the_personal_data_of_a_name_or_a_last_word_is_shortened() -> None:
    profile = a_card().profile.__class__("lea.dupont@example.fr")
    assert "lea.dupont" not in str(drawer().card(a_card(profile=profile)))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, YELLOW),
        ({"level": ServiceLevel.OVERDUE}, RED),
        ({"state": CaseState.CLAIMED}, GREEN),
        ({"state": CaseState.CLAIMED, "urgent": True}, GREEN),
        ({"state": CaseState.CLOSED, "level": ServiceLevel.OVERDUE}, GREY),
        ({"state": CaseState.RELEASED}, GREY),
    ],
)
def test_the_colour(changes: dict[str, Any], expected: str) -> None:
    assert colour(a_card(**changes)) == expected


CLAIMED = {"state": CaseState.CLAIMED, "agent": LEA_DUMAS}


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({}, {}, []),
        ({}, CLAIMED, []),
        ({}, {**CLAIMED, "hushed": True}, ["claimed the conversation"]),
        (CLAIMED, {**CLAIMED, "hushed": True}, ["claimed the conversation"]),
        ({**CLAIMED, "hushed": True}, {**CLAIMED, "hushed": True}, []),
        ({**CLAIMED, "hushed": True}, {**CLAIMED, "agent": PAUL, "hushed": True}, ["Paul Petit claimed"]),
        ({**CLAIMED, "hushed": True}, {}, ["Back in the queue of team Care"]),
        ({**CLAIMED, "hushed": True}, {"team": "orders"}, ["Passed on to team Orders"]),
        ({}, {"team": "orders"}, ["Passed on to team Orders"]),
        (
            CLAIMED,
            {"state": CaseState.RELEASED, "agent": LEA_DUMAS},
            ["Léa Dumas gave the conversation back"],
        ),
        ({}, {"state": CaseState.RELEASED}, ["is back with the bot"]),
        (
            CLAIMED,
            {"state": CaseState.CLOSED, "agent": LEA_DUMAS, "outcome": Outcome.RESOLVED_BY_AGENT},
            ["Léa Dumas closed the conversation (resolved)"],
        ),
        (
            CLAIMED,
            {"state": CaseState.CLOSED, "agent": LEA_DUMAS, "outcome": Outcome.WENT_QUIET},
            ["Conversation closed (the customer went quiet)"],
        ),
        ({"state": CaseState.CLOSED}, {}, ["goes on"]),
        ({"state": CaseState.RELEASED}, {**CLAIMED, "hushed": True}, ["claimed the conversation"]),
    ],
)
def test_what_happened_is_told(before: dict[str, Any], after: dict[str, Any], words: list[str]) -> None:
    said = step(drawer("en"), Told.of(a_card(**before)), a_card(**after), NOW)
    assert len(said) == len(words)
    assert all(word in line for word, line in zip(words, said, strict=True))


def test_a_new_case_needs_no_words_but_a_claim_does() -> None:
    assert step(drawer(), None, a_card(), NOW) == []
    assert len(step(drawer(), None, a_card(**CLAIMED, hushed=True), NOW)) == 1


def test_a_name_in_the_thread_does_nothing() -> None:
    evil = LEA_DUMAS.__class__("slack:U1", "<!here> *x*")
    (said,) = step(drawer(), None, a_card(state=CaseState.CLAIMED, agent=evil, hushed=True), NOW)
    assert "<!here>" not in said
    assert "*x*" not in said


@pytest.mark.parametrize(("rating", "shown"), [(1, "★☆☆☆☆"), (5, "★★★★★"), (9, "★★★★★"), (0, "☆☆☆☆☆")])
def test_stars(rating: int, shown: str) -> None:
    assert stars(rating) == shown


def test_everything_has_words_in_both_languages() -> None:
    assert [one for one in problems() if one.startswith("desk.")] == []
    keys = [f"desk.reason_{one.value}" for one in HandoffReason]
    keys += [f"desk.outcome_{one.value}" for one in Outcome]
    keys += [f"desk.refused_{one.value}" for one in Refusal]
    keys += [f"desk.alert_{one.value}" for one in Alert]
    keys += [f"desk.unheld_{one.value}" for one in DraftChoice]
    keys += [f"desk.held_{one.value}" for one in HoldReason if one is not HoldReason.FILES]
    assert [key for key in keys if not known(key)] == []


def test_the_card_names_the_customers_language_even_an_unknown_one() -> None:
    assert "· it" in seen(drawer().card(a_card(language="it")))


def test_the_bot_s_guesses_are_subjects_that_people_know() -> None:
    sure, order, vague = Guess("faq_delay", 0.82), Guess("order_status", 0.4), Guess("faq_delay", 0.05)
    asks, noise = Guess("talk_to_human", 0.9), Guess("other", 0.3)
    card = a_card(guesses=(asks, sure, order))
    assert "Sujet probable : Délais de livraison (82 %), Suivi de commande (40 %)" in seen(
        drawer("fr").card(card)
    )
    assert "Probably about: Delivery times (82%), Order tracking (40%)" in seen(drawer("en").card(card))
    for nothing in ((asks,), (noise,), (vague,)):
        assert "Sujet probable" not in seen(drawer("fr").card(a_card(guesses=nothing)))


def test_the_card_shows_what_was_said_not_what_the_system_told() -> None:
    told = Line("s1", Author.SYSTEM, "Vous écrivez à un assistant automatique.", NOW)
    shown = seen(drawer().card(a_card(recent=(*a_card().recent, told))))
    assert "une personne svp" in shown
    assert "assistant automatique" not in shown


def test_an_agent_can_step_in_where_the_bot_speaks_but_not_where_it_is_over() -> None:
    released, closed = (drawer().card(a_card(state=one)) for one in (CaseState.RELEASED, CaseState.CLOSED))
    assert "Reprendre la main" in seen(released)
    assert "'claim'" in repr(released)
    assert "'claim'" not in repr(closed)


def test_a_visitor_without_a_name_is_a_visitor_and_a_team_that_is_none_here_is_not_named() -> None:
    shown = seen(drawer().card(a_card(profile=a_card().profile.__class__(""), team="shop")))
    assert "Visiteur" in shown
    assert "shop" not in shown
