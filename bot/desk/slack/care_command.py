"""``/care``: what is not about one conversation, from anywhere in Slack, and visible to oneself only.

Slack takes no slash command inside a thread: what is done in a conversation is a button or a message
shortcut.
"""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext, AsyncRespond

from bot.desk.slack import kit
from bot.desk.slack.context import ACTOR, Actor, Desk
from bot.desk.slack.details import CHAT, order_line
from bot.desk.slack.escaping import escaped
from bot.desk.slack.finding import folded, search
from bot.desk.slack.home_view import mine_first, queue_line
from bot.desk.slack.names import COMMAND, Act
from bot.desk.slack.saved import matching
from bot.desk.slack.search import sure
from bot.desk.slack.shortening import shorten
from bot.desk.slack.situation import orders_in
from bot.desk.slack.wording import say
from bot.domain.errors import RecordUnavailable, ShopUnavailable, StoreUnavailable
from bot.domain.outgoing import CaseState
from bot.ports.service import CustomerFound

FOUND = 5
SAVED = 15
QUEUE = 20
SHOWN = 1_500
"""Characters of one answer; its whole text is in the conversation's search."""
MAX_WORDS = 200

Json = dict[str, Any]
Said = list[Json]

WORDS = {
    "search": "search", "chercher": "search", "cherche": "search", "faq": "search",
    "customer": "customer", "client": "customer", "cliente": "customer",
    "queue": "queue", "file": "queue", "attente": "queue",
    "away": "away", "absent": "away", "absente": "away", "pause": "away",
    "back": "back", "retour": "back", "present": "back", "presente": "back",
    "saved": "saved", "modeles": "saved", "modele": "saved", "reponses": "saved",
    "help": "help", "aide": "help",
}  # fmt: skip
"""What may be typed, without accents, and what it means."""


def read(typed: str) -> tuple[str, str, str]:
    """What is meant, the words after it, and the word that was not known (then help is meant)."""
    first, _, rest = typed.strip().partition(" ")
    if not first:
        return "help", "", ""
    meant = WORDS.get(folded(first))
    return (meant, rest.strip()[:MAX_WORDS], "") if meant else ("help", "", first[:40])


def nearest(word: str, language: str) -> str:
    """The command that was probably meant, in the words of that language; empty when none is near."""
    near = difflib.get_close_matches(folded(word), WORDS, n=1, cutoff=0.6)
    return say(f"care.word_{WORDS[near[0]]}", language) if near else ""


def register(app: AsyncApp, desk: Desk) -> None:
    """Listen to the command."""
    commands: dict[str, Callable[[Desk, Actor, str], Awaitable[Said]]] = {
        "search": _search,
        "customer": _customer,
        "queue": _queue,
        "saved": _saved,
    }

    @app.command(COMMAND)
    async def care(ack: AsyncAck, respond: AsyncRespond, command: Json, context: AsyncBoltContext) -> None:
        actor: Actor = context[ACTOR]
        meant, words, unknown = read(str(command.get("text") or ""))
        if meant in ("away", "back"):
            # Confirmed to Slack once it is so.
            blocks = await _tried(_availability(desk, actor, away=meant == "away"), actor)
            await ack()
        else:
            await ack()
            told = commands.get(meant)
            blocks = await _tried(told(desk, actor, words), actor) if told else help_blocks(actor, unknown)
        await respond(
            text=say("care.command_summary", actor.language),
            blocks=blocks,
            response_type="ephemeral",
            replace_original=False,
        )


async def _tried(told: Awaitable[Said], actor: Actor) -> Said:
    try:
        return await told
    except (StoreUnavailable, RecordUnavailable):
        return [_line(say("care.not_now", actor.language))]


def help_blocks(actor: Actor, unknown: str = "") -> Said:
    """What there is, with examples; after a word nobody knows, what may have been meant."""
    language = actor.language
    blocks: Said = []
    if unknown:
        near = nearest(unknown, language)
        key = "care.unknown_near" if near else "care.unknown"
        blocks.append(_line(say(key, language, word=unknown, near=near)))
    return [*blocks, kit.section(kit.text(say("care.help", language)))]


def _line(words: str) -> Json:
    return kit.section(kit.text(words))


# --- the commands --------------------------------------------------------------------------


async def _search(desk: Desk, actor: Actor, words: str) -> Said:
    language = actor.language
    if not words:
        return [_line(say("care.search_usage", language))]
    found = await search(desk.nlu, desk.knowledge, words, language, limit=FOUND)
    blocks = [] if found.understood else [kit.context(kit.text(say("care.bot_down", language)))]
    for one in found.found:
        title = kit.bold(one.answer.title)
        note = sure(one.confidence)
        blocks.append(kit.section(kit.mrkdwn(f"{title}  ·  {note}" if note else title)))
        blocks.append(kit.section(kit.text(one.answer.text, SHOWN)))
    if not found.found:
        return [*blocks, _line(say("care.nothing_found", language))]
    return [*blocks, kit.context(kit.text(say("care.send_from_thread", language)))]


async def _customer(desk: Desk, actor: Actor, words: str) -> Said:
    language = actor.language
    if len(words) < 2:
        return [_line(say("care.customer_usage", language))]
    blocks: Said = []
    for number in orders_in([words])[:1]:
        blocks.append(_line(await _order(desk, number, language)))
    found = await desk.service.find_customers(words, limit=FOUND)
    for customer in found:
        blocks.append(_customer_line(customer, language))
    if not found:
        blocks.append(_line(say("care.no_customer", language)))
    return blocks


async def _order(desk: Desk, number: str, language: str) -> str:
    try:
        return order_line(number, await desk.shop.order(number), language)
    except ShopUnavailable:
        return say("care.shop_down", language)


def _customer_line(customer: CustomerFound, language: str) -> Json:
    parts = [
        kit.bold(shorten(customer.name) or say("care.unnamed", language), 60),
        escaped(customer.chat.channel),
        *([escaped(customer.language)] if customer.language else []),
        say("care.last_seen", language, when=kit.on(customer.last_seen)),
        say("care.conversations", language, count=len(customer.conversations)),
    ]
    details = kit.button(say("care.details", language), CHAT, str(customer.chat))
    return kit.section(kit.mrkdwn("  ·  ".join(parts)), details)


async def _queue(desk: Desk, actor: Actor, _words: str) -> Said:
    language = actor.language
    waiting = [case for case in await desk.board.cases() if case.card.state is CaseState.WAITING]
    if not waiting:
        return [_line(say("care.queue_empty", language))]
    blocks = [
        kit.section(
            kit.mrkdwn(queue_line(case.card, desk.teams, language)),
            kit.button(say("care.claim", language), Act.CLAIM, case.conversation),
        )
        for case in mine_first(waiting, actor)[:QUEUE]
    ]
    if len(waiting) > QUEUE:
        blocks.append(kit.context(kit.text(say("care.and_more", language, count=len(waiting) - QUEUE))))
    return blocks


async def _saved(desk: Desk, actor: Actor, words: str) -> Said:
    language = actor.language
    replies = matching(desk.saved_replies.replies, words)
    if not replies:
        return [_line(say("care.no_saved", language))]
    blocks: Said = []
    for reply in replies[:SAVED]:
        blocks.append(kit.section(kit.mrkdwn(kit.bold(reply.title(language)))))
        blocks.append(kit.section(kit.text(reply.text(language), SHOWN)))
    return [*blocks, kit.context(kit.text(say("care.send_from_thread", language)))]


async def _availability(desk: Desk, actor: Actor, *, away: bool) -> Said:
    await desk.roster.say(actor.agent, away=away, at=desk.clock.now())
    return [_line(say("care.now_away" if away else "care.now_back", actor.language))]
