"""The few ways of saying something, so that every behaviour says it alike.

* ``answer``: the one answer to a customer while the bot speaks.
* ``notice``: a line of the system, whoever speaks.
* ``reply``: one or the other, by who speaks.
* ``silent``: nothing.
"""

from __future__ import annotations

from dataclasses import replace

from bot.domain.chat import Chat, Speaker
from bot.domain.decision import CancelTimer, Decision, Send, SetTimer, TimerChange
from bot.domain.facts import FactBody
from bot.domain.message import Author, Button
from bot.domain.outgoing import MessageOut
from bot.domain.turn import Turn
from handlers.care import Care

IDLE = "idle"
WAITING = "waiting"
SNOOZE = "snooze"
MAX_BUTTON_BYTES = 64
MAX_LABEL = 60


def answer(
    turn: Turn,
    care: Care,
    text: str,
    *,
    chat: Chat | None = None,
    buttons: tuple[Button, ...] = (),
    topic: str | None = None,
    awaiting: str | None = None,
    unsure: int = 0,
    confirmed: bool = False,
    facts: tuple[FactBody, ...] = (),
    timers: tuple[TimerChange, ...] = (),
) -> Decision:
    """The one answer to what the customer just did; introduces the bot where it must.

    ``chat`` is the next state when it changes. ``awaiting`` names the answer expected next, ``unsure``
    counts how often in a row we did not understand, ``confirmed`` that the customer is satisfied.
    """
    chat = chat or turn.chat
    introduced = chat.dialogue.introduced
    dialogue = replace(chat.dialogue, introduced=True, awaiting=awaiting, unsure=unsure)
    chat = replace(chat, dialogue=dialogue.with_slot("confirmed", "yes" if confirmed else None))
    # What is said on the way to a person (emergency numbers, opening hours) must arrive even if that
    # person claims at once; the bot's other words are dropped then.
    lasting = chat.speaker is not Speaker.BOT
    message = MessageOut(text=text, buttons=buttons, topic=topic, lasting=lasting)
    sends: tuple[Send, ...] = (Send(payload=message),)
    if not introduced:
        sends = (Send(payload=introduction(care, chat, "intro.first")), *sends)
    return Decision(chat=chat, sends=sends, facts=facts, timers=(_idle(turn, care, chat), *timers))


def notice(
    turn: Turn,
    text: str,
    *,
    chat: Chat | None = None,
    buttons: tuple[Button, ...] = (),
    answers: bool = True,
    author: Author = Author.SYSTEM,
    facts: tuple[FactBody, ...] = (),
    timers: tuple[TimerChange, ...] = (),
) -> Decision:
    """A line of the system: true whoever speaks, so no change of speaker makes it obsolete.

    Channels show such lines small: ``author`` is the bot where the words must not be.
    """
    message = MessageOut(text=text, author=author, buttons=buttons, answers=answers, lasting=True)
    return Decision(chat=chat or turn.chat, sends=(Send(payload=message),), facts=facts, timers=timers)


def reply(
    turn: Turn, care: Care, text: str, *, chat: Chat | None = None, buttons: tuple[Button, ...] = ()
) -> Decision:
    """An answer while the bot speaks, a line of the system otherwise."""
    if turn.chat.speaker is Speaker.BOT:
        return answer(turn, care, text, chat=chat, buttons=buttons)
    return notice(turn, text, chat=chat, buttons=buttons)


def silent(turn: Turn, *, facts: tuple[FactBody, ...] = ()) -> Decision:
    """Nothing is said and nothing changes."""
    return Decision(chat=turn.chat, facts=facts)


def introduction(care: Care, chat: Chat, key: str) -> MessageOut:
    """Says that an automatic assistant speaks."""
    text = care.replies.get(key, chat.language or "fr")
    return MessageOut(text=text, author=Author.SYSTEM, answers=False)


def _idle(turn: Turn, care: Care, chat: Chat) -> TimerChange:
    if chat.speaker is Speaker.BOT:
        return SetTimer(name=IDLE, due=turn.now + care.idle_after)
    return CancelTimer(name=IDLE)


# --- buttons -------------------------------------------------------------------------------


def button(care: Care, key: str, language: str, id_: str | None = None) -> Button:
    """A button with a label of ours; its id is the key's own unless given."""
    return Button(id=id_ or key, label=care.replies.get(f"button.{key}", language))


def human_button(care: Care, language: str) -> Button:
    """Talk to a person."""
    return button(care, "human", language)


def topic_button(care: Care, intent: str, language: str) -> Button | None:
    """Ask that FAQ entry, or for an order; None when there is no such thing (any more)."""
    id_ = f"faq:{intent}"
    if len(id_.encode()) > MAX_BUTTON_BYTES:
        return None
    if intent == "order_status":
        return button(care, "order_status", language, id_)
    entry = care.knowledge.answer(intent, language)
    return Button(id=id_, label=entry.title[:MAX_LABEL]) if entry else None


def topic_buttons(care: Care, intents: tuple[str, ...], language: str, most: int = 3) -> tuple[Button, ...]:
    """Buttons of those that exist, each once, at most ``most``."""
    found = (topic_button(care, intent, language) for intent in dict.fromkeys(intents))
    return tuple(one for one in found if one is not None)[:most]


def menu_buttons(care: Care, language: str) -> tuple[Button, ...]:
    """What we can help with, and a person."""
    return (*topic_buttons(care, care.menu, language, len(care.menu)), human_button(care, language))
