"""A customer who writes again gets the same agent back, if they can."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.domain.chat import Speaker
from bot.domain.conversation import HandoffReason
from bot.domain.events import AgentClaim, AgentRelease, AgentReply, AgentResolve, AgentTransfer, Command
from bot.domain.identity import Agent
from bot.domain.message import Author
from bot.domain.outgoing import Alert, CaseAlert
from tests.fakes.care import LEA, PHOTO, Story, make_care
from tests.fakes.threads import MemoryRoster


async def resolved(story: Story | None = None, agent: Agent = LEA) -> Story:
    story = await (story or Story()).waits()
    await story.agent(AgentClaim, agent)
    await story.agent(AgentReply, agent, message_id="d1", text="Voilà")
    await story.agent(AgentResolve, agent)
    story.later(hours=2)
    return story


async def test_the_same_agent_has_it_again():
    story = await resolved()
    (told,) = await story.says("encore une chose", faq_return_how=0.9)
    assert told.text == story.text("returning.same", name="Léa")
    assert (told.author, told.answers) == (Author.SYSTEM, True)
    assert (story.speaker, story.handoff.agent) == (Speaker.HUMAN, LEA)
    assert story.alerts == [CaseAlert(kind=Alert.ASSIGNED, team="care", agent=LEA, detail="back")]
    assert "idle" not in story.timers
    assert "agent_idle" in story.timers


async def test_in_the_customer_s_language_and_without_a_name_if_there_is_none():
    story = await resolved(Story(language="en"), Agent("a3", ""))
    (told,) = await story.says("one more thing", faq_return_how=0.9)
    assert told.text == story.text("returning.same_unnamed")


async def test_the_agent_is_away_so_it_waits_for_their_team():
    roster = MemoryRoster()
    story = await resolved(Story(care=make_care(roster=roster)))
    await roster.say(LEA, away=True, at=story.now)
    (told,) = await story.says("encore une chose", faq_return_how=0.9)
    assert told.text.startswith(story.text("returning.away", name="Léa"))
    assert told.text.endswith(story.text("handoff.next"))
    assert (story.speaker, story.handoff.team) == (Speaker.WAITING, "care")
    assert story.handoff.reason is HandoffReason.ASKED
    assert "waiting" in story.timers


async def test_the_agent_s_desk_saw_them_leave():
    roster = MemoryRoster()
    story = await resolved(Story(care=make_care(roster=roster)))
    await roster.saw(LEA.id, online=False)
    await story.says("encore une chose", faq_return_how=0.9)
    assert story.speaker is Speaker.WAITING


async def test_the_team_is_closed_so_it_waits_and_the_customer_learns_until_when():
    story = await resolved()
    story.now = datetime(2026, 10, 5, 19, 0, tzinfo=UTC)
    (told,) = await story.says("encore une chose", faq_return_how=0.9)
    assert "demain à 9 h" in told.text
    assert story.speaker is Speaker.WAITING


async def test_nobody_knows_who_is_here_so_it_waits():
    roster = MemoryRoster()
    story = await resolved(Story(care=make_care(roster=roster)))
    roster.down = True
    await story.says("encore une chose", faq_return_how=0.9)
    assert story.speaker is Speaker.WAITING


async def test_it_comes_back_to_the_team_that_had_it_last():
    story = await Story().waits()
    await story.agent(AgentTransfer, LEA, team="beauty")
    await story.agent(AgentClaim, LEA)
    await story.agent(AgentResolve, LEA)
    await story.says("encore une chose", faq_return_how=0.9)
    assert (story.handoff.team, story.handoff.agent) == ("beauty", LEA)


async def test_what_was_given_back_to_the_bot_is_the_bot_s():
    story = await Story().with_lea()
    await story.agent(AgentRelease)
    await story.says("comment retourner ?", faq_return_how=0.9)
    assert story.speaker is Speaker.BOT
    await story.timer("idle")
    assert story.speaker is Speaker.CLOSED
    await story.says("comment retourner ?", faq_return_how=0.9)
    assert story.speaker is Speaker.BOT


async def test_after_a_day_it_is_a_conversation_with_the_bot():
    story = await resolved()
    story.later(hours=23)
    await story.says("comment retourner ?", faq_return_how=0.9)
    assert story.speaker is Speaker.BOT


async def test_mere_thanks_bother_nobody_and_what_follows_goes_to_the_agent():
    story = await resolved()
    await story.says("merci !", thanks=0.9)
    assert (story.speaker, story.answer.text) == (Speaker.CLOSED, story.text("small_talk.thanks"))
    await story.says("au fait, et mon colis ?", order_status=0.9)
    assert story.handoff.agent == LEA


async def test_an_emergency_goes_to_its_own_team():
    story = await resolved()
    await story.says("ma peau brûle", adverse_reaction=0.9)
    assert (story.handoff.team, story.handoff.urgent) == ("safety", True)
    assert story.answer.text.startswith(story.text("protected.adverse_reaction"))


async def test_it_needs_no_model_no_words_and_no_message():
    for step in ("down", "photo", "command", "button"):
        story = await resolved()
        if step == "down":
            await story.says("allô", nlu_down=True)
        elif step == "photo":
            await story.says("", PHOTO)
        elif step == "command":
            await story.commands(Command.HUMAN)
        else:
            await story.presses("human")
        assert (story.speaker, len(story.answers)) == (Speaker.HUMAN, 1), step


async def test_resolved_again_and_back_again():
    story = await resolved()
    await story.says("encore une chose", faq_return_how=0.9)
    await story.agent(AgentReply, LEA, message_id="d2", text="Voilà")
    await story.agent(AgentResolve, LEA)
    story.later(hours=1)
    await story.says("et une autre", faq_return_how=0.9)
    assert story.handoff.agent == LEA
    assert story.handoff.since == story.now
    assert story.chat.conversation.reopened == 2
    assert story.now - story.chat.conversation.opened_at < timedelta(hours=24)
