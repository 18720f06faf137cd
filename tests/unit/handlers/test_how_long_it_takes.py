"""An honest range of waiting time, or none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from bot.domain.events import Command
from handlers.teams import Team, teams
from handlers.waiting_time import STEPS, expected
from tests.fakes.care import MONDAY_10H, SUNDAY_10H, Story, make_care
from tests.fakes.threads import MemoryWaits

QUICK = [60.0, 100.0, 140.0, 200.0, 300.0, 400.0, 500.0, 550.0, 590.0, 3_000.0]
"""Three in ten waited at most 140 s, nine in ten at most 590 s."""


def test_between_what_three_in_ten_and_nine_in_ten_waited_rounded_up():
    assert expected(QUICK) == (3, 10)


def test_of_fewer_than_five_nothing_is_said():
    assert expected(QUICK[:4]) is None
    assert expected(QUICK[:5]) is not None


def test_what_takes_longer_than_people_would_wait_in_front_of_a_screen_is_not_said():
    assert expected([5 * 3600.0] * 9) is None
    assert expected([60.0 * STEPS[-1]] * 9) == (STEPS[-1], STEPS[-1])


def test_those_who_wait_longer_than_all_the_others_did_count_too():
    assert expected(QUICK, [30.0, 200.0]) == (3, 10)
    assert expected(QUICK, [1_900.0] * 5) == (5, 45)


@pytest.mark.parametrize(
    ("waits", "language", "said"),
    [
        (QUICK, "fr", "comprise entre 3 et 10 minutes."),
        (QUICK, "en", "between 3 and 10 minutes."),
        ([30.0] * 5, "fr", "d'environ 1 minute."),
        ([30.0] * 5, "en", "about 1 minute."),
        ([240.0] * 5, "fr", "d'environ 5 minutes."),
        ([2_400.0] * 3 + [5_000.0] * 5, "fr", "entre 45 minutes et 1 h 30."),
        ([3_500.0] * 5, "fr", "d'environ 1 heure."),
        ([7_000.0] * 5, "en", "about 2 hours."),
    ],
)
async def test_a_customer_who_asks_for_a_person_is_told(waits: Sequence[float], language: str, said: str):
    story = await Story(care=make_care(waits=MemoryWaits(care=waits)), language=language).waits()
    assert said in story.answer.text
    assert story.answer.text.endswith(story.text("handoff.next"))


async def test_and_again_when_they_ask_where_they_are_in_the_queue():
    story = await Story(care=make_care(waits=MemoryWaits(care=QUICK))).waits()
    await story.commands(Command.HUMAN)
    assert "entre 3 et 10 minutes" in story.answer.text


async def test_the_queue_as_it_is_now_is_looked_at():
    async def queue(team: str) -> Sequence[datetime]:
        return [MONDAY_10H - timedelta(minutes=40)] * 5 if team == "care" else []

    story = await Story(care=make_care(waits=MemoryWaits(care=QUICK), queue=queue)).waits()
    assert "et 45 minutes" in story.answer.text


async def test_those_who_waited_through_the_night_have_not_waited_that_long():
    async def queue(_team: str) -> Sequence[datetime]:
        return [MONDAY_10H - timedelta(days=1)] * 5  # the team is there since an hour

    story = await Story(care=make_care(waits=MemoryWaits(care=QUICK), queue=queue)).waits()
    assert "et 1 heure" in story.answer.text


def nothing_is_said(story: Story) -> bool:
    return "attente" not in story.answer.text


async def test_nothing_to_who_sounds_an_alarm():
    """What is urgent goes first; how long the others waited says nothing of it."""
    story = Story(care=make_care(waits=MemoryWaits(care=QUICK, safety=QUICK)))
    await story.says("je veux mourir", distress=0.9)
    assert nothing_is_said(story)
    await story.commands(Command.HUMAN)
    assert nothing_is_said(story)


async def test_nothing_when_it_takes_long_to_find_out():
    async def queue(_team: str) -> Sequence[datetime]:
        raise TimeoutError

    assert nothing_is_said(await Story(care=make_care(waits=MemoryWaits(care=QUICK), queue=queue)).waits())


async def test_nothing_while_the_team_is_closed():
    story = await Story(care=make_care(waits=MemoryWaits(care=QUICK)), now=SUNDAY_10H).waits()
    assert nothing_is_said(story)


async def test_nothing_when_nothing_is_known():
    assert nothing_is_said(await Story().waits())
    waits = MemoryWaits(care=QUICK)
    waits.down = True
    assert nothing_is_said(await Story(care=make_care(waits=waits)).waits())


async def test_nothing_when_the_team_does_not_want_it():
    silent = teams([Team(name="care", tell_waiting_time=False)])
    story = await Story(care=make_care(waits=MemoryWaits(care=QUICK), teams=silent)).waits()
    assert nothing_is_said(story)
