"""Any sentence encoder in ONNX form, through ``onnxruntime`` and ``tokenizers``, which are optional."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from components.encoder_base import PROJECT, Backend, EncoderError, Reading, digest, first_line, local_folder


class Onnx(Backend):
    """Any sentence encoder in ONNX form: a folder, or a repository of the hub, with ``tokenizer.json``.

    Each text is a run of its own, so that padding changes nothing. One computing thread.
    """

    def __init__(
        self, reading: Reading, model: str | None, prefix: str | None, pooling: str, file: str | None
    ) -> None:
        super().__init__(reading)
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
        options = f"{self._prefix!r} {self._pooling} {self.reading}"
        return f"onnx {digest(files)} {options}"

    @cached_property
    def dimension(self) -> int:
        """How long each vector is."""
        return int(self._run("a").shape[0])

    def count(self, text: str) -> int:
        """Tokens, as above."""
        return len(self._tokenizer.encode(self._prefix + text).ids)

    def vectors(self, texts: list[str]) -> np.ndarray:
        """A row a text."""
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
            raise EncoderError(f"The encoder {self._model} does not run: {first_line(error)}") from error
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
    folder = local_folder(model) or _from_hub(model, [*names, *(f"{name}?data" for name in names)])
    found = next((folder / name for name in names if (folder / name).is_file()), None)
    if found is None:
        raise EncoderError(f"There is no {' and no '.join(names)} in {folder}.")
    if not (folder / "tokenizer.json").is_file():
        raise EncoderError(f"There is no tokenizer.json in {folder}.")
    return found, folder / "tokenizer.json"


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
            f"“{name}” is no folder of {PROJECT}, and could not be fetched from the hub: {first_line(error)}"
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
        raise EncoderError(f"The encoder in {model.parent} does not load: {first_line(error)}") from error
    return session, tokenizer
