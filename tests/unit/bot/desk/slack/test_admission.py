"""What is let in is what is called next: room that waits is room that Slack has given to others since."""

from __future__ import annotations

import pytest

from bot.desk.slack.admission import _method
from bot.desk.slack.budget import POST
from bot.domain.events import ReceiptStatus
from bot.domain.outgoing import CaseFate


@pytest.mark.parametrize(
    ("status", "first"),
    [
        (ReceiptStatus.FAILED, POST),
        (ReceiptStatus.UNCHANGED, POST),
        (ReceiptStatus.DROPPED, "reactions.add"),
    ],
)
def test_a_failure_is_told_first_and_marked_then(status: ReceiptStatus, first: str) -> None:
    assert _method(CaseFate(message_id="slack:C1:101.000000", status=status)) == first
