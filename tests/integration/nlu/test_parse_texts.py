"""Without a server Rasa understands the same as with one."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from bot.knowledge import evaluation
from bot.knowledge.evaluation import Names
from tests.rasa_fixtures import PROJECT

pytestmark = [pytest.mark.rasa, pytest.mark.slow]

TEXTS = [
    "où est mon colis 4812077 ?",
    "how do I return a cream?",
    "[x](y)",
    "😀",
    "ça\nva ?",
    "merci " * 2000,
    "do you gift wrap? and how much is delivery to Belgium?",
]


async def test_every_text_means_the_same_as_on_the_server(
    rasa_model: Path, rasa_url: str, rasa_token: str
) -> None:
    said: list[str] = []
    found = await evaluation.parse(
        PROJECT, rasa_model, TEXTS, Names([]), prepare=lambda text: text, progress=said.append
    )
    async with httpx.AsyncClient(params={"token": rasa_token}, timeout=60, trust_env=False) as client:
        for text, understanding in zip(TEXTS, found.understandings, strict=True):
            answer = (await client.post(f"{rasa_url}/model/parse", json={"text": text})).json()
            told = [(guess["name"], pytest.approx(guess["confidence"])) for guess in answer["intent_ranking"]]
            assert [(guess.intent, guess.confidence) for guess in understanding.ranking] == told
            asked = [(one.start, one.end, one.best.intent) for one in understanding.questions]
            assert asked == [
                (one["start"], one["end"], one["intent_ranking"][0]["name"])
                for one in answer.get("questions", [])
            ]
    assert [one.best.intent for one in found.understandings[-1].questions] == [
        "faq_gift_wrap",
        "faq_delivery_cost",
    ]
    assert found.peak_mb > 50
    assert all(ms is not None and ms > 0 for ms in found.ms)
    assert said[0] == "loading the model"
