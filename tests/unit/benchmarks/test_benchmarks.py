"""The parts of the benchmarks that could lie without anybody noticing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from itertools import islice
from pathlib import Path

import pytest

from benchmarks import clients
from benchmarks.__main__ import BEGIN, END, with_figures
from benchmarks.clients import Person, Rests, RestSender, Run, Side, ask_all, cell, is_one_of, is_plain_faq
from benchmarks.processes import PROJECT, BenchError
from benchmarks.rivals import default_questions
from benchmarks.texts import Question, distinct, questions

Answers = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Echo:
    def __init__(self, answer: str | None) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def ask(self, text: str) -> str:
        self.asked.append(text)
        if self.answer is None:
            await asyncio.Event().wait()
        return self.answer or ""


class Town:
    """Where people come from."""

    def __init__(self, answer: str | None = "yes") -> None:
        self.people: list[Echo] = []
        self.answer = answer

    async def arrive(self, _stack: AsyncExitStack) -> Person:
        self.people.append(Echo(self.answer))
        return self.people[-1]

    @property
    def side(self) -> Side:
        return Side(self.arrive, 0)


def test_no_two_questions_are_alike() -> None:
    asked = [question.text for question in islice(distinct(questions(PROJECT / "rasa_project")), 5_000)]
    assert len(set(asked)) == 5_000


async def test_every_text_is_asked_once_and_nobody_asks_more_than_their_share() -> None:
    town = Town()
    run = await ask_all(town.side, [str(number) for number in range(21)], 4)
    assert sorted(int(text) for person in town.people for text in person.asked) == list(range(21))
    assert max(len(person.asked) for person in town.people) == clients.MESSAGES_A_PERSON
    assert len(run.latencies) == 21


async def test_an_empty_answer_fails_the_benchmark() -> None:
    with pytest.raises(BenchError, match="empty answer to 'hello'"):
        await ask_all(Town(" \n").side, ["hello"], 1)


async def test_silence_fails_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "ANSWER_SECONDS", 0.05)
    with pytest.raises(BenchError, match="no answer within"):
        await ask_all(Town(None).side, ["hello"], 1)


def test_runs_are_joined_message_by_message() -> None:
    joined = cell(2, [Run(1.0, (0.1, 0.1, 0.1), 0.3), Run(3.0, (0.2,), 0.1)])
    assert (joined.messages, joined.seconds, joined.per_second) == (4, 4.0, 1.0)
    assert joined.p50 == pytest.approx(0.1)
    assert joined.cpu == pytest.approx(0.1)


@pytest.mark.parametrize(("body", "text"), [(b"[]", ""), (b'[{"text":"a"},{"text":"b"}]', "a\nb")])
async def test_rasa_that_cannot_answer_says_200_and_nothing(body: bytes, text: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        sender = RestSender(server.sockets[0].getsockname()[1], "bench")
        assert await sender.ask("hello") == text
        assert await sender.ask("again") == text, "a connection that the server closed is opened again"
        await sender.close()


async def test_a_question_that_might_call_for_a_person_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    understood = {
        "plain": [("faq_jobs", 0.9), ("greet", 0.05)],
        "alarming": [("faq_privacy_info", 0.7), ("data_request", 0.2)],
        "unclear": [("faq_jobs", 0.4), ("faq_press", 0.3)],
        "not ours": [("out_of_scope", 0.9)],
    }

    async def parse(_self: RestSender, text: str) -> list[tuple[str, float]]:
        return understood[text]

    monkeypatch.setattr(RestSender, "parse", parse)
    people = Rests(1, "", 0)
    assert [text async for text in people.understood(understood, is_plain_faq)] == ["plain"]
    assert [text async for text in people.understood(understood, is_one_of({"out_of_scope"}))] == ["not ours"]


def test_rasas_own_bot_is_asked_what_it_answers_whatever_was_said_before(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    rule = "rules:\n- rule: Bye\n  steps:\n  - intent: goodbye\n  - action: utter_goodbye\n"
    (tmp_path / "data" / "rules.yml").write_text(rule)
    examples = [
        "- intent: goodbye\n  examples: |\n    - bye\n    - cu",
        "- intent: greet\n  examples: |\n    - hey",
    ]
    (tmp_path / "data" / "nlu.yml").write_text("nlu:\n" + "\n".join(examples))
    assert default_questions(tmp_path) == [Question("bye", "goodbye"), Question("cu", "goodbye")]


def test_figures_replace_those_before_and_leave_the_page_alone() -> None:
    page = f"above\n{BEGIN}\nold\n{END}\nbelow\n"
    once = with_figures(page, ["new", "figures"])
    assert once == f"above\n{BEGIN}\nnew\nfigures\n{END}\nbelow\n"
    assert with_figures(once, ["new", "figures"]) == once


def test_a_page_without_a_place_for_figures_is_refused() -> None:
    with pytest.raises(BenchError, match="no place"):
        with_figures("nothing here", ["new"])


def test_the_page_we_publish_has_a_place_for_figures() -> None:
    assert with_figures((PROJECT / Path("docs/benchmarks.md")).read_text(encoding="utf-8"), ["x"])
