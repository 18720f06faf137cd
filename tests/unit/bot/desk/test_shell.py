"""The interactive session, and what appears in it by itself."""

from __future__ import annotations

import asyncio
import io
from datetime import timedelta

import pytest
from rich.console import Console, RenderableType

from bot.desk.terminal.follower import Follower
from bot.desk.terminal.session import DeskSession, Problem
from bot.desk.terminal.shell import Shell
from bot.desk.terminal.texts import Texts, language_of
from bot.desk.terminal.view import View, one_line, printable, waited
from bot.domain import events as ev
from bot.domain.conversation import HandoffReason, ServiceLevel
from bot.domain.events import ReceiptStatus
from bot.domain.identity import Profile
from bot.domain.message import Attachment, Author, Draft, HoldReason, Line
from bot.domain.outgoing import CaseHeld, CaseLine, CaseState
from tests.builders import LEA, NOW
from tests.fakes.desk import MARIE, PAUL, FixedClock, SmallEngine


class Screen:
    """What an agent sees."""

    def __init__(self) -> None:
        self._out = io.StringIO()
        self._console = Console(file=self._out, width=140, force_terminal=False)

    def say(self, shown: RenderableType) -> None:
        self._console.print(shown)

    @property
    def text(self) -> str:
        return self._out.getvalue()

    def clear(self) -> None:
        self._out.truncate(0)
        self._out.seek(0)

    async def shows(self, words: str) -> None:
        """Wait until it does."""
        async with asyncio.timeout(10):
            while words not in self.text:
                await asyncio.sleep(0.01)


class Desk:
    """A shell with its follower."""

    def __init__(self, session: DeskSession, language: str = "fr", *, everything: bool = False) -> None:
        self.screen = Screen()
        texts = Texts(language)
        self.view = View(texts, session.agent.id)
        self.follower = Follower(session, self.view, texts, self.screen.say, everything=everything)
        self.shell = Shell(session, self.follower, self.view, texts, self.screen.say, FixedClock())

    async def types(self, *lines: str) -> str:
        self.screen.clear()
        for line in lines:
            assert await self.shell.obey(line)
        return self.screen.text


@pytest.fixture
def desk(marie: DeskSession) -> Desk:
    return Desk(marie)


async def test_an_agent_lists_takes_replies_and_resolves(desk: Desk, engine: SmallEngine) -> None:
    assert "Léa" in await desk.types("list")
    shown = await desk.types("take 1")
    assert "où est mon colis ?" in shown
    assert "Le n° 1 est à vous." in shown
    assert desk.shell.prompt.startswith("Marie #1")
    await desk.types("Bonjour, il arrive demain.", "note: à rappeler")
    assert "est résolu" in await desk.types("resolve")
    assert [type(event) for event in engine.events] == [
        ev.AgentClaim, ev.AgentReply, ev.AgentNote, ev.AgentResolve,
    ]  # fmt: skip


async def test_a_claim_is_certain_only_once_the_bot_is_silent(desk: Desk, engine: SmallEngine) -> None:
    engine.hushes = False
    shown = await desk.types("take 1")
    assert "est à vous" not in shown
    assert "le bot finit ce qu'il disait" in shown
    await desk.follower.refresh()
    desk.screen.clear()
    await engine.show(hushed=True)
    await desk.follower.refresh()
    assert "Le n° 1 est à vous." in desk.screen.text


async def test_a_colleague_who_is_taking_it_is_said_to_be(desk: Desk, engine: SmallEngine) -> None:
    engine.hushes = False
    await engine.turn(ev.AgentClaim(id="e", chat=LEA, at=NOW, agent=PAUL))
    assert "Paul prend la main…" in await desk.types("list")
    await engine.show(hushed=True)
    assert "pris par Paul" in await desk.types("list")


async def test_how_a_case_stands_against_its_target_is_shown_while_it_goes_on(
    desk: Desk, engine: SmallEngine
) -> None:
    await engine.show(level=ServiceLevel.OVERDUE)
    assert "en attente · EN RETARD" in " ".join((await desk.types("list")).split())
    await engine.show(state=CaseState.CLOSED)
    assert "EN RETARD" not in await desk.types("show 1")


async def test_a_reply_that_was_held_is_shown_as_not_sent(desk: Desk, engine: SmallEngine) -> None:
    await desk.types("take 1")
    await engine.tell(CaseHeld(draft=Draft("a9", MARIE, HoldReason.COLLEAGUE, NOW, "et donc…")))
    shown = await desk.types("show")
    assert "et donc…" in shown
    assert "! non envoyé : retenu" in shown


async def test_commands_are_not_sent_to_the_customer_and_words_are(desk: Desk, engine: SmallEngine) -> None:
    await desk.types("take 1")
    await desk.types("/unknown", "help", "list", "show", "/show 1", "")
    assert [type(event) for event in engine.events] == [ev.AgentClaim]
    await desk.types("take care", "resolve this for me please", "//list", "list of shops")
    texts = [event.text for event in engine.events if isinstance(event, ev.AgentReply)]
    assert texts == ["take care", "resolve this for me please", "list", "list of shops"]


async def test_nothing_is_sent_while_no_case_is_open(desk: Desk, engine: SmallEngine) -> None:
    assert "Prenez d'abord une conversation" in await desk.types("bonjour")
    assert "Prenez d'abord une conversation" in await desk.types("resolve")
    await desk.types("take 1", "leave")
    assert "Prenez d'abord" in await desk.types("encore un mot")
    assert [type(event) for event in engine.events] == [ev.AgentClaim]


async def test_a_colleagues_case_is_told_before_sending(
    desk: Desk, paul: DeskSession, engine: SmallEngine
) -> None:
    await paul.take(await paul.find("1"))
    assert "Retenu : Paul s'en occupe" in await desk.types("take 1")
    assert "est à vous" in await desk.types("take! 1")


async def test_a_case_taken_over_meanwhile_holds_the_next_reply(
    desk: Desk, paul: DeskSession, engine: SmallEngine
) -> None:
    await desk.types("take 1")
    await paul.take(await paul.find("1"), take_over=True)
    assert "Retenu : Paul" in await desk.types("et donc…")
    assert not any(isinstance(event, ev.AgentReply) for event in engine.events)


async def test_a_store_that_is_away_is_told_and_the_session_goes_on(desk: Desk, engine: SmallEngine) -> None:
    engine.unavailable = True
    assert "le stockage ne répond pas" in await desk.types("take 1")
    engine.unavailable = False
    assert "est à vous" in await desk.types("take 1")


async def test_quit_leaves(desk: Desk) -> None:
    assert not await desk.shell.obey("quit")
    assert not await desk.shell.obey(" /QUIT ")


async def test_the_customers_words_and_the_ticks_appear_while_waiting(
    desk: Desk, engine: SmallEngine
) -> None:
    following = asyncio.create_task(desk.follower.run())
    try:
        await desk.types("take 1")
        await engine.customer("toujours rien", "m2")
        await desk.screen.shows("Léa (client) : toujours rien")
        await desk.types("Il arrive demain.")
        await desk.screen.shows("✓ envoyé")
        engine.fate = ReceiptStatus.FAILED
        await desk.types("Vraiment.")
        await desk.screen.shows("! échec : blocked")
        await engine.show(agent=None, state=CaseState.WAITING)
        await desk.screen.shows("Le n° 1 est en attente.")
    finally:
        following.cancel()


async def test_a_new_case_is_announced_and_old_ones_are_not(marie: DeskSession, engine: SmallEngine) -> None:
    desk = Desk(marie, "en")
    await marie.resolve(await marie.find("1"))
    await desk.follower.refresh()
    await engine.show(state=CaseState.WAITING, urgent=True)
    await desk.follower.refresh()
    await desk.follower.refresh()
    assert desk.screen.text.count("New: no 1, Léa (URGENT · asked for a person)") == 1


async def test_watching_shows_every_case(marie: DeskSession, engine: SmallEngine) -> None:
    desk = Desk(marie, "en", everything=True)
    await desk.follower.refresh()
    await engine.customer("hello?", "m2")
    await desk.follower.refresh()
    assert desk.screen.text.count("No 1 · ") == 2
    assert "hello?" in desk.screen.text


async def test_a_customer_cannot_write_to_the_agents_terminal(desk: Desk, engine: SmallEngine) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\x9b31m[red]rouge[/red]\u202e\r"
    file = Attachment("f", f"a{evil}.pdf", "application/pdf")
    await engine.show(profile=Profile(evil), intent=evil)
    await engine.customer(evil, "m2")
    await engine.tell(CaseLine(line=Line("m3", Author.CUSTOMER, "", NOW, (file,), evil)))
    shown = await desk.types("list", "take 1", "show")
    assert not any(character in shown for character in "\x1b\x07\x9b\u202e\r")
    assert "[red]rouge[/red]" in shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(-5, "0 s"), (59, "59 s"), (60, "1 min"), (7200, "2 h"), (200_000, "2 d")]
)
def test_a_wait_is_told_in_the_unit_that_says_enough(seconds: int, shown: str) -> None:
    assert waited(NOW - timedelta(seconds=seconds), NOW) == shown


def test_a_preview_is_one_short_line() -> None:
    assert one_line("a\nb\t c " + "x" * 100, 10) == "a b c xxx…"
    assert printable("ligne\nsuivante\tici") == "ligne\nsuivante\tici"


@pytest.mark.parametrize(
    ("environment", "language"),
    [({"LANG": "fr_FR.UTF-8"}, "fr"), ({"LC_ALL": "en_GB", "LANG": "fr_FR"}, "en"), ({}, "en")],
)
def test_the_desk_speaks_the_terminals_language(environment: dict[str, str], language: str) -> None:
    assert language_of(environment) == language


def test_every_state_and_reason_and_problem_has_its_words_in_both_languages() -> None:
    keys = [
        *(f"state.{state.value}" for state in CaseState),
        *(f"reason.{reason.value}" for reason in HandoffReason),
        *(f"problem.{problem.value}" for problem in Problem),
        *(f"author.{author.value}" for author in Author),
        *(f"fate.{status.value}" for status in ReceiptStatus),
        *(f"level.{level.value}" for level in ServiceLevel if level is not ServiceLevel.ON_TIME),
        *("state.taking", "state.taking_mine", "done.taking", "detail.held"),
    ]
    for key in keys:
        french, english = (
            Texts(language)(key, name="x", limit=1, detail="d", number=1) for language in ("fr", "en")
        )
        assert french
        assert english
