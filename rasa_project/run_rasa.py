"""Rasa's own command line, quiet and closed: `python run_rasa.py train nlu …`, `python run_rasa.py run …`.

Differences from plain `rasa`: no telemetry, none of the import warnings, one computing thread (more only
fight over the cores here), no cache of training steps, and the server's token comes from the environment
(``GUICHET_NLU_TOKEN``), since arguments can be read by every user of the machine.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

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


def main() -> None:
    """Set up, then hand over to Rasa."""
    sys.dont_write_bytecode = False  # compiling TensorFlow anew at each start costs some 15 s
    os.environ.update({name: value for name, value in QUIET.items() if name not in os.environ})
    os.chdir(Path(__file__).resolve().parent)
    sys.argv += _secret_arguments()
    warnings.showwarning = lambda *_args, **_kwargs: None  # Rasa resets the filters; this stays
    from rasa.__main__ import main as rasa_main

    rasa_main()


def _secret_arguments() -> list[str]:
    """The token, for the server only; it does not start without one."""
    token = os.environ.pop("GUICHET_NLU_TOKEN", "")
    if sys.argv[1:2] != ["run"]:
        return []
    if not token:
        sys.exit("GUICHET_NLU_TOKEN is not set: the NLU server does not run without a token.")
    return ["--auth-token", token]


if __name__ == "__main__":
    main()
