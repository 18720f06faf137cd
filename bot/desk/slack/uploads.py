"""Files of the conversation, into its thread: from the media store to disk, from there to Slack."""

from __future__ import annotations

import asyncio
import tempfile
from typing import IO

from bot.desk.slack.escaping import mrkdwn, one_line
from bot.desk.slack.fates import reason
from bot.desk.slack.names import place_of
from bot.desk.slack.posting import Job, Surroundings, post_once
from bot.desk.slack.shortening import shorten
from bot.desk.slack.wording import known, say
from bot.domain.errors import DeliveryFailed, MediaUnavailable
from bot.domain.message import Attachment
from bot.ports.threads import Thread

_IN_MEMORY = 256 * 1024


class Uploads:
    """Shows files, once each."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    async def show(
        self, job: Job, thread: Thread, message_id: str, file: Attachment, *, from_us: bool
    ) -> None:
        """Put a stored file in the thread. What an agent sent from Slack stands there already."""
        if place_of(message_id) is not None:
            return
        notes = await self._around.threads.notes(job.conversation)
        noted = notes.get(_note(file), "")
        if noted.startswith("shown:"):
            return
        if noted and await job.calls.is_shared(noted):  # an earlier attempt's last answer was lost
            await self._shown(job, message_id, file, noted)
            return
        if job.doubtful and (there := await self._standing(job, thread, file)):
            await self._shown(job, message_id, file, there)
            return
        await self._upload(job, thread, message_id, file, from_us=from_us)

    async def unavailable(
        self, job: Job, thread: Thread, message_id: str, file: Attachment, why: str
    ) -> None:
        """Say that a file will not come."""
        language = self._around.language_at(thread.place)
        key = "desk.file_failed_agent" if place_of(message_id) is not None else "desk.file_failed"
        words = say(key, language, why=reason(why, language))
        if not known(f"desk.why_{why}") and place_of(message_id) is None:
            words = say(key, language, why=say("desk.why_media_gone", language))
        message = {"text": words, "blocks": [{"type": "section", "text": mrkdwn(words)}]}
        await post_once(self._around, job, thread, f"file:{file.id}", message)

    async def withdraw(self, job: Job, message_id: str) -> None:
        """Remove the files of a message that its author took back."""
        for name, value in (await self._around.threads.notes(job.conversation)).items():
            whose, _, shown = value.removeprefix("shown:").rpartition("|")
            if name.startswith("file:") and value.startswith("shown:") and whose == message_id:
                await job.calls.remove_file(shown)

    # --- uploading -----------------------------------------------------------------------------

    async def _upload(
        self, job: Job, thread: Thread, message_id: str, file: Attachment, *, from_us: bool
    ) -> None:
        with tempfile.TemporaryFile() as content:
            size = await self._copy(file, content)
            if size == 0:
                await self.unavailable(job, thread, message_id, file, "media_gone")
                return
            content.seek(0)
            uploaded = await job.calls.upload(one_line(shorten(file.name), 120) or file.id, size, content)
        await self._around.threads.note(job.conversation, _note(file), uploaded)
        language = self._around.language_at(thread.place)
        comment = say("desk.file_from_us" if from_us else "desk.file_from_customer", language)
        await job.calls.share(uploaded, _title(file), thread.place, thread.root, comment)
        await self._shown(job, message_id, file, uploaded)

    async def _copy(self, file: Attachment, content: IO[bytes]) -> int:
        """Onto disk; its size, 0 when the store has it no more."""
        stored = await self._around.media.stat(file.id)
        if stored is None:
            return 0
        size = 0
        try:
            async for chunk in self._around.media.read(file.id):
                await asyncio.to_thread(content.write, chunk)
                size += len(chunk)
        except MediaUnavailable as error:
            raise DeliveryFailed("media_store_unavailable") from error
        return size

    async def _standing(self, job: Job, thread: Thread, file: Attachment) -> str | None:
        """A file with our id in its title: an upload whose note was lost."""
        for message in await job.calls.thread(thread.place, thread.root, job.since):
            for shown in message.get("files", ()):
                if file.id in str(shown.get("title", "")):
                    return str(shown["id"])
        return None

    async def _shown(self, job: Job, message_id: str, file: Attachment, uploaded: str) -> None:
        await self._around.threads.note(job.conversation, _note(file), f"shown:{message_id}|{uploaded}")


def _note(file: Attachment) -> str:
    return f"file:{file.id}"


def _title(file: Attachment) -> str:
    return f"{one_line(shorten(file.name), 120)} · {file.id}"
