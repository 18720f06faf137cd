"""Replies kept ready, sent as they are or edited first, from within a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext

from bot.desk.slack import kit, offers
from bot.desk.slack.context import ACTOR, Actor, Desk
from bot.desk.slack.finding import folded
from bot.desk.slack.names import Act, Modal, Shortcut, packed, unpacked
from bot.desk.slack.opening import answered, open_filled
from bot.desk.slack.saved_replies import SavedReply
from bot.desk.slack.search import LANGUAGE, MAX_WORDS, WORDS, language_choice
from bot.desk.slack.situation import Situation, conversation_of, situation
from bot.desk.slack.wording import LANGUAGES, say

MOST = 25
"""Replies in one modal: three blocks each, of the hundred that Slack takes."""

Json = dict[str, Any]


def matching(replies: Sequence[SavedReply], words: str) -> list[SavedReply]:
    """Those that hold every word, in either language; all of them without words."""
    wanted = folded(words).split()
    return [reply for reply in replies if all(word in _everything(reply) for word in wanted)]


def _everything(reply: SavedReply) -> str:
    parts = (reply.key, *reply.titles.values(), *reply.texts.values())
    return folded(" ".join(parts))


def register(app: AsyncApp, desk: Desk) -> None:
    """Listen to the button, the message shortcut and the form. (Its buttons are those of offers.)"""

    @app.action(Act.SAVED)
    async def pressed(ack: AsyncAck, body: Json, context: AsyncBoltContext) -> None:
        await ack()
        await _open(desk, context[ACTOR], body, unpacked(body["actions"][0]["value"])[0])

    @app.shortcut(Shortcut.SAVED)
    async def used(ack: AsyncAck, body: Json, context: AsyncBoltContext) -> None:
        await ack()
        await _open(desk, context[ACTOR], body, None)

    @app.view(Modal.SAVED)
    async def submitted(ack: AsyncAck, view: Json, context: AsyncBoltContext) -> None:
        actor: Actor = context[ACTOR]
        title = say("care.saved_title", actor.language)

        async def build() -> Json:
            given = kit.answers(view)
            here = await situation(desk, actor, unpacked(view["private_metadata"])[0])
            return _view(desk, actor, here, given.get(WORDS, ""), given.get(LANGUAGE))

        await ack(response_action="update", view=await answered(title, actor.language, build))


async def _open(desk: Desk, actor: Actor, body: Json, conversation: str | None) -> None:
    title = say("care.saved_title", actor.language)

    async def build() -> Json:
        here = await conversation_of(desk, actor, body, conversation)
        return _view(desk, actor, here, "", None)

    await open_filled(desk, body, title, actor.language, build)


def _view(desk: Desk, actor: Actor, here: Situation | None, words: str, language: str | None) -> Json:
    mine, title = actor.language, say("care.saved_title", actor.language)
    if here is None:
        return kit.told(title, say("care.no_conversation", mine), mine)
    chosen = language or here.language
    chosen = chosen if chosen in LANGUAGES else mine
    replies = matching(desk.saved_replies.replies, words)[:MOST]
    known = here.known(actor, desk)
    offered = [
        offers.Offer(f"saved:{reply.key}", chosen, reply.title(chosen), reply.text(chosen, known))
        for reply in replies
    ]
    blocks = [
        kit.typed(WORDS, say("care.saved_label", mine), value=words, most=MAX_WORDS, optional=True),
        language_choice(mine, chosen),
        *offers.shown(offered, mine),
    ]
    if not offered:
        blocks.append(kit.section(kit.text(say("care.no_saved", mine))))
    return kit.modal(
        title,
        blocks,
        mine,
        callback=Modal.SAVED,
        metadata=packed(here.conversation),
        submit=say("care.search_go", mine),
    )
