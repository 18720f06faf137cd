"""Who may act, and what is believed of them while Slack cannot be asked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

from bot.desk.slack.authority import (
    FRESH,
    SPARED,
    STALE,
    Directory,
    Person,
    Reason,
    Refused,
    SlackSilent,
    Staff,
    authorise,
)
from bot.desk.slack.context import Actor, DeskTeam
from bot.ports.roster import Role
from tests.builders import NOW
from tests.fakes.desk import FixedClock

HOME = "T1"
TEAMS = {
    "care": DeskTeam(name="care", titles={}, channels=("C1",), agents=("U1", "U2"), leads=("U3",)),
    "returns": DeskTeam(name="returns", titles={}, channels=("C2",), agents=("U2", "U3")),
}
STAFF = Staff.of(TEAMS, admins=("U9", "U2"))


def info(user: str = "U1", **more: Any) -> dict[str, Any]:
    return {
        "id": user,
        "team_id": HOME,
        "real_name": "Anna Blanc",
        "locale": "fr-FR",
        "tz": "Europe/Paris",
        **more,
    }


def judged(**more: Any) -> Actor | Refused:
    return authorise(Person.read(info(**more)), STAFF, HOME)


def test_a_named_member_acts_under_their_real_name_and_in_their_language() -> None:
    actor = judged()
    assert isinstance(actor, Actor)
    assert (actor.agent.id, actor.agent.name, actor.language) == ("slack:U1", "Anna Blanc", "fr")
    assert (actor.role, actor.teams) == (Role.AGENT, ("care",))


def test_the_highest_role_counts_and_every_team_they_are_in() -> None:
    assert STAFF.members["U3"].role is Role.LEAD
    assert STAFF.members["U3"].teams == ("care", "returns")
    assert STAFF.members["U2"].role is Role.ADMIN
    assert STAFF.members["U9"].teams == ()


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ({"user": "U8"}, Reason.UNKNOWN),
        ({"is_restricted": True}, Reason.GUEST),
        ({"is_ultra_restricted": True}, Reason.GUEST),
        ({"deleted": True}, Reason.GONE),
        ({"is_bot": True}, Reason.BOT),
        ({"team_id": "T2"}, Reason.STRANGER),
        ({"is_stranger": True}, Reason.STRANGER),
        ({"team_id": None}, Reason.STRANGER),
    ],
)
def test_whoever_is_anything_else_is_refused_even_if_named(what: dict[str, Any], reason: Reason) -> None:
    refused = judged(**what)
    assert isinstance(refused, Refused)
    assert refused.reason is reason


def test_slackbot_is_a_bot_and_a_colleague_of_the_same_company_is_none_of_a_stranger() -> None:
    assert authorise(Person.read(info("USLACKBOT")), STAFF, HOME) == Refused("USLACKBOT", Reason.BOT, "fr")
    assert isinstance(judged(team_id="E1", enterprise_user={"teams": ["T0", HOME]}), Actor)


# --- asking Slack --------------------------------------------------------------------------------


@dataclass
class Client:
    """Answers as told; counts what it is asked."""

    error: Exception | None = None
    asked: list[str] = field(default_factory=list)
    slow: float = 0.0

    async def users_info(self, *, user: str, include_locale: bool) -> dict[str, Any]:
        assert include_locale
        self.asked.append(user)
        await asyncio.sleep(self.slow)
        if self.error:
            raise self.error
        return {"user": info(user)}

    async def auth_test(self) -> dict[str, Any]:
        self.asked.append("auth")
        if self.error:
            raise self.error
        return {"team_id": HOME, "user_id": "UBOT"}


def refusal(code: str) -> SlackApiError:
    return SlackApiError("no", {"ok": False, "error": code})


def directory(client: Client) -> tuple[Directory, FixedClock]:
    clock = FixedClock(NOW)
    return Directory(client, clock), clock  # type: ignore[arg-type]


async def test_somebody_is_asked_about_once_in_five_minutes() -> None:
    client = Client()
    known, clock = directory(client)
    await known.person("U1")
    clock.time += FRESH - timedelta(seconds=1)
    await known.person("U1")
    assert client.asked == ["U1"]
    clock.time += timedelta(seconds=2)
    await known.person("U1")
    assert client.asked == ["U1", "U1"]


async def test_those_who_ask_at_the_same_time_share_one_question() -> None:
    client = Client(slow=0.01)
    known, _ = directory(client)
    people = await asyncio.gather(*(known.person("U1") for _ in range(10)))
    assert {person.user for person in people} == {"U1"}
    assert client.asked == ["U1"]


async def test_one_who_stops_waiting_takes_the_answer_from_nobody_else() -> None:
    client = Client(slow=0.02)
    known, _ = directory(client)
    impatient = asyncio.create_task(known.person("U1"))
    patient = asyncio.create_task(known.person("U1"))
    await asyncio.sleep(0)
    impatient.cancel()
    assert (await patient).user == "U1"


@pytest.mark.parametrize("error", [refusal("ratelimited"), TimeoutError(), OSError("down")])
async def test_while_slack_cannot_be_asked_what_it_said_last_is_believed_for_a_while(
    error: Exception,
) -> None:
    client = Client()
    known, clock = directory(client)
    await known.person("U1")
    client.error = error
    clock.time += STALE - timedelta(minutes=1)
    assert (await known.person("U1")).user == "U1"
    clock.time += timedelta(minutes=2)
    with pytest.raises(SlackSilent):
        await known.person("U1")


async def test_a_slack_that_does_not_answer_is_not_asked_for_each_message() -> None:
    client = Client()
    known, clock = directory(client)
    await known.person("U1")
    client.error = TimeoutError()
    clock.time += FRESH
    for _ in range(50):
        await known.person("U1")
    assert len(client.asked) == 2
    clock.time += SPARED
    await known.person("U1")
    assert len(client.asked) == 3


async def test_nobody_is_let_in_whom_slack_never_vouched_for() -> None:
    known, _ = directory(Client(error=refusal("internal_error")))
    with pytest.raises(SlackSilent):
        await known.person("U1")


async def test_somebody_slack_does_not_know_is_a_stranger() -> None:
    known, _ = directory(Client(error=refusal("user_not_found")))
    person = await known.person("U1")
    assert person.is_stranger


async def test_who_we_are_is_asked_until_it_is_known_and_then_no_more() -> None:
    client = Client(error=refusal("ratelimited"))
    known, _ = directory(client)
    with pytest.raises(SlackSilent):
        await known.ourselves()
    client.error = None
    assert (await known.ourselves()).user == "UBOT"
    await known.ourselves()
    assert client.asked == ["auth", "auth"]
