"""Sessions: what makes a browser the holder of a chat.

A session is a random id (128 bits) with an expiry, signed for one account of ours. The id is the
user part of the chat; the session around it is the key, and is shown to nobody but its browser.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.channels.web.signing import BadSignature, later, sign, unsign
from bot.domain.identity import ChatId

CHANNEL = "web"
ID_BYTES = 16
LONGEST = 256


class BadSession(ValueError):
    """Forged, of another account, altered, or expired."""


@dataclass(frozen=True, slots=True)
class Session:
    """A chat, and the string that opens it."""

    chat: ChatId
    token: str


@dataclass(frozen=True, slots=True)
class Sessions:
    """Makes and recognises sessions, links and file addresses of one account.

    Args:
        secret: the key; whoever has it can open any chat.
        account: the account sessions belong to.
        keep: how long a session lasts; one past half its life is renewed when it is used.
        link_keep: how long a link that resumes a chat works.
        file_keep: how long the address of a file works.
    """

    secret: bytes
    account: str
    keep: timedelta = timedelta(days=30)
    link_keep: timedelta = timedelta(hours=72)
    file_keep: timedelta = timedelta(hours=12)

    def new(self, now: datetime) -> Session:
        """A session for a visitor not seen before."""
        return self._session(secrets.token_urlsafe(ID_BYTES), now)

    def open(self, token: object, now: datetime) -> Session:
        """The session a token stands for, renewed when it has got old.

        Raises:
            BadSession: whatever is wrong with it.
        """
        if not isinstance(token, str) or len(token) > LONGEST:
            raise BadSession("not a session")
        user, expires = self._value("session", token, now)
        if expires - now < self.keep / 2:
            return self._session(user, now)
        return Session(ChatId(CHANNEL, self.account, user), token)

    def link(self, chat: ChatId, now: datetime) -> str:
        """What an email carries to resume a chat."""
        return sign(self.secret, self._purpose("resume"), chat.user, now + self.link_keep)

    def resume(self, token: object, now: datetime) -> Session:
        """A fresh session for the chat of a link.

        Raises:
            BadSession: whatever is wrong with the link.
        """
        if not isinstance(token, str) or len(token) > LONGEST:
            raise BadSession("not a link")
        user, _expires = self._value("resume", token, now)
        return self._session(user, now)

    def file_pass(self, chat: ChatId, file_id: str, now: datetime) -> str:
        """What a file's address carries: the right of this chat to read this file, for a while.

        The same for an hour, so that a browser can cache what it shows.
        """
        expires = later(now, timedelta(hours=1), self.file_keep)
        return sign(self.secret, self._purpose(f"file:{file_id}"), chat.user, expires)

    def check_file_pass(self, token: str, file_id: str, now: datetime) -> ChatId:
        """The chat that may read the file.

        Raises:
            BadSession: whatever is wrong with the pass.
        """
        user, _expires = self._value(f"file:{file_id}", token, now)
        return ChatId(CHANNEL, self.account, user)

    def _session(self, user: str, now: datetime) -> Session:
        token = sign(self.secret, self._purpose("session"), user, now + self.keep)
        return Session(ChatId(CHANNEL, self.account, user), token)

    def _value(self, purpose: str, token: str, now: datetime) -> tuple[str, datetime]:
        try:
            return unsign(self.secret, self._purpose(purpose), token, now)
        except BadSignature as error:
            raise BadSession(str(error)) from error

    def _purpose(self, purpose: str) -> str:
        return f"{self.account}:{purpose}"
