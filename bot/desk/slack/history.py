"""The whole conversation in a modal, shortened; and one message in full, for those who may see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext

from bot.desk.slack import kit, presses
from bot.desk.slack.acting import Acts, Press
from bot.desk.slack.context import ACTOR, Desk
from bot.desk.slack.names import Act, Modal, packed, unpacked
from bot.desk.slack.opening import fill, open_filled
from bot.desk.slack.shortening import shorten
from bot.desk.slack.wording import say
from bot.domain.events import AgentReveal
from bot.domain.message import Author, Line

log = structlog.get_logger(__name__)

Json = dict[str, Any]

PAGE_ACTION = "history_page"
"""``<conversation>|<page>``; two buttons of one modal: ``history_page:older`` and ``history_page:newer``."""
PAGE = 30
"""Messages in a view: two blocks each, of the hundred that Slack takes."""
MOST = 1_000
"""Messages that are read: a page further back is not asked for by anybody."""
SHOWN = 2_900


def register(app: AsyncApp, acts: Acts) -> None:
    """Listen to the buttons."""
    desk = acts.desk

    @app.action(Act.HISTORY)
    async def opened(ack: AsyncAck, body: Json, context: AsyncBoltContext) -> None:
        await ack()
        press = Press.read(body, context[ACTOR])
        language = press.actor.language

        async def build() -> Json:
            return history_view(press.conversation, await _said(desk, press.conversation), language)

        await open_filled(desk, body, say("acts.history_title", language), language, build)

    for way in ("older", "newer"):
        app.action(f"{PAGE_ACTION}:{way}")(_turner(desk))

    @app.action(Act.REVEAL, matchers=[_is_message])
    async def reveal(ack: AsyncAck, body: Json, context: AsyncBoltContext) -> None:
        press = Press.read(body, context[ACTOR])
        if press.actor.role not in desk.rules.reveal:
            log.warning("slack.reveal_refused", user=press.actor.user, role=press.actor.role.value)
            acts.tell(press.actor, press.place, "reveal_refused")
            await ack()
            return
        chat = await acts.chat(press.conversation)
        if chat is None:
            acts.tell(press.actor, press.place, "gone")
            await ack()
            return
        subject = packed(*press.more)
        common = acts.common(press.id, chat, press.actor, press.conversation)
        await acts.append(AgentReveal(**common, subject=subject), press.place)
        await ack()
        language = press.actor.language

        async def build() -> Json:
            found = await _message(desk, press.conversation, subject)
            return reveal_view([found] if found is not None else [], language)

        await open_filled(desk, body, say("acts.reveal_title", language), language, build)


def _turner(desk: Desk) -> Any:
    async def turned(ack: AsyncAck, body: Json, context: AsyncBoltContext) -> None:
        await ack()
        press = Press.read(body, context[ACTOR])
        language = press.actor.language
        page = int(press.more[0]) if press.more and press.more[0].isdigit() else 0

        async def build() -> Json:
            said = await _said(desk, press.conversation)
            return history_view(press.conversation, said, language, page)

        await fill(desk, press.view, say("acts.history_title", language), language, build)

    return turned


async def _is_message(body: Json) -> bool:
    """Whether the button names one."""
    return len(unpacked(str((body.get("actions") or [{}])[0].get("value") or ""))) > 1


async def _said(desk: Desk, conversation: str) -> Sequence[Line]:
    return await desk.service.conversation(conversation, limit=MOST)


async def _message(desk: Desk, conversation: str, message_id: str) -> Line | None:
    """A message as it stands, from the live state if it is still there."""
    for line in await desk.board.thread(conversation):
        if line.said.line.message_id == message_id:
            return None if line.deleted else line.said.line
    said = await _said(desk, conversation)
    return next((line for line in said if line.message_id == message_id and line.text), None)


# --- how it looks ------------------------------------------------------------------------------


def history_view(conversation: str, said: Sequence[Line], language: str, page: int = 0) -> Json:
    """A page of what was said, in order; page 0 is the latest."""
    title = say("acts.history_title", language)
    if not said:
        return kit.told(title, say("acts.history_empty", language), language)
    last = len(said) - PAGE * min(page, (len(said) - 1) // PAGE)
    first = max(0, last - PAGE)
    page = (len(said) - last) // PAGE
    blocks = [block for line in said[first:last] for block in _line(line, language)]
    where = say("acts.history_page", language, first=first + 1, last=last, total=len(said))
    blocks.append(kit.context(kit.text(where)))
    turns = []
    if first > 0:
        turns.append(_turn("older", conversation, page + 1, language))
    if page > 0:
        turns.append(_turn("newer", conversation, page - 1, language))
    if turns:
        blocks.append(kit.actions(*turns))
    return kit.modal(title, blocks, language, callback=Modal.HISTORY, metadata=packed(conversation))


def _turn(way: str, conversation: str, page: int, language: str) -> Json:
    words = say(f"acts.history_{way}", language)
    return kit.button(words, f"{PAGE_ACTION}:{way}", packed(conversation, str(page)))


def _line(line: Line, language: str) -> list[Json]:
    author = say(f"acts.author_{line.author.value}", language)
    named = line.author in (Author.AGENT, Author.CUSTOMER) and line.author_name.strip()
    who = kit.bold(f"{shorten(line.author_name)} ({author})" if named else author)
    parts = [shorten(presses.words(line, language))] if line.text else []
    files = ", ".join(shorten(attachment.name) for attachment in line.attachments)
    if files:
        parts.append(say("acts.history_files", language, files=files))
    words = "\n".join(parts) or say("acts.history_deleted", language)
    return [kit.context(kit.mrkdwn(f"{who}  {kit.on(line.at)}")), kit.section(kit.text(words, SHOWN))]


def reveal_view(lines: Sequence[Line], language: str) -> Json:
    """Messages in full, for one person."""
    title = say("acts.reveal_title", language)
    if not lines:
        return kit.told(title, say("acts.reveal_gone", language), language)
    blocks = [
        kit.section(kit.text(line.text[start : start + kit.SECTION]))
        for line in lines
        for start in range(0, max(1, len(line.text)), kit.SECTION)
    ]
    audited = kit.context(kit.text(say("acts.reveal_audited", language)))
    return kit.modal(title, [*blocks[: kit.BLOCKS - 1], audited], language)
