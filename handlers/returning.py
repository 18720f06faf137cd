"""A customer who writes again soon after an agent had their conversation gets that agent back.

If the agent is away or the team closed, the conversation waits in that team's queue. What was given back to
the bot is the bot's, and so is a conversation that begins anew.
"""

from __future__ import annotations

from dataclasses import replace

from bot.domain.chat import Speaker
from bot.domain.conversation import Handoff, HandoffReason
from bot.domain.decision import CancelTimer, Decision
from bot.domain.errors import StoreUnavailable
from bot.domain.identity import Agent
from bot.domain.outgoing import Alert, CaseAlert
from bot.domain.turn import Turn
from handlers import handoff
from handlers.care import Care
from handlers.satisfaction import has_closing_words
from handlers.saying import IDLE, WAITING, notice
from handlers.service_level import LAST_TEAM

MAX_NAME = 40
BACK = "back"
"""The detail of the alert that tells the agent."""


def has_agent(turn: Turn) -> bool:
    """Whether an agent had this conversation before it was reopened, and did not give it to the bot."""
    conversation = turn.chat.conversation
    return (
        turn.chat.speaker is Speaker.BOT and conversation is not None and conversation.last_agent is not None
    )


def comes_back(turn: Turn, care: Care) -> bool:
    """Whether this message goes to that agent. Mere thanks need nobody."""
    return has_agent(turn) and not has_closing_words(turn, care.thresholds)


async def to_the_same(turn: Turn, care: Care) -> Decision:
    """The same agent has it again if they are here; otherwise their team's queue has."""
    conversation = turn.chat.conversation
    agent = conversation.last_agent if conversation else None
    if agent is None:
        return await handoff.asked(turn, care)
    team = turn.chat.mark(LAST_TEAM) or care.default_team
    if care.hours.of(team).closes_at(turn.now) is not None and await _is_here(agent, care):
        return _taken_again(turn, care, agent, team)
    return await _in_the_queue(turn, care, agent, team)


async def _is_here(agent: Agent, care: Care) -> bool:
    try:
        return (await care.roster.presence(agent.id)).is_here
    except StoreUnavailable:
        return False


def _taken_again(turn: Turn, care: Care, agent: Agent, team: str) -> Decision:
    chat = turn.chat.claim(agent, _request(turn, team))
    told = notice(
        turn,
        _text(turn, care, "returning.same", agent),
        chat=chat,
        timers=(CancelTimer(name=IDLE), CancelTimer(name=WAITING)),
    )
    return replace(told, desk=(CaseAlert(kind=Alert.ASSIGNED, team=team, agent=agent, detail=BACK),))


async def _in_the_queue(turn: Turn, care: Care, agent: Agent, team: str) -> Decision:
    chat = turn.chat.hand_off(_request(turn, team))
    opening = _text(turn, care, "returning.away", agent)
    return notice(
        turn,
        f"{opening}\n\n{await handoff.when_and_next(turn, care, team)}",
        chat=chat,
        buttons=handoff.email_buttons(turn, care, chat),
        timers=(CancelTimer(name=IDLE), *handoff.reminder(turn, care, team)),
    )


def _request(turn: Turn, team: str) -> Handoff:
    return Handoff(reason=HandoffReason.ASKED, team=team, since=turn.now)


def _text(turn: Turn, care: Care, key: str, agent: Agent) -> str:
    name = next(iter(agent.name.split()), "")[:MAX_NAME]
    return care.replies.get(key if name else f"{key}_unnamed", turn.language, name=name)
