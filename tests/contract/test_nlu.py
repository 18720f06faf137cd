"""Whatever understands text, the engine relies on this. (One implementation so far, and a fake of Rasa.)"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.domain.errors import NluUnavailable
from bot.nlu.client import RasaNlu
from bot.ports.nlu import Nlu
from tests.fakes.rasa_server import FakeRasa, fake_rasa


@pytest.fixture
async def rasa() -> AsyncIterator[FakeRasa]:
    async with fake_rasa() as fake:
        yield fake


@pytest.fixture(params=["fake", pytest.param("real", marks=[pytest.mark.rasa, pytest.mark.slow])])
async def nlu(request: pytest.FixtureRequest, rasa: FakeRasa) -> AsyncIterator[Nlu]:
    url, token = rasa.url, "t"
    if request.param == "real":
        url, token = request.getfixturevalue("rasa_url"), request.getfixturevalue("rasa_token")
    client = RasaNlu([url], token, first=5.0, total=10.0)
    yield client
    await client.aclose()


@pytest.mark.parametrize("text", ["bonjour", "", " ", "😀", "/restart", "\x00", "\ud800", "x" * 100_000])
async def test_any_text_has_a_ranking_best_first(nlu: Nlu, text: str) -> None:
    understanding = await nlu.parse(text)
    confidences = [guess.confidence for guess in understanding.ranking]
    assert confidences
    assert confidences == sorted(confidences, reverse=True)
    assert all(0 <= confidence <= 1 for confidence in confidences)


async def test_the_same_text_means_the_same_again(nlu: Nlu) -> None:
    first, again = await nlu.parse("bonjour"), await nlu.parse("bonjour")
    assert first.ranking == again.ranking
    assert first.model == again.model


async def test_no_answer_is_one_error_and_no_other(rasa: FakeRasa) -> None:
    rasa.answer = lambda _text: None
    client: Nlu = RasaNlu([rasa.url], "t", first=0.05, total=0.1)
    with pytest.raises(NluUnavailable):
        await client.parse("bonjour")
