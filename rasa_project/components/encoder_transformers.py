"""Any model that sentence-transformers loads; the library, and PyTorch under it, are optional."""

from __future__ import annotations

import os
import threading
from functools import cached_property
from typing import Any

import numpy as np

from components.encoder_base import Backend, EncoderError, Reading, digest, first_line, local_folder


class SentenceTransformers(Backend):
    """Any model that sentence-transformers loads: a folder, or a name on the hub. One text at a time."""

    def __init__(
        self, reading: Reading, model: str | None, prefix: str | None, pooling: str, file: str | None
    ) -> None:
        super().__init__(reading)
        if not model:
            raise EncoderError("The encoder sentence-transformers needs a model: a folder or a name.")
        if file or pooling != "mean":
            raise EncoderError("A sentence-transformers model says itself how it pools: leave that out.")
        self._folder = local_folder(model)
        self._name, self._prefix = model, prefix or ""
        self._model, self._version = _sentence_transformer(str(self._folder or model))
        self._alone = threading.Lock()  # its tokenizers cannot be entered twice

    @cached_property
    def identity(self) -> str:
        """The content of a folder, or the commit of a model from the hub; the library; the options."""
        if self._folder:
            files = [path for path in self._folder.rglob("*") if path.is_file()]
            what = digest(files)
        else:
            what = f"{self._name} {_revision(self._model)}"
        return f"sentence-transformers {self._version} {what} {self._prefix!r} {self.reading}"

    @cached_property
    def dimension(self) -> int:
        """How long each vector is."""
        return int(self._model.get_sentence_embedding_dimension())

    def count(self, text: str) -> int:
        """Tokens, as above."""
        with self._alone:
            return len(self._model.tokenizer(self._prefix + text)["input_ids"])

    def vectors(self, texts: list[str]) -> np.ndarray:
        """A row a text."""
        prefixed = [self._prefix + text for text in texts]
        try:
            with self._alone:
                vectors = self._model.encode(
                    prefixed, batch_size=1, convert_to_numpy=True, show_progress_bar=False
                )
        except RuntimeError as error:  # torch's
            raise EncoderError(f"The encoder {self._name} does not run: {first_line(error)}") from error
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
        raise EncoderError(f"The encoder {name} does not load: {first_line(error)}") from error
    return model, sentence_transformers.__version__


def _revision(model: Any) -> str:
    """The commit that the hub gave, where the model tells."""
    config = getattr(getattr(next(iter(model), None), "auto_model", None), "config", None)
    return str(getattr(config, "_commit_hash", None) or "of an unknown commit")
