"""Buttons, menus and message shortcuts of a conversation. What they ask for is durable before it is
confirmed; what only opens a modal is confirmed first, since Slack waits three seconds for either.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext

from bot.desk.slack import modals
from bot.desk.slack.acting import Acts, Place, Press, place_of
from bot.desk.slack.context import ACTOR, Actor
from bot.desk.slack.names import Act, Modal, Shortcut, unpacked
from bot.desk.slack.situation import thread_of
from bot.domain.errors import NotUnderstandable
from bot.domain.events import (
    AgentClaim,
    AgentDecides,
    AgentDelete,
    AgentRelease,
    AgentReply,
    AgentResolve,
    DraftChoice,
)
from bot.domain.identity import ChatId
from bot.domain.ids import derived_id
from bot.domain.outgoing import CaseState
from bot.ports.board import is_live
from bot.ports.knowledge import Answer

Json = Mapping[str, Any]
Done = Callable[[Press, ChatId], Awaitable[None]]

DECISIONS = {
    Act.HELD_SEND: DraftChoice.SEND,
    Act.HELD_TAKE_OVER: DraftChoice.TAKE_OVER,
    Act.HELD_NOTE: DraftChoice.NOTE,
    Act.HELD_DISCARD: DraftChoice.DISCARD,
}
SUGGESTION = re.compile(rf"^{Act.SUGGESTION}(:\d+)?$")
SUGGESTION_EDIT = re.compile(rf"^{Act.SUGGESTION_EDIT}(:\d+)?$")


class Buttons:
    """What each button does."""

    def __init__(self, acts: Acts) -> None:
        self.acts = acts
        self._desk = acts.desk

    # --- done at once ----------------------------------------------------------------------------

    async def claim(self, press: Press, chat: ChatId) -> None:
        """Take the conversation. Whether they got it, the card says; to a loser the desk does."""
        await self.acts.append(AgentClaim(**self._common(press, chat)), press.place)

    async def release(self, press: Press, chat: ChatId) -> None:
        """Back to the bot."""
        await self.acts.append(AgentRelease(**self._common(press, chat)), press.place)

    async def undo(self, press: Press, chat: ChatId) -> None:
        """Take a reply back."""
        if press.more:
            event = AgentDelete(**self._common(press, chat), deleted_id=press.more[0])
            await self.acts.append(event, press.place)

    def decide(self, choice: DraftChoice) -> Done:
        """What to do with what was held."""

        async def decided(press: Press, chat: ChatId) -> None:
            if press.more:
                event = AgentDecides(**self._common(press, chat), message_id=press.more[0], choice=choice)
                await self.acts.append(event, press.place)

        return decided

    async def suggestion(self, press: Press, chat: ChatId) -> None:
        """Send a suggested answer as it is now."""
        answer = self._answer(press)
        if answer is None:
            self.acts.tell(press.actor, press.place, "answer_gone")
            return
        reply = AgentReply(
            **self._common(press, chat),
            message_id=derived_id("m", press.id),
            text=answer.text,
            undo_seconds=self._desk.rules.undo_seconds,
            reopens=False,
        )
        await self.acts.append(reply, press.place)

    async def resend(self, press: Press, chat: ChatId) -> None:
        """Once more, what did not arrive. That it failed may be told in a later conversation of the same
        customer than it was written in."""
        letter = press.more[0] if press.more else ""
        try:
            is_new = await self._desk.dead_letters.resend(letter, chat=chat)
            key = "resend_done" if is_new else "resend_again"
        except NotUnderstandable:
            key = "resend_never"
        self.acts.tell(press.actor, press.place, key)

    # --- what opens a modal ------------------------------------------------------------------

    async def reply(self, body: Json, actor: Actor, conversation: str) -> None:
        """Write in a modal."""
        await self.acts.open(body, modals.reply_view(conversation, actor.language), actor)

    async def transfer(self, body: Json, actor: Actor, conversation: str) -> None:
        """Choose a team."""
        case = await self._desk.board.case(conversation)
        present = case.card.team if case else ""
        view = modals.transfer_view(conversation, actor.language, self._desk.teams, present)
        await self.acts.open(body, view, actor)

    async def take_over(self, body: Json, press: Press) -> None:
        """Ask first: whose it is may not be what the card said."""
        case = await self._desk.board.case(press.conversation)
        holder = case.card.agent if case and case.card.state is CaseState.CLAIMED else None
        if holder is None:
            self.acts.tell(press.actor, press.place, "take_over_free")
        elif holder.id == press.actor.agent.id:
            self.acts.tell(press.actor, press.place, "take_over_yours")
        else:
            view = modals.take_over_view(press.conversation, press.actor.language, holder)
            await self.acts.open(body, view, press.actor)

    async def edit_suggestion(self, body: Json, actor: Actor, press: Press) -> None:
        """Change a suggested answer before it is sent."""
        answer = self._answer(press)
        if answer is None:
            self.acts.tell(actor, press.place, "answer_gone")
        elif len(answer.text) > modals.LONGEST_INPUT:
            self.acts.tell(actor, press.place, "too_long_to_edit")
        else:
            view = modals.reply_view(press.conversation, actor.language, answer.text)
            await self.acts.open(body, view, actor)

    async def is_unanswered(self, conversation: str) -> bool:
        """Whether nobody has written to a customer who waits."""
        case = await self._desk.board.case(conversation)
        return case is not None and is_live(case.card) and not case.card.answered

    def _answer(self, press: Press) -> Answer | None:
        if len(press.more) != 2:
            return None
        intent, language = press.more
        return self._desk.knowledge.answer(intent, language)

    def _common(self, press: Press, chat: ChatId) -> dict[str, Any]:
        return self.acts.common(press.id, chat, press.actor, press.conversation)


def register(app: AsyncApp, acts: Acts) -> None:
    """Listen to all of them."""
    buttons = Buttons(acts)
    at_once: Mapping[Any, Done] = {
        Act.CLAIM: buttons.claim,
        Act.RELEASE: buttons.release,
        Act.UNDO: buttons.undo,
        Act.RESEND: buttons.resend,
        SUGGESTION: buttons.suggestion,
        **{act: buttons.decide(choice) for act, choice in DECISIONS.items()},
    }
    for name, do in at_once.items():
        app.action(name)(_at_once(acts, do))
    _register_openers(app, buttons)
    _register_resolve(app, buttons)
    _register_shortcuts(app, buttons)


def _at_once(acts: Acts, do: Done) -> Callable[..., Awaitable[None]]:
    async def pressed(ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        press = Press.read(body, context[ACTOR])
        chat = await acts.chat(press.conversation)
        if chat is None:
            acts.tell(press.actor, press.place, "gone")
        else:
            await do(press, chat)
        await ack()

    return pressed


def _register_openers(app: AsyncApp, buttons: Buttons) -> None:
    @app.action(Act.REPLY)
    async def reply(ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        await ack()
        await buttons.reply(body, context[ACTOR], Press.read(body, context[ACTOR]).conversation)

    @app.action(Act.TRANSFER)
    async def transfer(ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        await ack()
        await buttons.transfer(body, context[ACTOR], Press.read(body, context[ACTOR]).conversation)

    @app.action(SUGGESTION_EDIT)
    async def edit(ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        await ack()
        await buttons.edit_suggestion(body, context[ACTOR], Press.read(body, context[ACTOR]))

    @app.action(Act.MORE, matchers=[chose(Act.SNOOZE)])
    @app.action(Act.SNOOZE)
    async def snooze(ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        await ack()
        press = Press.read(body, context[ACTOR])
        view = modals.snooze_view(press.conversation, press.actor.language)
        await buttons.acts.open(body, view, press.actor)

    @app.action(Act.MORE, matchers=[chose(Act.TAKE_OVER)])
    async def take_over(ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        await ack()
        await buttons.take_over(body, Press.read(body, context[ACTOR]))

    @app.action(Act.MORE, matchers=[chose(Act.SPAM)])
    @app.action(Act.SPAM)
    async def spam(ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        await ack()
        press = Press.read(body, context[ACTOR])
        view = modals.sure_view(Modal.SPAM, "spam", press.conversation, press.actor.language)
        await buttons.acts.open(body, view, press.actor)


def _register_resolve(app: AsyncApp, buttons: Buttons) -> None:
    async def resolve(ack: AsyncAck, body: Json, actor: Actor, event: str, conversation: str) -> None:
        """Done; asked first when nobody has answered."""
        place = place_of(body)
        chat = await buttons.acts.chat(conversation)
        if chat is None:
            buttons.acts.tell(actor, place, "gone")
        elif not await buttons.is_unanswered(conversation):
            await buttons.acts.append(
                AgentResolve(**buttons.acts.common(event, chat, actor, conversation)), place
            )
        else:
            await ack()
            view = modals.sure_view(Modal.RESOLVE, "resolve", conversation, actor.language)
            await buttons.acts.open(body, view, actor)
            return
        await ack()

    @app.action(Act.RESOLVE)
    async def pressed(ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        press = Press.read(body, context[ACTOR])
        await resolve(ack, body, press.actor, press.id, press.conversation)

    @app.shortcut(Shortcut.RESOLVE)
    async def used(ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        actor: Actor = context[ACTOR]
        conversation = await _conversation(buttons.acts, body, actor)
        if conversation is None:
            await ack()
        else:
            await resolve(ack, body, actor, shortcut_id(body, actor), conversation)


def _register_shortcuts(app: AsyncApp, buttons: Buttons) -> None:
    @app.shortcut(Shortcut.REPLY)
    async def reply(ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        await ack()
        conversation = await _conversation(buttons.acts, body, context[ACTOR])
        if conversation is not None:
            await buttons.reply(body, context[ACTOR], conversation)

    @app.shortcut(Shortcut.TRANSFER)
    async def transfer(ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        await ack()
        conversation = await _conversation(buttons.acts, body, context[ACTOR])
        if conversation is not None:
            await buttons.transfer(body, context[ACTOR], conversation)


async def _conversation(acts: Acts, body: Json, actor: Actor) -> str | None:
    """The conversation in whose thread a message shortcut was used; says so when there is none."""
    thread = await thread_of(acts.desk, body)
    if thread is None:
        acts.tell(actor, place_of(body), "shortcut_elsewhere")
    return thread.conversation if thread else None


def shortcut_id(body: Json, actor: Actor) -> str:
    """Our id of the use of a message shortcut."""
    message = body.get("message") or {}
    unique = f"{message.get('ts', '')}:{body.get('callback_id', '')}:{body.get('action_ts', '')}"
    return f"desk:slack:{unique}:{actor.user}"


def chose(act: Act) -> Callable[..., Awaitable[bool]]:
    """Whether that was chosen from a card's menu."""

    async def matches(body: dict[str, Any]) -> bool:
        option = (body.get("actions") or [{}])[0].get("selected_option") or {}
        return unpacked(str(option.get("value") or ""))[0] == act

    return matches


__all__ = ["Acts", "Buttons", "Place", "register"]
