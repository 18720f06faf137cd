"""Stories end to end: real bolt, engine, Valkey and Rasa; a visitor on one side, Slack on the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.slack import SlackStandIn, User
from tests.integration.slack.people import CHANNEL, actions, cards, reactions, words, workspace
from tests.integration.slack.whole import Whole, until, whole

pytestmark = [pytest.mark.rasa, pytest.mark.slow]

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf50"
    "0f0003860180c2a5a3b90000000049454e44ae426082"
)
OGG = b"OggS\x00\x02" + bytes(22) + b"\x01\x1eOpusHead" + bytes(200)


@pytest.fixture
async def slack() -> AsyncIterator[SlackStandIn]:
    async with workspace() as made:
        yield made


@pytest.fixture
async def guichet(tmp_path: Path, slack: SlackStandIn, rasa_url: str) -> AsyncIterator[Whole]:
    async with whole(tmp_path, slack, rasa_url) as made:
        yield made


async def card_of(slack: SlackStandIn, *, number: int = 1) -> dict[str, Any]:
    await until(lambda: len(cards(slack)) >= number, "a card in the channel")
    return cards(slack)[number - 1]


async def in_thread(slack: SlackStandIn, ts: str, part: str) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        thread = slack.channel(CHANNEL).thread(ts)
        return next((one for one in thread if part.lower() in words(one).lower()), None)

    try:
        return dict(await until(found, f"{part!r} in the thread"))
    except AssertionError as error:
        shown = "\n".join(words(one) for one in slack.channel(CHANNEL).thread(ts))
        raise AssertionError(f"{error}; it holds:\n{shown}") from None


async def card_says(slack: SlackStandIn, ts: str, part: str) -> None:
    def found() -> bool:
        return part.lower() in words(slack.channel(CHANNEL).by_ts[ts]).lower()

    try:
        await until(found, f"the card says {part!r}")
    except AssertionError as error:
        raise AssertionError(f"{error}; it says:\n{words(slack.channel(CHANNEL).by_ts[ts])}") from None


async def test_from_a_question_to_a_person_and_back_to_the_bot(slack: SlackStandIn, guichet: Whole) -> None:
    lea = slack.user("U0LEA")
    async with guichet.customer() as customer:
        # The bot does not understand, twice; the third time it gets a person.
        await customer.says("brzt le flugubule se pnorte sur la zoubidaque")
        await until(lambda: customer.messages, "an answer")
        await customer.says("mais si, le flugubule de la zoubidaque, il pnorte !")
        await customer.presses("human")
        await customer.hears("transmets")
        card = await card_of(slack)
        ts = card["ts"]
        assert "flugubule" in words(card)
        assert {"claim", "transfer", "resolve", "release"} <= set(actions(card))

        # Léa claims; the customer is told; so is she, once the bot is known to be silent.
        assert (await lea.press(CHANNEL, ts, "claim")).acked
        await customer.hears("Léa")
        await card_says(slack, ts, "Léa")
        await until(lambda: "claim" not in actions(slack.channel(CHANNEL).by_ts[ts]), "no more Claim")

        # Both ways, with a tick, an edit and a deletion.
        said = lea.post(CHANNEL, "Bonjour, je regarde *tout de suite*.", thread_ts=ts)
        heard = await customer.hears("je regarde", author="agent")
        assert heard["name"] == "Léa"
        await until(lambda: "white_check_mark" in reactions(slack.channel(CHANNEL).by_ts[said]), "a tick")
        lea.edit(CHANNEL, said, "Bonjour, je regarde cela.")
        await customer.hears("je regarde cela", author="agent")
        wrong = lea.post(CHANNEL, "Ceci est une erreur", thread_ts=ts)
        await customer.hears("une erreur")
        lea.delete(CHANNEL, wrong)
        await until(lambda: "Ceci est une erreur" not in customer.texts(), "it is taken back")
        lea.post(CHANNEL, ";; à vérifier avec le dépôt", thread_ts=ts)
        lea.post(CHANNEL, "note: cliente fidèle", thread_ts=ts)

        # The customer writes, edits, sends a photo and a voice message, deletes.
        mine = await customer.says("c'est la commande 4812077 <!channel> @here")
        shown = await in_thread(slack, ts, "4812077")
        assert not slack.pings(shown)
        await customer.send(type="edit", message=mine, text="pardon : la 4812078")
        await in_thread(slack, ts, "4812078")
        photo = await customer.upload("photo.png", "image/png", PNG)
        await customer.says("", attachments=[photo])
        await in_thread(slack, ts, "photo.png")
        voice = await customer.upload("voix.ogg", "audio/ogg", OGG)
        await customer.says("", attachments=[voice])
        await in_thread(slack, ts, "voix.ogg")
        gone = await customer.says("mon secret à effacer")
        await in_thread(slack, ts, "mon secret à effacer")
        await customer.send(type="delete", message=gone)
        await until(
            lambda: not any("mon secret" in words(one) for one in slack.channel(CHANNEL).thread(ts)),
            "the deleted text is gone",
        )

        # Léa sends a photo, in order with what she writes next.
        lea.post(CHANNEL, "Voici la notice", thread_ts=ts, files=[("notice.png", "image/png", PNG)])
        lea.post(CHANNEL, "Est-ce clair ?", thread_ts=ts)
        await customer.hears("Est-ce clair")
        texts = customer.texts("agent")
        assert texts.index("Voici la notice") < texts.index("Est-ce clair ?")
        notice = next(one for one in customer.messages if one["text"] == "Voici la notice")
        assert [one["name"] for one in notice["attachments"]] == ["notice.png"]
        assert not any("dépôt" in text or "fidèle" in text for text in customer.texts())

        # Done: a rating, with its reason.
        assert (await lea.press(CHANNEL, ts, "resolve")).acked
        await customer.hears("terminée")
        rating = await until(
            lambda: next(
                (b for one in customer.messages for b in one["buttons"] if b["id"].startswith("rate:5:")),
                None,
            ),
            "a request for a rating",
        )
        await customer.presses(rating["id"])
        await in_thread(slack, ts, "5")
        await customer.says("très rapide et aimable")
        await in_thread(slack, ts, "très rapide et aimable")

        # They come back: the same agent, the same thread.
        await customer.says("en fait j'ai encore une question pour vous sur ma commande")
        await in_thread(slack, ts, "encore une question")
        assert len(cards(slack)) == 1
        await until(lambda: "resolve" in actions(slack.channel(CHANNEL).by_ts[ts]), "the card is live again")
        lea.post(CHANNEL, "Oui, dites-moi", thread_ts=ts)
        await customer.hears("dites-moi", author="agent")

        # And the bot has its voice back, and answers.
        assert (await lea.press(CHANNEL, ts, "release")).acked
        await customer.hears("assistant automatique")
        before = len(customer.messages)
        await customer.says("comment retourner un article ?")
        await until(
            lambda: any(one["author"] == "bot" for one in customer.messages[before:]), "the bot answers"
        )


async def test_nobody_answers_over_a_colleague(slack: SlackStandIn, guichet: Whole) -> None:
    lea, omar = slack.user("U0LEA"), slack.user("U0OMAR")
    async with guichet.customer() as customer:
        await customer.says("je veux parler à quelqu'un")
        ts = (await card_of(slack))["ts"]
        assert (await lea.press(CHANNEL, ts, "claim")).acked
        await customer.hears("Léa")

        omar.post(CHANNEL, "I can help you", thread_ts=ts)
        asked = await question_to(omar)
        assert {"held_take_over", "held_note", "held_send"} <= set(actions(asked))
        await until(lambda: omar.dms(), "and by direct message")
        assert not any("I can help" in text for text in customer.texts())
        assert not questions(lea)

        assert (await omar.press_ephemeral(asked["ts"], "held_send")).acked
        await customer.hears("I can help you", author="agent")
        await card_says(slack, ts, "Léa")

        omar.post(CHANNEL, "Let me take this", thread_ts=ts)
        asked = await question_to(omar, number=2)
        assert (await omar.press_ephemeral(asked["ts"], "held_take_over")).acked
        await customer.hears("Let me take this", author="agent")
        await card_says(slack, ts, "Omar")

        omar.post(CHANNEL, "<@U0LEA> tu as vu le bordereau ?", thread_ts=ts)
        asked = await question_to(omar, number=3)
        assert (await omar.press_ephemeral(asked["ts"], "held_note")).acked
        omar.post(CHANNEL, "It is on its way.", thread_ts=ts)
        await customer.hears("on its way", author="agent")
        assert not any("bordereau" in text for text in customer.texts())


def questions(user: User) -> list[dict[str, Any]]:
    """What somebody was asked about a message that was held."""
    return [one for one in user.ephemerals() if any("held_" in act for act in actions(one))]


async def question_to(user: User, *, number: int = 1) -> dict[str, Any]:
    await until(lambda: len(questions(user)) >= number, f"{user.id} is asked")
    return questions(user)[number - 1]


async def test_strangers_cannot_act(slack: SlackStandIn, guichet: Whole) -> None:
    noe = slack.user("U0NOBODY")
    async with guichet.customer() as customer:
        await customer.says("je veux parler à quelqu'un")
        ts = (await card_of(slack))["ts"]
        assert (await noe.press(CHANNEL, ts, "claim")).acked
        noe.post(CHANNEL, "bonjour de la part de personne", thread_ts=ts)
        await until(lambda: noe.ephemerals(), "a refusal in words")
        await customer.says("vous êtes là ?")
        await in_thread(slack, ts, "vous êtes là")
        assert "claim" in actions(slack.channel(CHANNEL).by_ts[ts])
        assert not any("personne" in text and "bonjour de la part" in text for text in customer.texts())


async def test_a_suggestion_is_sent_with_one_press(slack: SlackStandIn, guichet: Whole) -> None:
    lea = slack.user("U0LEA")
    async with guichet.customer() as customer:
        await customer.says("je veux parler à quelqu'un")
        ts = (await card_of(slack))["ts"]
        assert (await lea.press(CHANNEL, ts, "claim")).acked
        await customer.hears("Léa")
        await customer.says("quels sont vos horaires d'ouverture en boutique ?")
        line = await in_thread(slack, ts, "horaires d'ouverture en boutique")
        assert "suggestion:0" in actions(line)
        assert (await lea.press(CHANNEL, line["ts"], "suggestion:0")).acked
        await customer.hears("10 h", author="agent")
