"""Which NLU process is asked next."""

from __future__ import annotations

from contextlib import suppress

from bot.nlu.replicas import Replicas

ONE, TWO = "http://one", "http://two"


def test_they_take_turns() -> None:
    replicas = Replicas([ONE, TWO])
    assert [replicas.order()[0] for _ in range(4)] == [ONE, TWO, ONE, TWO]


def test_the_one_with_fewer_questions_before_it_comes_first() -> None:
    replicas = Replicas([ONE, TWO])
    with replicas.asking(ONE):
        assert [replicas.order()[0] for _ in range(3)] == [TWO, TWO, TWO]
        with replicas.asking(TWO), replicas.asking(TWO):
            assert {replicas.order()[0] for _ in range(2)} == {ONE}
    assert {replicas.order()[0] for _ in range(2)} == {ONE, TWO}


def test_a_question_that_fails_is_not_before_it_any_more() -> None:
    replicas = Replicas([ONE, TWO])
    for _ in range(3):
        with suppress(ZeroDivisionError), replicas.asking(ONE):
            _ = 1 / 0
    assert {replicas.order()[0] for _ in range(2)} == {ONE, TWO}


def test_one_that_failed_comes_last_however_busy_the_others_are() -> None:
    now = [0.0]
    replicas = Replicas([ONE, TWO], set_aside=5.0, clock=lambda: now[0])
    replicas.failed(ONE)
    with replicas.asking(TWO), replicas.asking(TWO):
        assert [replicas.order() for _ in range(2)] == [[TWO, ONE], [TWO, ONE]]
        now[0] = 5.0
        assert replicas.order() == [ONE, TWO]
