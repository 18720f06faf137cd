"""multilingual-e5-small in PyTorch, with thin matrices beside its own that alone are taught."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from components.e5_adapter import DOWN, UP
from components.e5_tokens import Tokenizer
from components.e5_weights import PARTS, Weights, packed_file
from components.encoder_base import clean, numberless
from torch import nn
from torch.nn import functional

PREFIX = "query: "
MOST_TOKENS = 128
MOST_CHARACTERS = 1000
EPSILON = 1e-12
CHUNKS = 4
"""Parts of like length that a batch is run in: less padding."""


class Network(nn.Module):
    """Texts to sentence vectors of length 1, as ``components.encoder_e5`` makes them, in float32."""

    def __init__(self, rank: int) -> None:
        super().__init__()
        self._weights = Weights(packed_file())
        self._tokenizer = Tokenizer(self._weights)
        self._layers = range(self._weights.sizes.layers)
        self._known = {name: torch.from_numpy(np.array(value)) for name, value in self._tensors()}
        self._down, self._up = nn.ParameterDict(), nn.ParameterDict()
        for layer in self._layers:
            for part in PARTS:
                outputs, inputs = self._known[f"l{layer}.{part}.w"].shape
                # Nothing is changed at first: one of the two factors is zero.
                self._down[f"l{layer}_{part}"] = nn.Parameter(torch.randn(rank, inputs) / inputs**0.5)
                self._up[f"l{layer}_{part}"] = nn.Parameter(torch.zeros(outputs, rank))

    def _tensors(self) -> Iterator[tuple[str, np.ndarray]]:
        for layer in self._layers:
            for part in PARTS:
                yield f"l{layer}.{part}.w", self._weights.matrix(f"l{layer}.{part}.w")
                yield f"l{layer}.{part}.b", self._weights.floats(f"l{layer}.{part}.b")
        for norm in ["emb.ln"] + [f"l{layer}.{norm}" for layer in self._layers for norm in ("aln", "oln")]:
            for part in "wb":
                yield f"{norm}.{part}", self._weights.floats(f"{norm}.{part}")

    def forward(self, texts: Sequence[str]) -> torch.Tensor:
        """A row a text."""
        pieces = [self._pieces(text) for text in texts]
        chunks = np.array_split(np.argsort([len(ids) for ids in pieces], kind="stable"), CHUNKS)
        vectors = torch.cat([self._run([pieces[row] for row in chunk]) for chunk in chunks if len(chunk)])
        return vectors[torch.from_numpy(np.argsort(np.concatenate(chunks)))]

    def _pieces(self, text: str) -> list[int]:
        read = clean(numberless(text), MOST_CHARACTERS).lower()
        return self._tokenizer.ids(PREFIX + read)[:MOST_TOKENS]

    @torch.no_grad()
    def centre(self, texts: Sequence[str], most: int = 2000) -> torch.Tensor:
        """The mean of the vectors of some of the texts: they all point much the same way."""
        some = texts[:: max(1, len(texts) // most)]
        return torch.cat([self(some[start : start + 64]) for start in range(0, len(some), 64)]).mean(dim=0)

    def factors(self, share: float) -> dict[str, np.ndarray]:
        """A share of what was learnt, as ``components.e5_adapter`` reads it."""
        found = {}
        for factor, learnt, weight in ((DOWN, self._down, 1.0), (UP, self._up, share)):
            for name, value in learnt.items():
                numbers = weight * value.detach().numpy()
                found[f"{name.replace('_', '.')}.w.{factor}"] = numbers.astype(np.float16)
        return found

    def _run(self, texts: Sequence[Sequence[int]]) -> torch.Tensor:
        longest = max(map(len, texts))
        pieces = np.zeros((len(texts), longest, self._weights.sizes.width), dtype=np.float32)
        there = np.zeros((len(texts), longest), dtype=np.float32)
        for row, ids in enumerate(texts):
            pieces[row, : len(ids)] = (
                self._weights.rows(np.asarray(ids)) + self._weights.positions[: len(ids)]
            )
            there[row, : len(ids)] = 1
        mask = torch.from_numpy(there)
        x = self._norm(torch.from_numpy(pieces), "emb.ln")
        for layer in self._layers:
            x = self._layer(x, mask, f"l{layer}")
        mean = (x * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        return functional.normalize(mean, dim=-1)

    def _layer(self, x: torch.Tensor, mask: torch.Tensor, name: str) -> torch.Tensor:
        heads = self._weights.sizes.heads
        q, k, v = (self._linear(x, name, part).unflatten(-1, (heads, -1)).transpose(1, 2) for part in "qkv")
        seen = mask[:, None, None, :].bool()
        context = functional.scaled_dot_product_attention(q, k, v, attn_mask=seen).transpose(1, 2).flatten(2)
        x = self._norm(x + self._linear(context, name, "ao"), f"{name}.aln")
        inner = functional.gelu(self._linear(x, name, "fi"))
        return self._norm(x + self._linear(inner, name, "fo"), f"{name}.oln")

    def _linear(self, x: torch.Tensor, layer: str, part: str) -> torch.Tensor:
        known = functional.linear(x, self._known[f"{layer}.{part}.w"], self._known[f"{layer}.{part}.b"])
        learnt = functional.linear(x, self._down[f"{layer}_{part}"])
        return known + functional.linear(learnt, self._up[f"{layer}_{part}"])

    def _norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        width = (self._weights.sizes.width,)
        return functional.layer_norm(x, width, self._known[f"{name}.w"], self._known[f"{name}.b"], EPSILON)
