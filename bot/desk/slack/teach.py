"""*Teach the bot*: what a customer asked or an agent answered becomes a proposal that an admin decides on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext

from bot.desk.slack import kit
from bot.desk.slack.context import ACTOR, Actor, Desk
from bot.desk.slack.finding import folded
from bot.desk.slack.names import NAME, Modal, Shortcut, said_at
from bot.desk.slack.opening import open_filled
from bot.desk.slack.search import LANGUAGE, language_choice
from bot.desk.slack.shortening import is_shortened, shorten
from bot.desk.slack.situation import Situation, situation, thread_of
from bot.desk.slack.wording import say
from bot.domain.events import AgentTeach
from bot.domain.message import Author
from bot.ports.board import ThreadLine
from bot.ports.knowledge import Knowledge

ENTRY = "entry"
QUESTION = "question"
ANSWER = "answer"
NEW = "new"
MOST_CHOICES = 99
MAX_QUESTION = 500
MAX_ANSWER = 2_500
_LONG_NUMBER = re.compile(r"\d[\d .-]{3,}\d")
_HIDDEN = re.compile(
    r"\[[^\[\]\n]{0,30}(?:•|adresse)[^\[\]\n]{0,30}\]|(?:\+?\d{1,3} |\+)?••(?: ••)+(?: \d\d)?|[^\s•]*•[^\s]*"
)
_FEWEST_DIGITS = 5

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Draft:
    """What the form begins with."""

    question: str = ""
    answer: str = ""
    language: str = ""
    intent: str = ""
    message_id: str = ""


def register(app: AsyncApp, desk: Desk) -> None:
    """Listen to the shortcut, the search among many entries, and the form."""

    @app.shortcut(Shortcut.TEACH)
    async def used(ack: AsyncAck, body: Json, context: AsyncBoltContext) -> None:
        await ack()
        actor: Actor = context[ACTOR]

        async def build() -> Json:
            return await _view(desk, actor, body)

        await open_filled(desk, body, say("care.teach_title", actor.language), actor.language, build)

    @app.options(ENTRY)
    async def searched(ack: AsyncAck, body: Json, context: AsyncBoltContext) -> None:
        actor: Actor = context[ACTOR]
        await ack(options=choices(desk.knowledge, actor.language, str(body.get("value") or "")))

    @app.view(Modal.TEACH)
    async def submitted(ack: AsyncAck, view: Json, context: AsyncBoltContext) -> None:
        await _file(ack, desk, context[ACTOR], view)


async def _file(ack: AsyncAck, desk: Desk, actor: Actor, view: Json) -> None:
    mine, given = actor.language, kit.answers(view)
    conversation, _, message_id = view["private_metadata"].partition("|")
    question, answer = given.get(QUESTION, "").strip(), given.get(ANSWER, "").strip()
    wrong = _wrong(given.get(ENTRY, NEW), question, answer, mine)
    thread = await desk.threads.of(conversation)
    if thread is None:
        wrong = {QUESTION: say("care.gone", mine)}
    if wrong or thread is None:
        await ack(response_action="errors", errors=wrong)
        return
    await desk.inbox.append(
        AgentTeach(
            id=f"desk:{NAME}:view:{view['id']}",
            chat=thread.chat,
            conversation=conversation,
            at=desk.clock.now(),
            agent=actor.agent,
            intent="" if given.get(ENTRY, NEW) == NEW else given[ENTRY],
            question=question,
            answer=answer,
            language=given.get(LANGUAGE) or mine,
            message_id=message_id,
        )
    )
    done = kit.told(say("care.teach_title", mine), say("care.teach_filed", mine), mine)
    await ack(response_action="update", view=done)


def _wrong(entry: str, question: str, answer: str, language: str) -> dict[str, str]:
    if not (question or answer):
        return {QUESTION: say("care.teach_empty", language)}
    if entry == NEW and not (question and answer):
        return {(ANSWER if question else QUESTION): say("care.teach_both", language)}
    return {QUESTION: say("care.teach_personal", language)} if is_shortened(question) else {}


async def _view(desk: Desk, actor: Actor, body: Mapping[str, Any]) -> Json:
    title = say("care.teach_title", actor.language)
    thread = await thread_of(desk, body)
    here = await situation(desk, actor, thread.conversation) if thread else None
    if here is None:
        return kit.told(title, say("care.teach_elsewhere", actor.language), actor.language)
    ts = str(body["message"]["ts"])
    # What an agent wrote in Slack is known by where it stands; what the desk posted was remembered.
    message_id = await desk.threads.named(here.conversation, ts) or said_at(str(body["channel"]["id"]), ts)
    draft = _begun(here, message_id, desk.knowledge)
    return form(desk.knowledge, actor.language, here.conversation, draft)


def form(knowledge: Knowledge, mine: str, conversation: str, draft: Draft) -> Json:
    """The form, with what is known filled in."""
    answer = kit.typed(
        ANSWER,
        say("care.teach_answer", mine),
        value=draft.answer,
        most=MAX_ANSWER,
        multiline=True,
        optional=True,
        hint=say("care.teach_answer_hint", mine),
    )
    question = kit.typed(
        QUESTION,
        say("care.teach_question", mine),
        value=draft.question,
        most=MAX_QUESTION,
        multiline=True,
        optional=True,
        hint=say("care.teach_question_hint", mine),
    )
    entry = kit.asked(ENTRY, say("care.teach_entry", mine), entry_menu(knowledge, mine, draft.intent))
    blocks = [
        kit.context(kit.text(say("care.teach_intro", mine))),
        entry,
        question,
        answer,
        language_choice(mine, draft.language),
    ]
    metadata = f"{conversation}|{draft.message_id}"
    submit = say("care.teach_file", mine)
    title = say("care.teach_title", mine)
    return kit.modal(title, blocks, mine, callback=Modal.TEACH, metadata=metadata, submit=submit)


def entry_menu(knowledge: Knowledge, language: str, intent: str) -> Json:
    """A new entry, or one of those there are: a menu of them all as long as Slack takes so many."""
    new = kit.option(say("care.teach_new", language), NEW)
    answer = knowledge.answer(intent, language) if intent else None
    chosen = kit.option(answer.title, intent) if answer else new
    if len(knowledge.intents()) <= MOST_CHOICES:
        options = choices(knowledge, language, "")
        return {"type": "static_select", "action_id": ENTRY, "options": options, "initial_option": chosen}
    return {
        "type": "external_select",
        "action_id": ENTRY,
        "min_query_length": 0,
        "initial_option": chosen,
    }


def choices(knowledge: Knowledge, language: str, words: str) -> list[Json]:
    """A new entry first, then those whose name or title holds the words, by title."""
    wanted = folded(words)
    found = []
    for intent in knowledge.intents():
        answer = knowledge.answer(intent, language)
        title = answer.title if answer else intent
        if wanted in folded(f"{title} {intent}"):
            found.append((folded(title), kit.option(title, intent)))
    ordered = [option for _, option in sorted(found, key=lambda one: one[0])]
    return [kit.option(say("care.teach_new", language), NEW), *ordered[:MOST_CHOICES]]


def _begun(here: Situation, message_id: str, knowledge: Knowledge) -> Draft:
    """From a customer's message its question; from an agent's answer that, and what it answers."""
    chosen = next((line for line in here.lines if line.said.line.message_id == message_id), None)
    answer = ""
    asked = chosen
    if chosen is not None and chosen.said.line.author is not Author.CUSTOMER:
        answer = chosen.said.line.text if chosen.said.line.author is Author.AGENT else ""
        asked = here.last_of_customer(before=message_id)
    return Draft(
        question=anonymous(asked.said.line.text, here.name)[:MAX_QUESTION] if asked else "",
        answer=anonymous(answer, here.name)[:MAX_ANSWER],
        language=here.language,
        intent=_likely(asked, knowledge, here.language),
        message_id=message_id,
    )


def _likely(asked: ThreadLine | None, knowledge: Knowledge, language: str) -> str:
    guesses = asked.said.guesses if asked else ()
    return next((one.intent for one in guesses if knowledge.answer(one.intent, language)), "")


def anonymous(words: str, name: str) -> str:
    """The words without what tells who wrote them: addresses, phone numbers, their own name; long numbers
    keep their length only."""
    words = _HIDDEN.sub("…", shorten(words))
    words = _LONG_NUMBER.sub(_same_length, words)
    for part in name.split():
        if len(part) > 2:
            words = re.sub(rf"(?<!\w){re.escape(part)}(?!\w)", "…", words, flags=re.IGNORECASE)
    return words


def _same_length(found: re.Match[str]) -> str:
    digits = iter("1234567890" * len(found[0]))
    written = sum(one.isdigit() for one in found[0])
    if written < _FEWEST_DIGITS:
        return found[0]
    return "".join(next(digits) if one.isdigit() else one for one in found[0])
