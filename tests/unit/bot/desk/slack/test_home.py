"""What an agent sees on the app's Home page, and how it is kept up to date."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.desk.slack import home as home_module
from bot.desk.slack.home import Homes
from bot.desk.slack.home_view import QUEUE, Mine, Page, by_need, day_line, home, span
from bot.domain.conversation import ServiceLevel
from bot.domain.events import ReceiptStatus
from bot.domain.identity import Profile
from bot.domain.message import Author
from bot.domain.outgoing import CaseFate, CaseState
from bot.ports.roster import Presence
from bot.ports.service import TeamDay
from tests.builders import NOW
from tests.fakes.slack.blocks import check_view
from tests.fakes.slack_features import ANNA, TOM, House, actions, actor, again, house, words


@pytest.fixture
async def at_work() -> AsyncIterator[House]:
    async with house() as opened:
        yield opened


async def page(at_work: House, user: str = "U1") -> dict[str, object]:
    at_work.user(user).open_home()
    shown: dict[str, object] = await at_work.slack.until(lambda: at_work.user(user).home())
    return shown


async def test_my_conversations_stand_with_who_waited_longest_for_an_answer_first(at_work: House) -> None:
    for number, minutes in enumerate((2, 30, 7), start=1):
        conversation = f"c_{number}"
        at_work.case(conversation, state=CaseState.CLAIMED, agent=ANNA, profile=Profile(f"Client {number}"))
        at_work.says("allô ?", f"m{number}", conversation=conversation, minutes_ago=minutes)
    at_work.case("c_4", state=CaseState.CLAIMED, agent=ANNA, profile=Profile("Client 4"))
    at_work.says("merci", "m4", conversation="c_4", minutes_ago=60)
    at_work.says("de rien", "a4", conversation="c_4", author=Author.AGENT, minutes_ago=59)
    at_work.case("c_5", state=CaseState.CLAIMED, agent=TOM, profile=Profile("Client 5"))
    shown = words(await page(at_work))
    assert "Mes conversations (4)" in shown
    assert [shown.index(f"Client {number}") for number in (2, 3, 1, 4)] == sorted(
        shown.index(f"Client {number}") for number in (1, 2, 3, 4)
    )
    assert "Client 5" not in shown


async def test_a_question_waits_since_the_first_message_nobody_answered(at_work: House) -> None:
    case = at_work.case(state=CaseState.CLAIMED, agent=ANNA)
    at_work.says("bonjour", "m1", minutes_ago=9)
    at_work.says("bonjour !", "a1", author=Author.AGENT, minutes_ago=8)
    at_work.says("où est-il ?", "m2", minutes_ago=6)
    at_work.says("je demande à Tom", "n1", author=Author.AGENT, note=True, minutes_ago=5)
    at_work.says("allô ?", "m3", minutes_ago=2)
    mine = Mine(case, await at_work.board.thread("c_1"), None)
    assert mine.unanswered_since == NOW - timedelta(minutes=6)
    assert mine.last_words("fr") == "allô ?"
    assert mine.last_reply is not None
    assert mine.last_reply.said.line.message_id == "a1"
    assert by_need([Mine(again(case), (), None), mine])[0] is mine


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (None, "est en route"),
        (ReceiptStatus.DROPPED, "est en route"),
        (ReceiptStatus.FAILED, "n'est pas arrivé"),
        (ReceiptStatus.DELIVERED, ""),
        (ReceiptStatus.SEEN, ""),
    ],
)
async def test_what_the_customer_has_not_got_yet_is_said(
    at_work: House, status: ReceiptStatus | None, said: str
) -> None:
    at_work.case(state=CaseState.CLAIMED, agent=ANNA)
    fate = CaseFate(message_id="a1", status=status) if status else None
    at_work.says("voici", "a1", author=Author.AGENT, fate=fate)
    shown = words(await page(at_work))
    assert ("votre dernier message" in shown) is bool(said)
    assert said in shown


async def test_each_conversation_links_to_its_thread(at_work: House) -> None:
    at_work.case(state=CaseState.CLAIMED, agent=ANNA)
    root = await at_work.thread()
    shown = words(await page(at_work))
    permalink = await at_work.desk.client.chat_getPermalink(channel="C1", message_ts=root)
    assert f"<{permalink['permalink']}|Ouvrir>" in shown


async def test_the_queue_has_my_teams_first_and_can_be_claimed_from(at_work: House) -> None:
    at_work.case("c_1", team="beauty", profile=Profile("Autre équipe"), urgent=True)
    at_work.case("c_2", profile=Profile("Mon équipe"), level=ServiceLevel.OVERDUE)
    shown = await page(at_work)
    everything = words(shown)
    assert everything.index("Mon équipe") < everything.index("Autre équipe")
    assert "en retard" in everything
    values = [
        block["accessory"]["value"]
        for block in shown["blocks"]  # type: ignore[attr-defined]
        if block.get("accessory", {}).get("action_id") == "claim"
    ]
    assert values == ["c_2", "c_1"]


async def test_the_teams_day_begins_at_midnight_where_the_team_is(at_work: House) -> None:
    at_work.record.day = TeamDay(12, 45, 3 * 3600 + 300, 4, 4.25)
    shown = words(await page(at_work))
    assert "Traitées : 12" in shown
    assert "première réponse : 45 s" in shown
    assert "résolution : 3 h 05" in shown
    assert "4,2 sur 5 (avis : 4)" in shown
    (asked,) = at_work.record.asked
    assert asked[0:2] == ("team_day", "care")
    assert asked[2].isoformat() == "2026-11-22T00:00:00+01:00"


def test_where_nothing_was_counted_there_is_a_dash() -> None:
    line = day_line(TeamDay(0, None, None, 0, None), "en")
    assert line == "Handled: 0  ·  first response: —  ·  resolution: —  ·  satisfaction: —"
    assert [span(seconds) for seconds in (0, 59, 60, 3599, 3600)] == [
        "0 s",
        "59 s",
        "1 min",
        "1 h 00",
        "1 h 00",
    ]


async def test_without_the_record_the_rest_is_shown(at_work: House) -> None:
    at_work.record.down = True
    at_work.case()
    shown = words(await page(at_work))
    assert "L'historique ne répond pas" in shown
    assert "Lucie Roy" in shown


async def test_while_the_store_is_away_the_page_says_so(at_work: House) -> None:
    at_work.board.down = True
    assert "ne peut pas lire" in words(await page(at_work))


async def test_an_agent_goes_away_and_is_told_what_becomes_of_their_conversations(at_work: House) -> None:
    await page(at_work)
    await at_work.user().press_home("away")
    assert (await at_work.roster.presence(ANNA.id)).away
    await at_work.slack.until(lambda: "Plus rien ne vous est confié" in words(at_work.user().home()))
    await at_work.user().press_home("back")
    assert not (await at_work.roster.presence(ANNA.id)).away
    await at_work.slack.until(lambda: "Vous êtes *en service*" in words(at_work.user().home()))


async def test_the_page_is_in_each_agents_language(at_work: House) -> None:
    assert "Bonjour Anna Blanc" in words(await page(at_work))
    assert "Hello Tom Reed" in words(await page(at_work, "U2"))


async def test_a_customer_cannot_ping_or_link_or_format_there(at_work: House) -> None:
    at_work.case("c_1", state=CaseState.CLAIMED, agent=ANNA, profile=Profile("<!channel> *x* <@U2>"))
    at_work.says("<!here> écrivez à luc@exemple.fr `x`", conversation="c_1")
    at_work.case("c_2", profile=Profile("<https://evil.example|Ouvrir>"))
    shown = await page(at_work)
    assert at_work.slack.pings(shown) == []
    assert "luc@exemple.fr" not in words(shown)
    assert "<https://evil" not in words(shown)


async def test_a_very_busy_page_is_still_one_that_slack_takes(at_work: House) -> None:
    claimed = [
        at_work.case(f"c_{one}", state=CaseState.CLAIMED, agent=ANNA, profile=Profile("x" * 500))
        for one in range(60)
    ]
    waiting = [at_work.case(f"w_{one}", profile=Profile("&" * 500)) for one in range(60)]
    team = at_work.desk.teams["care"]
    view = home(
        Page(
            actor=actor(),
            presence=Presence(away=True, since=NOW),
            mine=[Mine(case, (), "https://x.slack.com/archives/C1/p1") for case in claimed],
            queue=waiting,
            days=[(team, TeamDay(1, 1, 1, 1, 1))] * 9,
            teams=at_work.desk.teams,
        )
    )
    assert check_view(view) == []
    assert len(view["blocks"]) <= 100
    assert actions(view).count("claim") == QUEUE
    assert "… et 35 de plus." in words(view)


# --- kept up to date ------------------------------------------------------------------------------


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home_module, "EVERY", 0.02)
    monkeypatch.setattr(home_module, "PACE", 0.01)


async def test_a_page_follows_the_board_and_is_published_only_when_it_changed(
    at_work: House, hurried: None
) -> None:
    homes = Homes(at_work.desk)
    await homes.visit(actor())
    published = len(at_work.slack.calls_of("views.publish"))
    at_work.board.stir()
    looks = at_work.board.looks
    await at_work.slack.until(lambda: at_work.board.looks > looks + 2)
    assert len(at_work.slack.calls_of("views.publish")) == published
    at_work.case(profile=Profile("Nouvelle"))
    at_work.board.stir()
    await at_work.slack.until(lambda: "Nouvelle" in words(at_work.user().home()))
    await homes.close()


async def test_what_was_read_later_is_shown_later(at_work: House, hurried: None) -> None:
    homes = Homes(at_work.desk)
    at_work.slack.faults.order("slow", "views.publish", times=1, delay=0.3)
    first = asyncio.create_task(homes.visit(actor()))
    await at_work.slack.until(lambda: at_work.slack.calls_of("views.publish"))
    at_work.case(profile=Profile("Nouvelle"))
    await asyncio.gather(first, homes.visit(actor()))
    assert "Nouvelle" in words(at_work.user().home())
    await homes.close()


async def test_slacks_limit_and_a_store_that_is_away_only_delay_a_page(at_work: House, hurried: None) -> None:
    homes = Homes(at_work.desk)
    await homes.visit(actor())
    at_work.slack.faults.order("429", "views.publish", times=1, retry_after=1)
    at_work.case(profile=Profile("Nouvelle"))
    at_work.board.stir()
    await at_work.slack.until(lambda: "Nouvelle" in words(at_work.user().home()))
    at_work.board.down = True
    looks = at_work.board.looks
    await at_work.slack.until(lambda: at_work.board.looks > looks + 2)
    at_work.board.down = False
    at_work.case("c_2", profile=Profile("Suivante"))
    at_work.board.stir()
    await at_work.slack.until(lambda: "Suivante" in words(at_work.user().home()))
    await homes.close()


async def test_a_page_that_slack_will_not_have_is_let_go_until_its_owner_comes_again(
    at_work: House, hurried: None
) -> None:
    homes = Homes(at_work.desk)
    await homes.visit(actor())
    person = at_work.slack.workspace.people.pop("U1")
    at_work.case()
    at_work.board.stir()
    keeper = homes._keeper
    assert keeper is not None
    await asyncio.wait_for(keeper, 5)
    at_work.slack.workspace.people["U1"] = person
    await homes.visit(actor())
    assert "Lucie Roy" in words(at_work.user().home())
    await homes.close()


async def test_a_page_nobody_looked_at_for_long_is_let_go(
    at_work: House, hurried: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home_module, "KEPT", 0.05)
    homes = Homes(at_work.desk)
    await homes.visit(actor())
    keeper = homes._keeper
    assert keeper is not None
    await asyncio.wait_for(keeper, 5)
