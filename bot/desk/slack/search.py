"""Looks an answer up from within a conversation, to send it as it is or edited first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext

from bot.desk.slack import escaping, kit, offers
from bot.desk.slack.context import ACTOR, Actor, Desk
from bot.desk.slack.finding import Search, search
from bot.desk.slack.names import Act, Modal, Shortcut, packed, unpacked
from bot.desk.slack.opening import answered, open_filled
from bot.desk.slack.shortening import shorten
from bot.desk.slack.situation import conversation_of
from bot.desk.slack.wording import say

WORDS = "words"
LANGUAGE = "language"
RESULTS = 8
MAX_WORDS = 200

Json = dict[str, Any]


def register(app: AsyncApp, desk: Desk) -> None:
    """Listen to the button, the message shortcut and the form."""
    offers.register(app, desk)

    @app.action(Act.SEARCH)
    async def pressed(ack: AsyncAck, body: Json, context: AsyncBoltContext) -> None:
        await ack()
        await _open(desk, context[ACTOR], body, unpacked(body["actions"][0]["value"])[0])

    @app.shortcut(Shortcut.SEARCH)
    async def used(ack: AsyncAck, body: Json, context: AsyncBoltContext) -> None:
        await ack()
        await _open(desk, context[ACTOR], body, None)

    @app.view(Modal.SEARCH)
    async def submitted(ack: AsyncAck, view: Json, context: AsyncBoltContext) -> None:
        actor: Actor = context[ACTOR]
        language = actor.language
        title = say("care.search_title", language)
        found = await answered(title, language, lambda: _searched(desk, actor, view))
        await ack(response_action="update", view=found)


async def _open(desk: Desk, actor: Actor, body: Json, conversation: str | None) -> None:
    title = say("care.search_title", actor.language)

    async def build() -> Json:
        here = await conversation_of(desk, actor, body, conversation)
        if here is None:
            return kit.told(title, say("care.no_conversation", actor.language), actor.language)
        last = here.last_of_customer()
        words = escaping.one_line(shorten(last.said.line.text), MAX_WORDS) if last else ""
        found = await search(desk.nlu, desk.knowledge, words, here.language, limit=RESULTS)
        return _view(actor, here.conversation, words, here.language, found)

    await open_filled(desk, body, title, actor.language, build)


async def _searched(desk: Desk, actor: Actor, view: Mapping[str, Any]) -> Json:
    given = kit.answers(dict(view))
    conversation = unpacked(view["private_metadata"])[0]
    words, language = given.get(WORDS, ""), given.get(LANGUAGE) or actor.language
    found = await search(desk.nlu, desk.knowledge, words, language, limit=RESULTS)
    return _view(actor, conversation, words, language, found)


def _view(actor: Actor, conversation: str, words: str, language: str, found: Search) -> Json:
    mine = actor.language
    blocks = [
        kit.typed(WORDS, say("care.search_label", mine), value=words, most=MAX_WORDS),
        language_choice(mine, language),
    ]
    if not found.understood:
        blocks.append(kit.context(kit.text(say("care.bot_down", mine))))
    if not found.found:
        blocks.append(kit.section(kit.text(say("care.nothing_found", mine))))
    offered = [
        offers.Offer(
            f"faq:{one.answer.intent}", language, one.answer.title, one.answer.text, sure(one.confidence)
        )
        for one in found.found
    ]
    return kit.modal(
        say("care.search_title", mine),
        [*blocks, *offers.shown(offered, mine)],
        mine,
        callback=Modal.SEARCH,
        metadata=packed(conversation),
        submit=say("care.search_go", mine),
    )


def language_choice(mine: str, language: str) -> Json:
    """The menu of languages; none of another language than those we speak."""
    choices = [kit.option(say(f"care.in_{one}", mine), one) for one in ("fr", "en")]
    chosen = next((one for one in choices if one["value"] == language), choices[0])
    element = {
        "type": "static_select",
        "action_id": LANGUAGE,
        "options": choices,
        "initial_option": chosen,
    }
    return kit.asked(LANGUAGE, say("care.language", mine), element)


def sure(confidence: float | None) -> str:
    """How sure the bot is, for people; empty when it was not asked."""
    return "" if confidence is None else f"{confidence:.0%}"
