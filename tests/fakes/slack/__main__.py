"""The stand-in as a process: prints one line of JSON (addresses and tokens), and runs until SIGTERM.

python -m tests.fakes.slack --port 8399 --limits
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import threading

from tests.fakes.slack import SlackStandIn
from tests.fakes.slack.state import ALL_SCOPES


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.slack")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--limits", action="store_true", help="Slack's published rate limits")
    parser.add_argument("--scopes", default=ALL_SCOPES, help="comma-separated scopes of the bot token")
    parser.add_argument("--ack-timeout", type=float, default=3.0, help="seconds")
    parser.add_argument("--retry-delays", default="0,60,300", help="seconds, comma-separated")
    parser.add_argument("--while-stdin", action="store_true", help="end when standard input does")
    return parser.parse_args()


async def _run(options: argparse.Namespace) -> None:
    delays = tuple(float(each) for each in options.retry_delays.split(",") if each)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with SlackStandIn(
        port=options.port,
        limits=options.limits,
        scopes=options.scopes,
        ack_timeout=options.ack_timeout,
        retry_delays=delays,
    ) as slack:
        told = {
            name: getattr(slack, name)
            for name in ("url", "api_url", "bot_token", "app_token", "signing_secret")
        }
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        if options.while_stdin:
            loop = asyncio.get_running_loop()
            threading.Thread(target=_watch, args=(loop, stop), daemon=True).start()
        await stop.wait()


def _watch(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Whoever started this is gone when standard input ends."""
    while os.read(sys.stdin.fileno(), 1):  # unbuffered: a reader's lock would upset the interpreter's end
        pass
    loop.call_soon_threadsafe(stop.set)


if __name__ == "__main__":
    asyncio.run(_run(_options()))
