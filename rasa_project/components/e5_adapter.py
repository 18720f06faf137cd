"""What multilingual-e5-small was taught on top of what it knew: a small change to each of its matrices.

The model is trained to find passages in a hundred languages. ``rasa_project/encoder/`` teaches it what
matters here (two messages that want the same are near each other, whatever the words, in French or in
English) with messages of sixty services that are not ours. The changes are products of two thin matrices
(LoRA, arXiv 2106.09685), small enough for one file beside this module; added to the model's own, they cost
a message nothing.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from components.encoder_base import EncoderError, digest

FILE = Path(__file__).with_name("e5_adapter.npz")
DOWN, UP = "down", "up"
"""The two factors of a change: from the matrix's inputs to a few numbers, and from these to its outputs."""
WIDEST = 64
"""Numbers in between, at most: beyond, it is not a small change any more."""


class Adapter:
    """The file, read and checked.

    Raises:
        EncoderError: it is missing, or not what it should be.
    """

    def __init__(self, path: Path = FILE) -> None:
        self.path = path
        try:
            with np.load(path, allow_pickle=False) as file:
                self._factors: Mapping[str, np.ndarray] = {name: file[name] for name in file.files}
            self.digest = digest([path])
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise EncoderError(f"The encoder's adapter {path} cannot be read: {error}.") from error

    def check(self, shapes: Mapping[str, tuple[int, int]]) -> None:
        """Whether it changes just these matrices, given as (outputs, inputs).

        Raises:
            EncoderError: it does not.
        """
        expected = {f"{name}.{factor}" for name in shapes for factor in (DOWN, UP)}
        if self._factors.keys() != expected:
            odd = min(self._factors.keys() ^ expected)
            raise self._unlike(f"{odd} is missing, or one too many")
        for name, (outputs, inputs) in shapes.items():
            down, up = self._factors[f"{name}.{DOWN}"], self._factors[f"{name}.{UP}"]
            between = len(down)
            if not 0 < between <= WIDEST or down.shape != (between, inputs) or up.shape != (outputs, between):
                raise self._unlike(f"{name} has not the size of the model's")
            if not (
                down.dtype == up.dtype == np.float16 and np.isfinite(down).all() and np.isfinite(up).all()
            ):
                raise self._unlike(f"{name} holds what is no number of 16 bits")

    def change(self, name: str) -> np.ndarray:
        """What is added to a matrix, in float32, a row an output."""
        down, up = (self._factors[f"{name}.{factor}"].astype(np.float32) for factor in (DOWN, UP))
        return np.asarray(up @ down)

    def _unlike(self, why: str) -> EncoderError:
        return EncoderError(f"The encoder's adapter {self.path} does not fit the model: {why}.")
