"""A message with two questions, in the log and on the person's card."""

from __future__ import annotations

from bot.domain.conversation import Handoff, HandoffReason
from bot.domain.decision import Decision
from bot.domain.facts import Fact, Understood
from bot.domain.outgoing import CaseCard
from bot.domain.turn import Turn
from bot.domain.understanding import Example, Explanation, Guess, Question, Understanding, Verdict
from bot.engine.turn import Result
from bot.storage.codec import decode_fact, encode_fact
from tests.builders import NOW, chat, message
from tests.fakes.engine import SureNlu, runner

RANKING = tuple(Guess(f"faq_{number}", 0.5 / (number + 1)) for number in range(20))
WHY = Explanation(
    0.9,
    Verdict.IN,
    "sentence",
    "near_examples",
    tuple(Example("où est mon colis " * 20, "faq_0", 0.9 - n / 10) for n in range(5)),
)


class Asked(SureNlu):
    understanding = Understanding(
        RANKING,
        model="m1",
        questions=(Question(0, 9, RANKING[3:]), Question(12, 20, RANKING)),
        explanation=WHY,
    )


async def turn_made() -> Result:
    async def handler(turn: Turn) -> Decision:
        return Decision(chat=turn.chat.hand_off(Handoff(HandoffReason.ASKED, "care", NOW)))

    return await runner(handler, nlu=Asked(), desks=("main",)).run(message(), chat())


async def understood() -> Fact:
    [fact] = [fact for fact in (await turn_made()).facts if isinstance(fact.body, Understood)]
    return fact


async def test_the_log_says_which_questions_and_why_in_short() -> None:
    body = (await understood()).body
    assert isinstance(body, Understood)
    assert len(body.ranking) == 10
    assert [(one.start, one.end, len(one.ranking)) for one in body.questions] == [(0, 9, 3), (12, 20, 3)]
    assert body.explanation is not None
    assert (body.explanation.in_scope, body.explanation.reason) == (0.9, "near_examples")
    assert [len(example.text) for example in body.explanation.nearest] == [80, 80, 80]


async def test_it_is_the_same_when_read_back() -> None:
    fact = await understood()
    assert decode_fact(encode_fact(fact)) == fact


async def test_what_an_earlier_version_logged_can_still_be_read() -> None:
    raw = encode_fact(await understood())
    head, _, _ = raw.partition(b',"questions":')
    old = decode_fact(head + b'},"model":"m1"}]')
    assert isinstance(old.body, Understood)
    assert (old.body.questions, old.body.explanation) == ((), None)


async def test_the_card_shows_what_each_question_means_first() -> None:
    payloads = [entry.payload for entry in (await turn_made()).outgoing]
    [card] = [payload for payload in payloads if isinstance(payload, CaseCard)]
    assert [guess.intent for guess in card.guesses] == ["faq_3", "faq_0", "faq_1"]
