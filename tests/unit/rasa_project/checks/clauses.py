"""Cutting a message into the parts that say something alone."""

from __future__ import annotations

from itertools import pairwise

from components import clauses as module
from components.clauses import MOST_CLAUSES, Clause, clauses, runs
from components.courtesy import CourtesyTrimmer, fold
from rasa.nlu.constants import TOKENS_NAMES
from rasa.nlu.tokenizers.tokenizer import Token
from rasa.nlu.tokenizers.whitespace_tokenizer import WhitespaceTokenizer
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message


def tokens(text: str) -> list[Token]:
    tokenizer = WhitespaceTokenizer(WhitespaceTokenizer.get_default_config())
    (message,) = CourtesyTrimmer().process(tokenizer.process([Message({TEXT: text})]))
    return message.get(TOKENS_NAMES[TEXT]) or []


def cut(text: str) -> list[str]:
    """The parts as they stand in the text: their offsets are held to be right by that."""
    return [text[part.start : part.end] for part in clauses(text, tokens(text))]


def test_two_questions_in_french_are_two_parts_with_their_question_marks() -> None:
    text = "Bonjour, où est mon colis 4812077 ? Et vous reprenez les crèmes ouvertes ? Merci d'avance !"
    assert cut(text) == ["où est mon colis 4812077 ?", "vous reprenez les crèmes ouvertes ?"]


def test_two_questions_in_english_are_cut_at_the_joint() -> None:
    text = "hi, where is my parcel please and do you sell gift cards? thanks"
    assert cut(text) == ["where is my parcel", "do you sell gift cards?"]


def test_a_story_is_left_apart_from_its_question() -> None:
    text = "😀 je déménage vendredi prochain, vous pouvez changer l'adresse  ？ merci bcp"
    assert cut(text) == ["je déménage vendredi prochain", "vous pouvez changer l'adresse  ？"]


def test_a_short_message_and_one_of_a_piece_are_not_cut() -> None:
    for text in (
        "mon colis ? et ma crème ?",
        "je voudrais savoir où se trouve mon colis de mardi",
        "",
    ):
        assert cut(text) == []


def test_a_fragment_goes_with_what_follows_or_else_with_what_precedes() -> None:
    text = "je cherche mon colis. sinon, bref, vous livrez en Suisse ? merci Léa"
    assert cut(text) == ["je cherche mon colis", "vous livrez en Suisse ? merci Léa"]


def test_a_question_begins_where_it_is_asked_also_without_a_comma() -> None:
    for text, parts in (
        (
            "slt ma crème est arrivée cassée comment je fais pr le retour",
            ["ma crème est arrivée cassée", "comment je fais pr le retour"],
        ),
        ("my cream came broken how do i send it back", ["my cream came broken", "how do i send it back"]),
    ):
        assert cut(text) == parts


def test_a_question_that_leans_on_what_stands_before_is_left_with_it() -> None:
    for text in (
        "je voudrais bien savoir combien coûte la livraison en Suisse",
        "could somebody tell me how much the delivery to Bern is",
        "vous gardez les colis jusqu'à quand est-ce que je peux venir",
    ):
        assert cut(text) == [], text


def test_what_leads_to_a_question_is_not_part_of_it_unless_there_is_no_more() -> None:
    for text, second in (
        (
            "mon code ne marche pas. Et sinon, au fait, mes points expirent quand ?",
            "mes points expirent quand ?",
        ),
        (
            "my code does not work. Oh and btw when do my points expire?",
            "when do my points expire?",
        ),
        ("my code does not work. And also, when do my points expire?", "when do my points expire?"),
        ("mon code ne marche pas du tout. sinon alors bref demain ?", "bref demain ?"),
    ):
        assert cut(text)[1] == second, text


def test_runs_are_what_lies_between_a_part_and_everything() -> None:
    one, two, three, four = (Clause(start, start + 8) for start in (0, 10, 20, 30))
    assert runs([one, two, three, four]) == [
        Clause(0, 18), Clause(0, 28), Clause(10, 38), Clause(20, 38),
    ]  # fmt: skip
    assert runs([one, two]) == []


def test_a_part_stands_before_another_when_they_share_nothing() -> None:
    assert Clause(0, 10).before(Clause(10, 20))
    assert not Clause(0, 11).before(Clause(10, 20))
    assert not Clause(10, 20).before(Clause(0, 10))


def test_only_courtesies_or_signs_are_no_parts() -> None:
    for text in ("merci " * 40, "& , " * 40, "😀 " * 40, "? ! . " * 40, "包裹 在 哪里 。"):
        assert cut(text) == [], text


def test_of_many_parts_the_longest_are_kept_in_their_order() -> None:
    text = " ".join(f"numéro {'très ' * (k % 9)}grand {k}." for k in range(30))
    found = clauses(text, tokens(text))
    assert len(found) == MOST_CLAUSES
    assert [part.start for part in found] == sorted(part.start for part in found)
    assert all(before.end <= after.start for before, after in pairwise(found))
    assert min(part.end - part.start for part in found) > len("numéro grand 29")


def test_the_work_grows_with_the_message_and_not_with_its_square() -> None:
    folded = 0

    def counting(text: str) -> str:
        nonlocal folded
        folded += 1
        return fold(text)

    module.fold = counting
    try:
        for text in (
            "& , " * 1000,
            "mot " * 10_000,
            "aussi " * 10_000,
            "et " * 10_000,
            "où est mon colis , " * 2500,
        ):
            folded, given = 0, tokens(text)
            clauses(text, given)
            assert folded <= 8 * len(given)
    finally:
        module.fold = fold
