"""What is said in a conversation's thread: posted, changed, withdrawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import structlog

from bot.desk.slack import lines
from bot.desk.slack.client import ROOT_GONE
from bot.desk.slack.escaping import Block, pieces
from bot.desk.slack.fates import FAILED, REPLY, WARNING
from bot.desk.slack.lines import PART, Writer
from bot.desk.slack.names import place_of
from bot.desk.slack.posting import Job, Message, Surroundings, metadata, standing
from bot.desk.slack.prompts import AGENT, Prompts
from bot.desk.slack.shortening import shorten
from bot.desk.slack.uploads import Uploads
from bot.domain.errors import DeliveryRefused
from bot.domain.message import Author
from bot.domain.outgoing import CaseDelete, CaseEdit, CaseLine, Outgoing
from bot.ports.threads import Thread

log = structlog.get_logger(__name__)

Said = tuple[Outgoing, CaseLine]
Change = Callable[[list[Block]], list[Block]]

_BLOCKS_REFUSED = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"})
_NOT_OURS = ROOT_GONE | {"cant_update_message", "edit_window_closed"}


class Talk:
    """Says it."""

    def __init__(self, around: Surroundings, uploads: Uploads, prompts: Prompts) -> None:
        self._around = around
        self._uploads = uploads
        self._prompts = prompts

    async def say(self, job: Job, thread: Thread, entries: Sequence[Outgoing]) -> None:
        """Post lines: those that neither stand there already nor were written there."""
        said = [(one, one.payload) for one in entries if isinstance(one.payload, CaseLine)]
        if len(said) == 1 and _is_typed_there(said[0][1]):
            await self._typed_there(job, thread, said[0][1])
            return
        there = await standing(job, thread)
        left = [one for one in said if len(said) == 1 or not await self._stands(job, one, there)]
        if left:
            await self._post(job, thread, left, there)
        for entry, line in said:
            await self._files(job.of(entry), thread, line)
            await self._failed_before(job, thread, line)

    async def _failed_before(self, job: Job, thread: Thread, line: CaseLine) -> None:
        """A reply that is shown later than its failure bears the mark all the same."""
        if line.note or line.line.author is not Author.AGENT:
            return
        threads, message_id = self._around.threads, line.line.message_id
        if await threads.find(job.conversation, FAILED + message_id):
            shown = await threads.find(job.conversation, f"{REPLY}{message_id}")
            await job.calls.react(thread.place, shown[-1], WARNING)

    async def _typed_there(self, job: Job, thread: Thread, line: CaseLine) -> None:
        if self._around.undo_seconds > 0 and not line.note and line.agent_id:
            await self._prompts.offer_undo(job, thread, line.agent_id, line.line.message_id)

    async def _stands(self, job: Job, one: Said, there: dict[str, str]) -> bool:
        """Whether a line is shown, by what Slack holds or by what we remember."""
        entry, line = one
        if entry.id in there:
            await self._remember(job, line, there[entry.id])
            return True
        return bool(await self._around.threads.find(job.conversation, line.line.message_id))

    async def _post(self, job: Job, thread: Thread, left: Sequence[Said], there: dict[str, str]) -> None:
        """One message for several lines; one line in as many as it takes, each remembered as it is sent."""
        parts = self._writer(job, thread, left[-1][1]).parts([line for _entry, line in left])
        known = await self._around.threads.find(job.conversation, left[0][1].line.message_id)
        for number in range(len(known), len(parts)):
            marks = [f"{entry.id}#{number}" if number else entry.id for entry, _line in left]
            ts = there.get(marks[0])
            if ts is None:
                marked: Message = {**parts[number], "metadata": metadata(marks)}
                ts = await self._post_or_bare(job, thread, left, marked)
            for _entry, line in left:
                await self._remember(job, line, ts)

    async def _post_or_bare(self, job: Job, thread: Thread, left: Sequence[Said], message: Message) -> str:
        """Blocks that Slack does not take are our mistake, and no reason to lose what was said."""
        try:
            return await job.calls.post(thread.place, thread.root, **message)
        except DeliveryRefused as refusal:
            if refusal.reason not in _BLOCKS_REFUSED:
                raise
            log.error("slack.blocks_refused", entry=job.entry.id, code=refusal.reason)  # noqa: TRY400
        bare = self._writer(job, thread).bare([line for _entry, line in left])
        return await job.calls.post(thread.place, thread.root, metadata=message["metadata"], **bare)

    async def _remember(self, job: Job, line: CaseLine, ts: str) -> None:
        message_id = line.line.message_id
        if line.line.author is Author.AGENT and not line.note:
            await self._around.threads.remember(job.conversation, f"{REPLY}{message_id}", ts)
        await self._around.threads.remember(job.conversation, message_id, ts)

    async def _files(self, job: Job, thread: Thread, line: CaseLine) -> None:
        from_us = line.line.author is not Author.CUSTOMER
        for file in line.line.attachments:
            if file.stored:
                await self._uploads.show(job, thread, line.line.message_id, file, from_us=from_us)

    def _writer(self, job: Job, thread: Thread, line: CaseLine | None = None) -> Writer:
        undo = self._around.undo_seconds > 0 and line is not None and line.agent_id.startswith(AGENT)
        language = self._around.language_at(thread.place)
        channel = job.entry.chat.channel
        return Writer(job.conversation, channel, language, self._around.knowledge, undo=undo)

    # --- changes -------------------------------------------------------------------------------

    async def edit(self, job: Job, thread: Thread, change: CaseEdit) -> None:
        """Show the new text, and what it was; an agent's own Slack message they changed themselves."""
        if place_of(change.message_id) is not None:
            return
        texts = list(pieces(shorten(change.text)))
        language = self._around.language_at(thread.place)
        reveal = self._writer(job, thread).reveal(change.message_id, change.text)
        found = await self._around.threads.find(job.conversation, change.message_id)
        for number, ts in enumerate(found):
            is_last = number == len(found) - 1
            mine = texts[number * PART : (number + 1) * PART]
            more = is_last and len(texts) > (number + 1) * PART

            def new(blocks: list[Block], mine: list[str] = mine, more: bool = more) -> list[Block]:
                return lines.edited(blocks, change.message_id, mine, language, reveal=reveal, more=more)

            await self._change(job, thread, ts, new)
        await self._change_card(
            job, thread, lambda blocks: lines.edited_on_card(blocks, change.message_id, shorten(change.text))
        )

    async def withdraw(self, job: Job, thread: Thread, removal: CaseDelete) -> None:
        """Show that it is gone, and nothing of what it was."""
        if place_of(removal.message_id) is not None:
            return
        language = self._around.language_at(thread.place)

        def gone(blocks: list[Block]) -> list[Block]:
            return lines.withdrawn(blocks, removal.message_id, language)

        for ts in await self._around.threads.find(job.conversation, removal.message_id):
            await self._change(job, thread, ts, gone)
        await self._change_card(job, thread, gone)
        await self._uploads.withdraw(job, removal.message_id)

    async def _change(self, job: Job, thread: Thread, ts: str, change: Change) -> None:
        message = await job.calls.message(thread.place, thread.root, ts)
        blocks = message.get("blocks", []) if message else []
        new = change(blocks)
        if new != blocks:
            await self._update(job, thread, ts, {"text": lines.fallback(new), "blocks": new})

    async def _change_card(self, job: Job, thread: Thread, change: Change) -> None:
        """The card shows the last lines too."""
        message = await job.calls.message(thread.place, thread.root, thread.root)
        if message is None or not message.get("attachments"):
            return
        shown = message["attachments"][0]
        new = change(shown.get("blocks", []))
        if new == shown.get("blocks", []):
            return
        attachment: dict[str, Any] = {name: shown[name] for name in ("color", "fallback") if name in shown}
        card: Message = {"text": message.get("text", ""), "attachments": [{**attachment, "blocks": new}]}
        await self._update(job, thread, thread.root, card)

    async def _update(self, job: Job, thread: Thread, ts: str, message: Message) -> None:
        try:
            await job.calls.update(thread.place, ts, **message)
        except DeliveryRefused as refusal:
            if refusal.reason not in _NOT_OURS:
                raise


def _is_typed_there(line: CaseLine) -> bool:
    """Only agents write in Slack: a customer's own id cannot hide what they said."""
    return line.line.author is Author.AGENT and place_of(line.line.message_id) is not None
