"""Texts an agent can send to the customer from a modal, as they are or edited first.

A button says what it sends by a name and a digest of the text that was shown: if the text has changed
since, nothing is sent and the new text is shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext

from bot.desk.slack import kit
from bot.desk.slack.context import ACTOR, Actor, Desk
from bot.desk.slack.escaping import cut, pieces
from bot.desk.slack.messages import is_note
from bot.desk.slack.names import NAME, packed, unpacked
from bot.desk.slack.opening import change
from bot.desk.slack.plain_text import shortcodes
from bot.desk.slack.saved_replies import is_complete
from bot.desk.slack.situation import Situation, situation
from bot.desk.slack.wording import say
from bot.domain.events import AgentReply
from bot.domain.ids import derived_id

SEND = "offer_send"
EDIT = "offer_edit"
FORM = "modal_offer"
MESSAGE = "message"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Offer:
    """A text on offer. ``key`` is ``faq:<intent>`` or ``saved:<key>``."""

    key: str
    language: str
    title: str
    text: str
    note: str = ""

    @property
    def value(self) -> str:
        """What its buttons carry."""
        return packed(self.key, self.language, _digest(self.text))


def shown(offers: Sequence[Offer], language: str) -> list[Json]:
    """Each with its whole text and its buttons. A text that is not complete can only be edited first."""
    blocks: list[Json] = []
    for offer in offers:
        title = kit.bold(offer.title) + (f"  ·  {offer.note}" if offer.note else "")
        edit = kit.button(say("care.edit_first", language), EDIT, offer.value)
        send = kit.button(say("care.send", language), SEND, offer.value, style="primary")
        can = ([send] if is_complete(offer.text) else []) + ([edit] if _fits(offer.text) else [])
        blocks.append(kit.section(kit.mrkdwn(title)))
        blocks += [kit.section(kit.text(piece)) for piece in pieces(offer.text)]
        blocks += [kit.actions(*can)] if can else []
    return blocks


def _fits(words: str) -> bool:
    """Whether a text can be edited in Slack without losing its end."""
    return cut(words, kit.WRITTEN) == words


def find(desk: Desk, actor: Actor, here: Situation, key: str, language: str) -> Offer | None:
    """What is offered under that name, as it is now."""
    kind, _, name = key.partition(":")
    if kind == "faq":
        answer = desk.knowledge.answer(name, language)
        return Offer(key, language, answer.title, answer.text) if answer else None
    reply = desk.saved_replies.get(name)
    if reply is None:
        return None
    return Offer(key, language, reply.title(language), reply.text(language, here.known(actor, desk)))


def register(app: AsyncApp, desk: Desk) -> None:
    """Listen to the buttons of offers, and to the form in which one is edited."""

    @app.action(SEND)
    async def send(ack: AsyncAck, body: Json, context: AsyncBoltContext) -> None:
        actor: Actor = context[ACTOR]
        here, offer, same = await _pressed(desk, actor, body)
        view = body["view"]
        title = view["title"]["text"]
        if here is not None and offer is not None and same:
            # One modal sends one message, however often its button is pressed.
            await _send(desk, actor, here, offer.text, str(view["id"]))
        await ack()
        if here is None or offer is None:
            answer = kit.told(title, say("care.gone", actor.language), actor.language)
        elif not same:
            changed = kit.section(kit.text(say("care.changed", actor.language)))
            answer = _again(view, [changed, *shown([offer], actor.language)], actor)
        else:
            answer = kit.told(title, say("care.sent", actor.language), actor.language)
        await change(desk, view["id"], answer)

    @app.action(EDIT)
    async def edit(ack: AsyncAck, body: Json, context: AsyncBoltContext) -> None:
        actor: Actor = context[ACTOR]
        await ack()
        here, offer, _ = await _pressed(desk, actor, body)
        if here is None or offer is None:
            view = kit.told(
                say("care.edit_title", actor.language), say("care.gone", actor.language), actor.language
            )
        else:
            view = form(here.conversation, offer.text, actor.language)
        await change(desk, body["view"]["id"], view)

    @app.view(FORM)
    async def submitted(ack: AsyncAck, view: Json, context: AsyncBoltContext) -> None:
        actor: Actor = context[ACTOR]
        words = shortcodes(kit.answers(view).get(MESSAGE, "")).strip()
        wrong = _wrong(words, actor.language)
        if wrong:
            await ack(response_action="errors", errors={MESSAGE: wrong})
            return
        here = await situation(desk, actor, view["private_metadata"])
        if here is None:
            await ack(response_action="errors", errors={MESSAGE: say("care.gone", actor.language)})
            return
        await _send(desk, actor, here, words, str(view["id"]))
        await ack()


def form(conversation: str, words: str, language: str) -> Json:
    """Where a text is edited before it is sent."""
    return kit.modal(
        say("care.edit_title", language),
        [kit.typed(MESSAGE, say("care.edit_label", language), value=words, multiline=True)],
        language,
        callback=FORM,
        metadata=conversation,
        submit=say("care.send", language),
    )


async def _pressed(
    desk: Desk, actor: Actor, body: Mapping[str, Any]
) -> tuple[Situation | None, Offer | None, bool]:
    """The conversation, what is offered, and whether that is still what was shown."""
    parts = unpacked(body["actions"][0]["value"])
    conversation = unpacked(body["view"]["private_metadata"])[0]
    here = await situation(desk, actor, conversation)
    if here is None or len(parts) != 3:
        return here, None, False
    key, language, digest = parts
    offer = find(desk, actor, here, key, language)
    same = offer is not None and _digest(offer.text) == digest
    return here, offer, same


async def _send(desk: Desk, actor: Actor, here: Situation, words: str, view: str) -> None:
    """Append the reply; the same view says it once.

    Raises:
        StoreUnavailable: nothing was promised.
    """
    await desk.inbox.append(
        AgentReply(
            id=f"desk:{NAME}:view:{view}",
            chat=here.chat,
            conversation=here.conversation,
            at=desk.clock.now(),
            agent=actor.agent,
            message_id=derived_id("m", "slack-view", view),
            text=words,
            undo_seconds=desk.rules.undo_seconds,
            reopens=False,
        )
    )


def _wrong(words: str, language: str) -> str:
    if not words:
        return say("care.empty", language)
    if is_note(words):
        return say("acts.reply_note", language)
    return "" if is_complete(words) else say("care.incomplete", language)


def _again(view: Mapping[str, Any], blocks: list[Json], actor: Actor) -> Json:
    return kit.modal(
        view["title"]["text"],
        blocks,
        actor.language,
        callback=view["callback_id"],
        metadata=view["private_metadata"],
    )


def _digest(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()[:12]
