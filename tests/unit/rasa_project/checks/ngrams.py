"""Words and pieces of words as numbers."""

from __future__ import annotations

import numpy as np
from components.ngrams import NGrams

TEXTS = [
    "où est mon colis",
    "mon colis est en retard",
    "je veux rendre une crème",
    "comment rendre un article",
    "do you sell gift cards",
    "I want to buy a gift card",
]


def likeness(one: str, other: str) -> float:
    first, second = NGrams.learn(TEXTS, 5).transform([one, other])
    return float(first @ second)


def test_a_text_is_a_row_of_length_one_at_most() -> None:
    rows = NGrams.learn(TEXTS, 5).transform([*TEXTS, "mon colis est perdu"])
    assert rows.shape == (7, 5)
    assert rows.dtype == np.float32
    assert (np.linalg.norm(rows, axis=1) <= 1.001).all()


def test_a_text_without_a_known_ngram_is_zeros() -> None:
    learnt = NGrams.learn(TEXTS, 5)
    for text in ("", "😀", "包裹", "7"):
        assert not learnt.transform([text]).any(), text


def test_company_makes_no_difference() -> None:
    learnt = NGrams.learn(TEXTS, 5)
    together = learnt.transform([*TEXTS, "", "gift colis"])
    alone = np.vstack([learnt.transform([text]) for text in [*TEXTS, "", "gift colis"]])
    assert np.allclose(together, alone, atol=1e-6)


def test_accents_and_capitals_make_no_difference_and_a_typo_little() -> None:
    assert likeness("où est mon colis", "OU EST MON COLIS") > 0.999 * likeness(TEXTS[0], TEXTS[0])
    assert likeness("où est mon colis", "ou es mon coli") > likeness("où est mon colis", "rendre une crème")


def test_half_a_surrogate_pair_does_not_stop_anything() -> None:
    learnt = NGrams.learn([*TEXTS, "colis \ud83d"], 5)
    assert np.isfinite(learnt.transform(["\ud83d", "mon colis \ude00"])).all()


def test_examples_without_an_ngram_teach_nothing_and_stop_nothing() -> None:
    for texts in (["\u0301", "\u0301\u0302"], [""]):
        assert not NGrams.learn(texts, 5).transform(["où est mon colis", ""]).any()


def test_one_example_is_enough_to_be_known_again() -> None:
    learnt = NGrams.learn(["où est mon colis"], 256)
    assert learnt.transform(["où est mon colis"]).shape == (1, 1)
    assert learnt.transform(["où est mon colis"]).any()


def test_ten_thousand_words_are_a_row_like_another() -> None:
    row = NGrams.learn(TEXTS, 5).transform([" ".join(TEXTS * 1700)])
    assert np.isfinite(row).all()
    assert 0 < np.linalg.norm(row) <= 1.001


def test_the_same_texts_teach_the_same_twice() -> None:
    one, other = NGrams.learn(TEXTS, 5), NGrams.learn(TEXTS, 5)
    assert np.array_equal(one.rarity, other.rarity)
    assert np.array_equal(one.directions, other.directions)
