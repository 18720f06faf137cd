"""The deliverer of ``desk:slack`` against Slack's stand-in: what agents see, also when Slack fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.desk.slack.names import Act, said_at
from bot.domain.conversation import Outcome, ServiceLevel
from bot.domain.errors import DeliveryDelayed, DeliveryFailed, DeliveryRefused
from bot.domain.events import DraftChoice, ReceiptStatus
from bot.domain.message import Attachment, Author, Draft, HoldReason, Line
from bot.domain.outgoing import (
    Alert,
    CaseAlert,
    CaseDelete,
    CaseEdit,
    CaseFate,
    CaseFile,
    CaseHeld,
    CaseLine,
    CaseRefused,
    CaseState,
    CaseUnheld,
    MediaFetch,
    Refusal,
)
from bot.domain.understanding import Guess
from bot.ports.delivery import JoiningDeliverer
from tests.fakes.slack_show import (
    LEA_DUMAS,
    PAUL,
    Show,
    a_card,
    actions,
    replies,
    says,
    seen,
    showing,
)


@pytest.fixture
async def show() -> AsyncIterator[Show]:
    async with showing() as one:
        yield one


def fate(message_id: str, status: ReceiptStatus, **more: str) -> CaseFate:
    return CaseFate(message_id=message_id, status=status, **more)


# --- the card ----------------------------------------------------------------------------------


async def test_it_is_a_deliverer_that_joins(show: Show) -> None:
    assert isinstance(show.deliverer, JoiningDeliverer)


async def test_a_case_opens_a_thread_with_its_card(show: Show) -> None:
    await show.open()
    card = await show.card()
    assert "Zoé" in seen(card)
    assert "une personne svp" in seen(card)
    assert "En attente" in seen(card)
    assert actions(card)[:4] == [Act.CLAIM, Act.TRANSFER, Act.RESOLVE, Act.RELEASE]
    assert card["metadata"]["event_payload"]["conversation"] == "c_1"
    assert await show.below() == []


async def test_the_same_card_again_changes_nothing(show: Show) -> None:
    entry = show.entry(a_card())
    await show.hand(entry)
    await show.hand(entry, doubtful=True)
    assert len(show.slack.channel("C1").messages) == 1


async def test_an_older_card_that_comes_again_changes_nothing(show: Show) -> None:
    old = show.entry(a_card())
    await show.hand(old)
    show.epoch = 2
    await show.tell(a_card(state=CaseState.CLAIMED, agent=LEA_DUMAS, hushed=True))
    await show.hand(old, doubtful=True)
    assert "Prise en charge par Léa Dumas" in seen(await show.card())
    assert len(await show.below()) == 1


async def test_claimed_is_said_only_once_the_bot_is_known_to_be_silent(show: Show) -> None:
    await show.open()
    show.epoch = 2
    await show.tell(a_card(state=CaseState.CLAIMED, agent=LEA_DUMAS))
    assert "prend la conversation" in seen(await show.card())
    assert await show.below() == []
    await show.tell(a_card(state=CaseState.CLAIMED, agent=LEA_DUMAS, hushed=True))
    assert "Prise en charge par Léa Dumas" in seen(await show.card())
    (line,) = await show.reads()
    assert "Léa Dumas a pris la conversation" in line


async def test_the_buttons_follow_the_state(show: Show) -> None:
    await show.open()
    await show.tell(a_card(state=CaseState.CLAIMED, agent=LEA_DUMAS, hushed=True), epoch=2)
    assert actions(await show.card())[0] == Act.REPLY
    assert Act.CLAIM not in actions(await show.card())
    closed = a_card(state=CaseState.CLOSED, agent=LEA_DUMAS, outcome=Outcome.RESOLVED_BY_AGENT)
    await show.tell(closed, epoch=3)
    assert actions(await show.card()) == [Act.DETAILS, Act.HISTORY]
    assert "Léa Dumas a terminé la conversation (résolue)" in (await show.reads())[-1]


@pytest.mark.parametrize(
    ("changes", "colour", "words"),
    [
        ({}, "#ecb22e", "En attente"),
        ({"level": ServiceLevel.DUE_SOON, "due": datetime.now(UTC)}, "#e8912d", "échéance proche"),
        ({"level": ServiceLevel.OVERDUE, "due": datetime.now(UTC)}, "#e01e5a", "en retard depuis"),
        ({"urgent": True}, "#e01e5a", "URGENT"),
        ({"back_at": datetime.now(UTC)}, "#ecb22e", "garde sa place"),
        ({"snoozed_until": datetime.now(UTC)}, "#ecb22e", "en veille jusqu'à"),
        ({"reopened": 2}, "#ecb22e", "rouverte 2 fois"),
        ({"guesses": (Guess("faq_delay", 0.82),)}, "#ecb22e", "Sujet probable : Délais de livraison (82 %)"),
    ],
)
async def test_colour_and_first_line_follow_the_service_level(
    show: Show, changes: dict[str, Any], colour: str, words: str
) -> None:
    await show.open(**changes)
    card = await show.card()
    assert card["attachments"][0]["color"].lstrip("#") == colour.lstrip("#")
    assert words in seen(card)


async def test_cards_that_wait_become_the_newest_and_all_that_happened_is_told(show: Show) -> None:
    await show.open()
    claimed = show.entry(a_card(state=CaseState.CLAIMED, agent=LEA_DUMAS, hushed=True), epoch=2)
    closed = show.entry(
        a_card(state=CaseState.CLOSED, agent=LEA_DUMAS, outcome=Outcome.RESOLVED_BY_AGENT), epoch=3
    )
    assert show.deliverer.joins([claimed], closed)
    await show.hand(claimed, closed)
    (lines,) = await show.reads()
    assert "a pris la conversation" in lines
    assert "a terminé la conversation" in lines
    assert "Terminée" in seen(await show.card())


async def test_reopened_the_same_thread_goes_on_with_what_was_said_meanwhile(show: Show) -> None:
    root = await show.open()
    await show.tell(a_card(state=CaseState.RELEASED, agent=LEA_DUMAS), epoch=2)
    meanwhile = (
        *a_card().recent,
        Line("s1", Author.SYSTEM, "L'assistant automatique reprend.", datetime.now(UTC)),
        Line("p1", Author.CUSTOMER, "[rate:4:c1234567]", datetime.now(UTC)),
        Line("b1", Author.BOT, "Je reprends la main.", datetime.now(UTC)),
        Line("m2", Author.CUSTOMER, "non, une personne !", datetime.now(UTC), author_name="Zoé"),
    )
    again = show.entry(a_card(recent=meanwhile, reopened=1), epoch=3)
    await show.hand(again)
    await show.hand(again, doubtful=True)
    assert await show.root() == root
    texts = await show.reads()
    assert len(texts) == 3
    assert "rendu la conversation" in texts[0]
    assert "La conversation reprend" in texts[1]
    assert "L'assistant automatique reprend" not in "".join(texts)  # what the system told
    assert "4 sur 5" not in "".join(texts)  # an alert tells it
    assert "Je reprends la main." in texts[2]
    assert "non, une personne !" in texts[2]
    assert "une personne svp" not in "".join(texts)


async def test_a_transfer_leaves_a_pointer_that_follows_the_case(show: Show) -> None:
    await show.open()
    show.epoch = 2
    await show.tell(a_card(team="orders"))
    thread = await show.bound()
    assert thread.place == "C1"
    pointers = [*show.slack.channel("C2").messages, *show.slack.channel("C3").messages]
    (pointer,) = pointers
    assert "passed to you" in seen(pointer)
    assert actions(pointer) == [Act.CLAIM]
    assert f"/archives/C1/p{thread.root.replace('.', '')}" in seen(pointer)
    assert "Transférée à l'équipe Commandes" in (await show.reads())[-1]
    show.epoch = 3
    await show.tell(a_card(team="orders", state=CaseState.CLAIMED, agent=PAUL, hushed=True))
    (pointer,) = [*show.slack.channel("C2").messages, *show.slack.channel("C3").messages]
    assert "claimed by Paul Petit" in seen(pointer)
    assert Act.CLAIM not in actions(pointer)


async def test_cases_of_a_team_spread_over_its_channels(show: Show) -> None:
    for number in range(12):
        await show.tell(a_card(team="orders"), conversation=f"c_{number}")
    assert show.slack.channel("C2").messages
    assert show.slack.channel("C3").messages


# --- lines -------------------------------------------------------------------------------------


async def test_a_customer_speaks_under_their_name_with_their_channels_icon(show: Show) -> None:
    await show.open()
    delivered = await show.tell(says("bonjour", "m2"))
    assert delivered.platform_id == "m2"
    (line,) = await show.below()
    assert line["username"] == "Zoé (site web)"
    assert line["icons"]["emoji"] == ":globe_with_meridians:"
    assert "bonjour" in seen(line)
    assert await show.threads.named("c_1", line["ts"]) == "m2"


NASTY = "<!channel> <@U1> @here *gras* _i_ `c` <http://evil.example|clic> https://evil.example :tada: & &lt;"


async def test_nothing_a_customer_types_pings_links_or_formats(show: Show) -> None:
    await show.open()
    await show.tell(says(NASTY, "m2"))
    (line,) = await show.below()
    assert show.slack.pings(line) == []
    assert "<http" not in line["text"]
    kinds = {one["text"]["type"] for one in line["blocks"] if one["type"] == "section"}
    assert kinds == {"plain_text"}
    assert NASTY in seen(line).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") or (
        "<!channel>" in seen(line)
    )


async def test_a_name_cannot_do_it_either(show: Show) -> None:
    evil = replace(a_card().profile, name="<!channel> *x* https://evil.example")
    await show.open(profile=evil)
    card = await show.card()
    assert show.slack.pings(card) == []
    said = says("x", "m2")
    await show.tell(replace(said, line=replace(said.line, author_name="<!here> <@U1>")))
    assert show.slack.pings((await show.below())[0]) == []


async def test_lines_that_wait_become_one_message_in_order(show: Show) -> None:
    await show.open()
    entries = [show.entry(says(f"ligne {number}", f"m{number}")) for number in range(2, 6)]
    for at in range(1, len(entries)):
        assert show.deliverer.joins(entries[:at], entries[at])
    await show.hand(*entries)
    (text,) = await show.reads()
    places = [text.index(f"ligne {number}") for number in range(2, 6)]
    assert places == sorted(places)


async def test_what_must_stand_alone_does_not_join(show: Show) -> None:
    line = show.entry(says("a", "m2"))
    file = Attachment("f1", "a.jpg", "image/jpeg", stored=True)
    assert not show.deliverer.joins([line], show.entry(says("b", "m3", files=(file,))))
    assert not show.deliverer.joins([line], show.entry(replies("b", "m_1")))
    assert not show.deliverer.joins([line], show.entry(CaseEdit(message_id="m2", text="x")))
    assert not show.deliverer.joins([line], show.entry(says("b", "m3"), conversation="c_2"))
    assert not show.deliverer.joins([line], show.entry(says("x" * 5001, "m3")))


async def test_a_very_long_line_comes_in_parts_whole(show: Show) -> None:
    await show.open()
    text = "\n".join(f"{number} une phrase assez longue pour remplir" for number in range(600))
    entry = show.entry(says(text, "m2"))
    await show.hand(entry)
    await show.hand(entry)
    shown = "".join(await show.reads())
    assert len(await show.below()) == 3
    assert all(f"{number} une phrase" in shown for number in range(600))


async def test_what_an_agent_typed_in_the_thread_is_not_repeated(show: Show) -> None:
    root = await show.open()
    ts = show.slack.user("U1").post("C1", "Bonjour !", thread_ts=root)
    await show.tell(replies("Bonjour !", said_at("C1", ts)))
    assert len(await show.below()) == 1
    assert [Act.UNDO in actions(one) for one in show.slack.ephemerals("U1")] == [True]


async def test_a_reply_from_a_form_is_posted_with_undo_until_its_fate_is_known(show: Show) -> None:
    await show.open()
    await show.tell(replies("Bonjour Zoé", "m_1"))
    (line,) = await show.below()
    assert "Léa Dumas → client" in seen(line)
    assert Act.UNDO in actions(line)
    await show.tell(fate("m_1", ReceiptStatus.DELIVERED))
    (line,) = await show.below()
    assert Act.UNDO not in actions(line)
    assert [one["name"] for one in line["reactions"]] == ["white_check_mark"]


async def test_notes_of_other_desks_are_marked(show: Show) -> None:
    await show.open()
    said = Line("n1", Author.AGENT, "cliente fidèle", datetime.now(UTC), author_name="Marie")
    await show.tell(CaseLine(line=said, note=True))
    assert "🔒 Note interne · Marie" in (await show.reads())[0]


async def test_up_to_three_answers_are_suggested_in_the_customers_language(show: Show) -> None:
    await show.open()
    guesses = (
        Guess("faq_delay", 0.6),
        Guess("faq_return", 0.2),
        Guess("faq_shop", 0.05),
        Guess("greet", 0.9),
    )
    await show.tell(says("quand ?", "m2", guesses=guesses))
    (line,) = await show.below()
    assert "Délais de livraison (60 %)" in seen(line)
    assert "Retours (20 %)" in seen(line)
    assert "Boutiques" not in seen(line)
    assert [one for one in actions(line) if one.startswith("suggestion")] == [
        "suggestion:0",
        "suggestion_edit:0",
        "suggestion:1",
        "suggestion_edit:1",
    ]


async def test_an_entry_with_no_text_in_the_customers_language_is_not_suggested(show: Show) -> None:
    await show.open()
    await show.tell(replace(says("when?", "m2", guesses=(Guess("faq_shop", 0.9),)), language="en"))
    assert "Boutiques" not in (await show.reads())[0]


async def test_personal_data_is_shortened_with_a_way_to_reveal_it(show: Show) -> None:
    await show.open()
    await show.tell(says("je suis lea.dupont@example.fr, 06 12 34 56 78", "m2"))
    (line,) = await show.below()
    whole = str(line)
    assert "lea.dupont" not in whole
    assert "12 34" not in whole
    assert "l•••@e•••.fr" in seen(line)
    assert Act.REVEAL in actions(line)


async def test_an_edit_shows_what_was_said_before_and_twice_is_once(show: Show) -> None:
    await show.open()
    await show.tell(says("mardi", "m2"))
    entry = show.entry(CaseEdit(message_id="m2", text="mercredi"))
    await show.hand(entry)
    await show.hand(entry, doubtful=True)
    (line,) = await show.below()
    assert "mercredi" in seen(line)
    assert "(modifié) avant : mardi" in seen(line)
    assert line["username"] == "Zoé (site web)"


async def test_one_of_several_lines_is_changed_or_withdrawn_alone(show: Show) -> None:
    await show.open()
    await show.hand(*(show.entry(says(text, text)) for text in ("un", "deux", "trois")))
    await show.tell(CaseEdit(message_id="deux", text="DEUX"))
    await show.tell(CaseDelete(message_id="trois"))
    (line,) = await show.below()
    assert "un" in seen(line)
    assert "DEUX" in seen(line)
    assert "trois" not in str(line["blocks"])
    assert "trois" not in line["text"]
    assert "Message retiré" in seen(line)


async def test_a_line_that_only_the_card_shows_is_changed_there(show: Show) -> None:
    await show.open()
    await show.tell(CaseEdit(message_id="m1", text="finalement non"))
    assert "finalement non" in seen(await show.card())
    await show.tell(CaseDelete(message_id="m1"))
    assert "finalement non" not in str(await show.card())


async def test_a_line_that_comes_before_its_card_waits_then_opens_the_thread_itself(
    show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = show.entry(says("déjà là", "m2"))
    with pytest.raises(DeliveryDelayed) as delay:
        await show.hand(entry)
    assert not delay.value.everyone
    monkeypatch.setattr("bot.desk.slack.deliverer.PATIENCE", 0.0)
    with pytest.raises(DeliveryDelayed):
        await show.hand(entry)
    monkeypatch.setattr("bot.desk.slack.deliverer.LOST", 0.0)
    with pytest.raises(DeliveryRefused):
        await show.hand(entry)
    show.cases.cards["c_1"] = a_card()
    await show.hand(entry)
    await show.tell(a_card())
    assert len(show.slack.channel("C1").top()) == 1
    assert "déjà là" in (await show.reads())[0]


# --- fates -------------------------------------------------------------------------------------


async def typed(show: Show) -> tuple[str, str]:
    root = await show.open()
    ts = show.slack.user("U1").post("C1", "Bonjour !", thread_ts=root)
    return ts, said_at("C1", ts)


def reactions(message: dict[str, Any]) -> list[str]:
    return sorted(one["name"] for one in message.get("reactions", ()))


async def test_ticks_and_eyes_go_on_the_agents_own_message(show: Show) -> None:
    _ts, message_id = await typed(show)
    for _ in range(2):
        await show.tell(fate(message_id, ReceiptStatus.DELIVERED))
    await show.tell(fate(message_id, ReceiptStatus.SEEN))
    (line,) = await show.below()
    assert reactions(line) == ["eyes", "white_check_mark"]


async def test_a_failure_says_why_and_offers_to_resend_and_a_resend_that_works_takes_it_away(
    show: Show,
) -> None:
    _ts, message_id = await typed(show)
    entry = show.entry(fate(message_id, ReceiptStatus.FAILED, detail="blocked", letter="d_1"))
    await show.hand(entry)
    await show.hand(entry, doubtful=True)
    line, warning = await show.below()
    assert reactions(line) == ["warning"]
    assert "a bloqué le bot" in seen(warning)
    button = warning["blocks"][-1]["elements"][0]
    assert (button["action_id"], button["value"]) == (Act.RESEND, "c_1|d_1")
    await show.tell(fate(message_id, ReceiptStatus.DELIVERED))
    line, warning = await show.below()
    assert reactions(line) == ["white_check_mark"]
    assert "Remis finalement" in seen(warning)
    assert actions(warning) == []


async def test_the_other_fates_are_told_too(show: Show) -> None:
    _ts, message_id = await typed(show)
    await show.tell(fate(message_id, ReceiptStatus.UNCHANGED, detail="not_deletable"))
    await show.tell(fate(message_id, ReceiptStatus.MAYBE_DUPLICATE))
    await show.tell(fate(message_id, ReceiptStatus.DROPPED))
    line, unchanged, twice = await show.below()
    assert "48 h" in seen(unchanged)
    assert "deux fois" in seen(twice)
    assert reactions(line) == ["leftwards_arrow_with_hook", "white_check_mark"]


async def test_what_became_of_the_bots_words_shows_nothing(show: Show) -> None:
    await show.open()
    await show.tell(fate(f"m_{'0' * 32}-0", ReceiptStatus.SEEN))
    assert show.slack.calls_of("reactions.add") == []


async def test_a_tick_waits_for_a_reply_that_is_not_shown_yet(show: Show) -> None:
    await show.open()
    entry = show.entry(fate("m_1", ReceiptStatus.DELIVERED))
    with pytest.raises(DeliveryDelayed):
        await show.hand(entry)
    await show.tell(replies("Bonjour", "m_1"))
    await show.hand(entry)
    assert reactions((await show.below())[0]) == ["white_check_mark"]


async def test_a_message_that_the_agent_deleted_takes_no_reaction_and_that_is_fine(show: Show) -> None:
    ts, message_id = await typed(show)
    show.slack.user("U1").delete("C1", ts)
    await show.tell(fate(message_id, ReceiptStatus.DELIVERED))


# --- for one agent ---------------------------------------------------------------------------------


def held(reason: HoldReason, message_id: str, agent: Any = PAUL) -> CaseHeld:
    draft = Draft(message_id, agent, reason, datetime.now(UTC), "je vous réponds")
    return CaseHeld(draft=draft, holder=LEA_DUMAS if reason is HoldReason.COLLEAGUE else None)


@pytest.mark.parametrize(
    ("reason", "offered", "words"),
    [
        (
            HoldReason.COLLEAGUE,
            [Act.HELD_TAKE_OVER, Act.HELD_NOTE, Act.HELD_SEND, Act.HELD_DISCARD],
            "Léa Dumas has this conversation",
        ),
        (HoldReason.MENTION, [Act.HELD_SEND, Act.HELD_NOTE, Act.HELD_DISCARD], "mentions somebody"),
        (HoldReason.CLOSED, [Act.HELD_SEND, Act.HELD_NOTE, Act.HELD_DISCARD], "is closed"),
    ],
)
async def test_a_held_message_is_asked_about_in_the_thread_and_by_direct_message(
    show: Show, reason: HoldReason, offered: list[str], words: str
) -> None:
    await show.open()
    message_id = said_at("C1", "1700000000.000001")
    await show.tell(held(reason, message_id))
    (prompt,) = show.slack.ephemerals("U2")
    (direct,) = show.slack.dms("U2")
    for one in (prompt, direct):
        assert words in seen(one)
        assert "je vous réponds" in seen(one)
        assert actions(one) == offered
    assert show.slack.ephemerals("U1") == []
    draft = held(reason, message_id).draft
    await show.tell(CaseUnheld(draft=draft, choice=DraftChoice.NOTE))
    (direct,) = show.slack.dms("U2")
    assert "Kept as an internal note" in seen(direct)
    assert actions(direct) == []


async def test_who_lost_a_claim_is_told_alone(show: Show) -> None:
    await show.open()
    await show.tell(CaseRefused(agent=PAUL, action="claim", reason=Refusal.TAKEN, holder=LEA_DUMAS))
    assert "Léa Dumas already has it" in seen(show.slack.ephemerals("U2")[0])
    assert "Léa Dumas already has it" in seen(show.slack.dms("U2")[0])
    assert await show.below() == []


@pytest.mark.parametrize("reason", list(Refusal))
async def test_every_refusal_has_words(show: Show, reason: Refusal) -> None:
    await show.open()
    await show.tell(CaseRefused(agent=LEA_DUMAS, action="resolve", reason=reason, holder=PAUL))
    assert seen(show.slack.ephemerals("U1")[0])


async def test_who_is_not_in_the_channel_is_told_by_direct_message(show: Show) -> None:
    await show.open()
    show.slack.channel("C1").members.remove("U2")
    await show.tell(CaseRefused(agent=PAUL, action="resolve", reason=Refusal.CLOSED))
    assert "closed" in seen(show.slack.dms("U2")[0])


async def test_an_agent_of_another_desk_is_not_asked_in_slack(show: Show) -> None:
    await show.open()
    draft = held(HoldReason.MENTION, "a_1", replace(PAUL, id="terminal:paul"))
    await show.tell(draft)
    assert show.slack.calls_of("chat.postEphemeral") == []


# --- alerts --------------------------------------------------------------------------------------


async def test_near_the_target_those_of_the_team_who_are_here_are_called_once(show: Show) -> None:
    await show.open()
    await show.roster.saw("slack:U2", online=False)
    entry = show.entry(CaseAlert(kind=Alert.DUE_SOON, team="care"))
    await show.hand(entry)
    await show.hand(entry, doubtful=True)
    (alert,) = await show.below()
    assert set(show.slack.pings(alert)) == {"@U1"}
    assert alert["subtype"] == "thread_broadcast"


async def test_past_it_the_escalation_team_is_called_in_its_channel_too(show: Show) -> None:
    await show.open()
    await show.tell(CaseAlert(kind=Alert.OVERDUE, team="orders"))
    (alert,) = await show.below()
    assert set(show.slack.pings(alert)) == {"@U3"}
    (there,) = [*show.slack.channel("C2").messages, *show.slack.channel("C3").messages]
    assert set(show.slack.pings(there)) == {"@U3"}
    assert "overdue" in seen(there)


async def test_who_has_it_again_is_told_behind_what_happened(show: Show) -> None:
    await show.open()
    alert = CaseAlert(kind=Alert.ASSIGNED, team="care", agent=LEA_DUMAS, detail="back")
    lanes = [show.deliverer.lane(show.entry(one)) for one in (a_card(), alert, says("me revoilà", "m2"))]
    assert lanes[0] == lanes[1] != lanes[2]
    await show.tell(alert)
    (said,) = await show.below()
    assert "de nouveau à vous" in seen(said)


async def test_an_alert_that_was_interrupted_half_way_is_not_said_twice(show: Show) -> None:
    await show.open()
    entry = show.entry(CaseAlert(kind=Alert.OVERDUE, team="orders"))
    show.slack.faults.order("429", "chat.getPermalink", times=1, retry_after=1)
    with pytest.raises(DeliveryDelayed):
        await show.hand(entry)
    await show.hand(entry)
    assert len(await show.below()) == 1


@pytest.mark.parametrize("kind", [Alert.IDLE, Alert.RETURNED, Alert.SNOOZED, Alert.ASSIGNED])
async def test_the_agent_concerned_is_called(show: Show, kind: Alert) -> None:
    await show.open()
    await show.tell(CaseAlert(kind=kind, team="care", agent=PAUL))
    (alert,) = await show.below()
    assert set(show.slack.pings(alert)) == {"@U2"}


async def test_who_had_it_is_called_when_a_colleague_takes_over(show: Show) -> None:
    await show.open()
    await show.tell(CaseAlert(kind=Alert.TAKEN_OVER, team="care", agent=PAUL, detail="Léa <!here>"))
    (alert,) = await show.below()
    assert "Léa &lt;!here&gt; a pris la suite" in seen(alert)
    assert set(show.slack.pings(alert)) == {"@U2"}


async def test_only_a_card_that_somebody_has_offers_to_take_over(show: Show) -> None:
    await show.open()
    assert Act.TAKE_OVER not in repr(await show.card())
    await show.tell(a_card(state=CaseState.CLAIMED, agent=LEA_DUMAS, hushed=True), epoch=2)
    assert f"{Act.TAKE_OVER}|c_1" in repr(await show.card())


async def test_a_rating_is_stars_and_words(show: Show) -> None:
    await show.open()
    await show.tell(CaseAlert(kind=Alert.RATED, team="care", detail="4 <!channel> très bien"))
    (alert,) = await show.below()
    assert "★★★★☆" in seen(alert)
    assert "très bien" in seen(alert)
    assert show.slack.pings(alert) == []


# --- files -----------------------------------------------------------------------------------------

PHOTO = Attachment("f_1", "photo.jpg", "image/jpeg", 5000, stored=True)


async def shared(show: Show, count: int = 1) -> list[dict[str, Any]]:
    thread = await show.bound()

    def files() -> list[dict[str, Any]]:
        below = show.slack.channel(thread.place).thread(thread.root)[1:]
        return [file for message in below for file in message.get("files", ())]

    found: list[dict[str, Any]] = await show.slack.until(lambda: len(files()) >= count and files())
    return found


async def test_a_customers_file_is_put_in_the_thread_once(show: Show) -> None:
    await show.open()
    show.files.content["f_1"] = b"x" * 5000
    entry = show.entry(says("voici", "m2", files=(PHOTO,)))
    await show.hand(entry)
    await show.hand(entry, doubtful=True)
    (file,) = await shared(show)
    assert show.slack.workspace.files[file["id"]].read() == b"x" * 5000
    assert len(show.slack.calls_of("files.completeUploadExternal")) == 1


async def test_a_file_that_comes_later_is_put_there_then(show: Show) -> None:
    await show.open()
    await show.tell(says("voici", "m2", files=(replace(PHOTO, stored=False, source="tg"),)))
    assert "📎 photo.jpg" in (await show.reads())[0]
    show.files.content["f_1"] = b"y"
    await show.tell(CaseFile(message_id="m2", attachment=PHOTO))
    await shared(show)


async def test_a_file_whose_sharing_was_done_though_slack_failed_is_not_sent_again(show: Show) -> None:
    await show.open()
    show.files.content["f_1"] = b"x" * 10
    entry = show.entry(says("voici", "m2", files=(PHOTO,)))
    show.slack.faults.order("500_after", "files.completeUploadExternal", times=1)
    with pytest.raises(DeliveryFailed) as failure:
        await show.hand(entry)
    assert failure.value.doubtful
    await show.hand(entry, doubtful=True)
    await shared(show)
    assert len(show.slack.calls_of("files.completeUploadExternal")) == 1


async def test_a_file_that_will_not_come_is_explained(show: Show) -> None:
    await show.open()
    await show.tell(CaseFile(message_id="m2", attachment=PHOTO, reason="media_too_large"))
    assert "trop volumineux" in (await show.reads())[0]


async def test_the_files_of_a_message_taken_back_go_with_it(show: Show) -> None:
    await show.open()
    show.files.content["f_1"] = b"x" * 10
    await show.tell(says("voici", "m2", files=(PHOTO,)))
    (file,) = await shared(show)
    await show.tell(CaseDelete(message_id="m2"))
    assert show.slack.workspace.files[file["id"]].record["mode"] == "tombstone"


async def test_an_agents_own_slack_file_is_not_sent_back_to_slack(show: Show) -> None:
    _ts, message_id = await typed(show)
    await show.tell(CaseFile(message_id=message_id, attachment=PHOTO))
    assert show.slack.calls_of("files.getUploadURLExternal") == []


# --- when Slack fails ------------------------------------------------------------------------------


async def test_a_message_that_slack_took_though_it_failed_is_not_posted_again(show: Show) -> None:
    await show.open()
    entry = show.entry(says("une fois", "m2"))
    show.slack.faults.order("500_after", "chat.postMessage", times=1)
    with pytest.raises(DeliveryFailed) as failure:
        await show.hand(entry)
    assert failure.value.doubtful
    later = show.entry(says("puis", "m3"))
    await show.hand(entry, later, doubtful=True)
    texts = await show.reads()
    assert [("une fois" in text, "puis" in text) for text in texts] == [(True, False), (False, True)]
    assert await show.threads.find("c_1", "m2")


async def test_a_card_that_slack_took_though_it_failed_is_found_again(show: Show) -> None:
    entry = show.entry(a_card())
    show.slack.faults.order("cut_after", "chat.postMessage", times=1)
    with pytest.raises(DeliveryFailed):
        await show.hand(entry)
    await show.hand(entry, doubtful=True)
    assert len(show.slack.channel("C1").messages) == 1
    assert await show.root() == show.slack.channel("C1").messages[0]["ts"]


async def test_a_limit_is_waited_for_and_everybody_of_that_method_waits(show: Show) -> None:
    await show.open()
    show.slack.faults.order("429", "chat.postMessage", times=1, retry_after=2)
    with pytest.raises(DeliveryDelayed) as delay:
        await show.tell(says("a", "m2"))
    assert (delay.value.retry_after, delay.value.everyone) == (2.0, False)
    waiting = asyncio.create_task(show.tell(says("b", "m3")))
    await show.tell(fate(said_at("C1", "1.1"), ReceiptStatus.SEEN))
    assert not waiting.done()
    await waiting
    assert "b" in (await show.reads())[0]
    refused, made = show.slack.calls_of("chat.postMessage")[-2:]
    assert made.when - refused.when >= 1.9


async def test_a_refused_token_makes_everything_wait_and_loses_nothing(show: Show) -> None:
    await show.open()
    show.slack.revoke_token()
    with pytest.raises(DeliveryDelayed) as delay:
        await show.tell(says("a", "m2"))
    assert delay.value.everyone


@pytest.mark.parametrize("why", ["delete", "archive", "remove"])
async def test_a_lost_channel_moves_the_thread_and_tells_the_admins_once(show: Show, why: str) -> None:
    await show.tell(a_card(team="orders"))
    thread = await show.bound()
    other = {"C2": "C3", "C3": "C2"}[thread.place]
    show.cases.cards["c_1"] = a_card(team="orders")
    {
        "delete": show.slack.delete_channel,
        "archive": show.slack.archive,
        "remove": show.slack.remove_bot,
    }[why](thread.place)
    await show.tell(says("encore là ?", "m2"))
    assert (await show.bound()).place == other
    moved, line = await show.reads()
    assert "goes on here" in moved
    assert "encore là ?" in line
    assert Act.CLAIM in actions(await show.card())
    (told,) = show.slack.dms("U9")
    assert thread.place in seen(told)


async def test_the_admins_hear_of_a_lost_channel_once_whatever_was_in_it(show: Show) -> None:
    for number in (5, 7):
        card = a_card(team="orders")
        await show.tell(card, conversation=f"c_{number}")
        show.cases.cards[f"c_{number}"] = card
    assert {(await show.bound(f"c_{number}")).place for number in (5, 7)} == {"C2"}
    show.slack.delete_channel("C2")
    for number in (5, 7):
        await show.tell(says("là ?", f"m{number}"), conversation=f"c_{number}")
    assert [(await show.bound(f"c_{number}")).place for number in (5, 7)] == ["C3"] * 2
    assert len(show.slack.dms("U9")) == 1


async def test_an_agent_who_edits_or_deletes_what_they_typed_has_nothing_changed_by_us(show: Show) -> None:
    _ts, message_id = await typed(show)
    before = len(show.slack.calls)
    await show.tell(CaseEdit(message_id=message_id, text="autre"))
    await show.tell(CaseDelete(message_id=message_id))
    assert len(show.slack.calls) == before


async def test_the_default_teams_channel_takes_what_no_other_can(show: Show) -> None:
    show.slack.delete_channel("C2")
    show.slack.archive("C3")
    await show.tell(a_card(team="orders"))
    assert (await show.bound()).place == "C1"


async def test_with_no_channel_at_all_a_case_waits(show: Show) -> None:
    for channel in ("C1", "C2", "C3"):
        show.slack.remove_bot(channel)
    with pytest.raises(DeliveryDelayed) as delay:
        await show.tell(a_card())
    assert delay.value.retry_after == 60


async def test_a_root_that_was_deleted_is_made_again(show: Show) -> None:
    root = await show.open()
    await show.tell(says("x", "m2"))
    show.slack.workspace.channels["C1"].by_ts.pop(root)
    await show.tell(a_card(state=CaseState.CLAIMED, agent=LEA_DUMAS, hushed=True), epoch=2)
    assert await show.root() != root
    assert "Prise en charge" in seen(await show.card())


async def test_blocks_that_slack_refuses_do_not_lose_what_was_said(show: Show) -> None:
    await show.open()
    show.slack.faults.order("error", "chat.postMessage", times=1, error="invalid_blocks")
    await show.tell(says("<!channel> mon avis", "m2"))
    (line,) = await show.below()
    assert "mon avis" in line["text"]
    assert show.slack.pings(line) == []


async def test_a_store_that_is_away_is_tried_again(show: Show) -> None:
    entry = show.entry(says("x", "m2"))
    show.threads.down = True  # type: ignore[attr-defined]
    with pytest.raises(DeliveryFailed):
        await show.hand(entry)


async def test_what_is_not_for_a_desk_is_refused(show: Show) -> None:
    with pytest.raises(DeliveryRefused):
        await show.tell(MediaFetch(message_id="m", attachment=PHOTO))
    with pytest.raises(DeliveryRefused):
        await show.tell(a_card(), conversation=None)


async def test_staff_are_told_once_when_messages_are_late() -> None:
    async with showing(lag_seconds=30.0) as show:
        await show.open()
        old = datetime.now(UTC) - timedelta(seconds=40)
        for number in range(2, 5):
            await show.tell(says("tard", f"m{number}"), at=old)
        await show.slack.until(
            lambda: [one for one in show.slack.channel("C1").top() if "Slack est limité" in seen(one)]
        )
        told = [one for one in show.slack.channel("C1").top() if "Slack est limité" in seen(one)]
        assert len(told) == 1
