"""What an agent sees on the app's Home page, built from what was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.desk.slack import kit, presses
from bot.desk.slack.context import Actor, DeskTeam
from bot.desk.slack.escaping import escaped
from bot.desk.slack.lines import channel_word
from bot.desk.slack.names import Act
from bot.desk.slack.shortening import shorten
from bot.desk.slack.wording import quoted, say
from bot.domain.conversation import ServiceLevel
from bot.domain.events import ReceiptStatus
from bot.domain.message import Author
from bot.domain.outgoing import CaseCard
from bot.ports.board import Case, ThreadLine
from bot.ports.roster import Presence
from bot.ports.service import TeamDay

REFRESH = "home_refresh"
MINE = 25
QUEUE = 20
TEAMS = 6
WORDS = 120
ARRIVED = (ReceiptStatus.DELIVERED, ReceiptStatus.SEEN, ReceiptStatus.MAYBE_DUPLICATE)
_LATE = datetime.max.replace(tzinfo=UTC)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Mine:
    """One of the agent's conversations, and where it stands in Slack."""

    case: Case
    lines: Sequence[ThreadLine]
    url: str | None

    @property
    def unanswered_since(self) -> datetime | None:
        """When the customer wrote the first message that nobody has answered."""
        since: datetime | None = None
        for line in self.lines:
            if line.said.note or line.deleted:
                continue
            if line.said.line.author is Author.CUSTOMER:
                since = since or line.said.line.at
            elif line.said.line.author is Author.AGENT:
                since = None
        return since

    @property
    def last_reply(self) -> ThreadLine | None:
        """The last thing a person wrote to the customer."""
        return next(
            (
                line
                for line in reversed(self.lines)
                if line.said.line.author is Author.AGENT and not line.said.note and not line.deleted
            ),
            None,
        )

    def last_words(self, language: str) -> str:
        """What was said last, to or by the customer; the system's lines say nothing of them."""
        said = [one.said.line for one in self.lines if not (one.said.note or one.deleted)]
        spoken = [one for one in said or self.case.card.recent if one.author is not Author.SYSTEM]
        return presses.words(spoken[-1], language) if spoken else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """All that the page shows. A team's day is None when the record cannot be read."""

    actor: Actor
    presence: Presence
    mine: Sequence[Mine]
    queue: Sequence[Case]
    days: Sequence[tuple[DeskTeam, TeamDay | None]]
    teams: Mapping[str, DeskTeam]


def home(page: Page) -> Json:
    """The view; what it shows of each kind is bounded, so that it stays within a hundred blocks."""
    blocks = [*_me(page), *_mine(page), *_queue(page), *_days(page)]
    return {"type": "home", "blocks": blocks}


def by_need(mine: Sequence[Mine]) -> list[Mine]:
    """Who has waited longest for an answer first, then those who have one."""
    return sorted(mine, key=lambda one: (one.unanswered_since or _LATE, one.case.card.since))


def _me(page: Page) -> list[Json]:
    language, presence = page.actor.language, page.presence
    away = presence.away
    words = say("care.you_are_away" if away else "care.you_are_here", language)
    if away and presence.since:
        words = f"{escaped(words)} ({kit.ago(presence.since)})"
    act, label = (Act.BACK, "care.be_back") if away else (Act.AWAY, "care.be_away")
    name = page.actor.agent.name
    return [
        kit.header(say("care.home_title", language, name=kit.cut(name, 80))),
        kit.section(kit.mrkdwn(words), kit.button(say(label, language), act)),
        *([kit.context(kit.text(say("care.away_means", language)))] if away else []),
        kit.actions(kit.button(say("care.refresh", language), REFRESH)),
    ]


def _mine(page: Page) -> list[Json]:
    language = page.actor.language
    blocks = [kit.divider(), kit.header(say("care.my_conversations", language, count=len(page.mine)))]
    if not page.mine:
        return [*blocks, kit.context(kit.text(say("care.none_mine", language)))]
    for one in by_need(page.mine)[:MINE]:
        blocks += [
            kit.section(kit.mrkdwn(_title_of(one, language))),
            kit.context(kit.text(quoted(plain_words(one.last_words(language)), language))),
        ]
    return blocks + _more(len(page.mine) - MINE, language)


def _title_of(one: Mine, language: str) -> str:
    card = one.case.card
    parts = [customer(card, language), escaped(channel_word(card.channel, language))]
    since = one.unanswered_since
    if since is not None:
        parts.append(say("care.unanswered", language, ago=kit.ago(since)))
    else:
        parts.append(escaped(say("care.answered", language)))
    parts += [*_level(card, language), *_unseen(one, language)]
    if card.snoozed_until:
        parts.append(say("care.snoozed", language, until=kit.on(card.snoozed_until)))
    if one.url:
        parts.append(kit.link(one.url, say("care.open_thread", language)))
    return "  ·  ".join(parts)


def _unseen(one: Mine, language: str) -> list[str]:
    """Whether what was last written to the customer has reached them."""
    reply = one.last_reply
    if reply is None or (reply.fate is not None and reply.fate.status in ARRIVED):
        return []
    failed = reply.fate is not None and reply.fate.status is ReceiptStatus.FAILED
    return [escaped(say("care.not_delivered" if failed else "care.not_seen", language))]


def _queue(page: Page) -> list[Json]:
    language = page.actor.language
    blocks = [kit.divider(), kit.header(say("care.queue", language, count=len(page.queue)))]
    if not page.queue:
        return [*blocks, kit.context(kit.text(say("care.queue_empty", language)))]
    for case in mine_first(page.queue, page.actor)[:QUEUE]:
        claim = kit.button(say("care.claim", language), Act.CLAIM, case.conversation)
        blocks.append(kit.section(kit.mrkdwn(queue_line(case.card, page.teams, language)), claim))
    return blocks + _more(len(page.queue) - QUEUE, language)


def mine_first(queue: Sequence[Case], actor: Actor) -> list[Case]:
    """The agent's own teams' cases first, otherwise in the order of the queue."""
    return sorted(queue, key=lambda case: case.card.team not in actor.teams)


def queue_line(card: CaseCard, teams: Mapping[str, DeskTeam], language: str) -> str:
    """A waiting customer in a line of mrkdwn: who, where, which team, since when."""
    parts = [
        customer(card, language),
        escaped(channel_word(card.channel, language)),
        escaped(team_title(teams, card.team, language)),
        say("care.waits", language, ago=kit.ago(card.since)),
        *_level(card, language),
    ]
    return "  ·  ".join(parts)


def customer(card: CaseCard, language: str) -> str:
    """What the customer is called, for mrkdwn."""
    return kit.bold(shorten(card.profile.name.strip()) or say("care.unnamed", language), 60)


def team_title(teams: Mapping[str, DeskTeam], name: str, language: str) -> str:
    """What people call a team."""
    team = teams.get(name)
    return team.titles.get(language, name) if team else name


def _level(card: CaseCard, language: str) -> list[str]:
    marks = []
    if card.urgent:
        marks.append(escaped(say("care.urgent", language)))
    if card.level is not ServiceLevel.ON_TIME:
        marks.append(escaped(say(f"care.level_{card.level.value}", language)))
    return marks


def _days(page: Page) -> list[Json]:
    language = page.actor.language
    blocks: list[Json] = []
    for team, day in page.days[:TEAMS]:
        title = team.titles.get(language, team.name)
        blocks.append(kit.header(say("care.team_day", language, team=kit.cut(title, 80))))
        words = say("care.record_down", language) if day is None else day_line(day, language)
        blocks.append(kit.section(kit.text(words)))
    return [kit.divider(), *blocks] if blocks else []


def day_line(day: TeamDay, language: str) -> str:
    """A team's day in a line; a dash where nothing was counted."""
    rated = "—"
    if day.ratings and day.satisfaction is not None:
        rated = say("care.rated", language, mean=_number(day.satisfaction, language), count=day.ratings)
    return say(
        "care.day",
        language,
        handled=day.handled,
        first=span(day.first_response),
        resolution=span(day.resolution),
        rated=rated,
    )


def span(seconds: float | None) -> str:
    """A length of time in the largest units that say enough: ``45 s``, ``12 min``, ``3 h 05``."""
    if seconds is None:
        return "—"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d}"


def plain_words(words: str) -> str:
    """The beginning of a message on one line, addresses and numbers shorten."""
    return kit.cut(" ".join(shorten(words).split()), WORDS)


def _number(value: float, language: str) -> str:
    return f"{value:.1f}".replace(".", "," if language == "fr" else ".")


def _more(count: int, language: str) -> list[Json]:
    return [kit.context(kit.text(say("care.and_more", language, count=count)))] if count > 0 else []
