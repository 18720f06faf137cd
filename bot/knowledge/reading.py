"""Reading what admins write in ``rasa_project/data``, and telling them what is wrong and where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from bot.domain.errors import ConfigurationError
from bot.ports.knowledge import Answer

LANGUAGES = ("fr", "en")
MAX_ANSWER = 1000
MAX_TITLE = 40
MAX_FILE = 256 * 1024

KEYS = ("version", "intents", "entities", "nlu", "responses")
"""What a file may hold."""
KINDS = {"intent", "regex", "lookup", "synonym"}
"""What a block under ``nlu`` may begin with."""

Entries = Mapping[str, Mapping[str, Answer]]
"""Answers by intent, then by language."""


class BadFile(ConfigurationError):
    """A file says something we cannot use. The text names the file, the line if known, and the remedy."""

    def __init__(self, path: Path, line: int | None, problem: str) -> None:
        super().__init__(f"{path}{f', line {line}' if line else ''}: {problem}")
        self.path = path
        self.line = line
        self.problem = problem


@dataclass(frozen=True, slots=True)
class _Source:
    """A file as read: its content, and its text to find lines in."""

    path: Path
    content: dict[str, Any]
    text: str

    def fault(self, problem: str, near: str | None = None) -> BadFile:
        return BadFile(self.path, self._line(near) if near else None, problem)

    def place(self, near: str) -> str:
        """The file and the line of a text in it."""
        line = self._line(near)
        return f"{self.path}, line {line}" if line else str(self.path)

    def ending(self, words: str) -> int | None:
        """The first line that ends so."""
        lines = self.text.splitlines()
        return next((number for number, line in enumerate(lines, 1) if line.rstrip().endswith(words)), None)

    def _line(self, near: str) -> int | None:
        """The line that says just this, or else the first that holds it."""
        lines = list(enumerate(self.text.splitlines(), 1))
        alone = (number for number, line in lines if line.strip().removeprefix("- ").strip() == near)
        held = (number for number, line in lines if near in line)
        return next(alone, next(held, None))


def check_project(rasa_project: Path) -> None:
    """Read all the data as training would.

    Raises:
        BadFile: the first mistake, with its file and line.
    """
    for path in sorted((rasa_project / "data").rglob("*.yaml")):
        raise BadFile(path, None, "would be learnt from without being checked; name it .yml")
    sources = [_read(path) for path in sorted((rasa_project / "data").rglob("*.yml"))]
    seen: dict[str, tuple[str, str]] = {}
    for source in sources:
        _check_keys(source)
        for intent, example in _examples(source):
            _check_example(source, intent, example, seen)
    read_entries(rasa_project / "data")
    _check_several(sources, {intent for intent, _ in seen.values()})


def read_entries(data: Path) -> Entries:
    """All FAQ entries under ``data/faq``, checked as a whole.

    Raises:
        BadFile: the first mistake, with its file and line.
        ConfigurationError: there are none.
    """
    sources = {f"faq_{path.stem}": _read(path) for path in sorted((data / "faq").glob("*.yml"))}
    if not sources:
        raise ConfigurationError(f"{data / 'faq'} holds no FAQ entry; restore it from git.")
    others = {path.stem for path in (data / "intents").glob("*.yml")}
    entries = {intent: _entry(source, intent) for intent, source in sources.items()}
    for intent, answers in entries.items():
        for related in next(iter(answers.values())).related:
            if related not in entries and related not in others:
                raise sources[intent].fault(f"`related` names {related}, which does not exist", related)
    return entries


def _read(path: Path) -> _Source:
    try:
        raw = path.read_bytes()
        text = raw.decode()
        content = YAML(typ="safe").load(text)
    except OSError as error:
        raise BadFile(path, None, f"cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise BadFile(
            path, raw[: error.start].count(b"\n") + 1, "is not UTF-8 text; save it as UTF-8"
        ) from error
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise BadFile(path, line, f"is not valid YAML ({error.problem}); check quotes and indents") from error
    except YAMLError as error:
        raise BadFile(path, None, "is not valid YAML; check for control characters") from error
    if len(raw) > MAX_FILE:
        raise BadFile(path, None, f"is larger than {MAX_FILE // 1024} kB; split it")
    if not isinstance(content, dict):
        raise BadFile(path, 1, "must begin with `version:` and hold `nlu:`")
    return _Source(path, content, text)


def _check_keys(source: _Source) -> None:
    """Rasa passes over what it does not know, and nobody would notice that a file is not learnt."""
    for key in source.content:
        if key not in KEYS:
            raise source.fault(f"`{key}` means nothing here; there are {', '.join(KEYS)}", f"{key}:")
    for block in _list(source, source.content.get("nlu", []), "nlu"):
        if not isinstance(block, dict) or not KINDS & block.keys():
            first = next(iter(block), "nlu") if isinstance(block, dict) else "nlu"
            raise source.fault("a block under `nlu` must begin with `- intent:`", f"{first}:")
        if "intent" in block and not str(block["intent"] or "").strip():
            raise BadFile(
                source.path, source.ending("intent:"), "`intent` is empty; name it, or remove the block"
            )


def _check_several(sources: list[_Source], intents: set[str]) -> None:
    if len(intents) == 1 and sources:
        intent = next(iter(intents))
        source = next(one for one in sources if any(found == intent for found, _ in _examples(one)))
        raise source.fault(f"every example is of {intent}; training needs at least two intents", intent)


def _examples(source: _Source) -> Iterator[tuple[str, str]]:
    for block in _list(source, source.content.get("nlu", []), "nlu"):
        intent = block.get("intent") if isinstance(block, dict) else None
        if intent is None:
            continue
        examples = block.get("examples")
        if not isinstance(examples, str) or not examples.strip():
            raise source.fault(f"{intent} has no `examples: |` with lines that begin with `- `", "intent:")
        yield from ((str(intent), line) for line in examples.splitlines() if line.strip())


def _check_example(source: _Source, intent: str, line: str, seen: dict[str, tuple[str, str]]) -> None:
    example = line.strip().removeprefix("-").strip()
    if not line.strip().startswith("- ") or not example:
        raise source.fault("an example must begin with `- ` and say something", line.strip())
    if example.startswith("/"):
        raise source.fault("an example must not begin with `/`", example)
    key = " ".join(example.lower().split())
    other, place = seen.setdefault(key, (intent, source.place(example)))
    if other != intent:
        raise source.fault(f"{example!r} is {intent} here, and {other} in {place}; keep one", example)


def _entry(source: _Source, intent: str) -> dict[str, Answer]:
    if source.content.get("intents") != [intent]:
        raise source.fault(f"`intents` must hold {intent} alone: it is named after the file", "intents")
    team, related = _about(source, intent)
    responses = source.content.get("responses")
    variants = responses.get(f"utter_{intent}") if isinstance(responses, dict) else None
    if not variants:
        raise source.fault(f"`responses` needs utter_{intent}", "responses")
    answers = [_answer(source, intent, v, team, related) for v in _list(source, variants, f"utter_{intent}")]
    _check_languages(source, f"utter_{intent}", [answer.language for answer in answers])
    return {answer.language: answer for answer in answers}


def _about(source: _Source, intent: str) -> tuple[str, tuple[str, ...]]:
    """The team and the related intents, which all blocks of the entry share."""
    blocks = _list(source, source.content.get("nlu", []), "nlu")
    if any(not isinstance(block, dict) or block.get("intent") != intent for block in blocks):
        raise source.fault(f"every block under `nlu` must be of {intent}", "nlu")
    metadata = [_metadata(source, block, "intent:") for block in blocks]
    _check_languages(source, "`nlu`", [str(about["language"]) for about in metadata])
    team, related = metadata[0].get("team", "care"), metadata[0].get("related", [])
    if not isinstance(team, str) or not isinstance(related, list):
        raise source.fault("`team` must be a name and `related` a list of intents", "metadata")
    return team, tuple(str(other) for other in related if other != intent)


def _answer(source: _Source, intent: str, variant: object, team: str, related: tuple[str, ...]) -> Answer:
    if (
        not isinstance(variant, dict)
        or not isinstance(variant.get("text"), str)
        or not variant["text"].strip()
    ):
        raise source.fault(f"each answer under utter_{intent} needs a `text`", f"utter_{intent}")
    text = variant["text"].strip()
    about = _metadata(source, variant, text[:30])
    title = about.get("title")
    if len(text) > MAX_ANSWER:
        raise source.fault(f"an answer has at most {MAX_ANSWER} characters, this one {len(text)}", text[:30])
    if not isinstance(title, str) or not 0 < len(title.strip()) <= MAX_TITLE:
        raise source.fault(f"an answer needs a `title` of 1 to {MAX_TITLE} characters", text[:30])
    while_waiting = about.get("while_waiting", False)
    if not isinstance(while_waiting, bool):
        raise source.fault("`while_waiting` must be true or false", "while_waiting")
    return Answer(intent, str(about["language"]), title.strip(), text, team, related, while_waiting)


def _metadata(source: _Source, block: dict[str, Any], near: str) -> dict[str, Any]:
    about = block.get("metadata")
    if not isinstance(about, dict) or about.get("language") not in LANGUAGES:
        raise source.fault(f"`metadata` needs a language, one of {', '.join(LANGUAGES)}", near)
    return about


def _check_languages(source: _Source, where: str, found: list[str]) -> None:
    counted = Counter(found)
    for language in LANGUAGES:
        if counted[language] == 0:
            raise source.fault(f"{where} has nothing in {language}", where.strip("`"))
    if where.startswith("utter_") and len(found) > len(counted):
        raise source.fault(f"{where} has two answers in one language; keep one", where)


def _list(source: _Source, value: object, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise source.fault(f"`{where}` must be a list", where)
    return value
