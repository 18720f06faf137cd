from __future__ import annotations

import pytest

from bot.nlu.language import LinguaDetector


@pytest.fixture(scope="module")
def detector() -> LinguaDetector:
    return LinguaDetector()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("où est mon colis ?", "fr"),
        ("bonjour", "fr"),
        ("slt g pa recu ma cmd", "fr"),
        ("Remboursement toujours pas reçu", "fr"),
        ("how do I return a cream?", "en"),
        ("wheres my order 4812077", "en"),
        ("thx", "en"),
        ("my name is Léa, lea.dupont@exemple.fr", "en"),
    ],
)
def test_the_language_of_a_few_words(detector: LinguaDetector, text: str, language: str) -> None:
    assert detector.detect(text) == language


@pytest.mark.parametrize(
    "text",
    ["", "   ", "👍", "4812077", "ok", "?!", "lea@exemple.fr", "https://exemple.fr/ou", "a", "\x00\ud800"],
)
def test_a_text_that_does_not_tell(detector: LinguaDetector, text: str) -> None:
    assert detector.detect(text) is None


def test_a_huge_text_takes_no_longer(detector: LinguaDetector) -> None:
    assert detector.detect("où est mon colis ? " * 50_000) == "fr"
