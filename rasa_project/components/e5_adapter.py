"""What multilingual-e5-small was taught on top of what it knew: a small change to each of its matrices.

The model is trained to find passages in a hundred languages. ``rasa_project/encoder/`` teaches it what
matters here (two messages that want the same are near each other, whatever the words, in French or in
English) with messages of sixty services that are not ours. The changes are products of two thin matrices
(LoRA, arXiv 2106.09685), small enough for one file beside this module; added to the model's own, they cost
a message nothing.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from components.encoder_base import EncoderError, first_line

FILE = Path(__file__).with_name("e5_adapter.npz")
DOWN, UP = "down", "up"
"""The two factors of a change: from the matrix's inputs to a few numbers, and from these to its outputs."""
WIDEST = 64
"""Numbers in between, at most: beyond, it is not a small change any more."""
LARGEST = 16 << 20
"""Bytes of the file, and of what is in it."""


class Adapter:
    """The file, read and checked.

    Raises:
        EncoderError: it is missing, or not what it should be.
    """

    def __init__(self, path: Path = FILE) -> None:
        self.path = path
        try:
            self._limit(path.stat().st_size)
            content = path.read_bytes()
        except OSError as error:
            raise self._unreadable(error) from error
        self._factors = self._unpacked(content)
        self.digest = hashlib.blake2b(content, digest_size=8).hexdigest()

    def _unpacked(self, content: bytes) -> Mapping[str, np.ndarray]:
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as file:
                self._limit(sum(member.file_size for member in file.zip.infolist()))
                return {name: np.asarray(file[name]) for name in file.files}
        except EncoderError:
            raise
        except Exception as error:  # numpy, zipfile and zlib raise a dozen unrelated ones at damaged files
            raise self._unreadable(error) from error

    def check(self, shapes: Mapping[str, tuple[int, int]]) -> None:
        """Whether it changes just these matrices, given as (outputs, inputs).

        Raises:
            EncoderError: it does not.
        """
        expected = {f"{name}.{factor}" for name in shapes for factor in (DOWN, UP)}
        if odd := sorted(expected - self._factors.keys()):
            raise self._unlike(f"it lacks {odd[0]}")
        if odd := sorted(self._factors.keys() - expected):
            raise self._unlike(f"it changes {odd[0]}, which is not there")
        for name, shape in shapes.items():
            down, up = self._factors[f"{name}.{DOWN}"], self._factors[f"{name}.{UP}"]
            if not _makes(down, up, shape):
                raise self._unlike(f"{name} has not the size of the model's")
            if not all(one.dtype == np.float16 and np.isfinite(one).all() for one in (down, up)):
                raise self._unlike(f"{name} holds what is no number of 16 bits")

    def change(self, name: str) -> np.ndarray:
        """What is added to a matrix, in float32, a row an output.

        Summed up in float64, where it is exact: the factors have 11 bits each, and there are few. In float32
        the last bit depends on the processor and on how many threads it was given, and by it a weight that
        is rounded to 8 bits, and every vector.
        """
        down, up = (self._factors[f"{name}.{factor}"].astype(np.float64) for factor in (DOWN, UP))
        return np.asarray(up @ down).astype(np.float32)

    def _limit(self, size: int) -> None:
        if size > LARGEST:
            raise self._unlike("it is too large")

    def _unreadable(self, error: Exception) -> EncoderError:
        return EncoderError(f"The encoder's adapter {self.path} cannot be read: {first_line(error)}.")

    def _unlike(self, why: str) -> EncoderError:
        return EncoderError(f"The encoder's adapter {self.path} does not fit the model: {why}.")


def _makes(down: np.ndarray, up: np.ndarray, shape: tuple[int, int]) -> bool:
    """Whether the product of the factors has this shape."""
    if not down.ndim == up.ndim == 2 or not 0 < len(down) <= WIDEST:
        return False
    outputs, inputs = shape
    return down.shape == (len(down), inputs) and up.shape == (outputs, len(down))
