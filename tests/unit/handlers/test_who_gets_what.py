"""Which team a conversation goes to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.errors import ConfigurationError
from handlers.replies import load_replies
from handlers.teams import Team, Teams, check_names, teams
from tests.fakes.care import Story, make_care


def team(
    name: str, *intents: str, speaks: Iterable[str] = (), first_response: timedelta | None = None
) -> Team:
    return Team(name=name, intents=frozenset(intents), languages=tuple(speaks), first_response=first_response)


def test_with_nothing_configured_entries_and_emergencies_know_their_team():
    nobody = Teams()
    assert nobody.route("faq_routine", "fr", "beauty") == "beauty"
    assert nobody.route("distress", "fr") == "safety"
    assert nobody.route("data_request", "en") == "dpo"
    assert nobody.route("", "fr") == "care"


def test_the_configuration_goes_before_the_entry_and_the_emergency():
    known = teams([team("shop", "faq_routine", "distress")])
    assert known.route("faq_routine", "fr", "beauty") == "shop"
    assert known.route("distress", "fr") == "shop"
    assert known.route("threat", "fr") == "safety"


def test_of_two_teams_for_an_intent_the_one_that_speaks_the_language_gets_it():
    known = teams(
        [team("fr_team", "faq_invoice", speaks=["fr"]), team("en_team", "faq_invoice", speaks=["en"])]
    )
    assert known.route("faq_invoice", "en", "care") == "en_team"
    assert known.route("faq_invoice", "fr", "care") == "fr_team"
    assert known.route("faq_invoice", "de", "care") == "fr_team"


def test_an_entry_s_team_that_does_not_speak_the_language_gives_way_to_one_that_does():
    known = teams([team("care", speaks=["fr"]), team("care_en", speaks=["en"])])
    assert known.route("faq_invoice", "fr", "care") == "care"
    assert known.route("faq_invoice", "en", "care") == "care_en"
    assert known.route("", "en") == "care_en"


def test_a_specialist_does_not_get_all_that_is_said_in_their_language():
    known = teams([team("care"), team("beauty", "faq_routine", speaks=["en"])])
    assert known.route("", "en") == "care"


def test_an_emergency_goes_to_its_team_whatever_the_language():
    known = teams([team("care_en", speaks=["en"]), team("safety", speaks=["fr"])])
    assert known.route("distress", "en") == "safety"


def test_nobody_speaks_the_language_so_the_default_team_gets_it():
    assert teams([team("care", speaks=["fr"])]).route("", "en") == "care"


async def test_a_customer_who_asks_for_a_person_in_english_waits_for_the_english_team():
    known = teams([team("care", speaks=["fr"]), team("care_en", speaks=["en"])])
    story = await Story(care=make_care(teams=known), language="en").waits()
    assert story.handoff.team == "care_en"


async def test_a_complaint_goes_where_the_configuration_says():
    story = Story(care=make_care(teams=teams([team("care"), team("shop", "complaint")])))
    await story.says("c'est honteux", complaint=0.9)
    assert story.handoff.team == "shop"


async def test_what_was_talked_about_goes_before_that_a_person_was_asked_for():
    story = Story(care=make_care(teams=teams([team("care"), team("beauty", "faq_routine")])))
    await story.says("quelle routine ?", faq_routine=0.9)
    await story.says("je veux parler à quelqu'un", talk_to_human=0.9)
    assert story.handoff.team == "beauty"


def test_every_team_needs_a_name_that_customers_can_be_told():
    replies = load_replies(Path("config/replies"))
    check_names(teams([team("care"), team("beauty")]), replies)
    with pytest.raises(ConfigurationError, match=r"fr\.toml: the team 'logistics' has no name"):
        check_names(teams([team("logistics")]), replies)
