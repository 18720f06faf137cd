"""Who looks after what: the teams of people, and which of them a conversation goes to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from bot.domain.errors import ConfigurationError
from handlers.replies import Replies

DEFAULT = "care"
PROTECTED_TEAMS: Mapping[str, str] = {
    "adverse_reaction": "safety",
    "distress": "safety",
    "threat": "safety",
    "minor": "safety",
    "withdrawal": "care",
    "data_request": "dpo",
}
"""Who takes what a bot must never handle alone, unless the configuration names another team."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """What the behaviour knows of a team. The times are opening times; None for no promise.

    Attributes:
        name: as in the configuration.
        intents: what comes to it whatever the FAQ entry says.
        languages: what it speaks; empty for any.
        first_response: within that, a person answers.
        resolution: within that of the first answer, it is done.
        escalation: the team told when a promise is broken.
        answer_while_waiting: whether the bot answers some questions of those who wait for it.
        tell_waiting_time: whether those who wait are told how long it lately took.
    """

    name: str
    intents: frozenset[str] = frozenset()
    languages: tuple[str, ...] = ()
    first_response: timedelta | None = None
    resolution: timedelta | None = None
    escalation: str = ""
    answer_while_waiting: bool = True
    tell_waiting_time: bool = True

    def speaks(self, language: str) -> bool:
        """Whether it serves customers in that language."""
        return not self.languages or language in self.languages

    def target(self, *, answered: bool) -> timedelta | None:
        """The promise in force."""
        return self.resolution if answered else self.first_response


@dataclass(frozen=True, slots=True)
class Teams:
    """All of them. A team that is named somewhere and not configured promises nothing."""

    known: Mapping[str, Team] = field(default_factory=dict)
    default: str = DEFAULT

    def of(self, name: str) -> Team:
        """A team by its name."""
        return self.known.get(name) or Team(name=name)

    def route(self, intent: str, language: str, entry_team: str = "") -> str:
        """Who gets a conversation about ``intent`` (empty when nobody knows what it is about).

        In this order: a team that the configuration gives the intent to; the FAQ entry's own team, if it
        speaks the language; the team of a protected intent; a team that names the language and no intents;
        the default.
        """
        claimed = self.claimed(intent, language)
        if claimed:
            return claimed
        if entry_team and self.of(entry_team).speaks(language):
            return entry_team
        return PROTECTED_TEAMS.get(intent) or self._generalist(language)

    def claimed(self, intent: str, language: str) -> str | None:
        """The team that the configuration gives the intent to: of several, one that speaks the language."""
        claims = [team for team in self.known.values() if intent in team.intents]
        speaking = (team for team in claims if team.speaks(language))
        found = next(speaking, claims[0] if claims else None)
        return found.name if found else None

    def _generalist(self, language: str) -> str:
        if language in self.of(self.default).languages:
            return self.default
        speaking = (
            team.name for team in self.known.values() if language in team.languages and not team.intents
        )
        return next(speaking, self.default)


def teams(known: Iterable[Team] = (), default: str = DEFAULT) -> Teams:
    """Teams by their names."""
    return Teams({team.name: team for team in known}, default)


def check_names(known: Teams, replies: Replies, folder: str = "config/replies") -> None:
    """Whether customers can be told the name of every team; ``folder`` is where their names stand.

    Raises:
        ConfigurationError: a team has none; the sentence names the key to add.
    """
    for team in known.known:
        for language in replies.texts:
            if replies.find(f"team.{team}", language) is None:
                raise ConfigurationError(
                    f"{folder}/{language}.toml: the team {team!r} has no name for customers; "
                    f'add {team} = "…" under [team].'
                )
