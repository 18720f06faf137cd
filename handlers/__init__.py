"""The behaviour: what we do for people. This page is the table; one file a behaviour does the rest.

To change what happens, find the event and the intent below and open the file named beside it.
See docs/how-to/add-a-handler.md.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.domain import events as ev
from bot.domain.chat import Speaker
from bot.domain.decision import Decision
from bot.domain.events import Command
from bot.domain.turn import Turn
from bot.ports.handling import Choice, Choose
from handlers import (
    agents,
    attachments,
    claims,
    clarify,
    commands,
    drafts,
    edits,
    fallback,
    faq,
    feedback,
    handoff,
    lifecycle,
    order_status,
    protected,
    reading,
    receipts,
    resume_email,
    returning,
    satisfaction,
    service_level,
    several,
    small_talk,
    trouble,
    writing,
)
from handlers.care import Behaviour, Care
from handlers.reading import Kind
from handlers.saying import IDLE, SNOOZE, WAITING

__all__ = ["HANDLED_INTENTS", "build_choose"]

# --- while the bot speaks: what the customer's message means -------------------------------------

INTENTS: Mapping[str, Behaviour] = {
    "order_status": order_status.start,
    "talk_to_human": handoff.asked,
    "complaint": handoff.complaint,
    "out_of_scope": fallback.out_of_scope,
    "greet": small_talk.greet,
    "how_are_you": small_talk.how_are_you,
    "bot_challenge": small_talk.bot_challenge,
    "thanks": small_talk.thanks,
    "goodbye": small_talk.goodbye,
    "affirm": small_talk.affirm,
    "deny": small_talk.deny,
    "adverse_reaction": protected.escalate,
    "distress": protected.escalate,
    "threat": protected.escalate,
    "minor": protected.escalate,
    "withdrawal": protected.escalate,
    "data_request": protected.escalate,
}
"""Every intent that is not an FAQ entry; ``faq_…`` goes to ``faq.answer_faq``."""

HANDLED_INTENTS = frozenset(INTENTS)

KINDS: Mapping[Kind, Behaviour] = {
    Kind.DOWN: handoff.bot_down,
    Kind.FILES: attachments.received,
    Kind.WORDLESS: fallback.wordless,
    Kind.GLAD: small_talk.thanks,
    Kind.PROTECTED: protected.escalate,
    Kind.FORM: order_status.continue_form,
    Kind.SEVERAL: several.answer_each,
    Kind.AMBIGUOUS: clarify.did_you_mean,
    Kind.UNSURE: fallback.unsure,
}
"""Messages that are not simply "sure of an intent"."""

# --- by who speaks ------------------------------------------------------------------------------

COMMANDS: Mapping[Speaker, Mapping[str, Behaviour]] = {
    Speaker.BOT: {
        Command.START: commands.start,
        Command.HELP: commands.show_help,
        Command.HUMAN: handoff.asked,
        Command.LANGUAGE: commands.language,
        Command.PRIVACY: commands.privacy,
    },
    Speaker.WAITING: {
        Command.START: handoff.in_queue,
        Command.HELP: handoff.in_queue,
        Command.HUMAN: handoff.in_queue,
        Command.LANGUAGE: commands.language,
        Command.PRIVACY: commands.privacy,
    },
    Speaker.HUMAN: {
        Command.HUMAN: handoff.with_a_person,
        Command.LANGUAGE: commands.language,
        Command.PRIVACY: commands.privacy,
    },
}

BUTTONS: Mapping[Speaker, Mapping[str, Behaviour]] = {
    Speaker.BOT: {
        "faq": faq.answer_pressed,
        "human": handoff.asked,
        "yes": feedback.helped,
        "no": feedback.not_helped,
        "none": fallback.none_of_these,
        "menu": fallback.menu,
        "lang": commands.language,
        satisfaction.RATE: satisfaction.too_late,
    },
    Speaker.WAITING: {
        "faq": faq.pressed_while_waiting,
        "human": handoff.in_queue,
        "email": resume_email.ask,
        "yes": feedback.noted,
        "no": feedback.noted,
        "lang": commands.language,
        satisfaction.RATE: satisfaction.too_late,
    },
    Speaker.HUMAN: {
        "human": handoff.with_a_person,
        "yes": feedback.noted,
        "no": feedback.noted,
        "lang": commands.language,
        satisfaction.RATE: satisfaction.too_late,
    },
    Speaker.CLOSED: {
        satisfaction.RATE: satisfaction.rate,
        satisfaction.SKIP: satisfaction.skip,
    },
}
"""By what stands before the colon of a button's id."""

OTHERWISE: Mapping[Speaker, Behaviour] = {
    Speaker.BOT: feedback.forgotten_button,
    Speaker.WAITING: handoff.acknowledge,
    Speaker.HUMAN: lifecycle.ignored,
}
"""A button or command with no line of its own above."""

# --- everything else ----------------------------------------------------------------------------

EVENTS: Mapping[type[ev.Event], Behaviour] = {
    ev.CustomerEdit: edits.changed,
    ev.CustomerDelete: edits.withdrawn,
    ev.AgentClaim: claims.claim,
    ev.AgentReply: writing.reply,
    ev.AgentEdit: writing.edit,
    ev.AgentDelete: writing.delete,
    ev.AgentNote: writing.note,
    ev.AgentDraft: drafts.hold,
    ev.AgentDecides: drafts.decide,
    ev.AgentTransfer: agents.transfer,
    ev.AgentSnooze: agents.snooze,
    ev.AgentMarksSpam: agents.spam,
    ev.AgentReveal: agents.reveal,
    ev.AgentTeach: agents.teach,
    ev.AgentResolve: agents.resolve,
    ev.AgentRelease: agents.release,
    ev.Hushed: claims.hushed,
    ev.MediaReady: attachments.ready,
    ev.MediaFailed: attachments.failed,
    ev.Receipt: receipts.received,
}

TIMERS: Mapping[str, Behaviour] = {
    IDLE: lifecycle.went_quiet,
    WAITING: lifecycle.still_waiting,
    SNOOZE: agents.snooze_over,
    service_level.SOON: service_level.look,
    service_level.LATE: service_level.look,
    service_level.OPENS: service_level.look,
    lifecycle.AGENT_IDLE: lifecycle.agent_idle,
    lifecycle.AGENT_AWAY: lifecycle.agent_away,
}
"""By name, or by what stands before the colon of the name."""


_FROM_CUSTOMER = (ev.CustomerMessage, ev.CustomerCommand, ev.ButtonPress)


def build_choose(care: Care) -> Choose:
    """The table, with what the handlers read."""

    def choose(turn: Turn) -> Choice:
        behaviour = _pick(turn, care)

        async def handler(turn: Turn) -> Decision:
            decision = await behaviour(turn, care)
            return lifecycle.follow(turn, care, service_level.follow(turn, care, decision))

        return Choice(_name(behaviour), handler)

    return choose


def _pick(turn: Turn, care: Care) -> Behaviour:
    event = turn.event
    if turn.chat.speaker is Speaker.BOT and isinstance(event, _FROM_CUSTOMER):
        if turn.failed:
            return trouble.sorry
        if turn.flooding:
            return trouble.flooded
    behaviour = _for_event(turn, care)
    asks_for_a_person = behaviour is handoff.asked and returning.has_agent(turn)
    return returning.to_the_same if asks_for_a_person else behaviour


def _for_event(turn: Turn, care: Care) -> Behaviour:
    event = turn.event
    if isinstance(event, ev.CustomerMessage):
        return _for_message(turn, care)
    if isinstance(event, ev.CustomerCommand):
        return _by_speaker(COMMANDS, turn, event.command)
    if isinstance(event, ev.ButtonPress):
        return _by_speaker(BUTTONS, turn, event.button.partition(":")[0])
    if isinstance(event, ev.TimerDue):
        return TIMERS.get(event.name) or TIMERS.get(event.name.partition(":")[0], lifecycle.ignored)
    return EVENTS.get(type(event), lifecycle.ignored)


def _by_speaker(table: Mapping[Speaker, Mapping[str, Behaviour]], turn: Turn, key: str) -> Behaviour:
    speaker = turn.chat.speaker
    return table.get(speaker, {}).get(key) or OTHERWISE.get(speaker, lifecycle.ignored)


def _for_message(turn: Turn, care: Care) -> Behaviour:
    """Who takes a message: by who speaks, then by what it means."""
    match turn.chat.speaker:
        case Speaker.BOT:
            return _for_bot(turn, care)
        case Speaker.WAITING:
            return _while_waiting(turn, care)
        case Speaker.HUMAN if resume_email.is_awaited(turn):
            return resume_email.take
        case Speaker.CLOSED:
            return satisfaction.afterwards
        case _:
            return lifecycle.ignored


def _for_bot(turn: Turn, care: Care) -> Behaviour:
    found = reading.read(turn, care)
    if found.kind is not Kind.PROTECTED and returning.comes_back(turn, care):
        return returning.to_the_same
    if attachments.need_eyes(turn, found):
        return attachments.received
    if found.kind is not Kind.SURE:
        return KINDS[found.kind]
    if found.intent.startswith(reading.FAQ):
        return faq.answer_faq
    return INTENTS.get(found.intent, fallback.unsure)


def _while_waiting(turn: Turn, care: Care) -> Behaviour:
    if reading.read(turn, care).kind is Kind.PROTECTED:
        return protected.escalate
    if resume_email.is_awaited(turn):
        return resume_email.take
    if faq.may_answer_waiting(turn, care):
        return faq.answer_waiting
    return handoff.acknowledge


def _name(behaviour: Behaviour) -> str:
    module = str(behaviour.__module__).removeprefix("handlers.")
    return f"{module}.{getattr(behaviour, '__name__', 'handler')}"
