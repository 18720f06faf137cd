"""Emails, phone numbers and addresses, shortened; everything else as it was."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.desk.slack.shortening import is_shortened, shorten


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("lea.dupont@example.fr", "l•••@e•••.fr"),
        ("écrivez à Lea_D+amis@mail.example.co.uk.", "écrivez à L•••@m•••.uk."),
        ("<lea@example.fr>, merci", "<l•••@e•••.fr>, merci"),
        ("a@b.fr", "•••@•••.fr"),
        ("lea＠example.fr", "l•••@e•••.fr"),
        ("lea@example.fr@autre.fr", "l•••@e•••.fr@a•••.fr"),
        ("06 12 34 56 12", "06 •• •• •• 12"),
        ("0612345612", "06 •• •• •• 12"),
        ("06.12.34.56.12 ou 01-42-68-53-00", "06 •• •• •• 12 ou 01 •• •• •• 00"),
        ("06\u202f12\u202f34\u202f56\u202f12", "06 •• •• •• 12"),
        ("06\t12\t34\t56\t12", "06 •• •• •• 12"),
        ("06_12_34_56_12", "06 •• •• •• 12"),
        ("06–12–34–56–12", "06 •• •• •• 12"),
        ("06·12·34·56·12", "06 •• •• •• 12"),
        ("06\u200912\u200934\u200956\u200912", "06 •• •• •• 12"),
        ("０６１２３４５６１２", "０６ •• •• •• １２"),
        ("tel+33612345612", "tel+33 •• •• •• 12"),
        ("01000 A0+1000000", "[adresse]+•• •• •• 00"),
        ("+33 6 12 34 56 12", "+33 •• •• •• 12"),
        ("+33 (0)6 12 34 56 12", "+33 •• •• •• 12"),
        ("0033612345612", "+33 •• •• •• 12"),
        ("+32 10 00 00 00 01 00 00 00 00", "+32 •• •• •• 00 01 •• •• •• 00"),
        ("+44 20 7946 0958", "+44 •• •• •• 58"),
        ("12 rue de la République, 75011 Paris", "[adresse]"),
        ("12 bis avenue Victor Hugo", "[adresse]"),
        ("j'habite 3, chemin des Lilas 69003 Lyon, voilà", "j'habite [adresse], voilà"),
        ("12 rue du maréchal foch", "[adresse]"),
        ("livrez au 75011 Paris", "livrez au [adresse]"),
        ("221B Baker Street, London NW1 6XE", "[adresse], London [adresse]"),
        ("10 downing street", "[adresse]"),
    ],
)
def test_personal_data_is_shortened(text: str, shown: str) -> None:
    assert shorten(text) == shown
    assert is_shortened(text)


@pytest.mark.parametrize(
    "text",
    [
        "commande 1234567 du 22/11/2026, 45,90 €",
        "il me reste 3 places et 12 bougies",
        "3 items on my way",
        "@here lea@ @example.fr a@b",
        "colis 6A12345678901 suivi",
        "12345 euros, 20 % de réduction",
        "EAN 3760123456789",
        "à 10 h 30 le 24 décembre",
        "[carte/card ••••] [IBAN ••••]",
        "taille 38, réf. 75011-A",
        "01, 02, 03, 04, 05",
    ],
)
def test_the_rest_stays(text: str) -> None:
    assert shorten(text) == text
    assert not is_shortened(text)


PATIENTLY = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])

_BITS = st.sampled_from(
    [
        "lea.dupont@example.fr", "06 12 34 56 78", "+33612345678", "12 rue de la Paix, 75002 Paris", "06",
        "12",
        "34", "@", ".", " ", "\n", "+", "00", "rue", "Street", "75011", "Paris", "a", "•", "0", "bis", "-",
    ]
)  # fmt: skip
_TEXTS = st.one_of(
    st.text(max_size=80),
    st.lists(_BITS, max_size=12).map("".join),
    st.lists(_BITS, max_size=12).map(" ".join),
)


@PATIENTLY
@given(_TEXTS)
def test_doing_it_again_changes_nothing(text: str) -> None:
    once = shorten(text)
    assert shorten(once) == once


@PATIENTLY
@given(_TEXTS)
def test_it_hardly_grows(text: str) -> None:
    assert len(shorten(text)) <= len(text) + 5 * max(1, len(text) // 6)


@PATIENTLY
@given(
    st.text(max_size=30).filter(lambda text: "@" not in text and "＠" not in text),
    st.from_regex(r"[a-z]{3,12}(\.[a-z]{2,8})?", fullmatch=True),
    st.from_regex(r"[a-z]{3,10}\.(fr|com|co\.uk)", fullmatch=True),
    st.text(alphabet=" ,.;!?\n)>", max_size=5),
)
def test_no_email_gets_through_whatever_is_around_it(before: str, name: str, domain: str, after: str) -> None:
    shown = shorten(f"{before} {name}@{domain}{after}")
    assert f"{name}@" not in shown
    assert not re.search(r"\w{3,}@\w{3,}", shown)


@PATIENTLY
@given(
    st.text(alphabet="ab ,.!?é\n", max_size=10),
    st.integers(min_value=1, max_value=9),
    st.from_regex(r"[0-9]{8}", fullmatch=True),
    st.sampled_from(["", " ", ".", "-", "\u00a0", "\u202f"]),
)
def test_no_french_number_gets_through_however_it_is_written(
    before: str, first: int, rest: str, gap: str
) -> None:
    digits = f"0{first}{rest}"
    written = gap.join(digits[at : at + 2] for at in range(0, 10, 2))
    shown = shorten(f"{before} {written} merci")
    assert digits[2:8] not in re.sub(r"\D", "", shown)


@pytest.mark.parametrize(
    "unit", ["a@", "0", "06 ", "a.", "12 rue ", "+", "a" * 64 + "@", "rue de la ", "•", "1 a "]
)
def test_odd_texts_take_no_longer_than_their_length_asks(unit: str) -> None:
    """Doubling a text at most about doubles the time: far from the square, whatever the machine."""

    def took(size: int) -> float:
        text = (unit * size)[: 4_000 * size // 250]
        best = 9.0
        for _ in range(3):
            began = time.perf_counter()
            shorten.__wrapped__(text)
            best = min(best, time.perf_counter() - began)
        return best

    small, large = took(500), took(4_000)
    assert large < max(0.05, small * 8 * 4)
