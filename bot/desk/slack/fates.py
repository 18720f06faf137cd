"""What became of an agent's reply, shown on it: a tick, an eye, or a warning with *Resend*. While there is no
room for all, only the tick furthest down is shown (see ``ticks``)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.desk.slack.client import ROOT_GONE
from bot.desk.slack.escaping import escaped, moment, mrkdwn, one_line
from bot.desk.slack.lines import button, without_undo
from bot.desk.slack.names import Act, packed, place_of
from bot.desk.slack.posting import Job, Message, Surroundings, post_once
from bot.desk.slack.wording import known, say
from bot.domain.errors import DeliveryDelayed, DeliveryRefused
from bot.domain.events import ReceiptStatus
from bot.domain.outgoing import CaseFate
from bot.ports.threads import Thread

TICK, EYES, WARNING, BACK = "white_check_mark", "eyes", "warning", "leftwards_arrow_with_hook"

REPLY = "reply:"
"""What an agent's reply that we posted is remembered by besides its id."""
WAIT_FOR_REPLY = 900.0
"""Seconds for which what became of a reply waits for the reply to be shown."""
FAILED = "failed:"
"""What the warning below a reply is remembered by, before the reply's id."""
_BOTS = re.compile(r"m_[0-9a-f]{32}-\d+")
"""Ids of what the bot says (see ``bot.engine.outbox.stamped``): nothing is shown of its fate."""


class Fates:
    """Shows them."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    async def show(
        self, job: Job, thread: Thread, fate: CaseFate, earlier: Sequence[ReceiptStatus] = ()
    ) -> None:
        """Show what is known now; ``earlier`` is what was to be shown of the same reply just before. What is
        about no agent's message shows nothing, unless it failed."""
        target = await self.target(thread, fate.message_id)
        match fate.status:
            case ReceiptStatus.FAILED:
                await self._failed(job, thread, fate)
            case ReceiptStatus.UNCHANGED:
                await self._say(job, thread, f"unchanged:{job.entry.id}", self._unchanged(thread, fate))
            case _ if target is not None:
                await self._went(job, thread, fate, target, {*earlier, fate.status})
            case _ if not _BOTS.fullmatch(fate.message_id):
                self._wait(job)

    def _wait(self, job: Job) -> None:
        """A reply that we post may be behind other messages: its tick comes after it."""
        age = (self._around.clock.now() - job.entry.at).total_seconds()
        if age < WAIT_FOR_REPLY:
            raise DeliveryDelayed(min(30.0, max(0.5, age / 4)), everyone=False)

    async def target(self, thread: Thread, message_id: str) -> tuple[str, str] | None:
        """Where an agent's reply stands: channel and ts; None when it is none, or not shown yet."""
        place = place_of(message_id)
        if place is not None:
            return place
        posted = await self._around.threads.find(thread.conversation, f"{REPLY}{message_id}")
        return (thread.place, posted[-1]) if posted else None

    async def _went(
        self,
        job: Job,
        thread: Thread,
        fate: CaseFate,
        target: tuple[str, str],
        known: set[ReceiptStatus],
    ) -> None:
        if not job.said_below:
            reaction = {ReceiptStatus.SEEN: EYES, ReceiptStatus.DROPPED: BACK}.get(fate.status, TICK)
            await job.calls.react(*target, reaction)
        if known == {ReceiptStatus.SEEN}:
            return
        if fate.status is not ReceiptStatus.DROPPED:
            await self._worked_after_all(job, thread, fate, target)
        if ReceiptStatus.MAYBE_DUPLICATE in known:
            words = say("desk.maybe_twice", self._around.language_at(thread.place))
            await self._say(job, thread, f"twice:{fate.message_id}", words)
        await self._no_more_undo(job, thread, fate.message_id, target)

    # --- failures ----------------------------------------------------------------------------

    async def _failed(self, job: Job, thread: Thread, fate: CaseFate) -> None:
        message = self._failure(job, thread, fate)
        before = await self._around.threads.find(job.conversation, FAILED + fate.message_id)
        if before:
            await self._change(job, thread, before[-1], message)
        else:
            await post_once(self._around, job, thread, FAILED + fate.message_id, message)
        target = await self.target(thread, fate.message_id)  # whoever shows it later marks it then
        if target is not None:
            await job.calls.react(*target, WARNING)
            await self._no_more_undo(job, thread, fate.message_id, target)

    def _failure(self, job: Job, thread: Thread, fate: CaseFate) -> Message:
        language = self._around.language_at(thread.place)
        text = say("desk.failed", language, why=reason(fate.detail, language))
        message = _notice(text)
        if fate.letter:
            value = packed(job.conversation, fate.letter)
            resend = button(Act.RESEND, say("desk.button_resend", language), value, "primary")
            message["blocks"].append({"type": "actions", "elements": [resend]})
        return message

    async def _worked_after_all(
        self, job: Job, thread: Thread, fate: CaseFate, target: tuple[str, str]
    ) -> None:
        """A resend worked: the warning goes."""
        before = await self._around.threads.find(job.conversation, FAILED + fate.message_id)
        if not before:
            return
        language = self._around.language_at(thread.place)
        words = say("desk.sent_after_all", language, at=moment(job.entry.at))
        await self._change(job, thread, before[-1], _notice(words))
        await job.calls.unreact(*target, WARNING)

    # --- small things ------------------------------------------------------------------------

    async def _no_more_undo(self, job: Job, thread: Thread, message_id: str, target: tuple[str, str]) -> None:
        if place_of(message_id) is not None or not self._around.undo_seconds:
            return
        place, ts = target
        message = await job.calls.message(place, thread.root, ts)
        blocks = without_undo(message.get("blocks", [])) if message else None
        if message and blocks:
            await self._change(job, thread, ts, {"text": message.get("text", "…"), "blocks": blocks})

    async def _change(self, job: Job, thread: Thread, ts: str, message: Message) -> None:
        try:
            await job.calls.update(thread.place, ts, **message)
        except DeliveryRefused as refusal:
            if refusal.reason not in ROOT_GONE:
                raise

    async def _say(self, job: Job, thread: Thread, key: str, words: str) -> None:
        await post_once(self._around, job, thread, key, _notice(words))

    def _unchanged(self, thread: Thread, fate: CaseFate) -> str:
        language = self._around.language_at(thread.place)
        return say("desk.unchanged", language, why=reason(fate.detail, language))


def reason(code: str, language: str) -> str:
    """Why, in words; the code itself when we have none for it."""
    if known(f"desk.why_{code}"):
        return say(f"desk.why_{code}", language)
    return say("desk.why_unknown", language, code=escaped(one_line(code, 60)) or "?")


def _notice(text: str) -> Message:
    return {"text": text, "blocks": [{"type": "section", "text": mrkdwn(text)}]}
