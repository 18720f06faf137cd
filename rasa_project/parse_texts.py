"""Parse texts with a model, one after the other, without a server: `python parse_texts.py MODEL`.

Standard input has a JSON object a line, `{"text": …}`; standard output answers each with a line:
`{"ranking": [[intent, confidence], …], "ms": …}`, best first, and for a text that holds two questions
`"questions": [[start, end, ranking], …]`. The first line out is `{"load_s": …}`, when the model is ready; the
last, after the input's end, `{"peak_mb": …}`: the most memory this process had resident.

The texts go the way that `/model/parse` sends them, but for HTTP. On one thread; the server encodes the parts
of a message on all cores.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import run_rasa

WARM_UP = ("Où est mon colis 4812077 ?", "How do I return a cream?")
ONE_THREAD = (
    "ENCODER_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_INTRA_OP_PARALLELISM_THREADS",
    "TF_INTER_OP_PARALLELISM_THREADS",
)


def main() -> None:
    """Load, answer, and say what it took."""
    model = str(Path(sys.argv[1]).resolve())
    answers = _answers_alone()
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    run_rasa.prepare(model)
    asyncio.run(_answer(model, sys.stdin, answers))


def _answers_alone() -> IO[str]:
    """The standard output, for our answers only; whatever else prints goes to the standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


async def _answer(model: str, questions: Iterable[str], answers: IO[str]) -> None:
    def say(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    begun = time.perf_counter()
    agent = _load(model)
    for text in WARM_UP:
        await agent.parse_message(text)
    say({"load_s": time.perf_counter() - begun})
    for line in questions:
        text = json.loads(line)["text"]
        begun = time.perf_counter()
        parsed = await agent.parse_message(text)
        ms = (time.perf_counter() - begun) * 1000
        ranking = parsed.get("intent_ranking") or [parsed["intent"]]
        asked = [
            [one["start"], one["end"], _pairs(one["intent_ranking"])] for one in parsed.get("questions", ())
        ]
        say({"ranking": _pairs(ranking), "ms": ms, **({"questions": asked} if asked else {})})
    say({"peak_mb": _peak_mb()})


def _pairs(ranking: Iterable[dict[str, Any]]) -> list[list[Any]]:
    return [[guess["name"], guess["confidence"]] for guess in ranking]


def _load(model: str) -> Any:
    from rasa.core.agent import Agent
    from rasa.utils.common import configure_logging_and_warnings
    from rasa.utils.log_utils import configure_structlog

    configure_logging_and_warnings(logging.WARNING, None, warn_only_once=True, filter_repeated_logs=True)
    configure_structlog(logging.WARNING)
    return Agent.load(model)


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


if __name__ == "__main__":
    main()
