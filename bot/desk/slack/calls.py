"""Slack's methods for one delivery, each within the budget."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import IO, Any

import aiohttp
import structlog
from prometheus_client import Gauge
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.desk.slack.budget import POST, Budget, limited
from bot.desk.slack.client import PLACE_GONE, ROOT_GONE, code_of, translated
from bot.domain.errors import DeliveryDelayed, DeliveryError, DeliveryFailed, DeliveryRefused
from bot.domain.outgoing import Priority

log = structlog.get_logger(__name__)

UPLOAD_TIMEOUT = aiohttp.ClientTimeout(total=300, connect=10)
PAGE = 200

refused = Gauge("guichet_slack_token_refused", "1 while Slack refuses our token or lacks a scope")


class Calls:
    """Slack's methods for one delivery: each waits for its room, unless that was waited for before.

    All of them raise ``DeliveryError``; what Slack will never do is a ``DeliveryRefused`` with its code.

    Args:
        client: Slack.
        budget: its limits.
        priority: the delivery's.
        admitted: the method and channel it was let in for already, once.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        budget: Budget,
        priority: Priority,
        admitted: tuple[str, str] | None = None,
    ) -> None:
        self._client = client
        self._budget = budget
        self._priority = priority
        self._admitted = admitted

    # --- messages --------------------------------------------------------------------------

    async def post(self, channel: str, thread: str | None = None, **message: Any) -> str:
        """Post; returns the message's ts. Nothing in it is linked, named or unfurled by Slack."""
        answer = await self._call(
            POST,
            channel,
            lambda: self._client.chat_postMessage(
                channel=channel,
                thread_ts=thread,
                unfurl_links=False,
                unfurl_media=False,
                link_names=False,
                parse="none",
                **message,
            ),
        )
        return str(answer["ts"])

    async def update(self, channel: str, ts: str, **message: Any) -> None:
        """Change a message of ours."""
        await self._call(
            "chat.update",
            channel,
            lambda: self._client.chat_update(
                channel=channel, ts=ts, link_names=False, parse="none", **message
            ),
        )

    async def delete(self, channel: str, ts: str) -> None:
        """Remove a message of ours; one that is gone is fine."""
        await self._lenient(
            ("message_not_found",),
            self._call("chat.delete", channel, lambda: self._client.chat_delete(channel=channel, ts=ts)),
        )

    async def whisper(self, channel: str, user: str, thread: str | None, **message: Any) -> None:
        """Show something to one person only; it is gone when they reload."""
        await self._call(
            "chat.postEphemeral",
            channel,
            lambda: self._client.chat_postEphemeral(channel=channel, user=user, thread_ts=thread, **message),
        )

    async def react(self, channel: str, ts: str, name: str) -> None:
        """Add a reaction of ours; having it, or no message any more, is fine. So is a channel that is lost:
        what is marked may stand where the thread was before, and is no reason to move it again."""
        await self._lenient(
            ("already_reacted", "message_not_found", "too_many_reactions", "too_many_emoji", *PLACE_GONE),
            self._call(
                "reactions.add",
                channel,
                lambda: self._client.reactions_add(channel=channel, timestamp=ts, name=name),
            ),
        )

    async def unreact(self, channel: str, ts: str, name: str) -> None:
        """Take a reaction of ours back; having none is fine, as is a channel that is lost."""
        await self._lenient(
            ("no_reaction", "message_not_found", *PLACE_GONE),
            self._call(
                "reactions.remove",
                channel,
                lambda: self._client.reactions_remove(channel=channel, timestamp=ts, name=name),
            ),
        )

    # --- reading ---------------------------------------------------------------------------

    async def message(self, channel: str, root: str, ts: str) -> dict[str, Any] | None:
        """One message of a thread as Slack has it; None when it is gone."""
        try:
            found = await self._replies(channel, root, oldest=ts, latest=ts, limit=2)
        except DeliveryRefused as gone:
            if gone.reason in ROOT_GONE:
                return None
            raise
        return next((one for one in found["messages"] if one.get("ts") == ts), None)

    async def thread(self, channel: str, root: str, oldest: str) -> list[dict[str, Any]]:
        """A thread's messages since then, and its root, with metadata."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = await self._replies(channel, root, oldest=oldest, limit=PAGE, cursor=cursor)
            found += page["messages"]
            cursor = (page.get("response_metadata") or {}).get("next_cursor", "")
            if not cursor:
                return found

    async def _replies(self, channel: str, root: str, **which: Any) -> Any:
        asked = {name: value for name, value in which.items() if value != ""}
        return await self._call(
            "conversations.replies",
            channel,
            lambda: self._client.conversations_replies(
                channel=channel, ts=root, inclusive=True, include_all_metadata=True, **asked
            ),
        )

    async def since(self, channel: str, oldest: str) -> list[dict[str, Any]]:
        """The channel's latest messages since then, with metadata: one page."""
        answer = await self._call(
            "conversations.history",
            channel,
            lambda: self._client.conversations_history(
                channel=channel, oldest=oldest, limit=PAGE, include_all_metadata=True
            ),
        )
        return list(answer["messages"])

    async def link(self, channel: str, ts: str) -> str:
        """The address of a message."""
        answer = await self._call(
            "chat.getPermalink",
            channel,
            lambda: self._client.chat_getPermalink(channel=channel, message_ts=ts),
        )
        return str(answer["permalink"])

    async def direct(self, user: str) -> str:
        """The channel of our direct messages with somebody."""
        answer = await self._call(
            "conversations.open", user, lambda: self._client.conversations_open(users=user)
        )
        return str(answer["channel"]["id"])

    async def locale(self, user: str) -> str:
        """Somebody's locale, such as ``fr-FR``."""
        answer = await self._call(
            "users.info", user, lambda: self._client.users_info(user=user, include_locale=True)
        )
        return str(answer["user"].get("locale") or "")

    # --- files -----------------------------------------------------------------------------

    async def upload(self, name: str, size: int, content: IO[bytes]) -> str:
        """Send a file's bytes, streamed; returns Slack's id of it. Nobody sees it yet."""
        answer = await self._call(
            "files.getUploadURLExternal",
            "",
            lambda: self._client.files_getUploadURLExternal(filename=name, length=size),
        )
        await self._send(str(answer["upload_url"]), content)
        return str(answer["file_id"])

    async def _send(self, address: str, content: IO[bytes]) -> None:
        if self._client.session is None:
            raise DeliveryFailed("no_session")
        try:
            async with self._client.session.post(address, data=content, timeout=UPLOAD_TIMEOUT) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise DeliveryFailed("upload_failed") from error
        if status != 200:
            raise DeliveryFailed(f"upload_{status}")

    async def share(self, file: str, title: str, channel: str, thread: str, comment: str) -> None:
        """Show an uploaded file in a thread."""
        await self._call(
            "files.completeUploadExternal",
            channel,
            lambda: self._client.files_completeUploadExternal(
                files=[{"id": file, "title": title}],
                channel_id=channel,
                thread_ts=thread,
                initial_comment=comment,
            ),
        )

    async def is_shared(self, file: str) -> bool:
        """Whether an upload was completed."""
        try:
            await self._call("files.info", "", lambda: self._client.files_info(file=file))
        except DeliveryRefused as gone:
            if gone.reason in ("file_not_found", "file_deleted"):
                return False
            raise
        return True

    async def remove_file(self, file: str) -> None:
        """Remove a file of ours; one that is gone is fine."""
        await self._lenient(
            ("file_not_found", "file_deleted"),
            self._call("files.delete", "", lambda: self._client.files_delete(file=file)),
        )

    # --- every call ------------------------------------------------------------------------

    def has_room(self, method: str, channel: str) -> bool:
        """Whether there is room for what is only nice to have."""
        return self._budget.has_room(method, channel)

    async def _call(self, method: str, channel: str, make: Callable[[], Awaitable[Any]]) -> Any:
        if self._admitted == (method, channel):
            self._admitted = None
        else:
            await self._budget.enter(method, channel, self._priority)
        try:
            answer = await make()
        except (TimeoutError, SlackClientError, aiohttp.ClientError, OSError) as error:
            ours = translated(error)
            self._note(ours, method, error)
        else:
            refused.set(0)
            return answer
        raise ours  # without the library's error, whose text may hold what was sent

    def _note(self, ours: DeliveryError, method: str, error: Exception) -> None:
        if not isinstance(ours, DeliveryDelayed):
            return
        if not ours.everyone:
            limited.labels(method=method).inc()
            self._budget.close(method, ours.retry_after)
            return
        self._budget.close("", ours.retry_after)
        refused.set(1)
        code = code_of(error) if isinstance(error, SlackApiError) else ""
        log.error("slack.token_refused", method=method, code=code, retry_in=ours.retry_after)

    @staticmethod
    async def _lenient(codes: Iterable[str], call: Awaitable[Any]) -> None:
        try:
            await call
        except DeliveryRefused as refusal:
            if refusal.reason not in codes:
                raise
