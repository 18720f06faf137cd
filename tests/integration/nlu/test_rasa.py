from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from bot.domain.errors import NluUnavailable
from bot.nlu.client import RasaNlu
from bot.nlu.host import wait_ready

pytestmark = [pytest.mark.rasa, pytest.mark.slow]


@pytest.fixture
async def nlu(rasa_url: str, rasa_token: str) -> AsyncIterator[RasaNlu]:
    client = RasaNlu([rasa_url], rasa_token, first=5.0, total=10.0)  # meaning is tested here, not speed
    yield client
    await client.aclose()


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("où est mon colis ?", "order_status"),
        ("how do I return a cream?", "faq_return_how"),
        ("bonjour", "greet"),
        ("Bonjour, où est mon colis ? Merci d'avance", "order_status"),
        ("hello, how do I return a cream please? thanks", "faq_return_how"),
        ("merci beaucoup", "thanks"),
        ("je veux parler à un conseiller", "talk_to_human"),
    ],
)
async def test_the_question_is_understood_with_or_without_courtesies(
    nlu: RasaNlu, text: str, intent: str
) -> None:
    assert (await nlu.parse(text)).best.intent == intent


async def test_a_courtesy_never_wins_over_a_question(nlu: RasaNlu) -> None:
    best = (await nlu.parse("merci, et les retours ?")).best.intent
    assert best.startswith("faq_return")


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("Bonjour, ma commande n°4812077 ?", "order_number", "4812077"),
        ("  /😀 mon mail : lea.dupont@exemple.fr", "email", "lea.dupont@exemple.fr"),
        ("appelez-moi au 06 39 98 12 34", "phone", "06 39 98 12 34"),
        ("j'habite au 69002", "postcode", "69002"),
    ],
)
async def test_entities_are_found_where_they_are(nlu: RasaNlu, text: str, name: str, value: str) -> None:
    understanding = await nlu.parse(text)
    assert understanding.entity(name) == value
    found = next(entity for entity in understanding.entities if entity.name == name)
    assert text[found.start : found.end] == value


@pytest.mark.parametrize(
    "text",
    [
        "😀",
        "...",
        "/restart",
        '/faq{"x":1}',
        "你好",
        "a\x00b\ud800c",
        "\u202eabc",
        "x" * 1_000_000,
        "l\n" * 10_000,
        "comment retourner une crème " * 2_500,
        "a",
        "7",
        "69002",
        "9" * 400,
        "Где мой заказ?",
        "مرحبا",
        "🤬" * 50,
        "[crème](produit) {x}",
        "<b>",
    ],
)
async def test_whatever_is_typed_gets_an_understanding(nlu: RasaNlu, text: str) -> None:
    understanding = await nlu.parse(text)
    assert 0 <= understanding.best.confidence <= 1
    assert understanding.ranking == tuple(sorted(understanding.ranking, key=lambda guess: -guess.confidence))
    assert sum(guess.confidence for guess in understanding.ranking) <= 1.001
    assert all(0 <= one.start < one.end <= len(text) for one in understanding.questions)


async def test_each_parse_names_the_model_that_the_server_reports(
    nlu: RasaNlu, rasa_url: str, rasa_token: str, rasa_model: Path
) -> None:
    assert (await nlu.parse("bonjour")).model == await wait_ready(rasa_url, rasa_token, rasa_model)


async def test_nobody_gets_in_without_the_token_and_there_is_no_other_way_in(rasa_url: str) -> None:
    async with httpx.AsyncClient(base_url=rasa_url) as anybody:
        assert (await anybody.post("/model/parse", json={"text": "bonjour"})).status_code == 401
        assert (await anybody.get("/status")).status_code == 401
        hook = {"sender": "x", "message": "bonjour"}
        assert (await anybody.post("/webhooks/rest/webhook", json=hook)).status_code == 404


async def test_a_wrong_token_is_no_understanding(rasa_url: str) -> None:
    client = RasaNlu([rasa_url], "wrong")
    with pytest.raises(NluUnavailable, match="401"):
        await client.parse("bonjour")
    await client.aclose()


async def test_a_burst_is_understood_as_a_whole(rasa_url: str, rasa_token: str) -> None:
    client = RasaNlu([rasa_url], rasa_token, first=5.0, total=10.0, patience=60.0)
    understandings = await asyncio.gather(
        *(client.parse(f"où est mon colis {4_800_000 + n} ?") for n in range(100))
    )
    await client.aclose()
    assert {understanding.best.intent for understanding in understandings} == {"order_status"}
