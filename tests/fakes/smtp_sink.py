"""An SMTP server that keeps what it is given, and refuses what it is told to refuse."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default


@dataclass
class SmtpSink:
    """``answers`` overrides the reply to a verb, e.g. ``{"RCPT": "550 no such user"}``; an empty
    one hangs up instead."""

    port: int = 0
    answers: dict[str, str] = field(default_factory=dict)
    mails: list[EmailMessage] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[SmtpSink]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 sink\r\n")
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                verb = line.decode().split()[0].upper()
                answer = self.answers.get(verb, self._answer(verb, line))
                if not answer:
                    break
                writer.write(f"{answer}\r\n".encode())
                if answer.startswith("354"):
                    self._keep(await reader.readuntil(b"\r\n.\r\n"))
                    writer.write(b"250 kept\r\n")
                if verb == "QUIT":
                    break
            writer.close()

    def _answer(self, verb: str, line: bytes) -> str:
        if verb == "AUTH":
            self.logins.append(line.decode().strip())
        return {
            "EHLO": "250-sink\r\n250 AUTH PLAIN",
            "DATA": "354 go on",
            "QUIT": "221 bye",
            "AUTH": "235 in",
        }.get(verb, "250 fine")

    def _keep(self, raw: bytes) -> None:
        mail = message_from_bytes(raw.removesuffix(b".\r\n"), policy=default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
