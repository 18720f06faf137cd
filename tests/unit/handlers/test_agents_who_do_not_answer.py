"""A customer in an agent's hands does not wait for ever: a reminder, then the queue again. Never the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.domain.chat import Speaker
from bot.domain.conversation import ServiceLevel
from bot.domain.events import (
    AgentClaim,
    AgentRelease,
    AgentReply,
    AgentResolve,
    AgentSnooze,
    AgentTransfer,
    TimerDue,
)
from bot.domain.message import Author
from bot.domain.outgoing import Alert, CaseAlert
from handlers.lifecycle import AGENT_IDLE
from handlers.service_level import SOON
from handlers.teams import Team, teams
from tests.fakes.care import CHAT, LEA, MONDAY_10H, OMAR, Story, make_care

N = timedelta(minutes=15)


async def answered(story: Story | None = None) -> Story:
    story = await (story or Story()).with_lea()
    await story.agent(AgentReply, LEA, message_id="d1", text="Bonjour")
    story.later(minutes=2)
    return story


async def test_an_unanswered_message_reminds_the_agent_then_returns_to_the_queue_at_its_place():
    story = await answered()
    asked = story.handoff.since
    await story.says("et mon colis ?", order_status=0.9)
    assert story.timers[AGENT_IDLE] == story.now + N
    assert await story.timer(AGENT_IDLE) == []
    assert story.alerts == [CaseAlert(kind=Alert.IDLE, team="care", agent=LEA)]
    assert story.speaker is Speaker.HUMAN
    assert story.timers[AGENT_IDLE] == story.now + N
    (told,) = await story.timer(AGENT_IDLE)
    assert (told.text, told.author) == (story.text("agent.returned"), Author.SYSTEM)
    assert story.alerts == [CaseAlert(kind=Alert.RETURNED, team="care", agent=LEA)]
    assert (story.speaker, story.handoff.since, story.handoff.agent) == (Speaker.WAITING, asked, None)
    assert AGENT_IDLE not in story.timers
    assert "waiting" in story.timers


async def test_back_in_the_queue_the_first_answer_is_owed_again():
    promise = Team(name="care", first_response=timedelta(minutes=20))
    story = await answered(Story(care=make_care(teams=teams([promise]))))
    await story.says("et mon colis ?", order_status=0.9)
    await story.timer(AGENT_IDLE)
    await story.timer(AGENT_IDLE)
    assert (story.handoff.answered, story.handoff.level) == (False, ServiceLevel.ON_TIME)
    assert story.handoff.due == story.now + timedelta(minutes=20)
    assert SOON in story.timers


async def test_an_answer_stops_the_clock_even_after_the_reminder():
    story = await answered()
    await story.says("et mon colis ?", order_status=0.9)
    await story.timer(AGENT_IDLE)
    await story.agent(AgentReply, LEA, message_id="d2", text="Il arrive")
    assert AGENT_IDLE not in story.timers
    await story.timer(AGENT_IDLE)
    assert (story.alerts, story.speaker) == ([], Speaker.HUMAN)


async def test_the_clock_runs_from_the_first_message_that_waits():
    story = await answered()
    await story.says("et mon colis ?", order_status=0.9)
    due = story.timers[AGENT_IDLE]
    story.later(minutes=5)
    await story.says("alors ?", order_status=0.6)
    assert story.timers[AGENT_IDLE] == due


async def test_mere_thanks_wait_for_nothing():
    story = await answered()
    await story.says("merci beaucoup", thanks=0.9)
    assert AGENT_IDLE not in story.timers
    await story.says("👍")
    assert AGENT_IDLE not in story.timers


async def test_who_claims_and_says_nothing_is_reminded_too():
    story = await Story().with_lea()
    assert story.timers[AGENT_IDLE] == story.now + N
    await story.timer(AGENT_IDLE)
    assert [alert.kind for alert in story.alerts] == [Alert.IDLE]


async def test_a_colleague_who_takes_over_gets_the_time_anew():
    story = await answered()
    await story.says("et mon colis ?", order_status=0.9)
    await story.timer(AGENT_IDLE)
    story.later(minutes=5)
    await story.agent(AgentClaim, OMAR, take_over=True)
    assert story.timers[AGENT_IDLE] == story.now + N
    await story.timer(AGENT_IDLE)
    assert story.alerts == [CaseAlert(kind=Alert.IDLE, team="care", agent=OMAR)]


async def test_a_colleague_who_takes_over_what_is_answered_owes_nothing():
    story = await answered()
    await story.agent(AgentClaim, OMAR, take_over=True)
    assert AGENT_IDLE not in story.timers


async def test_only_opening_time_counts():
    evening = datetime(2026, 10, 5, 16, 55, tzinfo=UTC)  # 18:55 in Paris; the team leaves at 19:00
    story = await Story(now=evening).with_lea()
    assert story.timers[AGENT_IDLE] == datetime(2026, 10, 6, 7, 10, tzinfo=UTC)


async def test_a_timer_that_comes_early_is_set_again():
    story = await Story().with_lea()
    due = story.timers[AGENT_IDLE]
    story.timers.clear()
    story.later(minutes=1)
    await story.timer(AGENT_IDLE)
    assert (story.alerts, story.timers) == ([], {AGENT_IDLE: due})


async def test_a_snooze_is_time_the_agent_asked_for():
    story = await Story().with_lea()
    until = story.now + timedelta(hours=1)
    await story.agent(AgentSnooze, LEA, until=until)
    await story.timer(AGENT_IDLE)
    assert (story.alerts, story.timers[AGENT_IDLE]) == ([], until + N)


async def test_whatever_ends_or_moves_the_conversation_ends_the_clock():
    for event, values in ((AgentResolve, {}), (AgentRelease, {}), (AgentTransfer, {"team": "beauty"})):
        story = await answered()
        await story.says("et mon colis ?", order_status=0.9)
        await story.agent(event, LEA, **values)
        assert AGENT_IDLE not in story.timers, event
        speaker = story.speaker
        await story.timer(AGENT_IDLE)
        assert (story.alerts, story.messages, story.speaker) == ([], [], speaker)


# --- an agent who went away ----------------------------------------------------------------------


async def goes_away(story: Story, agent_id: str = LEA.id) -> None:
    await story.happens(TimerDue(id="away:1", chat=CHAT, at=story.now, name=f"away:{agent_id}"))


async def test_what_an_agent_who_left_has_not_answered_goes_back_to_the_queue():
    story = await answered()
    await story.says("et mon colis ?", order_status=0.9)
    await goes_away(story)
    assert story.speaker is Speaker.WAITING
    assert story.alerts == [CaseAlert(kind=Alert.RETURNED, team="care", agent=LEA)]
    assert story.handoff.since == MONDAY_10H


async def test_so_does_what_they_never_answered_at_all():
    story = await Story().with_lea()
    await goes_away(story)
    assert story.speaker is Speaker.WAITING


async def test_what_they_answered_stays_theirs():
    story = await answered()
    await goes_away(story)
    assert (story.speaker, story.handoff.agent) == (Speaker.HUMAN, LEA)


async def test_what_a_colleague_has_by_now_stays_the_colleague_s():
    story = await Story().with_lea()
    await story.agent(AgentClaim, OMAR, take_over=True)
    await goes_away(story)
    assert story.handoff.agent == OMAR
    await goes_away(await Story().waits())
