"""What a customer should not have sent us is gone before anything is written; the rest survives."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.fr import nir

from bot.engine.cleaning import MARKS_IN_A_ROW, clean
from bot.engine.masking import (
    CARD,
    CHECKS,
    IBAN,
    MARKERS,
    RAW_LIMIT,
    SECRET,
    SOCIAL_SECURITY,
    clean_json,
    clean_text,
)

# --- cleaning ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("a\x00b\x07c\x1b[31md", "abc[31md"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("tab\tstays", "tab\tstays"),
        ("lone \ud83d surrogate", "lone \ufffd surrogate"),
        ("\ud83d\ude00", "😀"),
        ("\u202egnp.exe\u202c", "gnp.exe"),
        ("\u2066isolated\u2069", "isolated"),
        ("ze\u200bro\ufeff", "zero"),
        ("soft\u00adhyphen", "softhyphen"),
        ("e\u0301te\u0301", "été"),
        ("\x85", "\n"),
    ],
)
def test_what_is_invisible_or_dangerous_is_dropped(typed: str, kept: str) -> None:
    assert clean(typed) == kept


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "Où est mon colis ?",
        "👨‍👩‍👧 ❤️‍🔥 🏳️‍🌈 👋🏽 1️⃣ 🇫🇷",
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",  # the flag of England
        "שלום, איפה החבילה שלי?",
        "مرحبا أين طردي؟",
        "می\u200cخواهم",  # Persian needs its zero-width non-joiner
        '<b>gras</b> **bold** /restart /faq{"x":1}',
        "10\u00a0€ et 5\u202f%",
    ],
)
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert clean_text(text) == text


@given(st.text(alphabet=st.characters(categories=None)))
def test_any_text_can_be_stored_after_cleaning(text: str) -> None:
    kept = clean(text)
    kept.encode("utf-8")
    assert not any(unicodedata.category(c) == "Cc" and c not in "\n\t" for c in kept)
    assert clean(kept) == kept


def test_a_pile_of_combining_marks_is_cut() -> None:
    assert len(clean("a" + "\u0316\u0301" * 1000)) <= 2 + MARKS_IN_A_ROW


# --- cards ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number",
    [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111.1111.1111.1111",
        "4111 - 1111 - 1111 - 1111",
        "4111\n1111\n1111\n1111",
        "4111_1111_1111_1111",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "4111\u00a01111\u202f1111\u20091111",
        "4111\u200b1111\u200b1111\u200b1111",
        "4111–1111—1111−1111",
        "４１１１１１１１１１１１１１１１",
        "٤١١١ ١١١١ ١١١١ ١١١١",
        "𝟒𝟏𝟏𝟏 𝟏𝟏𝟏𝟏 𝟏𝟏𝟏𝟏 𝟏𝟏𝟏𝟏",
        "5500 0000 0000 0004",
        "2223 0000 4841 0010",
        "3782 822463 10005",
        "3056 930902 5904",
        "6011 1111 1111 1117",
        "3530 1113 3330 0000",
        "6304 0000 0000 0000",
        "4222222222222",
    ],
)
def test_a_card_number_is_masked_however_it_is_written(number: str) -> None:
    assert clean_text(f"ma carte est la {number} merci") == f"ma carte est la {CARD} merci"


def test_a_card_is_found_between_other_numbers() -> None:
    text = "commande 1234567, carte 4111 1111 1111 1111 12/27, tel 06 12 34 56 78"
    assert clean_text(text) == f"commande 1234567, carte {CARD} 12/27, tel 06 12 34 56 78"


@given(st.sampled_from(["4", "51", "55", "2221"]), st.text("0123456789", min_size=15, max_size=15))
def test_any_valid_card_number_is_masked(prefix: str, digits: str) -> None:
    number = (prefix + digits)[:15]
    number += luhn.calc_check_digit(number)
    assert clean_text(number) == CARD


@pytest.mark.parametrize(
    "text",
    [
        "commande 1234567",
        "commandes 3612345, 3612346",
        "commandes 4123456 4123457 4123458 4123459",
        "06 12 34 56 78 / 07 98 76 54 32",
        "06 12 34 56 78 / 06 12 34 56 01 / 02 98 76 54 32",  # from the first 56 on, it would be too
        "+33 6 12 34 56 78",
        "+33612345678",
        "+49 15123456787",  # as a card, its checksum would be right
        "0033 6 12 34 56 78",
        "75001 Paris, 69002 Lyon",
        "le 12/04/2026 à 14:05, 36,50 €",
        "code-barres 3600523417001",
        "4111 1111 1111 1112",  # fails its own checksum
        "1759000000000",  # milliseconds
        "colis 6A12345678901",
    ],
)
def test_orders_phones_dates_and_barcodes_survive(text: str) -> None:
    assert clean_text(text) == text


@given(
    st.lists(st.integers(1_000_000, 9_999_999), min_size=1, max_size=6),
    st.sampled_from([" ", ", ", "-", "\n"]),
)
def test_order_numbers_survive_in_any_company(orders: list[int], separator: str) -> None:
    text = separator.join(map(str, orders))
    assert clean_text(text) == text


# --- IBANs and social security numbers -----------------------------------------------------


@pytest.mark.parametrize(
    "number",
    [
        "FR76 3000 6000 0112 3456 7890 189",
        "FR7630006000011234567890189",
        "fr76 3000 6000 0112 3456 7890 189",
        "FR76-3000-6000-0112-3456-7890-189",
        "DE89 3704 0044 0532 0130 00",
        "GB29 NWBK 6016 1331 9268 19",
        "BE68 5390 0754 7034",
        "MT84 MALT 0110 0001 2345 MTLC AST0 01S",
        "NO93 8601 1117 947",
        "ＦＲ７６ 3000 6000 0112 3456 7890 189",
    ],
)
def test_an_iban_of_any_country_is_masked(number: str) -> None:
    assert clean_text(f"Mon RIB : {number}, merci") == f"Mon RIB : {IBAN}, merci"


def test_an_iban_glued_to_words_is_still_found() -> None:
    assert clean_text("IBANFR7630006000011234567890189") == f"IBAN{IBAN}"


def test_an_iban_with_a_wrong_check_is_no_iban() -> None:
    assert clean_text("FR77 3000 6000 0112 3456 7890 189") == "FR77 3000 6000 0112 3456 7890 189"


def _with_key(number: str) -> str:
    return number + nir.calc_check_digits(number)


@pytest.mark.parametrize(
    "number",
    [
        _with_key("1850578006084"),
        nir.format(_with_key("2551075123456")),
        nir.format(_with_key("255082A123456")),
        _with_key("155082b123456".upper()).lower(),
        ".".join(_with_key("1850578006084")),
    ],
)
def test_a_social_security_number_is_masked(number: str) -> None:
    assert clean_text(f"n° {number} merci") == f"n° {SOCIAL_SECURITY} merci"


def test_without_its_key_it_is_masked_when_laid_out_or_announced_as_one() -> None:
    assert clean_text("1 85 05 78 006 084") == SOCIAL_SECURITY
    assert clean_text("sécurité sociale : 1850578006084") == f"sécurité sociale : {SOCIAL_SECURITY}"
    assert clean_text("référence 1850578006084") == "référence 1850578006084"


# --- passwords -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("mon mot de passe c'est azerty123", f"mon mot de passe c'est {SECRET}"),
        ("mon mot de passe est soleil", f"mon mot de passe est {SECRET}"),
        ("Mot de passe : Soleil!", f"Mot de passe : {SECRET}"),
        ("mdp=abc", f"mdp={SECRET}"),
        ("MDP: abc", f"MDP: {SECRET}"),
        ("mon mdp est toujours doudou59 ok", f"mon mdp est toujours {SECRET} ok"),
        ("mot de passe de mon compte : chaton", f"mot de passe de mon compte : {SECRET}"),
        (
            "mot de passe du compte marie@exemple.fr : chaton",
            f"mot de passe du compte marie@exemple.fr : {SECRET}",
        ),
        ("mot de passe : « mon chat noir » svp", f"mot de passe : «{SECRET}» svp"),
        ("Mot de passe\nAzerty123", f"Mot de passe\n{SECRET}"),
        ("my password is hunter2", f"my password is {SECRET}"),
        ("my password is: hunter two", f"my password is: {SECRET} two"),
        ("password hunter2", f"password {SECRET}"),
        ("the password's swordfish", f"the password's {SECRET}"),
        ("pwd:x", f"pwd:{SECRET}"),
        ("passcode = 4821", f"passcode = {SECRET}"),
        ("new_password=abc", f"new_password={SECRET}"),
        ("code PIN 1234", f"code PIN {SECRET}"),
        ("cvv : 123", f"cvv : {SECRET}"),
        ('{"password": "a b c", "x": 1}', f'{{"password": "{SECRET}", "x": 1}}'),
        ("mdp : azer 1234 merci", f"mdp : {SECRET} merci"),
    ],
)
def test_what_follows_a_passwords_name_is_masked(typed: str, kept: str) -> None:
    assert clean_text(typed) == kept


@pytest.mark.parametrize(
    "text",
    [
        "I forgot my password",
        "password reset please",
        "forgot password?",
        "my password is not working",
        "my password is wrong",
        "the password for my account is locked",
        "what is the password policy?",
        "password: forgotten",
        "mot de passe oublié",
        "Mot de passe : oublié !",
        "j'ai perdu mon mot de passe",
        "mon mot de passe ne marche pas",
        "mon mot de passe est refusé",
        "mon mot de passe est incorrect depuis hier",
        "mon mot de passe est périmé",
        "c'est quoi mon mot de passe ?",
        "mon mot de passe c'est quoi ?",
        "mot de passe oublié, commande 1234567",
        "mot de passe oublié ma commande est 1234567",
        "j'ai oublié mon mot de passe depuis 2 jours",
        "j'ai changé de mot de passe 3 fois",
        "mot de passe : marie@exemple.fr n'est pas reconnu",
        "mdp oublie svp",
        "passe au magasin",
        "un pass Navigo : non",
        "passwordless login is great",
        "je passe commande demain",
    ],
)
def test_talking_about_a_password_is_not_telling_it(text: str) -> None:
    assert clean_text(text) == text


def test_the_code_behind_a_card_goes_with_it() -> None:
    text = clean_text("4111 1111 1111 1111 exp 12/27 cryptogramme 123")
    assert text == f"{CARD} exp 12/27 cryptogramme {SECRET}"


# --- all together --------------------------------------------------------------------------

_PIECES = st.sampled_from(
    [
        *MARKERS,
        *("4111 1111 1111 1111", "4111", " 1111", "FR76 3000 6000 0112 3456 7890 189", "FR76", "0612345678"),
        *("mdp", "mot de passe", "password", " est ", ": ", "=", "'s ", "abc", "azerty1", "«", '"', "-", " "),
        *(
            "1 85 05 78 006 084",
            "sécu ",
            "cvv ",
            "123",
            "é",
            "\u0301",
            "\u200d",
            "👨",
            "\ufe0f",
            "\x00",
            "\n",
        ),
        *("\ud800", "\U000e0067"),
    ]
)


@given(st.lists(_PIECES, max_size=30).map("".join))
@settings(max_examples=200)
def test_masking_again_changes_nothing(text: str) -> None:
    kept = clean_text(text)
    assert clean_text(kept) == kept


@given(st.text(max_size=200), st.text(max_size=200))
def test_a_card_number_never_gets_through_whatever_stands_around_it(before: str, after: str) -> None:
    spaced = f"{before} | 4111 1111 1111 1111 | {after}"
    assert "4111 1111 1111 1111" not in clean_text(spaced)


@pytest.mark.parametrize(
    "unit",
    [
        *("a", " ", "4", "4 ", "4111 1111 1111 1111 ", "4111 1111 1111 1112 ", "06 12 34 56 78 ", "4️⃣", "_"),
        *(
            "FR76 ",
            "FR12 3456 7890 12 ",
            "aa11",
            "1 85 05 2A ",
            "mdp ",
            "mdp: x ",
            'mdp "',
            "mot de passe est ",
        ),
        *("password de de de ", "c'est ", "cvv 123 ", "x@", '"', "é", "\u0301\u0316", "👨\u200d", "\ud800"),
        *("\x00", "\u202e"),
    ],
)
def test_a_quarter_of_a_megabyte_of_anything_is_only_a_lot_of_text(unit: str) -> None:
    """Anything worse than linear would not end while somebody waits."""
    much = unit * (250_000 // len(unit))
    assert len(clean_text(much)) <= 12 * len(much)


def test_a_text_of_look_alikes_is_masked_rather_than_studied() -> None:
    text = "4111 1111 1111 1112, " * (CHECKS + 10)
    assert clean_text(text).endswith(f"{CARD}, ")


# --- raw updates ---------------------------------------------------------------------------


def test_a_raw_update_is_masked_wherever_text_stands() -> None:
    raw = json.dumps(
        {
            "update_id": 123456789,
            "message": {"text": "carte 4111 1111 1111 1111", "chat": {"id": -1001234567890}},
            "list": ["mdp: abc", {"password": "x", "pin code": 1234}],
            "number": 4111111111111111,
            "nul": "a\x00b",
        }
    )
    kept = json.loads(clean_json(raw))
    assert kept == {
        "update_id": 123456789,
        "message": {"text": f"carte {CARD}", "chat": {"id": -1001234567890}},
        "list": [f"mdp: {SECRET}", {"password": SECRET, "pin code": SECRET}],
        "number": CARD,
        "nul": "ab",
    }


@pytest.mark.parametrize(
    "raw", ["", "{", "not json 4111111111111111", "[" * 100_000, "\ud800", "9" * 10_000, "NaN"]
)
def test_what_is_not_json_is_masked_as_text(raw: str) -> None:
    kept = clean_json(raw)
    kept.encode()
    assert "4111111111111111" not in kept
    assert len(kept) <= RAW_LIMIT


def test_a_huge_update_is_cut_after_it_was_masked() -> None:
    kept = clean_json(json.dumps({"text": "4111 1111 1111 1111 " * 20_000}))
    assert len(kept) == RAW_LIMIT
    assert "4111" not in kept
