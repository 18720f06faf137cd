"""FAQ files written by a program: as an admin would, and not a byte else."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.errors import ConfigurationError
from bot.knowledge import writing
from bot.knowledge.files import FileKnowledge
from bot.knowledge.reading import check_project
from bot.knowledge.writing import Texts, changed_entry, entry_path, new_entry, write

REAL = Path(__file__).resolve().parents[4] / "rasa_project" / "data"
ENTRY = """version: "3.1"
# what we send
intents:
  - faq_{id}
nlu:
  - intent: faq_{id}
    metadata: {{language: fr, team: shop}}  # ours
    examples: |
      - {id} en français ?
      - encore {id}

  - intent: faq_{id}
    metadata: {{language: en, team: shop}}
    examples: |
      - {id} in English?
responses:
  utter_faq_{id}:
    - text: "Réponse {id} :
        sur deux lignes"
      metadata: {{language: fr, title: 'Titre {id}'}}
    - text: |
        Answer {id}
        on two lines

      metadata: {{language: en, title: Title {id}}}
# the end
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data" / "faq").mkdir(parents=True)
    (tmp_path / "data" / "intents").mkdir()
    for name in ("vegan", "samples"):
        (tmp_path / "data" / "faq" / f"{name}.yml").write_text(ENTRY.format(id=name))
    return tmp_path / "data"


def vegan(data: Path) -> Path:
    return data / "faq" / "vegan.yml"


# --- an entry that is there -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "last"), [("fr", "      - encore vegan\n"), ("en", "      - vegan in English?\n")]
)
def test_an_example_is_one_more_line_of_its_language_and_nothing_else_changes(
    data: Path, language: str, last: str
) -> None:
    before = vegan(data).read_bytes()
    change = changed_entry(data, "faq_vegan", language, Texts(question="c'est  végan\nça ?"))
    assert vegan(data).read_bytes() == before
    write(change)
    expected = before.decode().replace(last, f"{last}      - c'est végan ça ?\n")
    assert vegan(data).read_bytes().decode() == expected
    check_project(data.parent)


def test_an_answer_replaces_that_of_its_language_however_it_was_written(data: Path) -> None:
    write(changed_entry(data, "faq_vegan", "fr", Texts(answer='Oui : « tout ».\nMême "ça" \\ 100 % 🙂')))
    write(changed_entry(data, "faq_vegan", "en", Texts(answer="Yes", title="It's all: vegan")))
    knowledge = FileKnowledge(data)
    french, english = knowledge.answer("faq_vegan", "fr"), knowledge.answer("faq_vegan", "en")
    assert french is not None
    assert english is not None
    assert (french.text, french.title) == ('Oui : « tout ».\nMême "ça" \\ 100 % 🙂', "Titre vegan")
    assert (english.text, english.title) == ("Yes", "It's all: vegan")
    text = vegan(data).read_text()
    assert text.startswith(ENTRY.format(id="vegan").partition("responses")[0])
    assert text.endswith("# the end\n")


def test_entries_of_ours_take_an_example_and_an_answer() -> None:
    for path, language in zip(sorted((REAL / "faq").glob("*.yml"))[::12], ("fr", "en") * 9, strict=False):
        before, intent = path.read_bytes().decode(), f"faq_{path.stem}"
        added = writing._with_example(path, before, language, "une question jamais vue")
        lines = added.splitlines(keepends=True)
        lines.remove("      - une question jamais vue\n")
        assert "".join(lines) == before, path
        answered = writing._with_answer(path, before, intent, language, "Une réponse.")
        pairs = zip(before.splitlines(), answered.splitlines(), strict=True)
        assert len([new for old, new in pairs if old != new]) == 1, path


def test_windows_line_ends_and_a_missing_last_one_stay_as_they_are(data: Path) -> None:
    text = ENTRY.format(id="vegan").partition("responses")[0].rstrip()
    responses = ENTRY.format(id="vegan").partition("responses")[2]
    moved = text.replace("nlu:", f"responses{responses.partition('# the end')[0]}nlu:")
    vegan(data).write_bytes(moved.replace("\n", "\r\n").encode())
    before = vegan(data).read_bytes()
    write(changed_entry(data, "faq_vegan", "en", Texts(question="really?")))
    assert vegan(data).read_bytes() == before + b"\r\n      - really?"


def test_what_the_entry_says_already_is_not_said_again(data: Path) -> None:
    assert changed_entry(data, "faq_vegan", "fr", Texts(question="Encore  VEGAN")).is_none
    assert changed_entry(data, "faq_vegan", "fr", Texts(title="Titre vegan", question="")).after


def test_an_example_of_another_entry_is_refused_with_its_place(data: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"encore samples.*data/faq/samples.yml, line 10"):
        changed_entry(data, "faq_vegan", "fr", Texts(question="encore samples"))


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("- une liste ?", "une liste ?"),
        ("/greet tout court", "greet tout court"),
        ("le [vernis](product) rouge", "le vernis rouge"),
        ('le [vernis]{"entity": "x"} rouge', "le vernis rouge"),
        ("des espaces\u00a0insécables\u202f?", "des espaces insécables ?"),
        ("un\x1b[31m piège\u202e", "un [31m piège"),
        ("# pas un commentaire: {oui}", "# pas un commentaire: {oui}"),
    ],
)
def test_an_example_means_what_it_says(data: Path, said: str, kept: str) -> None:
    write(changed_entry(data, "faq_vegan", "fr", Texts(question=said)))
    assert f"      - {kept}\n" in vegan(data).read_text()


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        (Texts(question="- /"), "says nothing"),
        (Texts(question="a" * 501), "at most 500"),
        (Texts(answer="a" * 1001), "at most 1000"),
        (Texts(title="a" * 41), "at most 40"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(data: Path, texts: Texts, problem: str) -> None:
    before = vegan(data).read_bytes()
    with pytest.raises(ConfigurationError, match=problem):
        changed_entry(data, "faq_vegan", "fr", texts)
    assert vegan(data).read_bytes() == before


def test_a_file_written_in_another_way_is_left_to_people(data: Path) -> None:
    text = vegan(data).read_text().replace("examples: |", "examples: >")
    vegan(data).write_text(text)
    with pytest.raises(ConfigurationError, match="by hand"):
        changed_entry(data, "faq_vegan", "fr", Texts(question="une question"))


@settings(max_examples=25, deadline=None)
@given(st.text(min_size=1, max_size=80))
def test_whatever_is_said_only_that_changes(said: str) -> None:
    path, text = Path("vegan.yml"), ENTRY.format(id="vegan")
    example = writing._example(f"a{said}")
    added = writing._with_example(path, text, "fr", example)
    assert added.replace(f"      - {example}\n", "", 1) == text
    writing._with_answer(path, text, "faq_vegan", "fr", writing._answer(said))


# --- a new one ----------------------------------------------------------------------------------


BOTH = {
    "fr": Texts("gravez-vous un nom ?", "Oui : en boutique.", "Gravure"),
    "en": Texts("do you engrave?", 'Yes, "in store".', "Engraving"),
}


def test_a_new_entry_is_a_whole_file_that_the_bot_and_training_read(data: Path) -> None:
    change = new_entry(data, "faq_engraving", BOTH)
    assert not entry_path(data, "faq_engraving").exists()
    write(change)
    check_project(data.parent)
    knowledge = FileKnowledge(data)
    english = knowledge.answer("faq_engraving", "en")
    assert english is not None
    assert (english.text, english.title, english.team) == ('Yes, "in store".', "Engraving", "care")
    assert stat.S_IMODE(entry_path(data, "faq_engraving").stat().st_mode) == 0o644


def test_a_new_entry_needs_all_of_both_languages(data: Path) -> None:
    with pytest.raises(ConfigurationError, match="its answer in every language: not in en"):
        new_entry(data, "faq_engraving", {**BOTH, "en": Texts("q", "", "t")})


@pytest.mark.parametrize("name", ["engraving", "faq_", "faq_../../x", "faq_Été", "faq_a/b", "order_status"])
def test_a_name_that_is_none_is_refused(data: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="no name of an FAQ entry"):
        new_entry(data, name, BOTH)


# --- writing ------------------------------------------------------------------------------------


def test_a_file_that_changed_since_it_was_shown_is_not_overwritten(data: Path) -> None:
    change = changed_entry(data, "faq_vegan", "fr", Texts(question="une question"))
    vegan(data).write_text(vegan(data).read_text() + "# somebody was here\n")
    with pytest.raises(ConfigurationError, match="changed meanwhile"):
        write(change)
    assert "une question" not in vegan(data).read_text()


def test_a_crash_while_writing_leaves_the_old_file_and_no_other(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = vegan(data).read_bytes()
    change = changed_entry(data, "faq_vegan", "fr", Texts(question="une question"))

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ConfigurationError, match="No space left"):
        write(change)
    assert vegan(data).read_bytes() == before
    assert sorted(path.name for path in vegan(data).parent.iterdir()) == ["samples.yml", "vegan.yml"]


def test_the_files_own_rights_stay(data: Path) -> None:
    vegan(data).chmod(0o640)
    write(changed_entry(data, "faq_vegan", "fr", Texts(question="une question")))
    assert stat.S_IMODE(vegan(data).stat().st_mode) == 0o640


def test_the_difference_is_shown_as_people_know_it(data: Path) -> None:
    change = changed_entry(data, "faq_vegan", "fr", Texts(question="une question"))
    lines = change.diff("faq/vegan.yml").splitlines()
    assert lines[:2] == ["--- faq/vegan.yml", "+++ faq/vegan.yml"]
    assert [line for line in lines[2:] if line[0] in "+-"] == ["+      - une question"]
