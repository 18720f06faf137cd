"""What agents read, in their language: ``texts/*.toml``, each key with a text in French and in English."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

LANGUAGES = ("fr", "en")
DEFAULT = "en"


def say(key: str, language: str, **values: object) -> str:
    """The text ``<file>.<key>`` in that language (English when it is neither), its placeholders filled in.

    Values are put in as they are: escape what a customer wrote first.
    """
    texts = _texts()[key]
    return texts.get(language, texts[DEFAULT]).format(**values)


def quoted(words: str, language: str) -> str:
    """In the language's quotation marks."""
    return f"« {words} »" if language == "fr" else f"“{words}”"


def known(key: str) -> bool:
    """Whether there is such a text."""
    return key in _texts()


def language_of(locale: str) -> str:
    """The language of a Slack locale such as ``fr-FR``."""
    return locale[:2].lower() if locale[:2].lower() in LANGUAGES else DEFAULT


def problems() -> list[str]:
    """What is wrong with the texts: a language missing, or placeholders that differ. For a test."""
    found = []
    for key, texts in _texts().items():
        if set(texts) != set(LANGUAGES) or not all(text.strip() for text in texts.values()):
            found.append(f"{key}: needs a text in each of {', '.join(LANGUAGES)}")
        elif len({_fields(text) for text in texts.values()}) > 1:
            found.append(f"{key}: the placeholders differ")
    return found


@cache
def _texts() -> Mapping[str, Mapping[str, str]]:
    found: dict[str, Mapping[str, str]] = {}
    for file in (resources.files(__package__) / "texts").iterdir():
        if file.name.endswith(".toml"):
            area = file.name.removesuffix(".toml")
            for key, texts in tomllib.loads(file.read_text(encoding="utf-8")).items():
                found[f"{area}.{key}"] = texts
    return found


def _fields(text: str) -> frozenset[str]:
    return frozenset(field for _, field, _, _ in string.Formatter().parse(text) if field is not None)
