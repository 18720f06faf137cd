"""An NLU in a process of its own, always sure: ``python -m tests.crash.nlu PORT``."""

from __future__ import annotations

import asyncio
import sys

from tests.fakes.rasa_server import FakeRasa, parsed


async def serve(port: int) -> None:
    fake = FakeRasa(answer=lambda _text: parsed("faq_return_how"))
    server = await asyncio.start_server(fake.handle, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
