"""What is for one agent only: what to do with a held message, and what they asked for in vain.

Shown in the thread to them alone; since that is gone when they reload, a direct message says the same.
"""

from __future__ import annotations

import asyncio

from bot.desk.slack.client import PLACE_GONE
from bot.desk.slack.escaping import Block, escaped, mrkdwn, one_line, plain
from bot.desk.slack.lines import button
from bot.desk.slack.names import NOT_SENT, Act, packed, place_of
from bot.desk.slack.posting import Job, Message, Surroundings
from bot.desk.slack.shortening import shorten
from bot.desk.slack.wording import known, language_of, quoted, say
from bot.domain.errors import DeliveryRefused
from bot.domain.events import DraftChoice
from bot.domain.identity import Agent
from bot.domain.message import HoldReason
from bot.domain.outgoing import CaseHeld, CaseRefused, CaseUnheld, Refusal
from bot.ports.threads import Thread

AGENT = "slack:"
HELD = "hourglass_flowing_sand"
"""The mark on a message that is held: others read the thread too."""
_DECIDED = {DraftChoice.NOTE: "lock", DraftChoice.DISCARD: NOT_SENT}
"""What marks it when it was not sent."""
LOCALE_FOR = 3600.0
"""Seconds for which somebody's language is kept."""

_UNSEEN = PLACE_GONE | {"user_not_in_channel", "user_not_found"}
_CHOICES: dict[HoldReason, tuple[tuple[Act, str], ...]] = {
    HoldReason.COLLEAGUE: (
        (Act.HELD_TAKE_OVER, "take_over"),
        (Act.HELD_NOTE, "keep_as_note"),
        (Act.HELD_SEND, "send_anyway"),
        (Act.HELD_DISCARD, "discard"),
    ),
    HoldReason.MENTION: (
        (Act.HELD_SEND, "send"),
        (Act.HELD_NOTE, "keep_as_note"),
        (Act.HELD_DISCARD, "discard"),
    ),
    HoldReason.CLOSED: (
        (Act.HELD_SEND, "reopen_and_send"),
        (Act.HELD_NOTE, "keep_as_note"),
        (Act.HELD_DISCARD, "discard"),
    ),
}


class Prompts:
    """Asks and tells agents, each in their language."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._languages: dict[str, tuple[str, float]] = {}

    async def held(self, job: Job, thread: Thread, held: CaseHeld) -> None:
        """Ask what to do with a message; once, unless Slack's answer was lost."""
        user = user_of(held.draft.agent)
        choices = _CHOICES.get(held.draft.reason)
        if user is None or choices is None:
            return
        if typed := place_of(held.draft.message_id):
            await job.calls.react(*typed, HELD)
        language = await self.language(job, user, thread)
        message = self._question(job, held, choices, language)
        key = _key(held.draft.message_id)
        if key not in await self._around.threads.notes(job.conversation):
            link = say("desk.thread_link", language, link=await job.calls.link(thread.place, thread.root))
            direct = {**message, "blocks": [*message["blocks"], _context(mrkdwn(link))]}
            await self._around.threads.note(job.conversation, key, await self._direct(job, user, direct))
        await self._whisper(job, thread, user, message)

    async def unheld(self, job: Job, thread: Thread, unheld: CaseUnheld) -> None:
        """It was decided: the question becomes the answer."""
        await self._marked(job, unheld)
        key = _key(unheld.draft.message_id)
        place, _, ts = (await self._around.threads.notes(job.conversation)).get(key, "").partition(":")
        user = user_of(unheld.draft.agent)
        if not ts or user is None:
            return
        language = await self.language(job, user, thread)
        words = say(f"desk.unheld_{unheld.choice.value}", language)
        blocks = [_section(words), _context(_quote(unheld.draft.text, language))]
        try:
            await job.calls.update(place, ts, text=words, blocks=blocks)
        except DeliveryRefused as refusal:
            if refusal.reason not in _UNSEEN | {"message_not_found"}:
                raise
        await self._around.threads.note(job.conversation, key, None)

    async def _marked(self, job: Job, unheld: CaseUnheld) -> None:
        """What stands in the thread says whether it went; a file's own wait was not marked."""
        typed = place_of(unheld.draft.message_id)
        if typed is None:
            return
        if mark := _DECIDED.get(unheld.choice):
            await job.calls.react(*typed, mark)
        if unheld.draft.reason in _CHOICES:
            await job.calls.unreact(*typed, HELD)

    async def refused(self, job: Job, thread: Thread, refused: CaseRefused) -> None:
        """Tell somebody that it did not happen; who lost a claim should not have to look for it."""
        user = user_of(refused.agent)
        if user is None:
            return
        words = self._refusal(refused, await self.language(job, user, thread))
        message: Message = {"text": words, "blocks": [_section(words)]}
        is_lost_claim = refused.action == "claim" and refused.reason is Refusal.TAKEN
        seen = await self._whisper(job, thread, user, message)
        if is_lost_claim or not seen:
            await self._direct(job, user, message)

    async def offer_undo(self, job: Job, thread: Thread, agent_id: str, message_id: str) -> None:
        """A way to take a typed reply back; deleting the message does the same."""
        user = user_of(Agent(agent_id, ""))
        if user is None or not job.calls.has_room("chat.postEphemeral", thread.place):
            return
        language = await self.language(job, user, thread)
        value = packed(job.conversation, message_id)
        undo = button(Act.UNDO, say("desk.button_undo", language), value)
        words = say("desk.undo_offer", language, seconds=f"{self._around.undo_seconds:g}")
        blocks = [_context(mrkdwn(words)), {"type": "actions", "elements": [undo]}]
        await self._whisper(job, thread, user, {"text": words, "blocks": blocks})

    async def language(self, job: Job, user: str, thread: Thread) -> str:
        """Somebody's language; their channel's when Slack does not know them."""
        now = asyncio.get_running_loop().time()
        language, until = self._languages.get(user, ("", 0.0))
        if until < now:
            try:
                locale = await job.calls.locale(user)
            except DeliveryRefused:
                locale = ""
            language = language_of(locale) if locale else self._around.language_at(thread.place)
            self._languages[user] = (language, now + LOCALE_FOR)
        return language

    # --- words -------------------------------------------------------------------------------

    def _question(
        self, job: Job, held: CaseHeld, choices: tuple[tuple[Act, str], ...], language: str
    ) -> Message:
        draft = held.draft
        words = say(f"desk.held_{draft.reason.value}", language, **_holder(held, language))
        value = packed(job.conversation, draft.message_id)
        buttons = [button(act, say(f"desk.button_{key}", language), value) for act, key in choices]
        blocks = [
            _section(words),
            _context(_quote(draft.text, language)),
            {"type": "actions", "elements": buttons},
        ]
        return {"text": words, "blocks": blocks}

    def _refusal(self, refused: CaseRefused, language: str) -> str:
        key = f"desk.refused_{refused.reason.value}"
        if known(f"{key}_{refused.action}"):
            key = f"{key}_{refused.action}"
        name = escaped(one_line(refused.holder.name, 60)) if refused.holder else ""
        values = {"holder": name or say("desk.somebody", language)} if refused.reason is Refusal.TAKEN else {}
        return say(key, language, **values)

    # --- ways --------------------------------------------------------------------------------

    async def _whisper(self, job: Job, thread: Thread, user: str, message: Message) -> bool:
        try:
            await job.calls.whisper(thread.place, user, thread.root, **message)
        except DeliveryRefused as refusal:
            if refusal.reason not in _UNSEEN:
                raise
            return False
        return True

    async def _direct(self, job: Job, user: str, message: Message) -> str:
        """Returns ``<channel>:<ts>``; empty when they cannot be written to."""
        try:
            channel = await job.calls.direct(user)
            return f"{channel}:{await job.calls.post(channel, **message)}"
        except DeliveryRefused as refusal:
            if refusal.reason in _UNSEEN | {"user_disabled", "cannot_dm_bot", "messages_tab_disabled"}:
                return ""
            raise


def user_of(agent: Agent) -> str | None:
    """Slack's id of an agent; None for one who works at another desk."""
    user = agent.id.removeprefix(AGENT) if agent.id.startswith(AGENT) else ""
    return user if user.isalnum() else None


def _holder(held: CaseHeld, language: str) -> dict[str, str]:
    if held.draft.reason is not HoldReason.COLLEAGUE:
        return {}
    name = escaped(one_line(held.holder.name, 60)) if held.holder else ""
    return {"holder": name or say("desk.somebody", language)}


def _key(message_id: str) -> str:
    return f"held:{message_id}"


def _quote(text: str, language: str) -> Block:
    return plain(quoted(one_line(shorten(text), 300), language) if text.strip() else "📎")


def _section(text: str) -> Block:
    return {"type": "section", "text": mrkdwn(text)}


def _context(*elements: Block) -> Block:
    return {"type": "context", "elements": list(elements)}
