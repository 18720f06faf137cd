"""The sender without Slack's limits: ``python -m benchmarks.slack_unlimited``.

It prepares what a benchmark begins with, against a stand-in that has its limits off as well. To open, claim
and answer 1,500 cases within the limits would take over an hour.
"""

from __future__ import annotations

import sys

from bot.cli.main import main
from bot.desk.slack.budget import Budget


async def _enter(_self: Budget, _method: str, _channel: str, _priority: object) -> None:
    return


if __name__ == "__main__":
    Budget.enter = _enter  # type: ignore[method-assign, assignment]
    sys.exit(main(["run", "--role", "sender"]))
