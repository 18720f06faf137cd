"""Reading labelled messages: ``text,intent`` files, and Rasa's own NLU files.

Pure: nothing is trained or parsed here. Every mistake is told with its file, its line and its remedy.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from bot.knowledge.reading import BadFile

HEADER = ["text", "intent"]
MAX_FILE = 64 * 2**20
"""Bytes of one file."""
MAX_FIELD = 131_072
"""Characters of one field: Python's own limit for CSV."""
MAX_INTENT = 200
"""Characters of an intent's name."""
OOS_NAMES = frozenset({"oos", "out_of_scope"})
"""Names of the intent that no answer belongs to; they mean the same."""

_MARK = re.compile(r"\[([^\]]+)\](?:\([^)]*\)|\{[^}]*\})")
_YAML = (".yml", ".yaml")
_NO_INTENT = re.compile(r"""(?:- )?intent: *(?:''|""|~|null)? *(?:\#.*)?$""")


@dataclass(frozen=True, slots=True)
class Example:
    """A message and what it means, with the place where somebody wrote it down."""

    text: str
    intent: str
    path: Path
    line: int
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """The same text under two intents: no model can get both right."""

    first: Example
    second: Example

    def __str__(self) -> str:
        one, two = self.first, self.second
        return (
            f"{two.path}, line {two.line}: {_short(two.text)} is {two.intent} here, "
            f"and {one.intent} in {one.path}, line {one.line}; keep one"
        )


def is_rasa_data(path: Path) -> bool:
    """Whether it is read as Rasa NLU YAML: a folder, or a file that is named so. Otherwise it is CSV."""
    return path.is_dir() or path.suffix in _YAML


def read_examples(path: Path) -> list[Example]:
    """The examples of a ``text,intent`` file, a Rasa NLU file, or a folder of those.

    Raises:
        BadFile: the first mistake, with its file and line.
    """
    return read_rasa(path) if is_rasa_data(path) else read_csv(path)


# --- text,intent --------------------------------------------------------------------------


def read_csv(path: Path) -> list[Example]:
    """The examples of a ``text,intent`` file: UTF-8, with or without a byte order mark.

    Lines without anything on them are skipped. Texts are kept as they are, intents without the blanks
    around them.

    Raises:
        BadFile: the first mistake, with its file and line.
    """
    text = _decoded(path)
    rows = _rows(path, text)
    _check_header(path, next(rows, None))
    examples = [_example(path, line, row) for line, row in rows]
    if not examples:
        raise BadFile(path, 2, "holds no example below its header; add lines like: where is my parcel?,order")
    return examples


def _rows(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Each row with the number of its first line (a quoted field may hold line ends)."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    begins = 1
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise BadFile(path, begins, _malformed(error)) from error
        if row is None:
            return
        if row:
            yield begins, row
        begins = reader.line_num + 1


def _malformed(error: csv.Error) -> str:
    if "field larger" in str(error):
        return f'a field has more than {MAX_FIELD} characters; is a quote (") left open above?'
    return (
        f'is not CSV ({error}): put a text that holds a comma or a quote between "…", each quote in it twice'
    )


def _check_header(path: Path, first: tuple[int, list[str]] | None) -> None:
    if first is None:
        raise BadFile(path, 1, "is empty; its first line must be: text,intent")
    line, row = first
    if [cell.strip() for cell in row] == HEADER:
        return
    found = ",".join(row)
    hint = "; separate columns with commas" if len(row) == 1 and re.search(r"[;\t]", found) else ""
    raise BadFile(path, line, f"the header must be text,intent, and is {_short(found)}{hint}")


def _example(path: Path, line: int, row: list[str]) -> Example:
    if len(row) != len(HEADER):
        more = "put a text that holds a comma between double quotes" if len(row) > 2 else "add ,intent"
        columns = f"{len(row)} column{'s' if len(row) > 1 else ''}"
        raise BadFile(path, line, f"has {columns} instead of 2 (text,intent); {more}")
    text, intent = row[0], row[1].strip()
    if not text.strip():
        raise BadFile(path, line, "the text is empty; write one or remove the line")
    if not intent:
        raise BadFile(
            path, line, f"the intent of {_short(text)} is empty; name one (oos for none) or remove it"
        )
    if len(intent) > MAX_INTENT:
        raise BadFile(path, line, f"the intent has {len(intent)} characters; is a quote left open above?")
    return Example(text, intent, path, line)


def _decoded(path: Path) -> str:
    raw = _bytes(path)
    try:
        text = raw.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise BadFile(path, line, "is not UTF-8 text; save it as UTF-8") from error
    if "\0" in text:
        raise BadFile(
            path, text[: text.index("\0")].count("\n") + 1, "holds a zero byte: it is not a text file"
        )
    return text


def _bytes(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_FILE:
            raise BadFile(path, None, f"has {size // 2**20} MB, more than {MAX_FILE // 2**20}; split it")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise BadFile(path, None, "does not exist; check the path") from error
    except OSError as error:
        raise BadFile(path, None, f"cannot be read ({error.strerror})") from error


# --- Rasa's own ---------------------------------------------------------------------------


def rasa_files(path: Path) -> list[Path]:
    """The YAML files of a folder and those below it, in order; or the file itself."""
    if not path.is_dir():
        return [path]
    return sorted(one for one in path.rglob("*") if one.suffix in _YAML and one.is_file())


def read_rasa(path: Path) -> list[Example]:
    """The examples of a Rasa NLU file or folder, without entity marks, with their block's language.

    Raises:
        BadFile: the first mistake, with its file and line.
    """
    examples = [example for file in rasa_files(path) for example in _in_file(file)]
    if not examples:
        raise BadFile(
            path, None, "holds no example of an intent; name a folder of Rasa NLU files, or a CSV file"
        )
    return examples


def load_rasa(path: Path) -> dict[str, Any]:
    """One Rasa file as it is.

    Raises:
        BadFile: it is not YAML, or not a mapping.
    """
    try:
        content = YAML(typ="safe").load(_decoded(path))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise BadFile(path, line, f"is not valid YAML ({error.problem}); check quotes and indents") from error
    except YAMLError as error:
        raise BadFile(path, None, "is not valid YAML; check for control characters") from error
    if not isinstance(content, dict):
        raise BadFile(path, 1, "must begin with `version:` and hold `nlu:`")
    return content


def language_of(block: Any) -> str | None:
    """What an NLU block's metadata says its language is."""
    about = block.get("metadata") if isinstance(block, dict) else None
    language = about.get("language") if isinstance(about, dict) else None
    return language if isinstance(language, str) else None


def _in_file(path: Path) -> Iterator[Example]:
    content = load_rasa(path)
    blocks = content.get("nlu") or []
    if not isinstance(blocks, list):
        raise BadFile(path, None, "`nlu` must be a list")
    lines = _Lines(_decoded(path))
    for block in blocks:
        if isinstance(block, dict) and "intent" in block:
            yield from _in_block(path, block, lines)


def _in_block(path: Path, block: dict[str, Any], lines: _Lines) -> Iterator[Example]:
    intent, examples = str(block["intent"] or "").strip(), block.get("examples")
    if not intent:
        place = lines.like(_NO_INTENT)
        raise BadFile(path, place, "a block has an empty `intent`; name it or remove the block")
    begins = lines.like(re.compile(rf"(?:- )?intent: *['\"]?{re.escape(intent)}\b"))
    if not isinstance(examples, str) or not examples.strip():
        raise BadFile(path, begins, f"{intent} has no `examples: |` with lines that begin with `- `")
    language = language_of(block)
    for raw in filter(None, map(str.strip, examples.splitlines())):
        line = lines.next(raw)
        text = raw.removeprefix("-").strip()
        if not raw.startswith("-") or not text:
            raise BadFile(path, line, "an example must begin with `- ` and say something")
        yield Example(_MARK.sub(r"\1", text), intent, path, line, language)


class _Lines:
    """Finds the lines of a file, asked for in their order."""

    def __init__(self, text: str) -> None:
        self._lines = [line.strip() for line in text.splitlines()]
        self._at = 0

    def like(self, pattern: re.Pattern[str]) -> int | None:
        """The number of the next line that begins so, without passing over it; None when there is none."""
        numbered = enumerate(self._lines[self._at :], self._at + 1)
        return next((number for number, line in numbered if pattern.match(line)), None)

    def next(self, line: str) -> int:
        """The number of the next such line; that of the one before when there is none."""
        try:
            self._at = self._lines.index(line, self._at) + 1
        except ValueError:
            return max(self._at, 1)
        return self._at


# --- what is wrong between lines ----------------------------------------------------------


def check_trainable(examples: Sequence[Example]) -> None:
    """Whether a classifier can learn anything from them.

    Raises:
        BadFile: one example only, or one intent only.
    """
    first = examples[0]
    if len(examples) == 1:
        raise BadFile(
            first.path, first.line, "is the only example; training needs several, of two intents or more"
        )
    if len({example.intent for example in examples}) == 1:
        raise BadFile(
            first.path, first.line, f"every example is of {first.intent}; training needs at least two intents"
        )


def lonely(examples: Iterable[Example]) -> list[Example]:
    """The examples that are the only one of their intent."""
    known = list(examples)
    counts = Counter(example.intent for example in known)
    return [example for example in known if counts[example.intent] == 1]


def conflicts(examples: Iterable[Example]) -> list[Conflict]:
    """Texts that stand under two intents, whatever their case and blanks; ``oos`` names are one intent."""
    seen: dict[str, dict[str, Example]] = {}
    found: list[Conflict] = []
    for example in examples:
        intents = seen.setdefault(" ".join(example.text.casefold().split()), {})
        name = "oos" if example.intent in OOS_NAMES else example.intent
        if intents and name not in intents:
            found.append(Conflict(next(iter(intents.values())), example))
        intents.setdefault(name, example)
    return found


def bare(text: str) -> str:
    """Its words in lower case: two messages that differ in nothing else are the same one."""
    return re.sub(r"\W+", " ", text.lower()).strip()


def unseen(messages: Iterable[Example], learnt: Iterable[Example]) -> list[Example]:
    """The messages that do not stand among the learnt ones too, not even by chance."""
    known = {bare(example.text) for example in learnt}
    return [message for message in messages if bare(message.text) not in known]


def _short(text: str) -> str:
    told = " ".join(text.split())
    return repr(told if len(told) <= 60 else f"{told[:57]}…")
