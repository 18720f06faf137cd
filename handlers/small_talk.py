"""Politeness: short, and back to what we can do."""

from __future__ import annotations

from bot.domain.decision import Decision
from bot.domain.turn import Turn
from handlers import feedback, handoff
from handlers.care import Care
from handlers.saying import answer, human_button, menu_buttons


async def greet(turn: Turn, care: Care) -> Decision:
    """Hello."""
    return _with_menu(turn, care, "small_talk.greet")


async def how_are_you(turn: Turn, care: Care) -> Decision:
    """How are you?"""
    return _with_menu(turn, care, "small_talk.how_are_you")


async def bot_challenge(turn: Turn, care: Care) -> Decision:
    """Am I talking to a robot? Yes, and a person is a tap away."""
    text = care.replies.get("small_talk.bot_challenge", turn.language)
    return answer(turn, care, text, buttons=(human_button(care, turn.language),))


async def thanks(turn: Turn, care: Care) -> Decision:
    """Thank you. After "did this help?" it means yes."""
    if turn.chat.dialogue.awaiting == "help":
        return await feedback.helped(turn, care)
    return _closing(turn, care, "small_talk.thanks")


async def goodbye(turn: Turn, care: Care) -> Decision:
    """Goodbye."""
    return _closing(turn, care, "small_talk.goodbye")


async def affirm(turn: Turn, care: Care) -> Decision:
    """Yes: to what we asked last, if we did."""
    if turn.chat.dialogue.awaiting == "help":
        return await feedback.helped(turn, care)
    if turn.chat.dialogue.awaiting == "person":
        return await handoff.asked(turn, care)
    return _with_menu(turn, care, "small_talk.affirm")


async def deny(turn: Turn, care: Care) -> Decision:
    """No: to what we asked last, if we did."""
    if turn.chat.dialogue.awaiting == "help":
        return await feedback.not_helped(turn, care)
    return _with_menu(turn, care, "small_talk.deny")


def _with_menu(turn: Turn, care: Care, key: str) -> Decision:
    text = care.replies.get(key, turn.language)
    return answer(turn, care, text, buttons=menu_buttons(care, turn.language))


def _closing(turn: Turn, care: Care, key: str) -> Decision:
    satisfied = turn.chat.dialogue.slot("confirmed") is not None
    return answer(turn, care, care.replies.get(key, turn.language), confirmed=satisfied)
