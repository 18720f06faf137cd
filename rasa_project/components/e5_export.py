"""multilingual-e5-small as a graph for ONNX Runtime, its matrices in 8 bits: written once, then kept.

Weights are rounded to 7 of the 8 bits, each output on a scale of its own: with all 8, processors without
VNNI overflow 16 bits in between and differ from others. Activations are rounded to 8 bits at run time, one
scale a text. Some of their columns are many times larger than the rest and would take all the precision:
they are scaled down and the matrix's columns up, by powers of two, so that nothing else changes
(SmoothQuant, arXiv 2211.10438). How much, sentences of ours tell.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from components.e5_weights import Weights
from components.encoder_base import EncoderError

logger = logging.getLogger(__name__)

VERSION = 3
"""Of the graph: another one gives other vectors."""
STEPS = 63
SHARE = 0.65
"""How much of the difference between columns the matrix takes over. At 0.5 vectors are twice as far off."""
EPSILON = 1e-12
SEAL = b"\xc2\x3e\x10"
"""Protobuf for: field 1000, 16 bytes."""
BLOCK = 1 << 20
HOUR = 3600.0
KEPT = 3
"""Graphs in the folder, of other weights or versions."""

SENTENCES = (
    "query: bonjour, je voudrais savoir où se trouve mon colis commandé samedi dernier",
    "query: hello, I would like to know where the parcel I ordered last Saturday is",
    "query: vous livrez en Belgique ?",
    "query: do you have gift cards",
    "query: ma crème est arrivée ouverte, je veux être remboursée !!",
    "query: the bottle leaked all over the box and I want my money back",
    "query: slt jpe pa me conecter a mon compte",
    "query: pls cancel order 48213, i ordered 2 by mistake",
    "query: Quel est le prix de la livraison à domicile le 24 décembre ?",
    "query: Can I pay in three instalments with my card?",
    "query: est-ce que ce sérum convient aux peaux sensibles et aux femmes enceintes",
    "query: is your sunscreen vegan, and tested on animals?",
    "query: non",
    "query: thanks a lot, bye!",
    "query: JE VEUX PARLER À QUELQU'UN MAINTENANT",
    "query: what's the weather like in Lyon tomorrow",
    "query: 😡😡 toujours rien reçu depuis 3 semaines",
    "query: ok 👍",
    "passage: Les retours sont gratuits pendant trente jours : imprimez l'étiquette depuis votre compte.",
    "passage: Our shops in Paris and Lille are open from Monday to Saturday, 10 am to 7 pm.",
    "passage: Le mot de passe se change dans « Mon compte », rubrique Sécurité.",
    "passage: A refund reaches your bank account within five working days.",
    "query: j'ai reçu un mail bizarre qui demande mes coordonnées bancaires, c'est vous ?",
    "query: my promo code WELCOME10 does not work at checkout, it says expired",
)
"""What the scales are learnt from. Another list is another ``VERSION``."""

Tokenize = Callable[[str], list[int]]
Peaks = dict[str, np.ndarray]
"""The largest value of each column that enters a matrix, by the matrix."""


def model(weights: Weights, tokenize: Tokenize, folder: Path) -> Path | bytes:
    """The graph: a file in ``folder``, which is made (1 to 2 s) if it is not there, or not whole.

    A folder that cannot be written costs the time again at the next start, and is said in the log; the
    graph itself is given then.

    Raises:
        EncoderError: the library that writes graphs is not installed.
    """
    path = folder / f"e5-{weights.digest}-{VERSION}.onnx"
    if _is_whole(path):
        return path
    made = export(weights, tokenize)
    try:
        _write(path, made + _seal([made]))
        _forget_old(folder)
    except OSError as error:
        logger.warning("The encoder's graph cannot be kept for the next start: %s", error)
        return made
    return path


def _is_whole(path: Path) -> bool:
    """Whether it is there, as it was written."""
    try:
        with path.open("rb") as file:
            size = max(os.fstat(file.fileno()).st_size - len(_seal([])), 0)
            blocks = iter(lambda: file.read(min(BLOCK, size - file.tell())), b"")
            if _seal(blocks) == file.read():
                return True
    except FileNotFoundError:
        return False
    except OSError as error:
        logger.warning("The encoder's graph %s cannot be read and is made again: %s", path, error)
        return False
    logger.warning("The encoder's graph %s is damaged and is made again.", path)
    return False


def _seal(blocks: Iterable[bytes]) -> bytes:
    """A digest of the graph, at its end as a field that ONNX does not know and readers pass over."""
    digest = hashlib.blake2b(digest_size=SEAL[-1])
    for block in blocks:
        digest.update(block)
    return SEAL + digest.digest()


def _write(path: Path, content: bytes) -> None:
    """In one step for readers. Two processes may do so at once: both write the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.draft")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _forget_old(folder: Path) -> None:
    files = sorted(folder.glob("e5-*.onnx"), key=_written, reverse=True)
    drafts = [path for path in folder.glob(".e5-*.draft") if time.time() - _written(path) > HOUR]
    for path in files[KEPT:] + drafts:
        path.unlink(missing_ok=True)


def _written(path: Path) -> float:
    """When, in seconds since 1970; 0 if another process has just deleted it."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def embedded(weights: Weights, ids: Sequence[int]) -> np.ndarray:
    """What enters the graph: a row a piece, its word vector and its place."""
    return weights.rows(np.asarray(ids)) + weights.positions[: len(ids)]


def export(weights: Weights, tokenize: Tokenize) -> bytes:
    """The graph: ``pieces`` (1, pieces, width) to ``sentence`` (1, width), the mean of its last layer."""
    peaks = _peaks(weights, [embedded(weights, tokenize(sentence)) for sentence in SENTENCES])
    return _Graph(weights, peaks).serialized()


def _peaks(weights: Weights, texts: list[np.ndarray]) -> Peaks:
    """By running the model in float32, all texts at once."""
    peaks: Peaks = {}
    ends = np.cumsum([len(text) for text in texts])[:-1]

    def linear(x: np.ndarray, name: str) -> np.ndarray:
        peaks[name] = np.abs(x).max(axis=0)
        return x @ weights.matrix(f"{name}.w").T + weights.floats(f"{name}.b")

    def normalized(x: np.ndarray, name: str) -> np.ndarray:
        x = x - x.mean(axis=-1, keepdims=True)
        x /= np.sqrt((x * x).mean(axis=-1, keepdims=True) + EPSILON)
        return x * weights.floats(f"{name}.w") + weights.floats(f"{name}.b")

    x = normalized(np.concatenate(texts), "emb.ln")
    for layer in range(weights.sizes.layers):
        name = f"l{layer}"
        qkv = np.stack([linear(x, f"{name}.{part}") for part in "qkv"])
        context = np.concatenate(
            [_attention(text, weights.sizes.heads) for text in np.split(qkv, ends, axis=1)]
        )
        x = normalized(x + linear(context, f"{name}.ao"), f"{name}.aln")
        inner = _gelu(linear(x, f"{name}.fi"))
        x = normalized(x + linear(inner, f"{name}.fo"), f"{name}.oln")
    return peaks


def _attention(qkv: np.ndarray, heads: int) -> np.ndarray:
    _, count, width = qkv.shape
    q, k, v = qkv.reshape(3, count, heads, -1).transpose(0, 2, 1, 3)
    scores = q @ k.transpose(0, 2, 1) / np.sqrt(np.float32(width // heads))
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    scores /= scores.sum(axis=-1, keepdims=True)
    return (scores @ v).transpose(1, 0, 2).reshape(count, width)


def _gelu(x: np.ndarray) -> np.ndarray:
    """Nearly: only peaks are taken from it."""
    return 0.5 * x * (1 + np.tanh(np.float32(0.7978845608) * (x + np.float32(0.044715) * x * x * x)))


def shares(peaks: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """By how much each column that enters the matrix is divided: a power of two each."""
    widest = np.abs(matrix).max(axis=0)
    wide = np.maximum(peaks, 1e-6) ** SHARE / np.maximum(widest, 1e-6) ** (1 - SHARE)
    exponents = np.rint(np.log2(wide / wide.mean())).clip(-10, 10)
    return np.exp2(exponents).astype(np.float32)


def rounded(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The matrix (a row an output) in whole numbers from -63 to 63, and what 1 is worth in each row."""
    scales = np.maximum(np.abs(matrix).max(axis=1), np.float32(1e-12)) / np.float32(STEPS)
    return np.rint(matrix / scales[:, np.newaxis]).astype(np.int8), scales


class _Graph:
    """Put together node by node."""

    def __init__(self, weights: Weights, peaks: Peaks) -> None:
        try:
            import onnx
        except ModuleNotFoundError as error:
            raise EncoderError(
                "The encoder e5 needs onnx, which is not installed: run `make install`."
            ) from error
        self._onnx = onnx
        self._weights, self._peaks = weights, peaks
        self._nodes: list[object] = []
        self._constants: list[object] = []

    def serialized(self) -> bytes:
        """The whole model."""
        onnx, width = self._onnx, self._weights.sizes.width
        x = self._layers()
        self._nodes.append(
            onnx.helper.make_node("ReduceMean", [x, self._constant("places", [1])], ["sentence"], keepdims=0)
        )
        graph = onnx.helper.make_graph(
            self._nodes,
            "multilingual-e5-small",
            [onnx.helper.make_tensor_value_info("pieces", onnx.TensorProto.FLOAT, [1, "pieces", width])],
            [onnx.helper.make_tensor_value_info("sentence", onnx.TensorProto.FLOAT, [1, width])],
            self._constants,
        )
        opsets = [onnx.helper.make_opsetid("", 18), onnx.helper.make_opsetid("com.microsoft", 1)]
        return bytes(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString())

    def _layers(self) -> str:
        x = self._node(
            "LayerNormalization", "pieces", *self._norm("emb.ln"), own=False, axis=-1, epsilon=EPSILON
        )
        for layer in range(self._weights.sizes.layers):
            name = f"l{layer}"
            qkv = self._linear(x, name, ["q", "k", "v"])
            parts = [f"{name}.{part}" for part in "qkv"]
            self._nodes.append(self._onnx.helper.make_node("Split", [qkv], parts, axis=-1, num_outputs=3))
            context = self._node("MultiHeadAttention", *parts, num_heads=self._weights.sizes.heads)
            x = self._joined(x, self._linear(context, name, ["ao"]), f"{name}.aln")
            inner = self._node("Gelu", self._linear(x, name, ["fi"]))
            x = self._joined(x, self._linear(inner, name, ["fo"]), f"{name}.oln")
        return x

    def _joined(self, x: str, y: str, norm: str) -> str:
        return self._node("SkipLayerNormalization", x, y, *self._norm(norm), epsilon=EPSILON)

    def _norm(self, name: str) -> list[str]:
        return [self._constant(f"{name}.{part}", self._weights.floats(f"{name}.{part}")) for part in "wb"]

    def _linear(self, x: str, layer: str, parts: list[str]) -> str:
        """The matrices of parts that have the same input, as one."""
        name = f"{layer}.{''.join(parts)}"
        matrix = np.concatenate([self._weights.matrix(f"{layer}.{part}.w") for part in parts])
        bias = np.concatenate([self._weights.floats(f"{layer}.{part}.b") for part in parts])
        divisors = shares(self._peaks[f"{layer}.{parts[0]}"], matrix)
        numbers, scales = rounded(matrix * divisors)
        smooth = self._node("Mul", x, self._constant(f"{name}.shares", 1 / divisors), own=False)
        return self._node(
            "DynamicQuantizeMatMul",
            smooth,
            self._constant(f"{name}.numbers", numbers.T),
            self._constant(f"{name}.scales", scales),
            self._constant(f"{name}.zeros", np.zeros(len(numbers), dtype=np.int8)),
            self._constant(f"{name}.bias", bias),
        )

    def _node(self, operator: str, *inputs: str, own: bool = True, **attributes: float) -> str:
        """Its output's name. ``own``: the operator is ONNX Runtime's own, not of ONNX."""
        output = f"{operator}.{len(self._nodes)}"
        domain = "com.microsoft" if own else ""
        node = self._onnx.helper.make_node(operator, inputs, [output], domain=domain, **attributes)
        self._nodes.append(node)
        return output

    def _constant(self, name: str, value: object) -> str:
        self._constants.append(self._onnx.numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name
