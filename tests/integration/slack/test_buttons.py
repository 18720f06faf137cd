"""Buttons, menus, forms and shortcuts, pressed by people on what Slack shows them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.desk.slack import kit
from bot.desk.slack.context import Rules
from bot.desk.slack.names import Act, Shortcut, packed
from bot.domain.events import (
    AgentClaim,
    AgentDecides,
    AgentDelete,
    AgentMarksSpam,
    AgentNote,
    AgentRelease,
    AgentReply,
    AgentResolve,
    AgentReveal,
    AgentSnooze,
    AgentTransfer,
    DraftChoice,
)
from bot.domain.identity import Agent
from bot.domain.message import Author, Line
from bot.domain.outgoing import CaseLine, CaseState
from bot.ports.board import ThreadLine
from bot.ports.roster import Role
from tests.builders import LEA, NOW
from tests.fakes.slack_features import words
from tests.fakes.slack_listening import CHANNEL, CONVERSATION, Listened, listening


def buttons(*acts: str, value: str = CONVERSATION) -> dict[str, Any]:
    return kit.actions(*(kit.button(act, act, value) for act in acts))


def menu(*acts: Act) -> dict[str, Any]:
    options = [kit.option(act, packed(act, CONVERSATION)) for act in acts]
    return kit.actions({"type": "overflow", "action_id": Act.MORE, "options": options})


async def view(it: Listened, user: str = "U1", holds: str = "") -> dict[str, Any]:
    """The modal in front of somebody, once it has loaded."""

    def ready() -> dict[str, Any] | None:
        shown = it.user(user).opened_views()
        loading = ("Un instant", "One moment")
        if not shown or any(each in words(shown[-1]) for each in loading):
            return None
        return shown[-1] if holds in words(shown[-1]) else None

    found: dict[str, Any] = await it.slack.until(ready, what=f"a modal that holds {holds!r}")
    return found


# --- done at once ------------------------------------------------------------------------------


async def test_claiming_is_durable_before_it_is_confirmed_and_says_who_and_where() -> None:
    async with listening() as it:
        card = await it.card(buttons(Act.CLAIM))
        answer = await it.user().press(CHANNEL, card, Act.CLAIM)
        assert answer.acked
        (event,) = it.events
        assert isinstance(event, AgentClaim)
        assert (event.chat, event.conversation, event.agent.id) == (LEA, CONVERSATION, "slack:U1")
        assert event.id.startswith(f"desk:slack:{card}:claim:")
        assert event.id.endswith(":U1")


async def test_a_press_that_cannot_be_kept_is_not_confirmed_and_the_agent_is_told() -> None:
    async with listening() as it:
        card = await it.card(buttons(Act.CLAIM))
        it.inbox.down = True
        answer = await it.user().press(CHANNEL, card, Act.CLAIM)
        assert not answer.acked
        await it.told("U1", "Rien n'a été enregistré")
        assert it.events == []


@pytest.mark.parametrize(
    ("act", "kind"),
    [(Act.RELEASE, AgentRelease), (Act.CLAIM, AgentClaim)],
)
async def test_the_cards_buttons_are_events(act: Act, kind: type) -> None:
    async with listening() as it:
        card = await it.card(buttons(act))
        await it.user().press(CHANNEL, card, act)
        assert [type(event) for event in it.events] == [kind]


async def test_undo_takes_back_the_message_the_button_names() -> None:
    async with listening() as it:
        card = await it.card(buttons(Act.UNDO, value=packed(CONVERSATION, "m_7")))
        await it.user().press(CHANNEL, card, Act.UNDO)
        (event,) = it.events
        assert isinstance(event, AgentDelete)
        assert event.deleted_id == "m_7"


@pytest.mark.parametrize(
    ("act", "choice"),
    [
        (Act.HELD_SEND, DraftChoice.SEND),
        (Act.HELD_TAKE_OVER, DraftChoice.TAKE_OVER),
        (Act.HELD_NOTE, DraftChoice.NOTE),
        (Act.HELD_DISCARD, DraftChoice.DISCARD),
    ],
)
async def test_what_is_held_is_decided_on(act: Act, choice: DraftChoice) -> None:
    async with listening() as it:
        card = await it.card(buttons(act, value=packed(CONVERSATION, "slack:C1:1.2")))
        await it.user().press(CHANNEL, card, act)
        (event,) = it.events
        assert isinstance(event, AgentDecides)
        assert (event.message_id, event.choice) == ("slack:C1:1.2", choice)


async def test_what_did_not_arrive_is_sent_again_once() -> None:
    async with listening() as it:
        it.letters.letters, it.letters.broken = {"d_1"}, {"d_9"}
        card = await it.card(buttons(Act.RESEND, value=packed(CONVERSATION, "d_1")))
        other = await it.desk.client.chat_postMessage(
            channel=CHANNEL, text="x", blocks=[buttons(Act.RESEND, value=packed(CONVERSATION, "d_9"))]
        )
        await it.user().press(CHANNEL, card, Act.RESEND)
        await it.told("U1", "repart vers le client")
        await it.user("U2").press(CHANNEL, card, Act.RESEND)
        await it.told("U2", "Already sent again")
        await it.user().press(CHANNEL, str(other["ts"]), Act.RESEND)
        await it.told("U1", "ne peut plus être renvoyé")


async def test_a_letter_to_another_customer_is_not_sent_again() -> None:
    async with listening() as it:
        it.letters.letters, it.letters.of = {"d_1"}, {"d_1": replace(LEA, user="another")}
        card = await it.card(buttons(Act.RESEND, value=packed(CONVERSATION, "d_1")))
        await it.user().press(CHANNEL, card, Act.RESEND)
        await it.told("U1", "Déjà renvoyé")
        assert it.letters.letters == {"d_1"}


@pytest.mark.parametrize(
    "act", [Act.CLAIM, Act.RELEASE, Act.RESOLVE, Act.RESEND, Act.UNDO, Act.HELD_SEND, Act.REPLY, Act.TRANSFER]
)
async def test_a_button_of_another_conversation_does_nothing_in_a_thread(act: Act) -> None:
    async with listening() as it:
        it.letters.letters = {"d_1"}
        card = await it.card()
        elsewhere = await it.card(conversation="c_2")
        blocks = [buttons(act, value=packed("c_2", "d_1"))]
        posted = await it.desk.client.chat_postMessage(
            channel=CHANNEL, text="x", thread_ts=card, blocks=blocks
        )
        await it.user().press(CHANNEL, str(posted["ts"]), act)
        await it.told("U1", "n'est plus actif")
        assert (it.events, it.letters.letters, it.user().opened_views()) == ([], {"d_1"}, [])
        there = await it.desk.client.chat_postMessage(
            channel=CHANNEL, text="x", thread_ts=elsewhere, blocks=blocks
        )
        await it.user().press(CHANNEL, str(there["ts"]), act)
        await it.slack.until(lambda: it.events or not it.letters.letters or it.user().opened_views())


async def test_a_menu_of_another_conversation_does_nothing_in_a_thread() -> None:
    async with listening() as it:
        card = await it.card(menu(Act.SNOOZE, Act.SPAM), conversation="c_2")
        await it.user().choose(CHANNEL, card, Act.MORE, packed(Act.SPAM, CONVERSATION))
        await it.told("U1", "n'est plus actif")
        assert it.user().opened_views() == []


async def test_a_suggestion_is_sent_as_the_entry_says_now_in_the_customers_language() -> None:
    async with listening() as it:
        it.knowledge.add("faq_hours", ("Horaires", "De 9 h à 19 h."), ("Hours", "From 9 to 7."))
        value = packed(CONVERSATION, "faq_hours", "fr")
        card = await it.card(buttons("suggestion:0", value=value))
        await it.user("U2").press(CHANNEL, card, "suggestion:0")
        (event,) = it.events
        assert isinstance(event, AgentReply)
        assert event.text == "De 9 h à 19 h."
        assert not event.message_id.startswith("slack:")
        assert (event.reopens, event.undo_seconds) == (False, 3.0)


async def test_a_suggestion_whose_entry_is_gone_sends_nothing_and_says_so() -> None:
    async with listening() as it:
        card = await it.card(buttons("suggestion:1", value=packed(CONVERSATION, "faq_gone", "fr")))
        await it.user().press(CHANNEL, card, "suggestion:1")
        await it.told("U1", "n'existe plus dans la base")
        assert it.events == []


async def test_a_suggestion_can_be_edited_first() -> None:
    async with listening() as it:
        it.knowledge.add("faq_hours", ("Horaires", "De 9 h à 19 h."), ("Hours", "From 9 to 7."))
        card = await it.card(buttons("suggestion_edit:0", value=packed(CONVERSATION, "faq_hours", "fr")))
        await it.user().press(CHANNEL, card, "suggestion_edit:0")
        form = await view(it, holds="De 9 h à 19 h.")
        await it.user().submit(form["id"], {"text": "De 9 h à 19 h, sauf dimanche."})
        (event,) = it.events
        assert event.text == "De 9 h à 19 h, sauf dimanche."


async def test_a_button_nobody_knows_is_confirmed_and_the_person_told() -> None:
    async with listening() as it:
        card = await it.card(buttons("of_an_older_version"))
        answer = await it.user("U2").press(CHANNEL, card, "of_an_older_version")
        assert answer.acked
        await it.told("U2", "no longer active")


async def test_a_button_that_is_a_link_needs_no_word() -> None:
    async with listening() as it:
        link = {**kit.button("Open", "more:open", CONVERSATION), "url": "https://example.com"}
        card = await it.card(kit.actions(link))
        answer = await it.user().press(CHANNEL, card, "more:open")
        assert answer.acked
        await it.quiet()
        assert it.user().ephemerals() == []


async def test_a_button_of_a_conversation_that_is_gone_says_so() -> None:
    async with listening() as it:
        old = await it.desk.client.chat_postMessage(
            channel=CHANNEL, text="card", blocks=[buttons(Act.CLAIM, value="c_forgotten")]
        )
        answer = await it.user().press(CHANNEL, str(old["ts"]), Act.CLAIM)
        assert answer.acked
        await it.told("U1", "n'existe plus ici")


@pytest.mark.parametrize(("user", "holds"), [("U4", "in no team"), ("U5", "invités"), ("U6", "another")])
async def test_whoever_may_not_act_presses_in_vain_and_is_told(user: str, holds: str) -> None:
    async with listening() as it:
        card = await it.card(buttons(Act.CLAIM))
        answer = await it.user(user).press(CHANNEL, card, Act.CLAIM)
        assert answer.acked
        await it.told(user, holds)
        assert it.events == []


# --- forms -------------------------------------------------------------------------------------


async def test_a_reply_is_written_in_a_form_and_sent_once_however_often_it_is_sent_in() -> None:
    async with listening() as it:
        card = await it.card(buttons(Act.REPLY))
        await it.user().press(CHANNEL, card, Act.REPLY)
        form = await view(it)
        first = await it.user().submit(form["id"], {"text": "Bonjour :wave:\nÀ bientôt"})
        again = await it.user().submit(form["id"], {"text": "Bonjour :wave:\nÀ bientôt"}, even_if_closed=True)
        assert first.acked
        assert again.acked
        (event,) = it.events
        assert isinstance(event, AgentReply)
        assert event.text == "Bonjour 👋\nÀ bientôt"
        assert event.id == f"desk:slack:view:{form['id']}"


@pytest.mark.parametrize(("text", "holds"), [(" ", "Écrivez"), (";; pas pour lui", "note interne")])
async def test_a_form_says_what_is_wrong_with_a_reply(text: str, holds: str) -> None:
    async with listening() as it:
        card = await it.card(buttons(Act.REPLY))
        await it.user().press(CHANNEL, card, Act.REPLY)
        form = await view(it)
        answer = await it.user().submit(form["id"], {"text": text})
        assert holds in answer.errors["text"]
        assert it.events == []


async def test_a_form_that_cannot_be_kept_stays_open_with_its_words() -> None:
    async with listening() as it:
        card = await it.card(buttons(Act.REPLY))
        await it.user().press(CHANNEL, card, Act.REPLY)
        form = await view(it)
        it.inbox.down = True
        answer = await it.user().submit(form["id"], {"text": "Bonjour"})
        assert "Rien n'a été enregistré" in answer.errors["text"]
        it.inbox.down = False
        await it.user().submit(form["id"], {"text": "Bonjour"})
        assert len(it.events) == 1


async def test_a_form_of_a_conversation_that_has_gone_meanwhile_says_so() -> None:
    async with listening() as it:
        card = await it.card(buttons(Act.REPLY))
        await it.user().press(CHANNEL, card, Act.REPLY)
        form = await view(it)
        it.threads._threads.clear()
        await it.user().submit(form["id"], {"text": "Bonjour"})
        await view(it, holds="n'existe plus ici")
        assert it.events == []


async def test_a_transfer_goes_to_another_team_with_a_note_before_it() -> None:
    async with listening() as it:
        it.case()
        card = await it.card(buttons(Act.TRANSFER))
        await it.user().press(CHANNEL, card, Act.TRANSFER)
        form = await view(it)
        assert "Service client" not in words(form)
        await it.user().submit(form["id"], {"team": "returns", "note": "colis abîmé"})
        note, transfer = it.events
        assert isinstance(note, AgentNote)
        assert note.text == "colis abîmé"
        assert isinstance(transfer, AgentTransfer)
        assert transfer.team == "returns"


async def test_resolving_is_asked_about_only_while_nobody_has_answered() -> None:
    async with listening() as it:
        card = await it.card(buttons(Act.RESOLVE))
        it.case(answered=True, state=CaseState.CLAIMED)
        await it.user().press(CHANNEL, card, Act.RESOLVE)
        assert [type(event) for event in it.events] == [AgentResolve]
        it.case(answered=False)
        await it.user().press(CHANNEL, card, Act.RESOLVE)
        form = await view(it, holds="Personne n'a encore répondu")
        assert len(it.events) == 1
        await it.user().submit(form["id"])
        assert [type(event) for event in it.events] == [AgentResolve, AgentResolve]


async def test_spam_is_asked_about_first() -> None:
    async with listening() as it:
        card = await it.card(menu(Act.SNOOZE, Act.SPAM))
        await it.user().choose(CHANNEL, card, Act.MORE, packed(Act.SPAM, CONVERSATION))
        form = await view(it)
        assert it.events == []
        await it.user().submit(form["id"])
        assert [type(event) for event in it.events] == [AgentMarksSpam]


async def test_taking_over_is_asked_about_first_and_means_whoever_had_it_then() -> None:
    async with listening() as it:
        card = await it.card(menu(Act.TAKE_OVER, Act.SPAM))
        it.case(state=CaseState.CLAIMED, agent=Agent("slack:U2", "Paul *Petit*"))
        await it.user().choose(CHANNEL, card, Act.MORE, packed(Act.TAKE_OVER, CONVERSATION))
        form = await view(it, holds="Paul *Petit* s'occupe de ce client")
        assert it.events == []
        await it.user().submit(form["id"])
        (claim,) = it.events
        assert (claim.take_over, claim.holder, claim.agent.id) == (True, "slack:U2", "slack:U1")
        assert (claim.conversation, claim.id) == (CONVERSATION, f"desk:slack:view:{form['id']}")


@pytest.mark.parametrize(
    ("case", "holds"),
    [
        ({"state": CaseState.CLAIMED, "agent": Agent("slack:U1", "Léa")}, "déjà la vôtre"),
        ({"state": CaseState.WAITING}, "Plus personne"),
        ({"state": CaseState.CLOSED, "agent": Agent("slack:U2", "Paul")}, "Plus personne"),
    ],
)
async def test_what_no_colleague_has_is_not_taken_over(case: dict[str, Any], holds: str) -> None:
    async with listening() as it:
        card = await it.card(menu(Act.TAKE_OVER, Act.SPAM))
        it.case(**case)
        await it.user().choose(CHANNEL, card, Act.MORE, packed(Act.TAKE_OVER, CONVERSATION))
        await it.told("U1", holds)
        assert (it.events, it.user().opened_views()) == ([], [])


@pytest.mark.parametrize(
    ("chosen", "until"),
    [
        ({"when": "hour"}, NOW + timedelta(hours=1)),
        ({"when": "tomorrow"}, datetime(2026, 11, 23, 8, 0, tzinfo=UTC)),  # 9 h in Paris
        ({"when": "custom", "at": int((NOW + timedelta(days=3)).timestamp())}, NOW + timedelta(days=3)),
    ],
)
async def test_a_snooze_lasts_until_the_agents_own_time(chosen: dict[str, Any], until: datetime) -> None:
    async with listening() as it:
        card = await it.card(menu(Act.SNOOZE, Act.SPAM))
        await it.user().choose(CHANNEL, card, Act.MORE, packed(Act.SNOOZE, CONVERSATION))
        form = await view(it)
        await it.user().submit(form["id"], chosen)
        (event,) = it.events
        assert isinstance(event, AgentSnooze)
        assert event.until == until


@pytest.mark.parametrize(
    ("chosen", "holds"),
    [
        ({"when": "custom"}, "Choisissez une date"),
        ({"when": "custom", "at": int((NOW - timedelta(hours=1)).timestamp())}, "à venir"),
        ({"when": "custom", "at": int((NOW + timedelta(days=31)).timestamp())}, "30 jours"),
    ],
)
async def test_a_snooze_that_makes_no_sense_is_said_in_the_form(chosen: dict[str, Any], holds: str) -> None:
    async with listening() as it:
        card = await it.card(menu(Act.SNOOZE, Act.SPAM))
        await it.user().choose(CHANNEL, card, Act.MORE, packed(Act.SNOOZE, CONVERSATION))
        form = await view(it)
        answer = await it.user().submit(form["id"], chosen)
        assert holds in answer.errors["at"]
        assert it.events == []


# --- shortcuts -----------------------------------------------------------------------------------


async def test_message_shortcuts_do_what_the_buttons_do() -> None:
    async with listening() as it:
        it.case(answered=True)
        card = await it.card()
        said = await it.desk.client.chat_postMessage(channel=CHANNEL, thread_ts=card, text="où est-il ?")
        await it.user().shortcut(Shortcut.REPLY, CHANNEL, str(said["ts"]))
        form = await view(it, holds="Votre réponse")
        await it.user().submit(form["id"], {"text": "Il arrive."})
        await it.user().shortcut(Shortcut.TRANSFER, CHANNEL, str(said["ts"]))
        await view(it, holds="Retours")
        await it.user().shortcut(Shortcut.RESOLVE, CHANNEL, str(said["ts"]))
        assert [type(event) for event in it.events] == [AgentReply, AgentResolve]


async def test_a_shortcut_on_a_message_of_no_conversation_is_told() -> None:
    async with listening() as it:
        ts = it.user().post(CHANNEL, "pause ?")
        await it.user().shortcut(Shortcut.RESOLVE, CHANNEL, ts)
        await it.told("U1", "aucune conversation")
        assert it.events == []


# --- the whole of it, and what is shortened --------------------------------------------------------


async def test_the_whole_conversation_is_read_page_by_page_and_shortened() -> None:
    async with listening() as it:
        it.record.conversations[CONVERSATION] = [
            Line(f"m{n}", Author.CUSTOMER, f"message {n} lea@example.fr", NOW, (), "<!channel> Léa")
            for n in range(70)
        ]
        card = await it.card(buttons(Act.HISTORY))
        await it.user().press(CHANNEL, card, Act.HISTORY)
        last = await view(it, holds="message 69")
        assert "lea@example.fr" not in words(last)
        assert "message 39" not in words(last)
        assert it.slack.pings({"text": words(last)}) == []
        await it.user().press_in_view(last["id"], "history_page:older")
        await view(it, holds="message 10 ")
        await it.user().press_in_view(last["id"], "history_page:older")
        first = await view(it, holds="message 0 ")
        assert "history_page:older" not in str(first["blocks"])


async def test_revealing_is_on_record_before_it_is_shown_and_only_to_that_person() -> None:
    async with listening() as it:
        said = CaseLine(line=Line("m1", Author.CUSTOMER, "mon mail : lea@example.fr", NOW))
        it.board.lines[CONVERSATION] = [ThreadLine(said=said)]
        card = await it.card(buttons(Act.REVEAL, value=packed(CONVERSATION, "m1")))
        await it.user().press(CHANNEL, card, Act.REVEAL)
        await view(it, holds="lea@example.fr")
        (event,) = it.events
        assert isinstance(event, AgentReveal)
        assert event.subject == "m1"
        assert it.user("U2").opened_views() == []


async def test_whoever_may_not_reveal_sees_nothing_and_is_told() -> None:
    async with listening(rules=Rules(reveal=frozenset({Role.LEAD, Role.ADMIN}))) as it:
        said = CaseLine(line=Line("m1", Author.CUSTOMER, "lea@example.fr", NOW))
        it.board.lines[CONVERSATION] = [ThreadLine(said=said)]
        card = await it.card(buttons(Act.REVEAL, value=packed(CONVERSATION, "m1")))
        await it.user().press(CHANNEL, card, Act.REVEAL)
        await it.told("U1", "Votre rôle")
        assert it.events == []
        await it.user("U3").press(CHANNEL, card, Act.REVEAL)
        await view(it, "U3", holds="lea@example.fr")


async def test_nothing_is_revealed_that_cannot_be_put_on_record() -> None:
    async with listening() as it:
        card = await it.card(buttons(Act.REVEAL, value=packed(CONVERSATION, "m1")))
        it.inbox.down = True
        answer = await it.user().press(CHANNEL, card, Act.REVEAL)
        assert not answer.acked
        assert it.user().opened_views() == []


async def test_a_modal_slack_no_longer_opens_is_told() -> None:
    async with listening(trigger_seconds=0.0) as it:
        card = await it.card(buttons(Act.REPLY))
        await it.user().press(CHANNEL, card, Act.REPLY)
        await it.told("U1", "Cliquez de nouveau")


async def test_a_press_is_taken_in_behind_what_was_written_before_it() -> None:
    async with listening() as it:
        it.case(answered=True)
        card = await it.card(buttons(Act.RESOLVE))
        it.inbox.slow = lambda event: 0.3 if isinstance(event, AgentReply) else 0.0
        it.user().post(CHANNEL, "au revoir", thread_ts=card)
        await asyncio.sleep(0.1)
        await it.user().press(CHANNEL, card, Act.RESOLVE)
        events = await it.taken(2)
        assert [type(event) for event in events] == [AgentReply, AgentResolve]
