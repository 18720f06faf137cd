"""Cases and threads as text for a terminal.

Everything a customer typed passes through :func:`printable`, so that no escape sequence reaches
the agent's terminal, and is put into rich as plain text, so that no markup is read from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from rich import box
from rich.table import Table
from rich.text import Text

from bot.desk.terminal.deliverer import HELD
from bot.desk.terminal.texts import Texts
from bot.domain.conversation import ServiceLevel
from bot.domain.events import ReceiptStatus
from bot.domain.message import Attachment, Author, Line
from bot.domain.outgoing import CaseState
from bot.ports.board import Case, ThreadLine, is_live

PREVIEW = 60
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_COLOURS = {Author.CUSTOMER: "bold cyan", Author.BOT: "magenta", Author.AGENT: "green", Author.SYSTEM: "dim"}
FAILED = (ReceiptStatus.FAILED, ReceiptStatus.DROPPED, ReceiptStatus.UNCHANGED)


def printable(text: str) -> str:
    """The text without anything a terminal would obey; newlines and tabs stay."""
    return _UNPRINTABLE.sub("�", text)


def one_line(text: str, length: int = PREVIEW) -> str:
    """The beginning of a text, on one line."""
    flat = " ".join(printable(text).split())
    return flat if len(flat) <= length else flat[: length - 1] + "…"


def waited(since: datetime, now: datetime) -> str:
    """How long, in the largest unit that says enough: ``45 s``, ``12 min``, ``3 h``, ``2 d``."""
    seconds = max(0, int((now - since).total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


class View:
    """Draws for one agent, in their language."""

    def __init__(self, texts: Texts, agent_id: str) -> None:
        self._say = texts
        self._agent_id = agent_id

    def list(self, cases: Sequence[Case], now: datetime) -> Table:
        """Cases, one a row."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for name in ("number", "since", "customer", "reason", "team", "state", "last"):
            table.add_column(self._say(f"list.{name}"), overflow="fold")
        for case in cases:
            table.add_row(
                *(Text(cell) for cell in self._row(case, now)), style="bold" if case.card.urgent else ""
            )
        return table

    def _row(self, case: Case, now: datetime) -> tuple[str, ...]:
        card = case.card
        asked = [line.text for line in card.recent if line.author is Author.CUSTOMER]
        return (
            str(case.number),
            waited(card.since, now),
            f"{self.name(case)} ({printable(card.channel)}, {printable(card.language)})",
            self.reason(case),
            printable(card.team),
            self.state(case),
            one_line(asked[-1] if asked else ""),
        )

    def name(self, case: Case) -> str:
        """What the customer is called."""
        return one_line(case.card.profile.name, 40) or self._say("unnamed")

    def reason(self, case: Case) -> str:
        """Why a person is needed, an alarm first."""
        reason = self._say(f"reason.{case.card.reason.value}")
        if case.card.intent:
            reason = f"{reason} ({one_line(case.card.intent, 40)})"
        return f"{self._say('urgent')} · {reason}" if case.card.urgent else reason

    def state(self, case: Case) -> str:
        """Where the case is, for this agent, and how it stands against its target."""
        level = case.card.level
        whose = self._whose(case)
        if level is ServiceLevel.ON_TIME or not is_live(case.card):
            return whose
        return f"{whose} · {self._say(f'level.{level.value}')}"

    def _whose(self, case: Case) -> str:
        card, agent = case.card, case.card.agent
        if card.state is not CaseState.CLAIMED or agent is None:
            return self._say(f"state.{card.state.value}", name="?")
        mine = agent.id == self._agent_id
        certain = ("state.mine" if mine else "state.claimed") if card.hushed else None
        return self._say(
            certain or ("state.taking_mine" if mine else "state.taking"), name=one_line(agent.name, 40)
        )

    def head(self, case: Case) -> Text:
        """The first lines of a case."""
        card = case.card
        title = self._say(
            "case.title",
            number=case.number,
            name=self.name(case),
            channel=printable(card.channel),
            language=printable(card.language),
        )
        parts = [self.reason(case), printable(card.team), self.state(case)]
        if card.reopened:
            parts.append(self._say("case.reopened", count=card.reopened))
        head = Text(title, style="bold").append("\n" + " · ".join(parts), style="not bold")
        if card.guesses:
            guesses = ", ".join(f"{one_line(g.intent, 40)} {g.confidence:.0%}" for g in card.guesses)
            head.append("\n" + self._say("case.guesses", guesses=guesses), style="dim not bold")
        return head

    def thread(self, lines: Iterable[ThreadLine]) -> Text:
        """A whole thread."""
        return Text("\n").join(self.line(line) for line in lines)

    def line(self, line: ThreadLine) -> Text:
        """One message, with what became of it."""
        said = line.said.line
        text = Text(said.at.astimezone().strftime("%H:%M "), style="dim")
        text.append(f"{self._author(said)} ", style=_COLOURS[said.author])
        if line.said.note:
            text.append(f"[{self._say('line.note')}] ", style="yellow")
        text.append(self._body(line), style="not dim")
        if line.edited and not line.deleted:
            text.append(f" ({self._say('line.edited')})", style="dim")
        if said.author is Author.AGENT and not line.said.note:
            text.append("  ").append(*self.fate(line))
        return text

    def _author(self, said: Line) -> str:
        role = self._say(f"author.{said.author.value}")
        return f"{one_line(said.author_name, 40)} ({role}) :" if said.author_name else f"{role} :"

    def _body(self, line: ThreadLine) -> str:
        if line.deleted:
            return f"({self._say('line.deleted')})"
        files = [f"[{self._file(attachment)}]" for attachment in line.said.line.attachments]
        text = printable(line.said.line.text).replace("\n", "\n      ")
        return " ".join(part for part in (text, *files) if part)

    def _file(self, attachment: Attachment) -> str:
        size = f"{attachment.size / 1024:.0f} kB" if attachment.size else "?"
        return self._say(
            "line.file", name=one_line(attachment.name, 60), mime=one_line(attachment.mime, 60), size=size
        )

    def fate(self, line: ThreadLine) -> tuple[str, str]:
        """What became of a reply, and its style."""
        if line.fate is None:
            return self._say("fate.unknown"), "dim"
        detail = self._detail(line.fate.detail)
        text = self._say(f"fate.{line.fate.status.value}", detail=detail)
        return text, "bold red" if line.fate.status in FAILED else "green"

    def _detail(self, detail: str) -> str:
        if detail == HELD:
            return self._say("detail.held")
        return one_line(detail, 80) or self._say("fate.no_detail")
