from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog

from bot.domain.errors import NluUnavailable
from bot.domain.understanding import Entity
from bot.nlu.client import RasaNlu
from tests.fakes.rasa_server import Answer, FakeRasa, fake_rasa, parsed

TOKEN = "a-secret-token"


@asynccontextmanager
async def client(*fakes: FakeRasa, **settings: Any) -> AsyncIterator[RasaNlu]:
    nlu = RasaNlu([fake.url for fake in fakes], TOKEN, **{"first": 0.3, "total": 0.6, **settings})
    yield nlu
    await nlu.aclose()


def failing_once(answer: Answer | None) -> Callable[[str], Answer | None]:
    answers = iter([answer])
    return lambda _text: next(answers, parsed("greet"))


async def test_a_text_is_understood() -> None:
    entity = {"entity": "order_number", "value": "4812077", "start": 3, "end": 10}
    async with (
        fake_rasa(answer=lambda _: parsed("order_status", entities=[entity])) as rasa,
        client(rasa) as nlu,
    ):
        understanding = await nlu.parse("la 4812077 ?")
    assert understanding.best.intent == "order_status"
    assert [guess.intent for guess in understanding.ranking] == ["order_status", "other"]
    assert understanding.entities == (Entity("order_number", "4812077", 3, 10),)
    assert understanding.model == "m1"
    assert understanding.ms > 0


async def test_entities_are_where_they_are_in_the_customers_own_text() -> None:
    entity = {"entity": "order_number", "value": "4812077", "start": 0, "end": 7}
    text = "  /4812077 ?"
    async with (
        fake_rasa(answer=lambda _: parsed("order_status", entities=[entity])) as rasa,
        client(rasa) as nlu,
    ):
        found = [(await nlu.parse(text)).entities[0] for _ in range(2)]  # asked, then from the cache
    assert rasa.texts == ["4812077 ?"]
    assert [text[entity.start : entity.end] for entity in found] == ["4812077", "4812077"]


async def test_the_same_text_again_is_not_asked_again() -> None:
    async with fake_rasa() as rasa, client(rasa) as nlu:
        await nlu.parse("bonjour")
        again = await nlu.parse("bonjour")
    assert len(rasa.texts) == 1
    assert again.ms == 0
    assert again.best.intent == "greet"


async def test_other_servers_may_have_another_model_so_nothing_is_remembered() -> None:
    async with (
        fake_rasa() as rasa,
        fake_rasa(answer=lambda _: parsed("thanks", "m2")) as green,
        client(rasa) as nlu,
    ):
        await nlu.parse("bonjour")
        nlu.use([green.url])
        assert (await nlu.parse("bonjour")).model == "m2"


async def test_a_replica_that_is_busy_is_asked_after_the_free_one() -> None:
    async with fake_rasa(pause=0.5) as busy, fake_rasa() as free, client(busy, free, first=5, total=9) as nlu:
        waiting = asyncio.create_task(nlu.parse("one"))
        while not busy.texts:
            await asyncio.sleep(0.01)
        for text in ("two", "three", "four"):
            await nlu.parse(text)
        assert not waiting.done()
        await waiting
        await nlu.parse("five")
        await nlu.parse("six")
    assert free.texts[:3] == ["two", "three", "four"]
    assert {*busy.texts[1:], *free.texts[3:]} == {"five", "six"}
    assert len(busy.texts) == 2  # in turn again


@pytest.mark.parametrize("text", ["", "  ", "\u200b", "/", "\x00"])
async def test_a_text_without_anything_to_read_is_out_of_scope_and_not_sent(text: str) -> None:
    async with fake_rasa() as rasa, client(rasa) as nlu:
        understanding = await nlu.parse(text)
    assert rasa.texts == []
    assert (understanding.best.intent, understanding.best.confidence) == ("out_of_scope", 0.0)


@pytest.mark.parametrize(
    "bad",
    [
        (500, b"{}"),
        (401, b"{}"),
        (200, b"not json"),
        (200, b"\xff"),
        (200, b"[]"),
        (200, b'{"intent_ranking": []}'),
        (200, b'{"intent_ranking": [{"name": null, "confidence": 0}]}'),
        None,
    ],
)
async def test_a_bad_answer_is_asked_for_once_more(bad: Answer | None) -> None:
    async with fake_rasa(answer=failing_once(bad)) as rasa, client(rasa) as nlu:
        assert (await nlu.parse("bonjour")).best.intent == "greet"
    assert len(rasa.texts) == 2


@pytest.mark.parametrize("bad", [(500, b"{}"), (200, b"{}"), None])
async def test_after_one_retry_it_is_said_that_there_is_no_understanding(bad: Answer | None) -> None:
    async with fake_rasa(answer=lambda _: bad) as rasa, client(rasa) as nlu:
        with pytest.raises(NluUnavailable):
            await nlu.parse("bonjour")
    assert len(rasa.texts) == 2


async def test_a_server_that_is_down_is_reported_as_such() -> None:
    async with fake_rasa() as rasa:
        pass
    async with client(rasa) as nlu:
        with pytest.raises(NluUnavailable):
            await nlu.parse("bonjour")


async def test_the_retry_goes_to_another_server_which_is_then_asked_first() -> None:
    async with fake_rasa(answer=lambda _: None) as stuck, fake_rasa() as well, client(stuck, well) as nlu:
        for text in ("un", "deux", "trois", "quatre"):
            await nlu.parse(text)
    assert len(stuck.texts) == 1
    assert len(well.texts) == 4


async def test_servers_take_turns() -> None:
    async with fake_rasa() as one, fake_rasa() as two, client(one, two) as nlu:
        for text in ("un", "deux", "trois", "quatre"):
            await nlu.parse(text)
    assert (len(one.texts), len(two.texts)) == (2, 2)


async def test_a_burst_waits_here_and_not_in_rasa() -> None:
    async with fake_rasa(pause=0.005) as rasa, client(rasa, in_flight=2) as nlu:
        await asyncio.gather(*(nlu.parse(f"message {number}") for number in range(20)))
    assert len(rasa.texts) == 20
    assert rasa.most_at_once <= 2


async def test_who_has_waited_long_enough_is_told_so() -> None:
    async with fake_rasa(answer=lambda _: None) as rasa, client(rasa, in_flight=1, patience=0.05) as nlu:
        outcomes = await asyncio.gather(*(nlu.parse(t) for t in ("un", "deux")), return_exceptions=True)
    assert all(isinstance(outcome, NluUnavailable) for outcome in outcomes)
    assert "deux" not in rasa.texts


async def test_the_token_is_sent_and_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with structlog.testing.capture_logs() as logs:
        async with fake_rasa(answer=lambda _: (500, b"{}")) as rasa, client(rasa) as nlu:
            with pytest.raises(NluUnavailable):
                await nlu.parse("bonjour")
    assert rasa.paths[0] == f"/model/parse?token={TOKEN}"
    assert logs
    assert TOKEN not in json.dumps(logs, default=str) + caplog.text
    assert "bonjour" not in json.dumps(logs, default=str) + caplog.text


async def test_a_crowd_that_waits_for_a_silent_rasa_is_told_together() -> None:
    async with (
        fake_rasa(answer=lambda _text: None) as rasa,
        client(rasa, in_flight=2, first=0.1, total=0.2) as nlu,
    ):
        parses = [nlu.parse(f"question {number}") for number in range(12)]
        outcomes = await asyncio.gather(*parses, return_exceptions=True)
    assert all(isinstance(outcome, NluUnavailable) for outcome in outcomes)
    assert len(set(rasa.texts)) == 2, "the others did not time out one after the other"


async def test_questions_are_where_they_stand_in_what_was_written_known_text_or_not() -> None:
    ranking = [{"name": "greet", "confidence": 0.9}]
    asked = [{"start": start, "end": end, "intent_ranking": ranking} for start, end in ((0, 2), (5, 7))]
    async with fake_rasa(answer=lambda _: parsed("greet", questions=asked)) as rasa, client(rasa) as nlu:
        for text in ("un ? deux ?", "  / un ? deux ?", "/un ? deux ?"):
            found = (await nlu.parse(text)).questions
            first = text.index("un")
            assert [(one.start - first, one.end - first) for one in found] == [(0, 2), (5, 7)]
    assert rasa.texts == ["un ? deux ?"]
