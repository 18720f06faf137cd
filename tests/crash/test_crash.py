"""Nothing is lost, doubled or out of order, whoever is killed and whenever.

This is the short run: fewer customers, and less killing at random. The long one, with its figures:
``python -m tests.crash.run``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.crash.run import crash
from tests.crash.world import STEPS

CUSTOMERS = int(os.environ.get("CRASH_CUSTOMERS", "40"))
SECONDS = float(os.environ.get("CRASH_SECONDS", "12"))


@pytest.mark.slow
async def test_every_message_is_answered_once_in_order_and_logged_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = await crash(tmp_path, customers=CUSTOMERS, seconds=SECONDS)
    with capsys.disabled():
        sys.stdout.write(f"\n{outcome}\n")
    assert outcome.wrongs == []
    missed = {step for _, step in STEPS} - {step.rpartition(":")[0] for step in outcome.steps}
    assert not missed, "a named step was never reached"
    assert outcome.written >= 2 * CUSTOMERS
