"""The head of a conversation's thread: its state at a glance, and what can be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.desk.slack import suggestions
from bot.desk.slack.context import DeskTeam
from bot.desk.slack.escaping import Block, button_text, escaped, moment, mrkdwn, one_line, plain
from bot.desk.slack.lines import Writer, button, card_lines, channel_word
from bot.desk.slack.names import Act, packed
from bot.desk.slack.shortening import shorten
from bot.desk.slack.wording import LANGUAGES, known, say
from bot.domain.conversation import HandoffReason, Outcome, ServiceLevel
from bot.domain.outgoing import CaseCard, CaseState
from bot.ports.knowledge import Knowledge

Message = dict[str, Any]

EVENT = "guichet_case"
YELLOW, ORANGE, RED, GREEN, GREY = "#ecb22e", "#e8912d", "#e01e5a", "#2eb67d", "#9aa0a6"
_SIGNS = {"web": "🌐", "telegram": "✈️"}


@dataclass(frozen=True, slots=True)
class Drawer:
    """Draws cards of one conversation, for readers of one language."""

    conversation: str
    language: str
    teams: Mapping[str, DeskTeam]
    knowledge: Knowledge

    def card(self, card: CaseCard) -> Message:
        """The root message: its text, and a coloured attachment."""
        return {
            "text": self._summary(card),
            "attachments": [
                {"color": colour(card), "fallback": self._summary(card), "blocks": self._blocks(card)}
            ],
        }

    def pointer(self, card: CaseCard, link: str) -> Message:
        """A card in another team's channel that leads to the thread."""
        way = say("desk.thread_link", self.language, link=link)
        blocks: list[Block] = [
            _section(f"{self._pointer_line(card)} · {way}"),
            _plain_section(self._who(card)),
        ]
        if card.state is CaseState.WAITING:
            claim = self._button(Act.CLAIM, "primary")
            blocks.append({"type": "actions", "block_id": "p:a", "elements": [claim]})
        text = self._summary(card)
        return {"text": text, "attachments": [{"color": colour(card), "fallback": text, "blocks": blocks}]}

    def _pointer_line(self, card: CaseCard) -> str:
        if card.state is CaseState.WAITING:
            return self._say("pointer", reason=escaped(self.reason(card)))
        if card.state is CaseState.CLAIMED and card.agent is not None:
            return self._say("pointer_claimed", agent=self._agent(card))
        return self._say("pointer_over", state=self._say(f"summary_{card.state.value}"))

    # --- words ---------------------------------------------------------------------------------

    def _say(self, key: str, **values: object) -> str:
        return say(f"desk.{key}", self.language, **values)

    def _summary(self, card: CaseCard) -> str:
        state = self._say(f"summary_{card.state.value}")
        return self._say("summary", channel=channel_word(card.channel, self.language), state=state)

    def first_line(self, card: CaseCard) -> str:
        """State and service level, in mrkdwn."""
        parts = [self._say("urgent")] if card.urgent and is_live(card) else []
        parts.append(self._state(card))
        if is_live(card):
            parts += self._level(card)
            if card.snoozed_until is not None:
                parts.append(self._say("snoozed", until=moment(card.snoozed_until)))
        return " · ".join(parts)

    def _state(self, card: CaseCard) -> str:
        match card.state:
            case CaseState.WAITING:
                return self._say("waiting", since=moment(card.since))
            case CaseState.CLAIMED:
                return self._say("claimed" if card.hushed else "taking", agent=self._agent(card))
            case CaseState.RELEASED:
                return self._say("released")
            case CaseState.CLOSED:
                parts = [self._say("closed"), self.outcome(card)]
                if card.rating:
                    parts.append(self._say("rated", stars=stars(card.rating)))
                return " · ".join(filter(None, parts))

    def _level(self, card: CaseCard) -> list[str]:
        if card.due is None:
            return [self._say("late")] if card.level is ServiceLevel.OVERDUE else []
        key = {ServiceLevel.DUE_SOON: "due_soon", ServiceLevel.OVERDUE: "overdue"}.get(card.level, "due")
        return [self._say(key, due=moment(card.due))]

    def _agent(self, card: CaseCard) -> str:
        return escaped(one_line(card.agent.name, 60)) if card.agent else self._say("somebody")

    def outcome(self, card: CaseCard) -> str:
        """How it ended."""
        return self._say(f"outcome_{card.outcome.value}") if card.outcome else ""

    def reason(self, card: CaseCard) -> str:
        """Why a person is needed, in words."""
        reason = self._say(f"reason_{card.reason.value}")
        if card.intent and card.reason in (HandoffReason.PROTECTED, HandoffReason.COMPLAINT):
            return f"{reason} ({self._title(card.intent)})"
        return reason

    def _title(self, intent: str) -> str:
        return self._subject(intent) or intent.removeprefix("faq_").replace("_", " ")

    def _subject(self, intent: str) -> str:
        """What an intent is about, in words; empty when it is nothing people would say."""
        answer = self.knowledge.answer(intent, self.language)
        if answer is not None:
            return answer.title
        key = f"intent_{intent}"
        return self._say(key) if known(f"desk.{key}") else ""

    def guesses(self, card: CaseCard) -> str:
        """What it is probably about; empty when the bot has no idea worth telling."""
        said = [
            self._say("guess", title=title, percent=round(one.confidence * 100))
            for one in card.guesses
            if one.confidence >= suggestions.FLOOR and (title := self._subject(one.intent))
        ]
        return self._say("guesses", guesses=", ".join(said)) if said else ""

    def team(self, name: str) -> str:
        """What a team is called."""
        team = self.teams.get(name)
        return (team.titles.get(self.language) if team else None) or name

    # --- blocks --------------------------------------------------------------------------------

    def _blocks(self, card: CaseCard) -> list[Block]:
        blocks = [_section(self.first_line(card)), _plain_section(self._who(card))]
        blocks.append({"type": "context", "elements": self._about(card)})
        if card.back_at is not None and card.state is CaseState.WAITING:
            away = mrkdwn(self._say("back_at", at=moment(card.back_at)))
            blocks.append({"type": "context", "elements": [away]})
        if is_live(card) and card.recent:
            writer = Writer(self.conversation, card.channel, self.language, self.knowledge)
            blocks += [{"type": "divider"}, *card_lines(card.recent, writer, self.language)]
        return blocks + [
            {"type": "actions", "block_id": f"a:{number}", "elements": row}
            for number, row in enumerate(self._actions(card))
        ]

    def _who(self, card: CaseCard) -> str:
        name = one_line(shorten(card.profile.name), 80) or self._say("unnamed")
        ours = card.language in LANGUAGES
        language = self._say(f"language_{card.language}") if ours else card.language
        sign = _SIGNS.get(card.channel, "💬")
        return f"{sign} {name} · {channel_word(card.channel, self.language)} · {language}"

    def _about(self, card: CaseCard) -> list[Block]:
        parts = [self.reason(card)]
        if card.team in self.teams:  # others have no name here
            parts.append(self._say("team", team=self.team(card.team)))
        if card.reopened:
            key = "reopened_once" if card.reopened == 1 else "reopened_often"
            parts.append(say(f"desk.{key}", self.language, count=card.reopened))
        about = [plain(" · ".join(parts), 300)]
        if is_live(card) and (guesses := self.guesses(card)):
            about.append(plain(guesses, 300))
        return about

    def _actions(self, card: CaseCard) -> Sequence[list[Block]]:
        match card.state:
            case CaseState.WAITING:
                first = [self._button(Act.CLAIM, "primary")]
                rest = [Act.TRANSFER, Act.RESOLVE, Act.RELEASE]
                more = [Act.HISTORY]
            case CaseState.CLAIMED:
                first = [self._button(Act.REPLY, "primary")]
                rest = [Act.TRANSFER, Act.RESOLVE, Act.RELEASE]
                more = [Act.SEARCH, Act.SAVED, Act.HISTORY]
            case CaseState.RELEASED:
                step_in = button(Act.CLAIM, self._say("button_step_in"), self.conversation)
                return [[step_in, self._button(Act.DETAILS), self._button(Act.HISTORY)]]
            case _:
                return [[self._button(Act.DETAILS), self._button(Act.HISTORY)]]
        row = [*first, *(self._button(act) for act in rest), self._menu(card)]
        return [row, [self._button(act) for act in more]]

    def _button(self, act: Act, style: str | None = None) -> Block:
        return button(act, self._say(f"button_{act.value}"), self.conversation, style)

    def _menu(self, card: CaseCard) -> Block:
        acts = [Act.SNOOZE, Act.SPAM, Act.DETAILS]
        if card.state is CaseState.CLAIMED:  # what only colleagues need, everybody sees
            acts.insert(0, Act.TAKE_OVER)
        return {
            "type": "overflow",
            "action_id": str(Act.MORE),
            "options": [
                {
                    "text": button_text(self._say(f"button_{act.value}")),
                    "value": packed(act, self.conversation),
                }
                for act in acts
            ],
        }


def colour(card: CaseCard) -> str:
    """The state's, and the service level's."""
    if not is_live(card):
        return GREY
    if card.level is ServiceLevel.OVERDUE or (card.urgent and card.state is CaseState.WAITING):
        return RED
    if card.level is ServiceLevel.DUE_SOON:
        return ORANGE
    return GREEN if card.state is CaseState.CLAIMED else YELLOW


def stars(rating: int) -> str:
    """A rating from 1 to 5."""
    full = min(5, max(0, rating))
    return "★" * full + "☆" * (5 - full)


def is_live(card: CaseCard) -> bool:
    """Whether it wants a person, or has one."""
    return card.state in (CaseState.WAITING, CaseState.CLAIMED)


# --- what happened, from one card to the next ----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """What the thread was told of the case last."""

    state: str
    agent: str = ""
    team: str = ""
    hushed: bool = False

    @property
    def is_live(self) -> bool:
        """Whether it wanted a person, or had one."""
        return self.state in (CaseState.WAITING.value, CaseState.CLAIMED.value)

    @classmethod
    def of(cls, card: CaseCard) -> Told:
        """What a card tells."""
        agent = card.agent.id if card.agent else ""
        return cls(card.state.value, agent, card.team, card.hushed and card.state is CaseState.CLAIMED)


def step(drawer: Drawer, before: Told | None, card: CaseCard, at: datetime) -> list[str]:
    """What happened between two cards, as lines for the thread; edits make no sound."""
    if before is None:
        return _claimed(drawer, card, at) if card.hushed else []
    lines = []
    was_live, time = before.is_live, moment(at, "{time}")
    if is_live(card) and not was_live:
        if card.state is CaseState.WAITING:  # that somebody took it tells as much
            lines.append(say("desk.step_reopened", drawer.language, at=time))
    elif card.state is CaseState.WAITING and (before.state != card.state.value or before.team != card.team):
        key = "step_transferred" if before.team != card.team else "step_requeued"
        lines.append(say(f"desk.{key}", drawer.language, team=escaped(drawer.team(card.team)), at=time))
    elif was_live and not is_live(card):
        lines.append(_ended(drawer, card, at))
    is_new = not before.hushed or before.agent != Told.of(card).agent
    if card.state is CaseState.CLAIMED and card.hushed and is_new:
        lines += _claimed(drawer, card, at)
    return lines


def _claimed(drawer: Drawer, card: CaseCard, at: datetime) -> list[str]:
    if card.state is not CaseState.CLAIMED or card.agent is None:
        return []
    agent, time = escaped(one_line(card.agent.name, 60)), moment(at, "{time}")
    return [say("desk.step_claimed", drawer.language, agent=agent, at=time)]


def _ended(drawer: Drawer, card: CaseCard, at: datetime) -> str:
    agent = escaped(one_line(card.agent.name, 60)) if card.agent else ""
    time = moment(at, "{time}")
    if card.outcome in (Outcome.WENT_QUIET, Outcome.CONFIRMED_BY_CUSTOMER):
        agent = ""
    if card.state is CaseState.RELEASED:
        key = "step_released" if agent else "step_released_alone"
        values = {"agent": agent} if agent else {}
        return say(f"desk.{key}", drawer.language, at=time, **values)
    outcome = drawer.outcome(card) or say("desk.summary_closed", drawer.language)
    if agent:
        return say("desk.step_closed_by", drawer.language, agent=agent, outcome=outcome, at=time)
    return say("desk.step_closed", drawer.language, outcome=outcome, at=time)


def _section(text: str) -> Block:
    return {"type": "section", "text": mrkdwn(text)}


def _plain_section(text: str) -> Block:
    return {"type": "section", "text": plain(text)}
