"""The forms, as Slack takes them, and when a snooze ends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.desk.slack import modals
from bot.desk.slack.context import DeskTeam
from bot.desk.slack.history import history_view, reveal_view
from bot.desk.slack.names import Modal
from bot.desk.slack.wording import LANGUAGES, problems
from bot.domain.message import Author, Line
from tests.builders import NOW
from tests.fakes.slack.blocks import check_view
from tests.fakes.slack_features import actions, words

TEAMS = {
    f"team{number}": DeskTeam(name=f"team{number}", titles={"fr": "É" * 100, "en": "E"}, channels=("C1",))
    for number in range(120)
}


def test_every_text_is_there_in_both_languages() -> None:
    assert problems() == []


def views(language: str) -> list[dict[str, Any]]:
    lines = [Line(f"m{n}", Author.CUSTOMER, "x" * 8_000, NOW, (), "N" * 300) for n in range(75)]
    return [
        modals.reply_view("c_1", language),
        modals.reply_view("c_1", language, "a" * 3_000),
        modals.transfer_view("c_1", language, TEAMS, "team1"),
        modals.transfer_view("c_1", language, {}, ""),
        modals.snooze_view("c_1", language),
        modals.sure_view(Modal.SPAM, "spam", "c_1", language),
        modals.sure_view(Modal.RESOLVE, "resolve", "c_1", language),
        history_view("c_1", lines, language),
        history_view("c_1", lines, language, 1),
        history_view("c_1", [], language),
        reveal_view(lines[:40], language),
        reveal_view([], language),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_slack_takes_every_form_whatever_is_in_it(language: str) -> None:
    for view in views(language):
        assert check_view(view) == [], view["title"]


def test_pages_hold_every_message_once_and_lead_to_each_other() -> None:
    lines = [Line(f"m{n}", Author.AGENT, f"<{n}>", NOW) for n in range(65)]
    seen: list[str] = []
    for page, buttons in ((0, ["older"]), (1, ["older", "newer"]), (2, ["newer"])):
        view = history_view("c_1", lines, "en", page)
        shown = [line for line in words(view).splitlines() if line.startswith("<") and line.endswith(">")]
        seen = [line for line in shown if line[1:-1].isdigit()] + seen
        assert actions(view) == [f"history_page:{way}" for way in buttons]
    assert seen == [f"<{n}>" for n in range(65)]
    assert actions(history_view("c_1", lines, "en", 99)) == ["history_page:newer"]


def chosen(when: str, at: Any = None) -> dict[str, Any]:
    return {
        "state": {
            "values": {
                "when": {"when": {"selected_option": {"value": when}}},
                "at": {"at": {"selected_date_time": at}},
            }
        }
    }


@pytest.mark.parametrize(
    ("zone", "until"),
    [
        ("Europe/Paris", datetime(2026, 11, 23, 8, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 11, 23, 14, tzinfo=UTC)),
        ("Asia/Tokyo", datetime(2026, 11, 23, 0, tzinfo=UTC)),
        ("", datetime(2026, 11, 23, 8, tzinfo=UTC)),
        ("Nowhere/Land", datetime(2026, 11, 23, 8, tzinfo=UTC)),
    ],
)
def test_tomorrow_is_the_agents_own(zone: str, until: datetime) -> None:
    assert modals.snoozed_until(chosen("tomorrow"), NOW, zone) == until


def test_tomorrow_at_nine_is_nine_when_the_clocks_change_in_between() -> None:
    before = datetime(2026, 10, 24, 20, tzinfo=UTC)  # the night of the change, in Paris
    assert modals.snoozed_until(chosen("tomorrow"), before, "Europe/Paris") == datetime(
        2026, 10, 25, 8, tzinfo=UTC
    )


@pytest.mark.parametrize("at", [None, "soon", -1, 2**40, True])
def test_a_moment_that_is_none_is_none(at: Any) -> None:
    found = modals.snoozed_until(chosen("custom", at), NOW, "")
    assert found is None or found.year == 1970
