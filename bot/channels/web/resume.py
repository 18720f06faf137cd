"""Coming back by email: a signed, expiring link that opens the same chat in another browser."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from email.utils import formataddr, parseaddr
from urllib.parse import quote, unquote, urlsplit

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPException,
    SMTPNotSupported,
    SMTPReadTimeoutError,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPServerDisconnected,
)
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from bot.channels.web.house import House
from bot.channels.web.sessions import BadSession, Sessions
from bot.channels.web.texts import RESUME_BODY, RESUME_SUBJECT, error_text, language_of
from bot.domain.errors import ConfigurationError, DeliveryFailed, DeliveryRefused
from bot.domain.outgoing import Outgoing, ResumeEmail
from bot.ports.clock import Clock
from bot.ports.delivery import Delivered, Pacing

DESTINATION = "email:resume"
TIMEOUT = 20.0
BODY_BYTES = 2_000
BODY_SECONDS = 10.0
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Resume:
    """``POST /chat/resume``: a link's token for a session."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def exchange(self, request: Request) -> Response:
        """``{"token": …}`` for ``{"session": …}``, or 403 when the link is forged or has expired."""
        try:
            token = await _token(request)
            session = self._house.sessions.resume(token, self._house.clock.now())
        except BadSession:
            language = language_of(None, request.headers.get("accept-language", ""))
            text = error_text("bad_session", language)
            return JSONResponse({"type": "error", "code": "bad_session", "message": text}, 403)
        return JSONResponse({"session": session.token}, headers={"Cache-Control": "no-store"})


class ResumeMailer:
    """Delivers to ``email:resume``: one plain mail with the link.

    Args:
        smtp_url: ``smtp://user:password@host:port`` (STARTTLS when offered; with a password to another
            machine it must be) or ``smtps://…``.
        sender: the address it comes from, with or without a name: ``Maison Alba <chat@example.com>``.
        public_url: where visitors reach us, e.g. ``https://chat.example.com``.
        brand: the name it is signed with.
        sessions: what signs the link.
        clock: for the link's expiry.

    Raises:
        ConfigurationError: the URL is not one, or the sender no address.
    """

    def __init__(
        self, *, smtp_url: str, sender: str, public_url: str, brand: str, sessions: Sessions, clock: Clock
    ) -> None:
        self._connect = smtp_client(smtp_url)
        name, self._sender = parseaddr(sender)
        if "@" not in self._sender or not sender.isprintable():
            raise ConfigurationError(f"smtp.sender must be an address, not {sender!r}.")
        self._from = formataddr((name or brand, self._sender))
        self._page = f"{public_url.rstrip('/')}/chat"
        self._brand = brand
        self._sessions = sessions
        self._clock = clock

    @property
    def destination(self) -> str:
        """``email:resume``."""
        return DESTINATION

    @property
    def pacing(self) -> Pacing:
        """Kind to small mail servers."""
        return Pacing(overall=2.0)

    async def deliver(self, entry: Outgoing, *, doubtful: bool) -> Delivered:
        """Hand the mail to the server. The same entry is always the same Message-ID.

        Raises:
            DeliveryFailed: the server cannot be reached, or asks to try later.
            DeliveryRefused: it will never take it, or the entry is no email.
        """
        if not isinstance(entry.payload, ResumeEmail):
            raise DeliveryRefused("not_an_email")
        message = self._message(entry, entry.payload)
        await self._hand_over(message)
        return Delivered(message["Message-ID"], maybe_duplicate=doubtful)

    def _message(self, entry: Outgoing, email: ResumeEmail) -> EmailMessage:
        language = language_of(email.language)
        link = f"{self._page}#resume={quote(self._sessions.link(entry.chat, self._clock.now()))}"
        hours = int(self._sessions.link_keep / timedelta(hours=1))
        message = EmailMessage()
        try:
            message["From"] = self._from
            message["To"] = email.to
        except ValueError as error:
            raise DeliveryRefused("bad_address") from error
        message["Subject"] = RESUME_SUBJECT[language].format(brand=self._brand)
        message["Date"] = self._clock.now()
        message["Message-ID"] = f"<{entry.id}@{self._sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(RESUME_BODY[language].format(brand=self._brand, link=link, hours=hours))
        return message

    async def _hand_over(self, message: EmailMessage) -> None:
        try:
            async with self._connect() as client:
                await client.send_message(message)
        except SMTPRecipientsRefused as error:
            raise _refusal(error.recipients[0].code) from error
        except SMTPAuthenticationError as error:
            raise DeliveryFailed(
                "smtp_login_refused"
            ) from error  # the operator's to mend, not the mail's end
        except SMTPResponseException as error:
            raise _refusal(error.code) from error
        except (SMTPServerDisconnected, SMTPReadTimeoutError) as error:
            doubtful = not isinstance(error, SMTPConnectError)
            raise DeliveryFailed("smtp_interrupted", doubtful=doubtful) from error
        except SMTPNotSupported as error:
            raise DeliveryRefused("bad_address") from error
        except (SMTPException, OSError) as error:
            raise DeliveryFailed(f"smtp_{type(error).__name__}") from error
        except ValueError as error:
            raise DeliveryRefused("bad_address") from error


def smtp_client(url: str) -> Callable[[], SMTP]:
    """What makes clients for ``smtp://`` and ``smtps://`` addresses.

    Raises:
        ConfigurationError: it is neither.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ConfigurationError(
            "GUICHET_SMTP__URL must look like smtp://user:password@host:587 or smtps://…."
        )
    tls = parts.scheme == "smtps"
    port = parts.port or (465 if tls else 587)
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    # Whoever stands between could hide the offer, and read the password.
    must_start_tls = bool(password) and not tls and parts.hostname not in LOOPBACK

    def client() -> SMTP:
        return SMTP(
            hostname=parts.hostname,
            port=port,
            username=user,
            password=password,
            use_tls=tls,
            start_tls=must_start_tls or None,  # None: when offered
            timeout=TIMEOUT,
        )

    return client


def _refusal(code: int) -> DeliveryFailed | DeliveryRefused:
    """4xx: later; 5xx: never."""
    return DeliveryRefused(f"smtp_{code}") if code >= 500 else DeliveryFailed(f"smtp_{code}")


async def _token(request: Request) -> object:
    body = b""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_BYTES:
                    raise BadSession("not a link")
    except (TimeoutError, ClientDisconnect) as error:
        raise BadSession("not a link") from error
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadSession("not a link") from error
    return parsed.get("token") if isinstance(parsed, dict) else None
