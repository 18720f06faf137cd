"""An agent looks an answer up from a conversation, and sends it or edits it first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.desk.slack.finding import search
from bot.desk.slack.names import Shortcut
from bot.domain.events import AgentReply
from bot.domain.understanding import Guess
from tests.builders import LEA
from tests.fakes.slack_features import ANNA, CHANNEL, Entries, Guesses, House, actions, house, words


def entries() -> Entries:
    known = Entries()
    known.add(
        "faq_return_how",
        ("Retourner un produit", "Vous avez 30 jours pour retourner un produit non ouvert."),
        ("Returning a product", "You have 30 days to return an unopened product."),
    )
    known.add(
        "faq_refund_when",
        ("Délai de remboursement", "Cinq jours ouvrés après l'arrivée du retour."),
        ("Refund delay", "Five working days after the return arrives."),
    )
    return known


@pytest.fixture
async def at_work() -> AsyncIterator[House]:
    async with house() as opened:
        opened.knowledge.entries = entries().entries
        opened.nlu.ranking = (Guess("faq_refund_when", 0.7), Guess("chitchat", 0.2))
        opened.case()
        opened.says("quand serai-je remboursée ?")
        yield opened


async def opened(at_work: House) -> dict[str, object]:
    root = await at_work.thread()
    await at_work.user().shortcut(Shortcut.SEARCH, CHANNEL, root)
    return await at_work.modal(holds="Délai de remboursement")


async def test_what_the_bot_makes_of_the_words_comes_first_then_where_the_words_stand() -> None:
    found = await search(
        Guesses((Guess("faq_refund_when", 0.7), Guess("greet", 0.2))), entries(), "un RETOUR", "fr", limit=5
    )
    assert [(one.answer.intent, one.confidence) for one in found.found] == [
        ("faq_refund_when", 0.7),
        ("faq_return_how", None),
    ]


async def test_what_the_bot_hardly_believes_is_no_answer() -> None:
    guesses = Guesses((Guess("greet", 0.9), Guess("faq_refund_when", 0.02)))
    assert (await search(guesses, entries(), "bonjour", "fr", limit=5)).found == ()


async def test_words_are_found_without_their_accents_and_in_the_other_language() -> None:
    guesses = Guesses((Guess("greet", 0.9),))
    for words_of in ("delai", "DÉLAI", "delay"):
        found = await search(guesses, entries(), words_of, "fr", limit=5)
        assert [one.answer.title for one in found.found] == ["Délai de remboursement"]


async def test_without_the_bot_the_words_are_looked_for_all_the_same() -> None:
    found = await search(Guesses(down=True), entries(), "refund", "en", limit=5)
    assert not found.understood
    assert [one.answer.intent for one in found.found] == ["faq_refund_when"]


async def test_nothing_is_asked_of_the_bot_without_words() -> None:
    guesses = Guesses()
    assert (await search(guesses, entries(), "  ", "fr", limit=5)).found == ()
    assert guesses.asked == []


async def test_the_customers_last_question_is_looked_up_as_the_modal_opens(at_work: House) -> None:
    view = await opened(at_work)
    assert at_work.nlu.asked == ["quand serai-je remboursée ?"]
    assert "70%" in words(view)


async def test_an_answer_is_sent_with_one_click_and_counts_once(at_work: House) -> None:
    view = await opened(at_work)
    pressing = await at_work.user().press_in_view(str(view["id"]), "offer_send")
    assert pressing.acked
    await at_work.modal(holds="C'est parti")
    (event,) = at_work.inbox.events
    assert isinstance(event, AgentReply)
    assert (event.chat, event.conversation, event.agent) == (LEA, "c_1", ANNA)
    assert event.text == "Cinq jours ouvrés après l'arrivée du retour."
    assert (event.undo_seconds, event.reopens) == (3.0, False)
    assert event.id == f"desk:slack:view:{view['id']}"


async def test_an_answer_that_changed_since_it_was_shown_is_not_sent(at_work: House) -> None:
    view = await opened(at_work)
    at_work.knowledge.add(
        "faq_refund_when", ("Délai de remboursement", "Dix jours."), ("Refund delay", "Ten.")
    )
    await at_work.user().press_in_view(str(view["id"]), "offer_send")
    assert "Dix jours." in words(await at_work.modal(holds="a changé entre-temps"))
    assert at_work.inbox.events == []


async def test_an_answer_is_edited_first(at_work: House) -> None:
    view = await opened(at_work)
    await at_work.user().press_in_view(str(view["id"]), "offer_edit")
    form = await at_work.modal(holds="Votre message")
    refused = await at_work.user().submit(form["id"], {"message": "   "})
    assert refused.errors == {"message": "Il n'y a rien à envoyer."}
    sent = await at_work.user().submit(form["id"], {"message": "D'ici vendredi."})
    assert sent.acked
    (event,) = at_work.inbox.events
    assert isinstance(event, AgentReply)
    assert event.text == "D'ici vendredi."


async def test_a_text_that_does_not_fit_slacks_input_is_sent_whole_or_not_edited_at_all(
    at_work: House,
) -> None:
    whole = "Une phrase de plus. " * 200
    at_work.knowledge.add("faq_refund_when", ("Délai de remboursement", whole), ("Refund delay", whole))
    view = await opened(at_work)
    assert "offer_edit" not in actions(view)
    assert words(view).count("Une phrase de plus.") == 200
    await at_work.user().press_in_view(str(view["id"]), "offer_send")
    await at_work.modal(holds="C'est parti")
    (event,) = at_work.inbox.events
    assert isinstance(event, AgentReply)
    assert event.text == whole


async def test_what_the_customer_wrote_on_several_lines_is_looked_up_on_one(at_work: House) -> None:
    at_work.says("bonjour\n\nmon remboursement ?", "m2", minutes_ago=0)
    await opened(at_work)
    assert at_work.nlu.asked == ["bonjour mon remboursement ?"]


async def test_contact_details_stay_shortened_in_the_search(at_work: House) -> None:
    at_work.says("remboursez lucie.roy@exemple.fr svp", "m2", minutes_ago=0)
    shown = words(await opened(at_work))
    assert "lucie.roy@exemple.fr" not in shown
    assert "remboursez l•••@e•••.fr svp" in shown


async def test_what_the_customer_took_back_is_not_looked_up(at_work: House) -> None:
    at_work.says("oubliez ceci", "m2", minutes_ago=0)
    at_work.board.lines["c_1"].append(replace(at_work.board.lines["c_1"].pop(), deleted=True))
    await opened(at_work)
    assert at_work.nlu.asked == ["quand serai-je remboursée ?"]


async def test_a_modal_sent_twice_says_it_once(at_work: House) -> None:
    view = await opened(at_work)
    await at_work.user().press_in_view(str(view["id"]), "offer_edit")
    form = await at_work.modal(holds="Votre message")
    await at_work.user().submit(form["id"], {"message": "Une fois."})
    await at_work.user().submit(form["id"], {"message": "Une fois."}, even_if_closed=True)
    assert len(at_work.inbox.events) == 1


async def test_while_the_store_is_down_nothing_is_confirmed(at_work: House) -> None:
    view = await opened(at_work)
    await at_work.user().press_in_view(str(view["id"]), "offer_edit")
    form = await at_work.modal(holds="Votre message")
    at_work.inbox.down = True
    assert not (await at_work.user().submit(form["id"], {"message": "Perdu ?"})).acked
    at_work.inbox.down = False
    assert (await at_work.user().submit(form["id"], {"message": "Perdu ?"})).acked
    assert len(at_work.inbox.events) == 1


async def test_other_words_are_looked_up_in_the_same_modal_in_the_language_chosen(at_work: House) -> None:
    view = await opened(at_work)
    at_work.nlu.ranking = (Guess("greet", 0.9),)
    await at_work.user().submit(str(view["id"]), {"words": "unopened", "language": "en"})
    found = await at_work.modal(holds="Returning a product")
    assert "Délai" not in words(found)


async def test_outside_a_conversation_the_search_says_so(at_work: House) -> None:
    ts = at_work.user().post(CHANNEL, "bonjour l'équipe")
    await at_work.user().shortcut(Shortcut.SEARCH, CHANNEL, ts)
    refusal = await at_work.modal(holds="n'est pas dans une conversation")
    assert actions(refusal) == []


async def test_a_search_that_cannot_read_says_so_instead_of_loading_for_ever(at_work: House) -> None:
    root = await at_work.thread()
    at_work.board.down = True
    await at_work.user().shortcut(Shortcut.SEARCH, CHANNEL, root)
    await at_work.modal(holds="ne peut pas lire")


async def test_an_english_speaking_agent_reads_english_and_sends_french(at_work: House) -> None:
    root = await at_work.thread()
    await at_work.user("U2").shortcut(Shortcut.SEARCH, CHANNEL, root)
    view = await at_work.modal("U2", holds="Délai de remboursement")
    assert "Find an answer" in words(view)
    assert "Edit first" in words(view)
