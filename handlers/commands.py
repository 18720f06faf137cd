"""What a customer asks of the channel itself: /start /help /human /language /privacy."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.decision import Decision
from bot.domain.events import ButtonPress, CustomerCommand
from bot.domain.message import Button
from bot.domain.turn import Turn
from handlers.care import Care
from handlers.saying import answer, menu_buttons, reply

_LANGUAGES = {
    "fr": "fr",
    "français": "fr",
    "francais": "fr",
    "french": "fr",
    "en": "en",
    "english": "en",
    "anglais": "en",
}
_BUTTONS = (Button(id="lang:fr", label="Français"), Button(id="lang:en", label="English"))


async def start(turn: Turn, care: Care) -> Decision:
    """Welcome."""
    text = care.replies.get("command.start", turn.language)
    return answer(turn, care, text, buttons=menu_buttons(care, turn.language))


async def show_help(turn: Turn, care: Care) -> Decision:
    """What we can do."""
    text = care.replies.get("command.help", turn.language)
    return answer(turn, care, text, buttons=menu_buttons(care, turn.language))


async def language(turn: Turn, care: Care) -> Decision:
    """Ask for the language, or take the one that was named."""
    wanted = _wanted(turn)
    if wanted is None:
        return reply(turn, care, care.replies.get("command.language", turn.language), buttons=_BUTTONS)
    chat = replace(turn.chat, language=wanted, language_chosen=True)
    return reply(turn, care, care.replies.get("command.language_set", wanted), chat=chat)


async def privacy(turn: Turn, care: Care) -> Decision:
    """What becomes of the customer's data, in short, and the notice."""
    return reply(turn, care, care.replies.get("command.privacy", turn.language, url=care.privacy_url))


def _wanted(turn: Turn) -> str | None:
    event = turn.event
    if isinstance(event, ButtonPress):
        return _LANGUAGES.get(event.button.partition(":")[2])
    said = event.argument if isinstance(event, CustomerCommand) else ""
    return _LANGUAGES.get(said.strip().casefold())
