"""The forms of a conversation: reply, transfer, resolve, snooze, spam. What is sent in becomes an event.

A form knows its conversation by its ``private_metadata``, and its event is named after the view: sent in
twice, it counts once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext

from bot.desk.slack import kit
from bot.desk.slack.acting import Acts, Place
from bot.desk.slack.authority import Directory
from bot.desk.slack.context import ACTOR, Actor, DeskTeam
from bot.desk.slack.intake import event_id
from bot.desk.slack.messages import is_note
from bot.desk.slack.names import Modal, packed, unpacked
from bot.desk.slack.plain_text import shortcodes
from bot.desk.slack.wording import say
from bot.domain.events import (
    AgentClaim,
    AgentMarksSpam,
    AgentNote,
    AgentReply,
    AgentResolve,
    AgentSnooze,
    AgentTransfer,
)
from bot.domain.identity import Agent, ChatId
from bot.domain.ids import derived_id

Json = Mapping[str, Any]
Errors = dict[str, str]
"""What is wrong with a form: a sentence for each question (by its block) that is not right."""

TEXT = "text"
TEAM = "team"
NOTE = "note"
WHEN = "when"
AT = "at"
LONGEST_INPUT = 3_000
"""Characters that Slack takes in one input."""
LONGEST_SNOOZE = timedelta(days=30)
MORNING = 9
HOUR, TOMORROW, CUSTOM = "hour", "tomorrow", "custom"


# --- how they look -----------------------------------------------------------------------------


def reply_view(conversation: str, language: str, words: str = "") -> dict[str, Any]:
    """Where a reply is written, from ``words`` on."""
    label, hint = say("acts.reply_label", language), say("acts.reply_hint", language)
    return kit.modal(
        say("acts.reply_title", language),
        [kit.typed(TEXT, label, value=words, most=LONGEST_INPUT, multiline=True, hint=hint)],
        language,
        callback=Modal.REPLY,
        metadata=packed(conversation),
        submit=say("acts.send", language),
    )


def transfer_view(
    conversation: str, language: str, teams: Mapping[str, DeskTeam], present: str
) -> dict[str, Any]:
    """Which team it goes to; every one but the ``present`` one."""
    others = [kit.option(_title(team, language), name) for name, team in teams.items() if name != present]
    title = say("acts.transfer_title", language)
    if not others:
        return kit.told(title, say("acts.transfer_nowhere", language), language)
    choice = {
        "type": "static_select",
        "action_id": TEAM,
        "placeholder": kit.text(say("acts.transfer_pick", language), 150),
        "options": others[:100],
    }
    return kit.modal(
        title,
        [
            kit.asked(TEAM, say("acts.transfer_team", language), choice),
            kit.typed(NOTE, say("acts.transfer_note", language), multiline=True, optional=True),
        ],
        language,
        callback=Modal.TRANSFER,
        metadata=packed(conversation),
        submit=say("acts.transfer_go", language),
    )


def snooze_view(conversation: str, language: str) -> dict[str, Any]:
    """Until when."""
    options = [kit.option(say(f"acts.snooze_{name}", language), name) for name in (HOUR, TOMORROW, CUSTOM)]
    choice = {
        "type": "radio_buttons",
        "action_id": WHEN,
        "options": options,
        "initial_option": options[0],
    }
    at = {"type": "datetimepicker", "action_id": AT}
    hint = say("acts.snooze_hint", language)
    return kit.modal(
        say("acts.snooze_title", language),
        [
            kit.asked(WHEN, say("acts.snooze_until", language), choice),
            kit.asked(AT, say("acts.snooze_at", language), at, optional=True, hint=hint),
        ],
        language,
        callback=Modal.SNOOZE,
        metadata=packed(conversation),
        submit=say("acts.snooze_go", language),
    )


def take_over_view(conversation: str, language: str, holder: Agent) -> dict[str, Any]:
    """Asks whether it is to be taken from ``holder``, and from nobody else."""
    name = " ".join(holder.name.split())[:60] or say("desk.somebody", language)
    about = packed(conversation, holder.id)
    return sure_view(Modal.TAKE_OVER, "take_over", about, language, holder=name)


def sure_view(modal: Modal, name: str, metadata: str, language: str, **values: object) -> dict[str, Any]:
    """Asks whether that is really meant; ``name`` of the texts is ``spam``, ``resolve``, ``take_over``."""
    return kit.modal(
        say(f"acts.{name}_title", language),
        [kit.section(kit.text(say(f"acts.{name}_sure", language, **values)))],
        language,
        callback=modal,
        metadata=metadata,
        submit=say(f"acts.{name}_go", language),
    )


def _title(team: DeskTeam, language: str) -> str:
    return team.titles.get(language, team.name)


# --- what is sent in ---------------------------------------------------------------------------


class Forms:
    """Takes forms in."""

    def __init__(self, acts: Acts, directory: Directory) -> None:
        self._acts = acts
        self._directory = directory

    async def reply(self, view: Json, chat: ChatId, actor: Actor) -> Errors:
        """A reply is written; the conversation may have moved on: then it is held, and the agent asked."""
        words = shortcodes(kit.answers(dict(view)).get(TEXT, "")).strip()
        if not words:
            return {TEXT: say("acts.reply_empty", actor.language)}
        if is_note(words):
            return {TEXT: say("acts.reply_note", actor.language)}
        reply = AgentReply(
            **self._common(view, chat, actor),
            message_id=derived_id("m", "slack-view", view["id"]),
            text=words,
            undo_seconds=self._acts.desk.rules.undo_seconds,
            reopens=False,
        )
        await self._acts.append(reply, Place())
        return {}

    async def transfer(self, view: Json, chat: ChatId, actor: Actor) -> Errors:
        """To another team, with a note for it."""
        given = kit.answers(dict(view))
        team, note = given.get(TEAM, ""), given.get(NOTE, "").strip()
        if team not in self._acts.desk.teams:
            return {TEAM: say("acts.team_unknown", actor.language)}
        common = self._common(view, chat, actor)
        if note:
            message_id = derived_id("m", "slack-note", view["id"])
            said = AgentNote(**{**common, "id": f"{common['id']}:note"}, message_id=message_id, text=note)
            await self._acts.append(said, Place())
        await self._acts.append(AgentTransfer(**common, team=team), Place())
        return {}

    async def resolve(self, view: Json, chat: ChatId, actor: Actor) -> Errors:
        """Done, though nobody had answered."""
        await self._acts.append(AgentResolve(**self._common(view, chat, actor)), Place())
        return {}

    async def spam(self, view: Json, chat: ChatId, actor: Actor) -> Errors:
        """Not a customer."""
        await self._acts.append(AgentMarksSpam(**self._common(view, chat, actor)), Place())
        return {}

    async def take_over(self, view: Json, chat: ChatId, actor: Actor) -> Errors:
        """The conversation changes hands, unless it has already."""
        _conversation, holder = str(view.get("private_metadata") or "").split("|", 1)
        claim = AgentClaim(**self._common(view, chat, actor), take_over=True, holder=holder)
        await self._acts.append(claim, Place())
        return {}

    async def snooze(self, view: Json, chat: ChatId, actor: Actor) -> Errors:
        """Not now."""
        now = self._acts.desk.clock.now()
        person = self._directory.recalled(actor.user)
        until = snoozed_until(view, now, person.time_zone if person else "")
        if until is None:
            return {AT: say("acts.snooze_missing", actor.language)}
        if not now < until <= now + LONGEST_SNOOZE:
            return {AT: say("acts.snooze_past", actor.language)}
        await self._acts.append(AgentSnooze(**self._common(view, chat, actor), until=until), Place())
        return {}

    def _common(self, view: Json, chat: ChatId, actor: Actor) -> dict[str, Any]:
        return self._acts.common(event_id(f"view:{view['id']}"), chat, actor, _conversation(view))

    async def chat(self, view: Json) -> ChatId | None:
        """Whose conversation the form is about."""
        return await self._acts.chat(_conversation(view))


def _conversation(view: Json) -> str:
    return unpacked(str(view.get("private_metadata") or ""))[0]


def snoozed_until(view: Json, now: datetime, time_zone: str) -> datetime | None:
    """The moment that was chosen, tomorrow's morning being the agent's own; None for none."""
    fields = dict(_fields(view))
    chosen = ((fields.get(WHEN) or {}).get("selected_option") or {}).get("value")
    if chosen == HOUR:
        return now + timedelta(hours=1)
    if chosen == TOMORROW:
        here = now.astimezone(_zone(time_zone))
        morning = (here + timedelta(days=1)).replace(hour=MORNING, minute=0, second=0, microsecond=0)
        return morning.astimezone(UTC)
    at = (fields.get(AT) or {}).get("selected_date_time")
    return datetime.fromtimestamp(at, UTC) if isinstance(at, int) and 0 < at < 2**33 else None


def _fields(view: Json) -> Iterator[tuple[str, Json]]:
    for block in ((view.get("state") or {}).get("values") or {}).values():
        yield from block.items()


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name or "Europe/Paris")
    except (KeyError, ValueError, OSError):
        return ZoneInfo("Europe/Paris")


def register(app: AsyncApp, forms: Forms) -> None:
    """Listen to the forms."""
    table: Mapping[Modal, Callable[[Json, ChatId, Actor], Awaitable[Errors]]] = {
        Modal.REPLY: forms.reply,
        Modal.TRANSFER: forms.transfer,
        Modal.RESOLVE: forms.resolve,
        Modal.SPAM: forms.spam,
        Modal.TAKE_OVER: forms.take_over,
        Modal.SNOOZE: forms.snooze,
    }
    for modal, take in table.items():
        app.view(modal)(_listener(forms, take))


def _listener(
    forms: Forms, take: Callable[[Json, ChatId, Actor], Awaitable[Errors]]
) -> Callable[..., Awaitable[None]]:
    async def sent_in(ack: AsyncAck, view: dict[str, Any], context: AsyncBoltContext) -> None:
        actor: Actor = context[ACTOR]
        chat = await forms.chat(view)
        if chat is None:
            gone = kit.told(view["title"]["text"], say("acts.gone", actor.language), actor.language)
            await ack(response_action="update", view=gone)
            return
        errors = await take(view, chat, actor)
        if errors:
            await ack(response_action="errors", errors=errors)
        else:
            await ack()

    return sent_in
