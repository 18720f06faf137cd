"""Teach the sentence encoder what messages want: writes ``components/e5_adapter.npz``.

    make adapter                                # rounds, rate and width as they were for the file we ship
    encoder/.venv/bin/python -m encoder.adapt --rounds 0.1 --out /tmp/adapter.npz       # a look, in minutes

A message is drawn to the messages of its intent and away from the others of its batch (supervised
contrastive learning, arXiv 2004.11362), and to its own translation, away from all else. Batches hold
intents that are easily confused: whole services at once. What is learnt is a small change to each matrix
(LoRA, arXiv 2106.09685). Nothing of Maison Alba's examples nor of any benchmark is looked at.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from components.e5_adapter import FILE, WIDEST, Adapter
from components.e5_weights import Weights, packed_file
from encoder.messages import CORPUS, Batch, Line, batches, read
from encoder.network import Network
from torch.nn import functional

ROUNDS, RATE, RANK = 1.5, 1.2e-3, 16
TEMPERATURE = 0.1
"""Of centred cosines. Lower looks at the nearest strangers only."""
PAIRS = 0.3
"""What a translation weighs beside an intent."""
SHARE = 0.5
"""How much of what was learnt is added to the model: half way between what it knew and what it was taught is
better than either (arXiv 2109.01903; docs/adr/0009)."""
WARM_UP = 0.1
"""Share of the steps in which the rate rises; it falls for the rest."""
SEED = 0


def main() -> None:
    """Read, teach, write."""
    asked = _arguments()
    torch.manual_seed(SEED)
    network = Network(asked.rank)
    teach(network, read(asked.corpus), asked.rounds, asked.rate)
    write(network, asked.out)
    print(f"written: {asked.out}")


def write(network: Network, out: Path) -> None:
    """In one step, and only what the encoder will take.

    Raises:
        EncoderError: the rate was too high, and numbers have left all bounds.
    """
    draft = out.with_name(f".{out.stem}.draft.npz")
    try:
        np.savez(draft, **network.factors(SHARE))
        Weights(packed_file(), Adapter(draft))
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)


def teach(network: Network, lines: list[Line], rounds: float, rate: float) -> None:
    """Show each line ``rounds`` times; progress on standard output."""
    centre = network.centre([text for line in lines for text in (line.french, line.english)])
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.0, betas=(0.9, 0.98))
    steps = _steps(lines, rounds)
    began, said, losses = time.monotonic(), 0.0, []
    for step, batch in enumerate(steps, start=1):
        for group in optimizer.param_groups:
            group["lr"] = rate * _pace(step / len(steps))
        optimizer.zero_grad()
        loss = contrast(functional.normalize(network(batch.texts) - centre, dim=-1), batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(network.parameters()), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if time.monotonic() - said > 30 or step == len(steps):
            said = time.monotonic()
            lately = np.mean(losses[-20:])
            print(f"step {step} of {len(steps)}, {said - began:.0f} s, loss {lately:.3f}", flush=True)


def contrast(vectors: torch.Tensor, batch: Batch) -> torch.Tensor:
    """How far each message is from the others of its intent, against strangers, and from its translation.

    ``vectors``: rows of length 1, in the batch's order: each French message, then its English one.
    """
    count = len(vectors)
    itself = torch.eye(count, dtype=torch.bool)
    same = torch.tensor(batch.intents)[:, None] == torch.tensor(batch.intents)[None]
    likeness = (vectors @ vectors.T / TEMPERATURE).masked_fill(itself, -1e9)
    strangers = torch.logsumexp(likeness.masked_fill(same, -1e9), dim=1, keepdim=True)
    friends = same & ~itself
    apart = (torch.logaddexp(likeness, strangers) - likeness) * friends
    by_intent = (apart.sum(dim=1) / friends.sum(dim=1)).mean()
    by_pair = functional.cross_entropy(likeness, torch.arange(count) ^ 1)
    return by_intent + PAIRS * by_pair


def _steps(lines: list[Line], rounds: float) -> list[Batch]:
    chance = np.random.RandomState(SEED)
    once = len(list(batches(lines, np.random.RandomState(SEED))))
    wanted = max(1, round(rounds * once))

    def forever() -> Iterator[Batch]:
        while True:
            yield from batches(lines, chance)

    return [batch for batch, _ in zip(forever(), range(wanted), strict=False)]


def _pace(done: float) -> float:
    return min(1.0, done / WARM_UP) * max(0.02, 1 - done)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, default=CORPUS, help="folder of services, a CSV file each")
    parser.add_argument("--rounds", type=float, default=ROUNDS, help="how often each line is seen")
    parser.add_argument("--rate", type=float, default=RATE, help="highest learning rate")
    parser.add_argument("--rank", type=int, default=RANK, help="width of the changes")
    parser.add_argument("--out", type=Path, default=FILE, help="where to write")
    asked = parser.parse_args()
    if not 0 < asked.rank <= WIDEST:
        parser.error(f"--rank must be from 1 to {WIDEST}")
    if not asked.out.parent.is_dir():
        parser.error(f"there is no folder {asked.out.parent}")
    return asked


if __name__ == "__main__":
    main()
