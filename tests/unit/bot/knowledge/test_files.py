from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import structlog

from bot.domain.errors import ConfigurationError
from bot.knowledge.files import FileKnowledge
from bot.knowledge.reading import BadFile, check_project, read_entries

ENTRY = """version: "3.1"
intents:
  - faq_{id}
nlu:
  - intent: faq_{id}
    metadata: {{language: fr, team: shop, related: [faq_{related}]}}
    examples: |
      - {id} en français ?
  - intent: faq_{id}
    metadata: {{language: en, team: shop, related: [faq_{related}]}}
    examples: |
      - {id} in English?
responses:
  utter_faq_{id}:
    - text: "Réponse {id}"
      metadata: {{language: fr, title: "Titre {id}"}}
    - text: "Answer {id}"
      metadata: {{language: en, title: "Title {id}"}}
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data" / "faq").mkdir(parents=True)
    (tmp_path / "data" / "intents").mkdir()
    for name, related in (("vegan", "samples"), ("samples", "vegan")):
        entry(tmp_path / "data", name).write_text(ENTRY.format(id=name, related=related))
    return tmp_path / "data"


def entry(data: Path, name: str = "vegan") -> Path:
    return data / "faq" / f"{name}.yml"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_an_entry_answers_in_both_languages(data: Path) -> None:
    knowledge = FileKnowledge(data)
    french, english = knowledge.answer("faq_vegan", "fr"), knowledge.answer("faq_vegan", "en")
    assert french is not None
    assert english is not None
    assert (french.text, french.title, french.team) == ("Réponse vegan", "Titre vegan", "shop")
    assert (english.text, english.language, english.related) == ("Answer vegan", "en", ("faq_samples",))


def test_an_answer_may_be_told_to_who_waits_for_a_person_when_it_says_so(data: Path) -> None:
    edit(entry(data), 'title: "Titre vegan"', 'title: "Titre vegan", while_waiting: true')
    knowledge = FileKnowledge(data)
    french, english = knowledge.answer("faq_vegan", "fr"), knowledge.answer("faq_vegan", "en")
    assert french is not None
    assert english is not None
    assert (french.while_waiting, english.while_waiting) == (True, False)


def test_a_language_we_have_no_text_in_gets_the_other_one(data: Path) -> None:
    answer = FileKnowledge(data).answer("faq_vegan", "de")
    assert answer is not None
    assert answer.language == "fr"


def test_what_is_no_faq_has_no_answer(data: Path) -> None:
    knowledge = FileKnowledge(data)
    assert knowledge.answer("greet", "fr") is None
    assert knowledge.intents() == ("faq_samples", "faq_vegan")


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("  - faq_vegan\nnlu", "  - faq_other\nnlu", 2, "named after the file"),
        ('- text: "Answer vegan"', "- text: 3", 14, "text"),
        ('title: "Title vegan"', 'title: "' + "x" * 41 + '"', 17, "title"),
        ("{language: en, title", "{language: de, title", 17, "language"),
        ("{language: en, title", "{language: fr, title", 14, "nothing in en"),
        ('title: "Title vegan"', 'title: "Title vegan", while_waiting: maybe', 18, "true or false"),
        ("related: [faq_samples]", "related: [faq_nothing]", 6, "faq_nothing"),
        ("  utter_faq_vegan:", "  utter_faq_vegans:", 13, "utter_faq_vegan"),
        ('Answer vegan"', "Answer vegan", None, "not valid YAML"),
        ("intents:\n", "intents:\nintents:\n", None, "not valid YAML"),
        ('version: "3.1"\n', "\x00", None, "not valid YAML"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_line(
    data: Path, old: str, new: str, line: int | None, says: str
) -> None:
    edit(entry(data), old, new)
    with pytest.raises(BadFile) as caught:
        read_entries(data)
    assert caught.value.path == entry(data)
    assert line is None or caught.value.line == line
    assert says in str(caught.value)


def test_a_file_that_is_not_utf8_is_named_with_its_line(data: Path) -> None:
    entry(data).write_bytes(b'version: "3.1"\n# caf\xe9\n')
    with pytest.raises(BadFile, match="line 2: is not UTF-8"):
        read_entries(data)


def test_no_entry_at_all_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no FAQ entry"):
        FileKnowledge(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("- vegan en français ?", "- /restart", "must not begin"),
        ("- vegan en français ?", "vegan en français ?", "must begin with"),
        (
            "- vegan en français ?",
            "- Samples   IN English?",
            r"vegan.yml, line 8: .*samples.yml, line 12; keep one",
        ),
        ("nlu:", "nlus:", "line 4: `nlus` means nothing here"),
        ("- intent: faq_vegan", "- intnt: faq_vegan", "line 5: a block under `nlu` must begin"),
        ("- intent: faq_vegan", "- intent:", "line 5: `intent` is empty"),
        ("examples: |\n      - vegan en français ?", "examples: ''", "has no `examples"),
    ],
)
def test_training_examples_are_checked_before_rasa_sees_them(
    data: Path, old: str, new: str, says: str
) -> None:
    edit(entry(data), old, new)
    with pytest.raises(BadFile, match=says):
        check_project(data.parent)


def test_a_short_example_is_found_on_its_own_line_and_not_within_another(data: Path) -> None:
    edit(entry(data), "- vegan en français ?", "- vegan en français ?\n      - français ?")
    edit(entry(data, "samples"), "- samples in English?", "- samples in English?\n      - Français ?")
    with pytest.raises(BadFile, match=r"vegan.yml, line 9: .*samples.yml, line 13; keep one"):
        check_project(data.parent)


def test_one_intent_alone_is_nothing_to_learn_from(data: Path) -> None:
    entry(data, "samples").unlink()
    edit(entry(data), ", related: [faq_samples]", "")
    with pytest.raises(BadFile, match=r"vegan.yml, line 3: every example is of faq_vegan"):
        check_project(data.parent)


def test_a_file_that_rasa_reads_and_we_would_not_is_named(data: Path) -> None:
    (data / "faq" / "new.yaml").write_text("nlu: []\n")
    with pytest.raises(BadFile, match=r"new.yaml: .*name it .yml"):
        check_project(data.parent)


async def test_an_edited_answer_is_live_without_a_restart(data: Path) -> None:
    knowledge, stop = FileKnowledge(data), asyncio.Event()
    watching = asyncio.create_task(knowledge.watch(stop))
    text = ""
    for _ in range(40):  # the watcher may not be looking yet when the first edit happens
        entry(data).write_text(ENTRY.format(id="vegan", related="samples").replace("Réponse", "Nouvelle"))
        await asyncio.sleep(0.3)
        answer = knowledge.answer("faq_vegan", "fr")
        text = answer.text if answer else ""
        if text == "Nouvelle vegan":
            break
    stop.set()
    await watching
    assert text == "Nouvelle vegan"


async def test_a_broken_edit_changes_nothing_and_is_logged_with_its_place(data: Path) -> None:
    knowledge = FileKnowledge(data)
    edit(entry(data), 'Answer vegan"', "Answer vegan")
    with structlog.testing.capture_logs() as logs:
        assert await knowledge.reload() is False
    answer = knowledge.answer("faq_vegan", "en")
    assert answer is not None
    assert answer.text == "Answer vegan"
    assert logs[0]["event"] == "knowledge_rejected"
    assert logs[0]["file"] == str(entry(data))
    assert logs[0]["line"] > 0
