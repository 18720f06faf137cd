"""Rasa's own command line, quiet and closed: `python run_rasa.py train nlu …`, `python run_rasa.py run …`.

Differences from plain `rasa`: no telemetry, none of the import warnings, one computing thread in each
numeric library (more only fight over the cores; the parts of a message are encoded at once all the same), no
cache of training steps, garbage collected less often while training, no TensorFlow for a pipeline that does
without it (docs/adr/0005; ``RASA_TENSORFLOW=1`` loads it), and the server's token comes from the environment
(``GUICHET_NLU_TOKEN``), since arguments can be read by every user of the machine.
"""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

QUIET = {
    "RASA_TELEMETRY_ENABLED": "false",
    "RASA_MAX_CACHE_SIZE": "0",
    "SANIC_WORKERS": "1",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MPLBACKEND": "agg",
}

RARELY = (50_000, 20, 100)
"""Thresholds of the garbage collector for a training: Rasa's modules and examples are a million objects that
stay till its end, and to look through them again and again took a tenth of it."""


def main() -> None:
    """Set up, then hand over to Rasa."""
    _set_up()
    os.chdir(Path(__file__).resolve().parent)
    sys.argv += _secret_arguments()
    from rasa.__main__ import create_argument_parser
    from rasa.__main__ import main as rasa_main

    arguments = create_argument_parser().parse_args()
    _choose_tensorflow(lambda choice: choice.of_command(arguments))
    rasa_main()


def prepare(model: str | Path) -> None:
    """Set up a process that loads a model itself, with Rasa as its library. Call it before importing Rasa."""
    _set_up()
    _choose_tensorflow(lambda choice: choice.of_model(model))


def _set_up() -> None:
    if sys.argv[1:2] == ["train"]:
        gc.set_threshold(*RARELY)
    sys.dont_write_bytecode = False  # compiling all that Rasa imports anew at each start costs seconds
    os.environ.update({name: value for name, value in QUIET.items() if name not in os.environ})
    warnings.showwarning = lambda *_args, **_kwargs: None  # Rasa resets the filters; this stays


def _choose_tensorflow(why: Callable[[ModuleType], str | None]) -> None:
    """Put the stand-in in TensorFlow's place, unless there is a reason not to."""
    if not Path(__file__).resolve().with_name("standin").is_dir():  # a copy of this file alone works too
        return
    from standin import choice, placeholders

    reason = why(choice)
    if reason:
        print(f"With TensorFlow: {reason}.", file=sys.stderr)  # noqa: T201 - before Rasa sets up its log
    elif placeholders.install():
        os.environ["USE_TF"] = "0"  # so that transformers, where it is installed, does without as well


def _secret_arguments() -> list[str]:
    """The token, for the server only; it does not start without one."""
    token = os.environ.pop("GUICHET_NLU_TOKEN", "")
    if sys.argv[1:2] != ["run"]:
        return []
    if not token:
        sys.exit("GUICHET_NLU_TOKEN is not set: the NLU server does not run without a token.")
    return [f"--auth-token={token}"]  # as one argument: it may begin with a dash


if __name__ == "__main__":
    main()
