"""Who is talking, and where: chats, contacts, agents."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class ChatId:
    """One endless thread between a brand and a user: channel + account + user.

    It is the unit of order and of sharding. Written ``channel:account:user``.
    """

    channel: str
    account: str
    user: str

    @classmethod
    def parse(cls, text: str) -> ChatId:
        """Read ``channel:account:user`` back.

        Raises:
            ValueError: when one of the three parts is missing.
        """
        channel, account, user = text.split(":", 2)
        if not (channel and account and user):
            raise ValueError(f"not a chat id: {text!r}")
        return cls(channel, account, user)

    @property
    def destination(self) -> str:
        """The outbox destination whose sender reaches this chat: ``channel:account``."""
        return f"{self.channel}:{self.account}"

    def __str__(self) -> str:
        return f"{self.channel}:{self.account}:{self.user}"


@dataclass(frozen=True, slots=True)
class Profile:
    """What a platform says of its user. Never trusted, only shown."""

    name: str = ""
    username: str = ""
    locale: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """A contact as one channel knows them."""

    chat: ChatId
    contact_id: str
    profile: Profile = Profile()


@dataclass(frozen=True, slots=True)
class Contact:
    """A person; several identities may be linked to one contact once verified.

    ``email`` is only what the person left for being written back to.
    """

    id: str
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Agent:
    """A member of the brand's staff, as a desk knows them."""

    id: str
    name: str
