"""A first answer, then a solution, in opening time: the clock, and who is told when it runs out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.domain.chat import Speaker
from bot.domain.conversation import ServiceLevel
from bot.domain.events import (
    AgentClaim,
    AgentDelete,
    AgentRelease,
    AgentReply,
    AgentResolve,
    AgentSnooze,
    AgentTransfer,
    Receipt,
    ReceiptStatus,
)
from bot.domain.outgoing import Alert, CaseAlert
from handlers.lifecycle import AGENT_IDLE
from handlers.service_level import LATE, OPENS, SOON
from handlers.teams import Team, teams
from tests.fakes.care import LEA, MONDAY_10H, OMAR, SUNDAY_10H, Story, make_care

CARE = Team(
    name="care",
    first_response=timedelta(minutes=20),
    resolution=timedelta(hours=4),
    escalation="leads",
)
BEAUTY = Team(name="beauty", first_response=timedelta(minutes=60))
TEAMS = teams([CARE, BEAUTY, Team(name="leads")])


def story(now: datetime = MONDAY_10H) -> Story:
    return Story(care=make_care(teams=TEAMS), now=now)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


async def test_asking_for_a_person_starts_the_clock():
    told = await story().waits()
    assert (told.handoff.due, told.handoff.level) == (MONDAY_10H + minutes(20), ServiceLevel.ON_TIME)
    assert told.timers[SOON] == MONDAY_10H + minutes(15)
    assert told.timers[LATE] == MONDAY_10H + minutes(20)


async def test_without_a_promise_there_is_no_clock():
    told = await Story().waits()
    assert told.handoff.due is None
    assert not {SOON, LATE} & set(told.timers)


async def test_near_the_promise_the_team_is_told_once():
    told = await story().waits()
    await told.timer(SOON)
    assert told.alerts == [CaseAlert(kind=Alert.DUE_SOON, team="care")]
    assert told.handoff.level is ServiceLevel.DUE_SOON
    await told.timer(SOON)
    assert told.alerts == []


async def test_past_it_the_escalation_team_is_told_once():
    told = await story().waits()
    await told.timer(SOON)
    await told.timer(LATE)
    assert told.alerts == [CaseAlert(kind=Alert.OVERDUE, team="leads")]
    assert told.handoff.level is ServiceLevel.OVERDUE
    await told.timer(LATE)
    await told.timer(SOON)
    assert (told.alerts, told.handoff.level) == ([], ServiceLevel.OVERDUE)


async def test_a_timer_that_comes_much_too_late_says_only_what_is_true_by_then():
    told = await story().waits()
    told.later(hours=1)
    await told.timer(SOON)
    assert [alert.kind for alert in told.alerts] == [Alert.OVERDUE]
    await told.timer(LATE)
    assert told.alerts == []


async def test_a_timer_of_an_earlier_clock_says_nothing():
    told = await story().waits()
    told.later(minutes=14)
    await told.agent(AgentTransfer, LEA, team="beauty")
    told.timers.clear()
    told.later(minutes=6)
    await told.timer(LATE)
    assert (told.alerts, told.handoff.level) == ([], ServiceLevel.ON_TIME)


async def test_a_claim_does_not_stop_the_clock_and_its_agent_is_told():
    told = await story().with_lea()
    assert told.handoff.due == MONDAY_10H + minutes(20)
    await told.timer(SOON)
    assert told.alerts == [CaseAlert(kind=Alert.DUE_SOON, team="care", agent=LEA)]


async def test_a_person_s_first_words_turn_the_clock_to_the_solution():
    told = await story().with_lea()
    await told.timer(SOON)
    await told.agent(AgentReply, LEA, message_id="d1", text="Bonjour")
    answered = told.now
    assert (told.handoff.answered, told.handoff.level) == (True, ServiceLevel.ON_TIME)
    assert told.handoff.due == answered + timedelta(hours=4)
    assert told.timers[SOON] == answered + timedelta(hours=3)
    told.later(minutes=5)
    await told.agent(AgentReply, LEA, message_id="d2", text="Je regarde")
    assert told.handoff.due == answered + timedelta(hours=4)


async def test_a_team_that_promises_no_solution_has_no_clock_after_its_first_words():
    told = await story().waits()
    await told.agent(AgentTransfer, LEA, team="beauty")
    await told.agent(AgentReply, OMAR, message_id="d1", text="Bonjour")
    assert told.handoff.due is None
    assert not {SOON, LATE} & set(told.timers)


async def test_a_reply_that_claims_answers_at_once():
    told = await story().waits()
    await told.agent(AgentReply, LEA, message_id="d1", text="Bonjour")
    assert told.handoff.answered
    assert told.handoff.due == MONDAY_10H + timedelta(hours=4)


async def test_a_take_over_keeps_the_clock():
    told = await story().with_lea()
    told.later(minutes=5)
    await told.agent(AgentClaim, OMAR, take_over=True)
    assert told.handoff.due == MONDAY_10H + minutes(20)


async def test_a_transfer_starts_the_clock_anew():
    told = await story().with_lea()
    await told.agent(AgentReply, LEA, message_id="d1", text="Bonjour")
    told.later(minutes=30)
    await told.agent(AgentTransfer, LEA, team="beauty")
    assert (told.handoff.answered, told.handoff.due) == (False, told.now + minutes(60))


async def test_an_alarm_of_the_same_team_keeps_the_clock():
    told = await story().waits()
    told.later(minutes=5)
    await told.says("je me rétracte de ma commande", withdrawal=0.9)
    assert told.handoff.urgent
    assert told.handoff.due == MONDAY_10H + minutes(20)


async def test_an_alarm_for_another_team_starts_that_team_s_clock():
    told = Story(care=make_care(teams=teams([CARE, Team(name="safety", first_response=minutes(5))])))
    await told.waits()
    told.later(minutes=10)
    await told.says("je veux mourir", distress=0.9)
    assert (told.handoff.team, told.handoff.due) == ("safety", told.now + minutes(5))


async def test_the_end_stops_the_clock():
    for end in (AgentResolve, AgentRelease):
        told = await story().with_lea()
        await told.agent(end, LEA)
        assert not {SOON, LATE, OPENS} & set(told.timers), end
        await told.timer(LATE)
        assert told.alerts == []


async def test_out_of_hours_the_clock_stands_still_and_the_card_says_when_the_team_is_back():
    told = await story(SUNDAY_10H).waits()
    opens = datetime(2026, 10, 5, 7, 0, tzinfo=UTC)
    assert told.handoff.back_at == opens
    assert told.handoff.due == opens + minutes(20)
    assert told.timers[OPENS] == opens
    await told.timer(OPENS)
    assert (told.handoff.back_at, told.alerts) == (None, [])


async def test_what_is_left_of_the_time_goes_on_the_next_morning():
    evening = datetime(2026, 10, 5, 16, 50, tzinfo=UTC)  # 18:50 in Paris; the team leaves at 19:00
    told = await story(evening).waits()
    assert told.handoff.due == datetime(2026, 10, 6, 7, 10, tzinfo=UTC)
    assert told.timers[SOON] == datetime(2026, 10, 6, 7, 5, tzinfo=UTC)


async def test_a_team_that_closes_while_the_customer_waits_is_noticed_when_they_write():
    told = await story().waits()
    told.now = datetime(2026, 10, 5, 20, 0, tzinfo=UTC)
    await told.says("vous êtes là ?", faq_contact=0.9)
    assert told.handoff.back_at == datetime(2026, 10, 6, 7, 0, tzinfo=UTC)
    assert told.timers[OPENS] == told.handoff.back_at


async def test_who_has_it_is_not_told_that_the_team_is_away():
    told = await story(SUNDAY_10H).waits()
    await told.agent(AgentClaim, LEA)
    assert told.handoff.back_at is None
    assert OPENS not in told.timers


async def test_while_it_is_snoozed_nobody_is_reminded():
    told = await story().with_lea()
    until = told.now + minutes(50)
    await told.agent(AgentSnooze, LEA, until=until)
    await told.timer(SOON)
    assert (told.alerts, told.timers[SOON]) == ([], until)
    await told.timer(LATE)
    assert (told.alerts, told.timers[LATE]) == ([], until)
    told.now = until
    await told.timer("snooze")
    await told.timer(LATE)
    assert [alert.kind for alert in told.alerts] == [Alert.OVERDUE]


async def test_timers_do_nothing_while_the_bot_speaks():
    told = story()
    await told.says("comment retourner ?", faq_return_how=0.9)
    for name in (SOON, LATE, OPENS):
        await told.timer(name)
        assert (told.speaker, told.alerts, told.messages) == (Speaker.BOT, [], [])


async def test_an_answer_that_was_taken_back_before_it_left_was_none():
    told = await story().waits()
    told.later(minutes=5)
    await told.agent(AgentReply, message_id="a1", text="Bonjour, euh…")
    assert told.handoff.answered
    await told.agent(AgentDelete, deleted_id="a1")
    await dropped(told, "a1")
    assert (told.handoff.answered, told.handoff.due) == (False, MONDAY_10H + minutes(20))
    assert told.timers[LATE] == MONDAY_10H + minutes(20)
    assert AGENT_IDLE in told.timers


async def test_of_two_answers_the_one_that_left_counts():
    told = await story().waits()
    await told.agent(AgentReply, message_id="a1", text="Bonjour,")
    await told.agent(AgentReply, message_id="a2", text="euh…")
    await told.agent(AgentDelete, deleted_id="a2")
    await dropped(told, "a2")
    assert told.handoff.answered
    assert told.handoff.due == MONDAY_10H + timedelta(hours=4)


async def dropped(told: Story, message_id: str) -> None:
    await told.happens(told._event(Receipt, message_id=message_id, status=ReceiptStatus.DROPPED))
