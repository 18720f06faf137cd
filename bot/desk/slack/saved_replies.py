"""Replies kept ready in ``config/saved_replies.toml``, in French and in English, with placeholders.

A placeholder is filled in from the conversation when the reply is shown; what is not known is left for
the agent to write: such a reply cannot be sent without editing it first.
"""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.desk.slack.wording import DEFAULT, LANGUAGES
from bot.domain.errors import ConfigurationError

PLACEHOLDERS = ("customer", "agent", "team", "order")
"""The customer's name, the agent's first name, the team's title, the order last mentioned."""
MAX_TITLE = 60
MAX_TEXT = 2_500
_KEY = re.compile(r"[a-z0-9_]{1,40}")
_OPEN = re.compile("|".join(re.escape(f"{{{name}}}") for name in PLACEHOLDERS))


@dataclass(frozen=True, slots=True)
class SavedReply:
    """One of them: ``titles`` and ``texts`` by language."""

    key: str
    titles: Mapping[str, str]
    texts: Mapping[str, str]

    def title(self, language: str) -> str:
        """What it is called."""
        return self.titles.get(language) or self.titles[DEFAULT]

    def text(self, language: str, known: Mapping[str, str] | None = None) -> str:
        """What it says; what is not ``known`` keeps its placeholder."""
        text = self.texts.get(language) or self.texts[DEFAULT]
        values = {name: (known or {}).get(name) or f"{{{name}}}" for name in PLACEHOLDERS}
        return text.format(**values)


@dataclass(frozen=True, slots=True)
class SavedReplies:
    """All of them, in the order of the file."""

    replies: tuple[SavedReply, ...] = field(default=())

    def get(self, key: str) -> SavedReply | None:
        """The one of that name."""
        return next((reply for reply in self.replies if reply.key == key), None)


def is_complete(text: str) -> bool:
    """Whether nothing is left to fill in."""
    return _OPEN.search(text) is None


def load_saved_replies(path: Path) -> SavedReplies:
    """Read the file; there may be none.

    Raises:
        ConfigurationError: a sentence that names the reply and what is wrong with it.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return SavedReplies()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}.") from error
    return SavedReplies(tuple(_read(key, value, path) for key, value in found.items()))


def _read(key: str, value: Any, path: Path) -> SavedReply:
    if not _KEY.fullmatch(key):
        raise ConfigurationError(f"{path}: {key!r} is no name of a reply: use small letters, digits and _.")
    if not isinstance(value, dict) or set(value) != {"title", "text"}:
        raise ConfigurationError(f"{path}: [{key}] needs title and text, and nothing else.")
    titles = _both(value["title"], f"{path}: {key}.title", MAX_TITLE)
    texts = _both(value["text"], f"{path}: {key}.text", MAX_TEXT)
    for language, title in titles.items():
        if "{" in title or "}" in title:
            raise ConfigurationError(f"{path}: {key}.title.{language} cannot hold placeholders.")
    used = {language: _fields(text, f"{path}: {key}.text.{language}") for language, text in texts.items()}
    if len(set(used.values())) > 1:
        raise ConfigurationError(f"{path}: {key}.text has other placeholders in French than in English.")
    return SavedReply(key, titles, texts)


def _both(value: Any, where: str, most: int) -> dict[str, str]:
    if not isinstance(value, dict) or set(value) != set(LANGUAGES):
        raise ConfigurationError(f"{where} needs a text in each of {' and '.join(LANGUAGES)}.")
    for language, text in value.items():
        if not isinstance(text, str) or not text.strip():
            raise ConfigurationError(f"{where}.{language} is empty.")
        if len(text) > most:
            raise ConfigurationError(f"{where}.{language} is longer than {most} characters.")
    return {language: text.strip() for language, text in value.items()}


def _fields(text: str, where: str) -> frozenset[str]:
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        raise ConfigurationError(f"{where}: a brace is not closed ({error}).") from error
    used = frozenset(name for _, name, _, _ in parts if name is not None)
    unknown = sorted(used - set(PLACEHOLDERS))
    if unknown or any(spec or conversion for _, _, spec, conversion in parts):
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise ConfigurationError(f"{where}: unknown placeholder {{{', '.join(unknown)}}}; there are {known}.")
    return used
