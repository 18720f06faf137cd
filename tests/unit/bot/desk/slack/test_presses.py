"""A button that a customer pressed, in words that an agent understands."""

from __future__ import annotations

import pytest

from bot.desk.slack.presses import pressed, words
from bot.domain.message import Author, Line
from tests.builders import NOW
from tests.fakes.slack_show import Faq


@pytest.mark.parametrize(
    ("button", "french", "english"),
    [
        ("rate:4:bcb04295", "Note : 4 sur 5", "Rating: 4 of 5"),
        ("rate_skip", "Passer", "Skip"),
        ("human", "Parler à une personne", "Talk to a person"),
        ("yes:faq_delay+faq_return", "Oui, cela répond à ma question", "Yes, that answers my question"),
        ("lang:en", "Anglais", "English"),
        ("faq:order_status", "Où est ma commande ?", "Where is my order?"),
        ("faq:faq_delay", "Délais de livraison", "Delivery times"),
        ("unheard_of:7", "unheard_of:7", "unheard_of:7"),
    ],
)
def test_a_button_is_told_by_what_it_says(button: str, french: str, english: str) -> None:
    assert pressed(button, "fr", Faq()) == f"[bouton] {french}"
    assert pressed(button, "en", Faq()) == f"[button] {english}"


@pytest.mark.parametrize("typed", ["[rate:4] voilà", "[Human]", "rate:4"])
def test_what_somebody_typed_stays_what_they_typed(typed: str) -> None:
    assert words(Line("m1", Author.CUSTOMER, typed, NOW), "fr", Faq()) == typed
    assert words(Line("m1", Author.AGENT, "[human]", NOW), "fr", Faq()) == "[human]"
    assert words(Line("m1", Author.CUSTOMER, "[human]", NOW), "fr") == "[bouton] Parler à une personne"
