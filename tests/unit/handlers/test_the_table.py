"""The table: complete, and true whatever the model makes of a message."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from bot.domain import events as ev
from bot.domain.chat import Dialogue, Speaker
from bot.domain.message import Author, HoldReason
from bot.domain.turn import Turn
from bot.domain.understanding import Entity, Explanation, Guess, Question, Understanding, Verdict
from handlers import EVENTS, HANDLED_INTENTS, build_choose
from handlers.reading import PROTECTED, SMALL_TALK
from tests.fakes.care import (
    CHAT,
    LEA,
    MONDAY_10H,
    PHOTO,
    STICKER,
    VOICE,
    FakeKnowledge,
    FakeShop,
    Story,
    make_care,
)

INTENT_FILES = sorted((Path(__file__).parents[3] / "rasa_project" / "data" / "intents").glob("*.yml"))


def test_every_event_there_is_has_a_line():
    kinds = {kind for kind in vars(ev).values() if isinstance(kind, type) and issubclass(kind, ev.Event)}
    leaves = {kind for kind in kinds if not any(issubclass(other, kind) for other in kinds - {kind})}
    elsewhere = {ev.CustomerMessage, ev.CustomerCommand, ev.ButtonPress, ev.TimerDue}
    assert leaves == set(EVENTS) | elsewhere


def test_the_intents_of_the_model_are_those_of_the_table():
    learned = set()
    for path in INTENT_FILES:
        learned |= set(YAML(typ="safe").load(path.read_text(encoding="utf-8"))["intents"])
    assert learned == HANDLED_INTENTS


def test_protected_intents_and_small_talk_are_in_the_table():
    assert set(PROTECTED) | SMALL_TALK <= HANDLED_INTENTS


INTENTS = st.sampled_from(
    [*sorted(HANDLED_INTENTS), "faq_return_how", "faq_gone", "faq_routine", "nlu_fallback"]
)
ENTITIES = st.builds(
    Entity,
    name=st.sampled_from(["order_number", "email", "postcode", "phone"]),
    value=st.sampled_from(["4812077", "69002", "x", "", "a@b.fr"]),
    start=st.just(0),
    end=st.just(1),
)
RANKINGS = st.lists(st.builds(Guess, INTENTS, st.floats(0, 1)), min_size=1, max_size=6).map(
    lambda guesses: tuple(sorted(guesses, key=lambda guess: -guess.confidence))
)
QUESTIONS = st.builds(Question, start=st.integers(0, 9), end=st.integers(10, 99), ranking=RANKINGS)
EXPLANATIONS = st.builds(
    Explanation, in_scope=st.floats(0, 1), verdict=st.sampled_from(Verdict), reason=st.text(max_size=9)
)
UNDERSTANDINGS = st.builds(
    Understanding,
    ranking=RANKINGS,
    entities=st.lists(ENTITIES, max_size=3).map(tuple),
    questions=st.one_of(st.just(()), st.tuples(QUESTIONS, QUESTIONS)),
    explanation=st.one_of(st.none(), EXPLANATIONS),
)
TEXTS = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["oui", "non", "4812077", "69002", "4812077 75001", "lea.martin@exemple.fr", "👍", "STOP !"]
    ),
)
FILES = st.lists(st.sampled_from([PHOTO, VOICE, STICKER]), max_size=2)
BUTTONS = st.one_of(
    st.sampled_from(["faq:faq_return_how", "faq:faq_gone", "faq:order_status", "human", "none", "menu"]),
    st.sampled_from(["yes:faq_return_how", "no:faq_routine", "lang:en", "lang:xx", "email", "yes:"]),
    st.text(max_size=8),
)
DIALOGUES = st.builds(
    Dialogue,
    introduced=st.booleans(),
    unsure=st.integers(0, 4),
    awaiting=st.sampled_from([None, "order", "help", "person", "contact_email", "gone"]),
    slots=st.sampled_from([(), (("order_number", "4812077"),), (("help_topic", "faq_gone"),)]),
    topics=st.lists(st.sampled_from(["faq_return_how", "faq_gone"]), max_size=3).map(tuple),
)


def story_with(dialogue: Dialogue, shop_is_down: bool) -> Story:
    shop = FakeShop()
    shop.down = shop_is_down
    story = Story(make_care(knowledge=FakeKnowledge(missing=["faq_gone"]), shop=shop))
    asyncio.run(story.says("bonjour", greet=0.9))
    story.chat = replace(story.chat, dialogue=dialogue)
    return story


def check_answer(story: Story, dialogue: Dialogue, most: int = 1) -> None:
    *first, last = story.answers
    assert len(first) < most
    assert all(answer.text.strip() and not answer.buttons for answer in first)
    assert sum(not answer.topic for answer in first) <= 1  # a question that was not understood
    assert last.text.strip()
    topics = [answer.topic for answer in (*first, last) if answer.topic]
    assert len(set(topics)) == len(topics)
    assert all(0 < len(button.id.encode()) <= 64 and button.label for button in last.buttons)
    assert len({button.id for button in last.buttons}) == len(last.buttons) <= 7
    assert (len(story.messages) == len(story.answers) + 1) == (not dialogue.introduced)
    assert story.messages[0].author is Author.SYSTEM or dialogue.introduced
    assert story.speaker in (Speaker.BOT, Speaker.WAITING)
    assert ("idle" in story.timers) == (story.speaker is Speaker.BOT)


@settings(max_examples=150, deadline=None)
@given(
    text=TEXTS,
    files=FILES,
    meaning=st.one_of(st.none(), UNDERSTANDINGS),
    dialogue=DIALOGUES,
    nlu_down=st.booleans(),
    shop_is_down=st.booleans(),
)
def test_while_the_bot_speaks_every_message_gets_one_answer_or_one_a_question(
    text, files, meaning, dialogue, nlu_down, shop_is_down
):
    story = story_with(dialogue, shop_is_down)
    event = story._event(ev.CustomerMessage, text=text, attachments=tuple(files))
    down = nlu_down and meaning is None and bool(text.strip())
    asyncio.run(story.happens(event, understanding=meaning, nlu_down=down))
    check_answer(story, dialogue, most=3 if meaning and meaning.questions else 2)


@settings(max_examples=60, deadline=None)
@given(button=BUTTONS, command=st.sampled_from(ev.Command), dialogue=DIALOGUES, failed=st.booleans())
def test_so_does_every_button_and_command(button, command, dialogue, failed):
    for step in ("press", "command"):
        story = story_with(dialogue, shop_is_down=False)
        if step == "press":
            event = story._event(ev.ButtonPress, button=button)
        else:
            event = story._event(ev.CustomerCommand, command=command, argument=button)
        asyncio.run(story.happens(event, failed=failed))
        check_answer(story, dialogue)


@settings(max_examples=60, deadline=None)
@given(text=TEXTS, files=FILES, meaning=st.one_of(st.none(), UNDERSTANDINGS), dialogue=DIALOGUES)
def test_while_a_person_is_awaited_or_speaks_the_bot_keeps_its_voice_down(text, files, meaning, dialogue):
    for situation in ("waits", "with_lea"):
        story = Story()
        asyncio.run(getattr(story, situation)())
        speaker = story.speaker
        story.chat = replace(story.chat, dialogue=dialogue)
        event = story._event(ev.CustomerMessage, text=text, attachments=tuple(files))
        messages = asyncio.run(story.happens(event, understanding=meaning))
        assert len(messages) <= 1
        assert all(message.author is Author.SYSTEM or message.lasting for message in messages)
        assert story.speaker is speaker


@pytest.mark.parametrize("kind", sorted(EVENTS, key=lambda kind: kind.__name__))
async def test_on_a_closed_chat_nothing_fails(kind):
    values = {
        "agent": LEA, "message_id": "m", "text": "x", "edited_id": "m", "deleted_id": "m", "team": "care",
        "attachment": PHOTO, "reason": "gone", "status": ev.ReceiptStatus.SEEN, "name": "idle", "epoch": 1,
        "choice": ev.DraftChoice.SEND, "until": MONDAY_10H + timedelta(days=2), "subject": "customer",
    }  # fmt: skip
    wanted = {name: values[name] for name in kind.__dataclass_fields__ if name in values}
    if kind is ev.AgentDraft:
        wanted["reason"] = HoldReason.MENTION
    event = kind(id="e", chat=CHAT, at=MONDAY_10H + timedelta(days=1), **wanted)
    turn = Turn(event=event, chat=Story().chat, now=event.at)
    decision = await build_choose(make_care())(turn).handler(turn)
    assert replace(decision.chat, drafts=(), written=()) == turn.chat
