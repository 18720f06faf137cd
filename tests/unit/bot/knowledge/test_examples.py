from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.knowledge import examples
from bot.knowledge.examples import (
    MAX_FIELD,
    Example,
    bare,
    check_trainable,
    conflicts,
    lonely,
    read_csv,
    read_examples,
    unseen,
)
from bot.knowledge.reading import BadFile

RASA = """version: "3.1"
nlu:
  - regex: order_number
    examples: |
      - \\d{7}
  - intent: order_status
    metadata: {language: fr}
    examples: |
      - où est la [4812077](order_number) ?
      - mon colis
  - intent: order_status
    metadata: {language: en}
    examples: |
      - where is [4812077]{"entity": "order_number"}?
      - mon colis
"""


def written(folder: Path, content: str | bytes, name: str = "train.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def example(text: str, intent: str, line: int = 1) -> Example:
    return Example(text, intent, Path("a.csv"), line)


def test_a_file_is_read_with_the_line_of_each_example(tmp_path: Path) -> None:
    path = written(tmp_path, 'text,intent\n"one, two",a\n\n"over\ntwo ""lines""",b/c +é \nlast,a\n')
    assert read_csv(path) == [
        Example("one, two", "a", path, 2),
        Example('over\ntwo "lines"', "b/c +é", path, 4),
        Example("last", "a", path, 6),
    ]


def test_a_byte_order_mark_and_windows_line_ends_are_no_matter(tmp_path: Path) -> None:
    path = written(tmp_path, b"\xef\xbb\xbftext,intent\r\nbonjour,greet\r\n")
    assert [(one.text, one.intent, one.line) for one in read_csv(path)] == [("bonjour", "greet", 2)]


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (b"", 1, "text,intent"),
        (b"text;intent\na;x\n", 1, "separate columns with commas"),
        (b"intent,text\nx,a\n", 1, "header must be text,intent"),
        (b"text,intent\n", 2, "holds no example"),
        (b"text,intent\n\n\na\n", 4, "1 column instead of 2"),
        (b"text,intent\na,b,c\n", 2, "3 columns instead of 2"),
        (b"text,intent\na,x\n  ,x\n", 3, "the text is empty"),
        (b"text,intent\na,x\nhello, \n", 3, "the intent of 'hello' is empty"),
        (b'text,intent\na,x\n"never closed,x\nb,y\n', 3, "is not CSV"),
        (b'text,intent\n"a"b,x\n', 2, "is not CSV"),
        (b"\xef\xbb\xbftext,intent\na,x\ncaf\xe9,x\n", 3, "not UTF-8"),
        (b"text,intent\na\x00b,x\n", 2, "zero byte"),
        (b"text,intent\n" + b"a" * (MAX_FIELD + 1) + b",x\n", 2, "more than 131072 characters"),
        (b"text,intent\na," + b"x" * 201 + b"\n", 2, "the intent has 201 characters"),
    ],
)
def test_a_mistake_is_told_with_its_file_and_line(
    tmp_path: Path, content: bytes, line: int, says: str
) -> None:
    path = written(tmp_path, content)
    with pytest.raises(BadFile) as caught:
        read_csv(path)
    assert caught.value.line == line
    assert str(caught.value).startswith(f"{path}, line {line}: ")
    assert says in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"gone\.csv: does not exist"):
        read_csv(tmp_path / "gone.csv")


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples, "MAX_FILE", 10)
    with pytest.raises(BadFile, match="split it"):
        read_csv(written(tmp_path, "text,intent\na,x\n"))


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), min_size=1).filter(
    lambda text: text.strip()
)


@given(st.lists(st.tuples(texts, texts.filter(lambda text: len(text) <= 200)), min_size=1))
def test_whatever_is_written_as_csv_is_read_again(rows: list[tuple[str, str]]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([("text", "intent"), *rows])
    found = list(examples._rows(Path("x"), out.getvalue()))
    assert [tuple(row) for _, row in found[1:]] == rows
    lines = [line for line, _ in found]
    assert lines == sorted(set(lines))


def test_rasa_data_is_read_without_marks_with_language_and_line(tmp_path: Path) -> None:
    written(tmp_path, "version: '3.1'\nintents: [x]\n", "domain.yml")
    path = written(tmp_path, RASA, "order.yml")
    assert read_examples(tmp_path) == [
        Example("où est la 4812077 ?", "order_status", path, 9, "fr"),
        Example("mon colis", "order_status", path, 10, "fr"),
        Example("where is 4812077?", "order_status", path, 14, "en"),
        Example("mon colis", "order_status", path, 15, "en"),
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("nlu: [", "not valid YAML"),
        ("- a\n- b\n", "must begin with"),
        ("nlu: x\n", "must be a list"),
        ("nlu:\n  - intent: a\n", "no `examples: |`"),
        ("nlu:\n  - intent:\n    examples: |\n      - b\n", "empty `intent`"),
        ("nlu:\n  - intent: a\n    examples: |\n      b\n", "must begin with `- `"),
        ("nlu: []\n", "holds no example"),
        (
            RASA + "  - examples: |\n      - b\n    intent:  # todo\n",
            "bad.yml, line 18: a block has an empty `intent`",
        ),
        (
            "nlu:\n  - intent: a\n    examples: |\n      - b\n  - intent: ''\n",
            "bad.yml, line 5: a block has an empty",
        ),
        (
            'nlu:\n  - intent: a\n    examples: |\n      - intent:\n  - intent: ""\n',
            "bad.yml, line 5: a block",
        ),
        ("nlu:\n  - {intent: ~, examples: '- b'}\n", "bad.yml: a block has an empty"),
        ("nlu:\n  - intent: a\n    examples: |\n      - b\n  - intent: c\n", "bad.yml, line 5: c has no"),
    ],
)
def test_rasa_data_that_cannot_be_used_is_named(tmp_path: Path, content: str, says: str) -> None:
    written(tmp_path, content, "bad.yml")
    with pytest.raises(BadFile, match=r"bad|holds no example") as caught:
        read_examples(tmp_path)
    assert says in str(caught.value)


def test_one_intent_or_one_example_cannot_be_learnt() -> None:
    with pytest.raises(BadFile, match=r"a\.csv, line 7: is the only example"):
        check_trainable([example("a", "x", 7)])
    with pytest.raises(BadFile, match=r"a\.csv, line 2: every example is of x"):
        check_trainable([example("a", "x", 2), example("b", "x", 3)])
    check_trainable([example("a", "x"), example("b", "oos")])


def test_the_same_text_under_two_intents_is_told_with_both_places() -> None:
    found = conflicts(
        [
            example("Where is it?", "a", 2),
            example("where  IS it?", "b", 3),
            example("where is it?", "a", 4),
            example("else", "a", 5),
        ]
    )
    assert [(one.first.line, one.second.line) for one in found] == [(2, 3)]
    assert str(found[0]) == "a.csv, line 3: 'where IS it?' is b here, and a in a.csv, line 2; keep one"


def test_the_two_names_for_out_of_scope_are_one_intent() -> None:
    assert conflicts([example("a", "oos"), example("a", "out_of_scope")]) == []


def test_an_intent_with_a_single_example_is_found() -> None:
    assert lonely([example("a", "x", 1), example("b", "x", 2), example("c", "y", 3)]) == [
        example("c", "y", 3)
    ]


def test_messages_that_were_learnt_are_left_out_however_they_are_punctuated() -> None:
    learnt = [example("Mon colis ?", "a")]
    assert unseen([example("mon colis", "a"), example("ma commande", "a")], learnt) == [
        example("ma commande", "a")
    ]
    assert bare("Où est-il ?!") == "où est il"
