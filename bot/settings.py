"""Typed settings: ``config/guichet.toml``, overridden by ``GUICHET_…__…`` environment variables.

Secrets come from the environment only; none has a default. A key nobody knows is refused, with
the file and the nearest key that exists. Only ``bot.cli``, ``bot.supervisor`` and ``bot.app`` read
settings; everyone else is given values.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import secrets
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from bot.domain.errors import ConfigurationError

PREFIX = "GUICHET_"
PROJECT = Path(__file__).resolve().parents[1]
"""Where ``config/`` and ``rasa_project/`` are; relative paths in the settings start here."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DEFAULT_TEAM = "care"
_TEAM_NAME = re.compile(r"^[a-z][a-z0-9_-]{0,31}$")
_HOURS = re.compile(r"^(?:([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?$")


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def cores() -> int:
    """Those of this machine that we may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""A list; in the environment its items are separated by commas."""

Port = Annotated[int, Field(ge=1, le=65535)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A table of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LogSettings(Section):
    """What is written to the process logs."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "pretty"] = "json"
    max_mb: int = Field(10, ge=1)
    """Size at which a process log is rotated; three older ones are kept."""


class WebSettings(Section):
    """The web process and the web chat."""

    host: str = "127.0.0.1"
    port: Port = 8080
    public_url: str | None = None
    """How customers reach it, e.g. ``https://chat.example``; for links in emails and webhooks."""
    allowed_origins: Words = ()
    """Sites that embed the chat; its own origin is always allowed."""
    trusted_proxies: Words = ()
    """Addresses whose ``X-Forwarded-For`` is believed."""
    account: str = Field("main", pattern=r"^[a-z0-9_-]{1,32}$")
    brand: str = Field("Maison Alba", min_length=1, max_length=60)
    accent: str = Field("#7a4b2a", pattern=r"^#[0-9a-fA-F]{6}$")
    secret: SecretStr | None = None
    """Signs sessions, file links and resume links. Generated once where Valkey is embedded."""
    messages_burst: int = Field(40, ge=1)
    """Messages one session may send at once, and then each second."""
    messages_per_second: float = Field(5.0, gt=0)
    connections_per_address: int = Field(2_000, ge=1)
    sessions_per_address: int = Field(1_000, ge=1)
    """New sessions one address may begin at once; a fiftieth of it each second from then on."""


class TelegramSettings(Section):
    """The Telegram channel: on when there is a token."""

    token: SecretStr | None = None
    mode: Literal["polling", "webhook"] = "polling"
    webhook_url: str | None = None
    """Where Telegram finds us; ``web.public_url`` + ``/telegram/webhook`` when left out."""
    webhook_secret: SecretStr | None = None
    api_base: str = "https://api.telegram.org"


class RedisSettings(Section):
    """The live state; embedded Valkey without a URL."""

    url: SecretStr | None = None


class DatabaseSettings(Section):
    """The record for analysis; SQLite in the data directory without a URL."""

    url: SecretStr | None = None


class NluSettings(Section):
    """Rasa."""

    replicas: int = Field(default_factory=lambda: min(cores(), 2), ge=1, le=64)
    """Rasa processes, each of which understands one message at a time; a core each, two at most."""
    budget: float = Field(2.0, gt=0, le=30)
    """Seconds for one parse in all, one retry included."""
    cache_size: int = Field(10_000, ge=0)
    urls: Words = ()
    """Rasa servers run elsewhere; none are started here then."""
    token: SecretStr | None = None


class UnderstandingSettings(Section):
    """When the bot is sure enough: probabilities in [0, 1]. The behaviour's own numbers are their
    defaults (``handlers.care.Thresholds``; a test compares them)."""

    answer_at: Share = 0.45
    ambiguous_within: Share = 0.1
    protected_at: Share = 0.12


class ShopSettings(Section):
    """Where orders are looked up: an HTTP API, or a file."""

    base_url: str | None = None
    token: SecretStr | None = None
    file: Path = Path("config/demo/orders.json")


class SmtpSettings(Section):
    """Mail for customers who left the web chat; without a URL it is not offered."""

    url: SecretStr | None = None
    sender: str | None = None


class MediaSettings(Section):
    """Files that customers and agents send."""

    folder: Path | None = None
    """``<data_dir>/media`` when left out."""
    max_mb: int = Field(10, ge=1, le=20)


SlackChannel = Annotated[str, Field(pattern=r"^[CG][A-Z0-9]{2,20}$")]
SlackUser = Annotated[str, Field(pattern=r"^[UW][A-Z0-9]{2,20}$")]
Channels = Annotated[tuple[SlackChannel, ...], NoDecode, BeforeValidator(_split)]
People = Annotated[tuple[SlackUser, ...], NoDecode, BeforeValidator(_split)]
Languages = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[a-z]{2}$")], ...], NoDecode, BeforeValidator(_split)
]
Roles = Annotated[tuple[Literal["agent", "lead", "admin"], ...], NoDecode, BeforeValidator(_split)]


class SlackSettings(Section):
    """Agents in Slack: on when there is a bot token."""

    bot_token: SecretStr | None = None
    app_token: SecretStr | None = None
    """Opens the socket, with ``mode = "socket"``."""
    signing_secret: SecretStr | None = None
    """Proves that a request is Slack's, with ``mode = "http"``."""
    mode: Literal["socket", "http"] = "socket"
    api_base: str = "https://slack.com/api/"
    path: str = Field("/slack/events", pattern=r"^/[A-Za-z0-9/_-]{1,100}$")
    """Where the web process takes Slack's requests, with ``mode = "http"``."""
    admins: People = ()
    """Slack ids of those who may act in every team."""
    undo_seconds: float = Field(3.0, ge=0, le=60)
    """How long a reply waits, and can be taken back, before it leaves."""
    reveal: Roles = ("agent", "lead", "admin")
    """Who may see what Slack shows shortened: emails, phone numbers, addresses."""
    lag_seconds: float = Field(60.0, gt=0)
    """Staff are told when what they see is that late."""

    @field_validator("api_base")
    @classmethod
    def _api_base(cls, value: str) -> str:
        return _secure(value)


def _secure(address: str) -> str:
    """Whoever answers there is given tokens, and what customers say."""
    try:
        there = urlsplit(address)
        scheme, host = there.scheme, there.hostname or ""
    except ValueError:
        scheme = host = ""
    if (scheme == "https" and host) or (scheme == "http" and _is_this_machine(host)):
        return address
    raise ValueError(
        "write an address with https://; http:// is for this machine only (127.0.0.1, localhost)"
    )


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _time_zone(value: str | None) -> str | None:
    try:
        return value and str(ZoneInfo(value))
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("not a time zone this machine knows, e.g. Europe/Paris") from error


class TeamHoursSettings(Section):
    """When a team answers, e.g. ``monday = "09:00-19:00"``; an empty day is closed."""

    monday: str = ""
    tuesday: str = ""
    wednesday: str = ""
    thursday: str = ""
    friday: str = ""
    saturday: str = ""
    sunday: str = ""
    time_zone: str | None = None
    """``hours.time_zone`` when left out."""
    holidays: str | None = Field(None, pattern=r"^([A-Z]{2})?$")
    """``hours.holidays`` when left out; empty for none."""

    @field_validator(*WEEKDAYS)
    @classmethod
    def _hours(cls, value: str) -> str:
        if not _HOURS.match(value):
            raise ValueError('write opening hours as "09:00-19:00", or "" for a closed day')
        return value

    _zone = field_validator("time_zone")(_time_zone)


class TeamSettings(Section):
    """A team of people: what comes to it, who they are, and what it promises. The team ``care`` gets what
    no other team does, and its hours stand in for those of a team without."""

    channels: Channels = ()
    """Slack channels (ids) its conversations are spread over."""
    agents: People = ()
    """Slack ids of those who answer."""
    leads: People = ()
    """Slack ids of those who lead it; they may answer too."""
    language: Literal["fr", "en"] = "fr"
    """Of what all of the team reads."""
    strict: bool = False
    """Only the *Reply* button writes to the customer; plain messages in a thread are notes."""
    languages: Languages = ()
    """What the team speaks; empty for any."""
    speaks: dict[SlackUser, Languages] = {}
    """What a member speaks, for assignment; the team's languages for one who is not named."""
    intents: Words = ()
    """What comes to this team, whatever the FAQ entry says."""
    first_response_minutes: int = Field(15, ge=0, le=10_080)
    """A person answers within that opening time; 0 for no promise."""
    resolution_hours: int = Field(24, ge=0, le=1_000)
    """It is resolved within that opening time of the first answer; 0 for no promise."""
    escalation: str | None = None
    """The team told when a promise is broken; itself when left out."""
    assign: Literal["pull", "push"] = "pull"
    """Whether members claim conversations or are given them."""
    limit: int = Field(5, ge=1, le=200)
    """Conversations a member is given at once, with ``assign = "push"``."""
    answer_while_waiting: bool = True
    """FAQ entries marked ``while_waiting`` are answered to those who wait."""
    tell_waiting_time: bool = True
    """A waiting customer is told how long it lately took, when that is known."""
    hours: TeamHoursSettings | None = None

    @property
    def members(self) -> tuple[str, ...]:
        """Slack ids of all who answer, each once."""
        return tuple(dict.fromkeys((*self.agents, *self.leads)))


class HoursSettings(Section):
    """What opening hours have in common; the hours themselves are the teams': ``[teams.<name>.hours]``."""

    time_zone: str = "Europe/Paris"
    """In which customers are told times, whatever the team's own."""
    holidays: str = Field("FR", pattern=r"^([A-Z]{2})?$")
    """Country whose public holidays are closed days; empty for none."""

    _zone = field_validator("time_zone")(_time_zone)


class TimeoutSettings(Section):
    """When a conversation moves on by itself."""

    idle_minutes: int = Field(30, ge=1)
    """A conversation with the bot is closed after that much silence."""
    agent_idle_minutes: int = Field(15, ge=1)
    """Opening time a customer's message to an agent may wait before the agent is told; after as much again
    the conversation goes back to the queue."""
    reopen_hours: int = Field(24, ge=0)
    """A message within that time reopens the last conversation instead of opening one."""
    drain_seconds: float = Field(8.0, gt=0)
    """What a process gets to finish its work when it is asked to stop."""


class RetentionSettings(Section):
    """Days that personal data is kept."""

    messages: int = Field(365, ge=1)
    transcripts: int = Field(30, ge=1)
    chats: int = Field(90, ge=1)
    """Live state of a chat after its last turn."""
    media: int = Field(90, ge=1)
    dedupe: int = Field(7, ge=1)
    """Platform ids, so that a late retry is still recognised."""


class MetricsSettings(Section):
    """A port for ``/metrics`` and ``/healthz`` of processes other than the web's."""

    port: Port | None = None
    host: str = "127.0.0.1"
    token: SecretStr | None = None
    """Lets others than this machine read ``/metrics``, as ``Authorization: Bearer …``."""


class Settings(BaseSettings):
    """All of it."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", env_ignore_empty=True, extra="forbid", frozen=True
    )

    data_dir: Path = Path("var")
    shards: int = Field(64, ge=1, le=4096)
    default_language: Literal["fr", "en"] = "fr"
    rasa_project: Path = Path("rasa_project")
    config_dir: Path = Path("config")
    log: LogSettings = LogSettings()
    web: WebSettings = WebSettings()
    telegram: TelegramSettings = TelegramSettings()
    redis: RedisSettings = RedisSettings()
    database: DatabaseSettings = DatabaseSettings()
    nlu: NluSettings = NluSettings()
    understanding: UnderstandingSettings = UnderstandingSettings()
    shop: ShopSettings = ShopSettings()
    smtp: SmtpSettings = SmtpSettings()
    media: MediaSettings = MediaSettings()
    slack: SlackSettings = SlackSettings()
    hours: HoursSettings = HoursSettings()
    teams: dict[str, TeamSettings] = {}
    timeouts: TimeoutSettings = TimeoutSettings()
    retention: RetentionSettings = RetentionSettings()
    metrics: MetricsSettings = MetricsSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file (which comes in as initial values)."""
        return env_settings, init_settings

    # --- derived ---------------------------------------------------------------------------

    @property
    def database_url(self) -> str:
        """Where the record is."""
        if self.database.url is not None:
            return self.database.url.get_secret_value()
        return f"sqlite:///{self.data_dir / 'guichet.db'}"

    @property
    def redis_url(self) -> str | None:
        """A Redis of the operator's; None when ours is embedded."""
        return self.redis.url.get_secret_value() if self.redis.url else None

    @property
    def public_url(self) -> str:
        """How customers reach the web process, without a trailing slash."""
        url = self.web.public_url or f"http://{_shown_host(self.web.host)}:{self.web.port}"
        return url.rstrip("/")

    @property
    def media_folder(self) -> Path:
        """Where files are kept."""
        return self.media.folder or self.data_dir / "media"

    def web_secret(self) -> str:
        """What signs sessions. On one machine it is made once and kept in the data directory.

        Raises:
            ConfigurationError: it must be set, since several machines must share it.
        """
        if self.web.secret is not None:
            return self.web.secret.get_secret_value()
        if self.redis_url is not None:
            raise ConfigurationError(
                "GUICHET_WEB__SECRET is not set: with GUICHET_REDIS__URL every web process signs sessions "
                "with the same secret; set it to 32 random characters or more."
            )
        return kept_secret(self.data_dir / "secrets" / "web")


def _shown_host(host: str) -> str:
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 - what to show, not what to bind
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def kept_secret(path: Path) -> str:
    """A random secret made at first use and kept in a file only its owner reads.

    Raises:
        ConfigurationError: the file cannot be written or read.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        if not path.exists():
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(32))
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(fresh, path)  # first come, first served: all processes read the same one
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return path.read_text().strip()
    except OSError as error:
        raise ConfigurationError(f"The secret in {path} cannot be kept: {error.strerror}.") from error


# --- reading --------------------------------------------------------------------------------


def config_file(environ: Mapping[str, str] = os.environ) -> Path:
    """The file that is read: ``$GUICHET_CONFIG``, or ``config/guichet.toml``."""
    named = environ.get("GUICHET_CONFIG")
    return Path(named).expanduser().resolve() if named else PROJECT / "config" / "guichet.toml"


def load_settings() -> Settings:
    """Read the file and the environment.

    Raises:
        ConfigurationError: one sentence that names the file or variable, the key and the remedy.
    """
    path = config_file()
    found = _read_toml(path)
    _refuse_old_hours(found, path)
    _refuse_unknown_keys(found, path)
    _refuse_unknown_variables(os.environ)
    _refuse_secrets(found, path)
    try:
        settings = Settings(**found)
    except ValidationError as error:
        raise ConfigurationError(_explained(error, path)) from error
    settings = _with_absolute_paths(settings)
    _check_together(settings)
    return settings


load = load_settings


def warnings(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Variables that look like ours and are not. (A cluster may set ``GUICHET_PORT`` by itself.)"""
    known = {name for name, _field, _path in _variables()} | OTHER_VARIABLES
    return [
        f"{name} is not a setting of Guichet{_did_you_mean(name, known)}; it is ignored."
        for name in sorted(environ)
        if name.startswith(PREFIX) and "__" not in name and name not in known
    ]


OTHER_VARIABLES = {
    "GUICHET_CONFIG",
    "GUICHET_AGENT",
    "GUICHET_DEBUG",
    "GUICHET_PROCESS",
    "GUICHET_NLU_TOKEN",
    "GUICHET_NLU_STARTS_BY",
}


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if "GUICHET_CONFIG" in os.environ:
            raise ConfigurationError(f"GUICHET_CONFIG names {path}, which does not exist.") from None
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}.") from error


def _refuse_unknown_keys(found: Mapping[str, Any], path: Path) -> None:
    for key, model in _tables(found, Settings, ()):
        if key[-1] not in model.model_fields:
            near = _did_you_mean(key[-1], model.model_fields)
            raise ConfigurationError(f"{path}: unknown key {'.'.join(key)!r}{near}.")


def _tables(
    found: Mapping[str, Any], model: type[BaseModel], above: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], type[BaseModel]]]:
    for name, value in found.items():
        yield (*above, name), model
        field = model.model_fields.get(name)
        if field is None or not isinstance(value, Mapping):
            continue
        below = _model_of(field.annotation)
        if below is not None:
            yield from _tables(value, below, (*above, name))
        elif field.annotation == dict[str, TeamSettings]:
            for team, its in value.items():
                if isinstance(its, Mapping):
                    yield from _tables(its, TeamSettings, (*above, name, team))


def _model_of(annotation: Any) -> type[BaseModel] | None:
    """The section a field holds, if it holds one (or None)."""
    found = (annotation, *get_args(annotation)) if isinstance(annotation, UnionType) else (annotation,)
    return next((one for one in found if isinstance(one, type) and issubclass(one, BaseModel)), None)


def _variables() -> Iterator[tuple[str, Any, tuple[str, ...]]]:
    """Every variable we read, its field, and where that is in the file."""
    for name, field in Settings.model_fields.items():
        section = _model_of(field.annotation)
        if section is None:
            yield f"{PREFIX}{name.upper()}", field, (name,)
            continue
        for key, below in section.model_fields.items():
            yield f"{PREFIX}{name.upper()}__{key.upper()}", below, (name, key)


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    known = {name for name, _field, _path in _variables()}
    for name in sorted(environ):
        plain = name.upper()
        if not plain.startswith(PREFIX) or "__" not in plain or plain in known:
            continue
        if plain.startswith("GUICHET_HOURS__TEAMS__"):
            raise ConfigurationError(f"{name}: opening hours moved to the teams; name it {_moved(plain)}.")
        if not plain.startswith("GUICHET_TEAMS__"):
            raise ConfigurationError(f"{name} is not a setting{_did_you_mean(plain, known)}.")


def _moved(variable: str) -> str:
    """What a variable of the old place is called now."""
    team, _, day = variable.removeprefix("GUICHET_HOURS__TEAMS__").partition("__")
    return f"GUICHET_TEAMS__{team}__HOURS__{day}" if day else f"GUICHET_TEAMS__{team}__HOURS"


def _refuse_old_hours(found: Mapping[str, Any], path: Path) -> None:
    hours = found.get("hours")
    teams = hours.get("teams") if isinstance(hours, Mapping) else None
    if teams is None:
        return
    team = next(iter(teams), DEFAULT_TEAM) if isinstance(teams, Mapping) else DEFAULT_TEAM
    raise ConfigurationError(
        f"{path}: opening hours moved to the teams; "
        f"write [teams.{team}.hours] instead of [hours.teams.{team}]."
    )


def _refuse_secrets(found: Mapping[str, Any], path: Path) -> None:
    for variable, field, place in _variables():
        value: Any = found
        for key in place:
            value = value.get(key) if isinstance(value, Mapping) else None
        if value is None or SecretStr not in (field.annotation, *get_args(field.annotation)):
            continue
        if place[-1] == "url" and not _has_password(str(value)):
            continue
        raise ConfigurationError(
            f"{path}: {'.'.join(place)} holds a secret, which does not belong in a file; "
            f"remove it there and set {variable} in the environment."
        )


def _has_password(url: str) -> bool:
    try:
        return urlsplit(url).password is not None
    except ValueError:
        return True


def _did_you_mean(word: str, known: Mapping[str, Any] | set[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _explained(error: ValidationError, path: Path) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    place = [str(part) for part in first["loc"]]
    variable = PREFIX + "__".join(place[:2]).upper()
    where = variable if variable in os.environ else f"{path}: {'.'.join(place)}"
    return f"{where}: {first['msg'].removeprefix('Value error, ')}."


def _with_absolute_paths(settings: Settings) -> Settings:
    def placed(path: Path) -> Path:
        return PROJECT / path.expanduser()

    return settings.model_copy(
        update={
            "data_dir": placed(settings.data_dir),
            "rasa_project": placed(settings.rasa_project),
            "config_dir": placed(settings.config_dir),
            "shop": settings.shop.model_copy(update={"file": placed(settings.shop.file)}),
            "media": settings.media.model_copy(
                update={"folder": placed(settings.media.folder) if settings.media.folder else None}
            ),
        }
    )


def _check_together(settings: Settings) -> None:
    """What only shows when settings are seen side by side."""
    telegram = settings.telegram
    if telegram.token is None and (telegram.mode == "webhook" or telegram.webhook_secret is not None):
        raise ConfigurationError(
            "GUICHET_TELEGRAM__TOKEN is not set, but Telegram is configured: set it to the token that "
            "@BotFather gave you, or remove the telegram settings."
        )
    if telegram.token is not None and telegram.mode == "webhook":
        if telegram.webhook_secret is None:
            raise ConfigurationError(
                "GUICHET_TELEGRAM__WEBHOOK_SECRET is not set: webhook mode needs a random secret of "
                "16 to 256 letters, digits, _ or -."
            )
        if not (telegram.webhook_url or settings.web.public_url):
            raise ConfigurationError(
                "telegram.mode is webhook, but neither telegram.webhook_url nor web.public_url says "
                "where Telegram finds this server; set one of them to its https address."
            )
    _check_slack(settings)
    _check_teams(settings)
    if settings.smtp.url is not None and settings.smtp.sender is None:
        raise ConfigurationError("smtp.sender is missing: the address that mails are sent from.")
    if settings.nlu.urls and settings.nlu.token is None:
        raise ConfigurationError(
            "GUICHET_NLU__TOKEN is not set: nlu.urls names Rasa servers run elsewhere, "
            "and they need their token."
        )
    if settings.web.secret is not None and len(settings.web.secret.get_secret_value()) < 16:
        raise ConfigurationError("GUICHET_WEB__SECRET is too short: use 32 random characters or more.")


def _check_slack(settings: Settings) -> None:
    slack = settings.slack
    if slack.bot_token is None:
        if slack.app_token is not None or slack.signing_secret is not None:
            raise ConfigurationError(
                "GUICHET_SLACK__BOT_TOKEN is not set, but Slack is configured: set it to the bot token "
                "(xoxb-…) of your Slack app, or remove the other Slack secrets."
            )
        return
    if slack.mode == "http" and slack.signing_secret is None:
        raise ConfigurationError(
            "GUICHET_SLACK__SIGNING_SECRET is not set: with slack.mode = http it proves that a request is "
            "Slack's; copy it from the app's Basic Information."
        )
    if slack.mode == "socket" and slack.app_token is None:
        raise ConfigurationError(
            "GUICHET_SLACK__APP_TOKEN is not set: with slack.mode = socket it opens the socket; make an "
            "app-level token (xapp-…) with connections:write in the app's Basic Information."
        )
    if not settings.teams:
        raise ConfigurationError("Slack is on, but there is no team: add [teams.care] with its channels.")
    for name, team in settings.teams.items():
        if not team.channels:
            raise ConfigurationError(
                f"teams.{name}.channels is empty, but Slack is on: "
                "name the channel (id) where this team works."
            )


def _check_teams(settings: Settings) -> None:
    for name, team in settings.teams.items():
        if not _TEAM_NAME.match(name):
            raise ConfigurationError(
                f"teams.{name}: a team's name has 1 to 32 small letters, digits, - or _, a letter first."
            )
        if team.escalation is not None and team.escalation not in settings.teams:
            near = _did_you_mean(team.escalation, set(settings.teams))
            raise ConfigurationError(
                f"teams.{name}.escalation names {team.escalation!r}, which is no team{near}."
            )
        strangers = set(team.speaks) - set(team.members)
        if strangers:
            raise ConfigurationError(
                f"teams.{name}.speaks names {min(strangers)}, who is neither among its agents nor its leads."
            )
