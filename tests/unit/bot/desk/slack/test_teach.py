"""*Teach the bot*: a proposal from a conversation, without anything that tells who wrote it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.desk.slack.names import Shortcut, said_at
from bot.desk.slack.teach import NEW, anonymous, choices, entry_menu
from bot.domain.events import AgentTeach
from bot.domain.message import Author
from bot.domain.understanding import Guess
from tests.builders import LEA
from tests.fakes.slack_features import ANNA, CHANNEL, Entries, House, house, words


@pytest.fixture
async def at_work() -> AsyncIterator[House]:
    async with house() as opened:
        opened.knowledge.add(
            "faq_return_how", ("Retourner un produit", "30 jours."), ("Returning", "30 days.")
        )
        opened.case()
        opened.says(
            "Je suis Lucie Roy, commande 4812077, puis-je rendre un pot ouvert ? lucie@exemple.fr",
            "m1",
            guesses=(Guess("faq_return_how", 0.4),),
        )
        opened.says(
            "Ouvert, seulement s'il est défectueux, Lucie.", "a1", author=Author.AGENT, minutes_ago=0.5
        )
        yield opened


async def form(at_work: House, message_id: str = "m1", user: str = "U1") -> dict[str, object]:
    root = await at_work.thread()
    ts = await at_work.shown(root, "as shown in Slack", message_id)
    await at_work.user(user).shortcut(Shortcut.TEACH, CHANNEL, ts)
    return await at_work.modal(user, holds="administration" if user == "U1" else "admin")


async def test_a_customers_question_begins_the_form_without_who_asked_it(at_work: House) -> None:
    shown = words(await form(at_work))
    assert "puis-je rendre un pot ouvert ?" in shown
    for secret in ("Lucie", "Roy", "4812077", "lucie@exemple.fr"):
        assert secret not in shown
    assert "Retourner un produit" in shown


async def test_an_agents_answer_begins_the_form_with_the_question_it_answers(at_work: House) -> None:
    shown = words(await form(at_work, "a1"))
    assert "puis-je rendre un pot ouvert ?" in shown
    assert "seulement s'il est défectueux, …." in shown


async def test_a_reply_typed_in_slack_is_known_by_where_it_stands(at_work: House) -> None:
    root = await at_work.thread()
    ts = at_work.user().post(CHANNEL, "Rapportez-le en boutique.", thread_ts=root)
    at_work.says("Rapportez-le en boutique.", said_at(CHANNEL, ts), author=Author.AGENT, minutes_ago=0.1)
    await at_work.user().shortcut(Shortcut.TEACH, CHANNEL, ts)
    shown = words(await at_work.modal(holds="administration"))
    assert "Rapportez-le en boutique." in shown
    assert "puis-je rendre un pot ouvert ?" in shown


async def test_what_is_filed_waits_for_an_admin(at_work: House) -> None:
    view = await form(at_work)
    values = {"entry": "faq_return_how", "question": "je peux rendre un pot ouvert ?", "language": "fr"}
    filed = await at_work.user().submit(str(view["id"]), values)
    assert "la proposition est déposée" in words(at_work.user().view()), filed
    (event,) = at_work.inbox.events
    assert isinstance(event, AgentTeach)
    assert (event.chat, event.conversation, event.agent, event.message_id) == (LEA, "c_1", ANNA, "m1")
    assert (event.intent, event.question, event.answer, event.language) == (
        "faq_return_how",
        "je peux rendre un pot ouvert ?",
        "",
        "fr",
    )


async def test_a_new_entry_needs_a_question_and_an_answer(at_work: House) -> None:
    view_id = str((await form(at_work))["id"])
    refused = await at_work.user().submit(view_id, {"entry": NEW, "question": "une question", "answer": ""})
    assert set(refused.errors) == {"answer"}
    taken = await at_work.user().submit(view_id, {"entry": NEW, "question": "une question", "answer": "Oui."})
    assert not taken.errors
    (event,) = at_work.inbox.events
    assert isinstance(event, AgentTeach)
    assert event.intent == ""


@pytest.mark.parametrize(
    ("question", "answer", "wrong"), [("", "", "question"), ("appelez 06 12 34 56 78", "Oui.", "question")]
)
async def test_what_cannot_be_taught_is_said_in_the_form(
    at_work: House, question: str, answer: str, wrong: str
) -> None:
    view_id = str((await form(at_work))["id"])
    values = {"entry": "faq_return_how", "question": question, "answer": answer}
    refused = await at_work.user().submit(view_id, values)
    assert set(refused.errors) == {wrong}
    assert at_work.inbox.events == []


async def test_outside_a_conversation_the_bot_learns_nothing(at_work: House) -> None:
    ts = at_work.user().post(CHANNEL, "bonjour l'équipe")
    await at_work.user().shortcut(Shortcut.TEACH, CHANNEL, ts)
    await at_work.modal(holds="n'apprend que de conversations")


async def test_the_form_is_in_the_agents_language_and_the_proposal_in_the_customers(at_work: House) -> None:
    view = await form(at_work, user="U2")
    assert "Teach the bot" in words(view)
    await at_work.user("U2").submit(str(view["id"]), {"question": "un pot ouvert ?"})
    (event,) = at_work.inbox.events
    assert isinstance(event, AgentTeach)
    assert event.language == "fr"


def test_entries_are_chosen_by_their_words_a_new_one_first() -> None:
    known = Entries()
    known.add("faq_a", ("Échange", "x"), ("Exchange", "x"))
    known.add("faq_b", ("Boutiques", "x"), ("Stores", "x"))
    assert [one["value"] for one in choices(known, "fr", "")] == [NEW, "faq_b", "faq_a"]
    assert [one["value"] for one in choices(known, "fr", "echange")] == [NEW, "faq_a"]
    assert entry_menu(known, "fr", "faq_a")["initial_option"]["value"] == "faq_a"


def test_more_entries_than_slack_takes_are_searched() -> None:
    known = Entries()
    for number in range(150):
        known.add(f"faq_{number}", (f"Sujet {number}", "x"), (f"Subject {number}", "x"))
    assert entry_menu(known, "fr", "")["type"] == "external_select"
    assert len(choices(known, "fr", "")) == 100


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("mon colis 4812077 ?", "mon colis 1234567 ?"),
        ("appelez le 06 12 34 56 78 svp", "appelez le … svp"),
        ("+33 6 12 34 56 78", "…"),
        ("écrivez à lea.martin@exemple.fr.", "écrivez à …"),
        ("j'habite 14 rue des Tilleuls", "j'habite …"),
        ("ma carte [carte/card ••••]", "ma carte …"),
        ("LÉA a deux pots à 14,90 €", "… a deux pots à 14,90 €"),
        ("[voir la page des retours]", "[voir la page des retours]"),
    ],
)
def test_what_tells_who_wrote_is_taken_out(written: str, kept: str) -> None:
    assert anonymous(written, "Léa Martin") == kept


@given(st.text(max_size=300), st.text(max_size=30))
def test_any_text_can_be_made_anonymous(written: str, name: str) -> None:
    anonymous(written, name)
