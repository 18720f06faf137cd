"""The wording of everything the system says, from ``config/replies/<language>.toml``.

Both languages must hold the keys of ``handlers.wording`` with the same placeholders: a missing
one stops the start, not a conversation.
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.domain.errors import ConfigurationError
from handlers.wording import FREE_SECTIONS, WORDING

LANGUAGES = ("fr", "en")
MAX_LENGTH = 900
ELSEWHERE = "en"
"""What we speak to a customer whose language we do not."""

Texts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Replies:
    """Texts by language and dotted key."""

    texts: Mapping[str, Texts]

    def get(self, key: str, language: str, **values: object) -> str:
        """The text in that language, with its placeholders filled in."""
        texts = self.texts.get(language) or self.texts[ELSEWHERE]
        return texts[key].format(**values)

    def find(self, key: str, language: str) -> str | None:
        """The text of a key that may be missing (free sections: team names)."""
        texts = self.texts.get(language) or self.texts[ELSEWHERE]
        return texts.get(key)


def load_replies(directory: Path, languages: Iterable[str] = LANGUAGES) -> Replies:
    """Read and check the replies of every language.

    Raises:
        ConfigurationError: a file that cannot be read, a key that is missing, unknown, empty or too
            long, or a placeholder that differs; the sentence names the file and the key.
    """
    files = {language: directory / f"{language}.toml" for language in languages}
    texts = {language: _read(path) for language, path in files.items()}
    for language, path in files.items():
        _check_keys(path, texts[language])
        for key, text in texts[language].items():
            _check_text(path, key, text)
    _check_same(files, texts)
    return Replies(texts)


def _read(path: Path) -> dict[str, str]:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}.") from error
    return dict(_flat(path, found, ""))


def _flat(path: Path, found: Mapping[str, Any], above: str) -> Iterable[tuple[str, str]]:
    for name, value in found.items():
        key = f"{above}{name}"
        if isinstance(value, Mapping):
            yield from _flat(path, value, f"{key}.")
        elif isinstance(value, str):
            yield key, value
        else:
            raise ConfigurationError(f"{path}: {key} must be a text in quotes.")


def _is_free(key: str) -> bool:
    return key.partition(".")[0] in FREE_SECTIONS


def _check_keys(path: Path, texts: Texts) -> None:
    missing = sorted(set(WORDING) - set(texts))
    if missing:
        raise ConfigurationError(f"{path}: the reply {missing[0]!r} is missing; add it.")
    unknown = sorted(key for key in set(texts) - set(WORDING) if not _is_free(key))
    if unknown:
        raise ConfigurationError(f"{path}: the reply {unknown[0]!r} is used nowhere; check its spelling.")


def _check_text(path: Path, key: str, text: str) -> None:
    if not text.strip():
        raise ConfigurationError(f"{path}: the reply {key!r} is empty.")
    if len(text) > MAX_LENGTH:
        raise ConfigurationError(f"{path}: the reply {key!r} is longer than {MAX_LENGTH} characters.")
    extra = _placeholders(path, key, text) - WORDING.get(key, frozenset())
    if extra:
        raise ConfigurationError(f"{path}: the reply {key!r} has a placeholder nobody fills: {min(extra)!r}.")


def _check_same(files: Mapping[str, Path], texts: Mapping[str, Texts]) -> None:
    first, *others = files
    for other in others:
        for key in sorted(set(texts[first]) | set(texts[other])):
            for here, there in ((first, other), (other, first)):
                if key not in texts[here]:
                    raise ConfigurationError(f"{files[here]}: {key!r} is missing, {files[there]} has it.")
            here_names = _placeholders(files[first], key, texts[first][key])
            if here_names != _placeholders(files[other], key, texts[other][key]):
                raise ConfigurationError(
                    f"{files[other]}: the reply {key!r} has other placeholders than {files[first]}."
                )


def _placeholders(path: Path, key: str, text: str) -> frozenset[str]:
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(text) if field is not None]
    except ValueError as error:
        raise ConfigurationError(f"{path}: the reply {key!r} has a stray brace: {error}.") from error
    for field in fields:
        if not field.isidentifier():
            raise ConfigurationError(f"{path}: the reply {key!r} has a strange placeholder: {field!r}.")
    return frozenset(fields)
