"""Writing FAQ files as an admin would: a line more, or a text for another, and not a byte else.

A file is read by YAML's own marks of where each text stands, and changed there. What comes out is read
back before anything is written: only what was asked for may differ, and the whole project must still be
one that training and the bot can use.
"""

from __future__ import annotations

import copy
import difflib
import json
import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bot.domain.errors import ConfigurationError
from bot.knowledge.reading import LANGUAGES, MAX_ANSWER, MAX_TITLE, check_project

INTENT = re.compile(r"faq_[a-z][a-z0-9_]{1,49}")
MAX_EXAMPLE = 500
"""Characters of an example."""

_MARK = re.compile(r"\[([^\]]+)\](?:\([^)]*\)|\{[^}]*\})")
"""What Rasa takes for an entity in an example."""
_UNSEEN = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")
_JOINER = "\u200d"
_BLOCK_STYLES = ("|", ">")


@dataclass(frozen=True, slots=True)
class Texts:
    """What to write of an entry in one language; empty where nothing is to change."""

    question: str = ""
    answer: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A file as it is (None: it is not there yet), and as it shall be."""

    path: Path
    before: str | None
    after: str

    @property
    def is_none(self) -> bool:
        """Whether there is nothing to write."""
        return self.before == self.after

    def diff(self, name: str) -> str:
        """The difference as ``diff -u`` shows it, under that name."""
        old = [] if self.before is None else self.before.splitlines()
        source = "/dev/null" if self.before is None else name
        return "\n".join(difflib.unified_diff(old, self.after.splitlines(), source, name, lineterm=""))


def entry_path(data: Path, intent: str) -> Path:
    """The file of an entry, there or not.

    Raises:
        ConfigurationError: an FAQ entry cannot be called so.
    """
    if not INTENT.fullmatch(intent):
        raise ConfigurationError(
            f"{intent!r} is no name of an FAQ entry: faq_ and then small letters, digits and _, "
            "such as faq_gift_wrap."
        )
    return data / "faq" / f"{intent.removeprefix('faq_')}.yml"


def changed_entry(data: Path, intent: str, language: str, texts: Texts) -> Change:
    """An entry with an example more, another answer or another title, in one language.

    Raises:
        ConfigurationError: the texts or the file do not allow it; the sentence says why.
    """
    path = entry_path(data, intent)
    before = _read(path)
    after = before
    example = _example(texts.question)
    if example and not _has(before, intent, example):
        after = _with_example(path, after, language, example)
    if texts.answer.strip():
        after = _with_answer(path, after, intent, language, _answer(texts.answer))
    if texts.title.strip():
        after = _with_title(path, after, intent, language, _title(texts.title))
    change = Change(path, before, after)
    if not change.is_none:
        check(change, data)
    return change


def new_entry(data: Path, intent: str, texts: Mapping[str, Texts], *, team: str = "care") -> Change:
    """A whole entry: an example, an answer and a title in every language.

    Raises:
        ConfigurationError: something is missing or does not fit; the sentence says what.
    """
    path = entry_path(data, intent)
    if path.exists():
        raise ConfigurationError(f"{intent} is there already.")
    for language in LANGUAGES:
        given = texts.get(language, Texts())
        for name in ("question", "answer", "title"):
            if not getattr(given, name).strip():
                raise ConfigurationError(
                    f"A new entry needs its {name} in every language: not in {language}."
                )
    blocks = "".join(_nlu_block(intent, language, team, texts[language]) for language in LANGUAGES)
    answers = "".join(_response(language, texts[language]) for language in LANGUAGES)
    after = f'version: "3.1"\nintents:\n  - {intent}\nnlu:\n{blocks}responses:\n  utter_{intent}:\n{answers}'
    change = Change(path, None, after)
    check(change, data)
    return change


def check(change: Change, data: Path) -> None:
    """Read the whole project as training would, with the change made elsewhere.

    Raises:
        ConfigurationError: it could not be used; names the file and the line.
    """
    with tempfile.TemporaryDirectory(prefix="guichet-") as folder:
        scratch = Path(folder)
        shutil.copytree(data, scratch / "data")
        (scratch / "data" / change.path.relative_to(data)).write_bytes(change.after.encode())
        try:
            check_project(scratch)
        except ConfigurationError as error:
            raise ConfigurationError(str(error).replace(str(scratch / "data"), str(data))) from error


def write(change: Change) -> None:
    """Put the file in place: all of it or nothing.

    Raises:
        ConfigurationError: the file was changed since, or cannot be written.
    """
    path = change.path
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        now = path.read_bytes().decode() if path.exists() else None
        if now != change.before:
            raise ConfigurationError(f"{path} was changed meanwhile: look at it, and try again.")
        with part.open("wb") as file:
            file.write(change.after.encode())
            file.flush()
            os.fsync(file.fileno())
        part.chmod(path.stat().st_mode if now is not None else 0o644)
        part.replace(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be written: {error}.") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


# --- texts -----------------------------------------------------------------------------------


def _example(text: str) -> str:
    """One line, without what would mean something else in an example."""
    example = " ".join(_visible(_MARK.sub(r"\1", text), instead=" ").split()).lstrip("-/ ")
    if text.strip() and not example:
        raise ConfigurationError("The question says nothing; give another one with --question.")
    if len(example) > MAX_EXAMPLE:
        raise ConfigurationError(
            f"An example has at most {MAX_EXAMPLE} characters, this one {len(example)}: shorten it "
            "with --question."
        )
    return example


def _answer(text: str) -> str:
    answer = "\n".join(_visible(line).rstrip() for line in text.strip().splitlines())
    if len(answer) > MAX_ANSWER:
        raise ConfigurationError(
            f"An answer has at most {MAX_ANSWER} characters, this one {len(answer)}: shorten it "
            "with --answer."
        )
    return answer


def _title(text: str) -> str:
    title = " ".join(_visible(text).split())
    if len(title) > MAX_TITLE:
        raise ConfigurationError(
            f"A title has at most {MAX_TITLE} characters, this one {len(title)}: shorten it with --title."
        )
    return title


def _visible(text: str, instead: str = "") -> str:
    """Without control characters and the like, which no file needs (emoji need their joiner)."""
    return "".join(
        instead if unicodedata.category(one) in _UNSEEN and one != _JOINER else one for one in text
    )


def _quoted(text: str) -> str:
    """As YAML takes it in double quotes, on one line."""
    return json.dumps(text, ensure_ascii=False)


def _nlu_block(intent: str, language: str, team: str, texts: Texts) -> str:
    return (
        f"  - intent: {intent}\n"
        f"    metadata: {{language: {language}, team: {team}}}\n"
        f"    examples: |\n"
        f"      - {_example(texts.question)}\n"
    )


def _response(language: str, texts: Texts) -> str:
    return (
        f"    - text: {_quoted(_answer(texts.answer))}\n"
        f"      metadata: {{language: {language}, title: {_quoted(_title(texts.title))}}}\n"
    )


# --- a file's places -------------------------------------------------------------------------


def _with_example(path: Path, text: str, language: str, example: str) -> str:
    for block in _items(_at(_tree(path, text), "nlu")):
        examples = _at(block, "examples")
        if _language(block) == language and isinstance(examples, ScalarNode) and examples.style == "|":
            return _checked(path, text, _one_more(text, examples, example), _adding(language, example))
    raise ConfigurationError(
        f"{path} has no `examples: |` in {language} that a line could be added to; add it by hand."
    )


def _one_more(text: str, examples: ScalarNode, example: str) -> str:
    """After the last line that says something, indented as that one."""
    inside = text[examples.start_mark.index : examples.end_mark.index].rstrip()
    end = examples.start_mark.index + len(inside)
    last = inside.splitlines()[-1]
    indent = last[: len(last) - len(last.lstrip())]
    newline = "\r\n" if "\r\n" in text else "\n"
    return f"{text[:end]}{newline}{indent}- {example}{text[end:]}"


def _with_answer(path: Path, text: str, intent: str, language: str, answer: str) -> str:
    variant = _variant(path, text, intent, language)
    return _checked(
        path, text, _instead(text, _at(variant, "text"), answer), _answering(intent, language, answer)
    )


def _with_title(path: Path, text: str, intent: str, language: str, title: str) -> str:
    variant = _variant(path, text, intent, language)
    node = _at(_at(variant, "metadata"), "title")
    return _checked(path, text, _instead(text, node, title), _naming(intent, language, title))


def _variant(path: Path, text: str, intent: str, language: str) -> Node:
    for variant in _items(_at(_at(_tree(path, text), "responses"), f"utter_{intent}")):
        if _language(variant) == language:
            return variant
    raise ConfigurationError(f"{path} has no answer in {language} under utter_{intent}; write it by hand.")


def _instead(text: str, node: Node | None, said: str) -> str:
    if not isinstance(node, ScalarNode):
        return text
    start, end = node.start_mark.index, node.end_mark.index
    if node.style in _BLOCK_STYLES:  # it ends where the next line that is not its own begins
        end = start + len(text[start:end].rstrip())
    return f"{text[:start]}{_quoted(said)}{text[end:]}"


def _tree(path: Path, text: str) -> Node | None:
    try:
        tree: Node | None = YAML().compose(text)
    except YAMLError as error:
        raise ConfigurationError(f"{path} is not valid YAML; run `guichet check-config`.") from error
    return tree


def _at(node: Node | None, name: str) -> Node | None:
    if isinstance(node, MappingNode):
        return next((value for key, value in node.value if key.value == name), None)
    return None


def _items(node: Node | None) -> Iterator[Node]:
    if isinstance(node, SequenceNode):
        yield from node.value


def _language(node: Node) -> str | None:
    language = _at(_at(node, "metadata"), "language")
    return language.value if isinstance(language, ScalarNode) else None


# --- only what was asked for -----------------------------------------------------------------


def _adding(language: str, example: str) -> Any:
    def make(content: dict[str, Any]) -> None:
        block = next(one for one in content["nlu"] if one["metadata"]["language"] == language)
        ends = block["examples"].endswith("\n")
        block["examples"] = block["examples"].rstrip() + f"\n- {example}" + ("\n" if ends else "")

    return make


def _answering(intent: str, language: str, answer: str) -> Any:
    def make(content: dict[str, Any]) -> None:
        _response_in(content, intent, language)["text"] = answer

    return make


def _naming(intent: str, language: str, title: str) -> Any:
    def make(content: dict[str, Any]) -> None:
        _response_in(content, intent, language)["metadata"]["title"] = title

    return make


def _response_in(content: dict[str, Any], intent: str, language: str) -> dict[str, Any]:
    variants: list[dict[str, Any]] = content["responses"][f"utter_{intent}"]
    return next(one for one in variants if one["metadata"]["language"] == language)


def _checked(path: Path, before: str, after: str, make: Any) -> str:
    """The new text, if it says what the old one would with that change made to it."""
    expected = copy.deepcopy(_content(before))
    make(expected)
    try:
        found = _content(after)
    except YAMLError:
        found = None
    if found != expected:
        raise ConfigurationError(
            f"{path} is written in a way that cannot be changed safely: edit it by hand."
        )
    return after


def _content(text: str) -> Any:
    return YAML(typ="safe").load(text)


def _has(text: str, intent: str, example: str) -> bool:
    """Whether the entry has that example, whatever its case and blanks."""
    wanted = " ".join(example.lower().split())
    for block in _content(text).get("nlu", []):
        lines = str(block.get("examples", "")).splitlines()
        if any(" ".join(line.strip().removeprefix("-").lower().split()) == wanted for line in lines):
            return bool(block.get("intent") == intent)
    return False


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError as error:
        raise ConfigurationError(f"There is no entry {path.stem}: {path} does not exist.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}.") from error
