"""Settings: read from one file and the environment, refused in one sentence."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from bot import settings as module
from bot.domain.errors import ConfigurationError
from bot.settings import Settings, load_settings, warnings

Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("GUICHET_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GUICHET_DATA_DIR", str(tmp_path / "var"))


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "guichet.toml"
        path.write_text(text)
        monkeypatch.setenv("GUICHET_CONFIG", str(path))
        return path

    return write


def test_the_file_in_the_repository_is_in_order() -> None:
    settings = load_settings()
    assert settings.web.port == 8080
    hours = settings.teams["care"].hours
    assert hours is not None
    assert (hours.monday, hours.sunday) == ("09:00-19:00", "")


def test_the_environment_wins_over_the_file(config: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    config("[web]\nport = 8081\nbrand = 'Elsewhere'\n")
    monkeypatch.setenv("GUICHET_WEB__PORT", "8082")
    assert (load_settings().web.port, load_settings().web.brand) == (8082, "Elsewhere")


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUICHET_REDIS__URL", "")
    assert load_settings().redis_url is None


def test_lists_in_the_environment_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUICHET_WEB__ALLOWED_ORIGINS", "https://a.example, https://b.example")
    assert load_settings().web.allowed_origins == ("https://a.example", "https://b.example")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[web]\nprot = 1\n", r"guichet\.toml: unknown key 'web\.prot' \(did you mean 'port'\?\)"),
        ("[webb]\n", r"unknown key 'webb' \(did you mean 'web'\?\)"),
        (
            "[teams.care.hours]\nmondey = ''\n",
            r"unknown key 'teams\.care\.hours\.mondey' \(did you mean 'monday'",
        ),
        ("[teams.care.hours]\nmonday = '9-19'\n", r"teams\.care\.hours\.monday: write opening hours as"),
        (
            "[hours.teams.shop]\nmonday = ''\n",
            r"write \[teams\.shop\.hours\] instead of \[hours\.teams\.shop\]",
        ),
        ("[teams.care.hours]\ntime_zone = 'Mars'\n", r"teams\.care\.hours\.time_zone: not a time zone"),
        ("[teams.care]\nchanels = []\n", r"unknown key 'teams\.care\.chanels' \(did you mean 'channels'"),
        ("[teams.care]\nchannels = ['#care']\n", r"teams\.care\.channels\.0: "),
        ("[teams.care]\nagents = ['lea']\n", r"teams\.care\.agents\.0: "),
        ("[slack]\nadmins = ['C123']\n", r"slack\.admins\.0: "),
        ("[teams.care]\nassign = 'shove'\n", r"teams\.care\.assign: "),
        ("[teams.Care]\n", r"teams\.Care: a team's name has"),
        (
            "[teams.care]\nescalation = 'leeds'\n[teams.leads]\n",
            r"teams\.care\.escalation names 'leeds', which is no team \(did you mean 'leads'\?\)",
        ),
        (
            "[teams.care]\nagents = ['U123']\nspeaks = {U124 = ['en']}\n",
            r"teams\.care\.speaks names U124, who is neither",
        ),
        ("[slack]\nbot_token = 'xoxb-1'\n", r"slack\.bot_token holds a secret.*set GUICHET_SLACK__BOT_TOKEN"),
        ("[hours]\ntime_zone = 'Europe/Lutèce'\n", r"hours\.time_zone: not a time zone"),
        ("[web]\nport = 99999\n", r"guichet\.toml: web\.port: .*65535"),
        ("shards = 'many'\n", r"guichet\.toml: shards: "),
        ("web = 3\n", r"guichet\.toml: web: "),
        ("not toml", r"guichet\.toml cannot be read"),
        ("[telegram]\ntoken = '1:a'\n", r"telegram\.token holds a secret.*set GUICHET_TELEGRAM__TOKEN"),
        ("[redis]\nurl = 'redis://:pw@h/0'\n", r"redis\.url holds a secret.*set GUICHET_REDIS__URL"),
        ("[telegram]\nmode = 'webhook'\n", r"GUICHET_TELEGRAM__TOKEN is not set"),
        ("[smtp]\nurl = 'smtp://localhost'\n", r"smtp\.sender is missing"),
        ("[nlu]\nurls = ['http://nlu:5005']\n", r"GUICHET_NLU__TOKEN is not set"),
    ],
)
def test_what_is_wrong_in_the_file_is_said_in_one_sentence(config: Write, text: str, said: str) -> None:
    config(text)
    with pytest.raises(ConfigurationError, match=said) as caught:
        load_settings()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("GUICHET_WEB__PROT", "1", r"GUICHET_WEB__PROT is not a setting \(did you mean 'GUICHET_WEB__PORT'"),
        ("GUICHET_WEB__PORT", "many", "^GUICHET_WEB__PORT: "),
        ("GUICHET_WEB__SECRET", "short", "GUICHET_WEB__SECRET is too short"),
        ("GUICHET_TELEGRAM__MODE", "webhook", "GUICHET_TELEGRAM__TOKEN is not set"),
        (
            "GUICHET_CONFIG",
            "/nowhere/at/all.toml",
            "GUICHET_CONFIG names /nowhere/at/all.toml, which does not exist",
        ),
    ],
)
def test_what_is_wrong_in_the_environment_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=said):
        load_settings()


@pytest.mark.parametrize(("cores", "replicas"), [(1, 1), (2, 2), (16, 2)])
def test_there_is_a_rasa_a_core_but_two_at_most(
    monkeypatch: pytest.MonkeyPatch, cores: int, replicas: int
) -> None:
    monkeypatch.setattr(module, "cores", lambda: cores)
    assert load_settings().nlu.replicas == replicas
    monkeypatch.setenv("GUICHET_NLU__REPLICAS", "5")
    assert load_settings().nlu.replicas == 5


def test_a_webhook_needs_its_secret_and_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUICHET_TELEGRAM__TOKEN", "1:abc")
    monkeypatch.setenv("GUICHET_TELEGRAM__MODE", "webhook")
    with pytest.raises(ConfigurationError, match="GUICHET_TELEGRAM__WEBHOOK_SECRET is not set"):
        load_settings()
    monkeypatch.setenv("GUICHET_TELEGRAM__WEBHOOK_SECRET", "s" * 32)
    with pytest.raises(ConfigurationError, match=r"telegram\.webhook_url"):
        load_settings()
    monkeypatch.setenv("GUICHET_WEB__PUBLIC_URL", "https://chat.example/")
    assert load_settings().public_url == "https://chat.example"


def test_variables_that_a_cluster_sets_are_ignored_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUICHET_PORT", "tcp://10.0.0.1:8080")
    load_settings()
    assert any(line.startswith("GUICHET_PORT ") for line in warnings())


def test_on_one_machine_the_session_secret_is_made_once_and_kept_private() -> None:
    settings = load_settings()
    secret = settings.web_secret()
    assert len(secret) >= 32
    assert load_settings().web_secret() == secret
    path = settings.data_dir / "secrets" / "web"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_with_a_redis_of_ones_own_the_session_secret_must_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUICHET_REDIS__URL", "redis://localhost/0")
    with pytest.raises(ConfigurationError, match="GUICHET_WEB__SECRET is not set"):
        load_settings().web_secret()
    monkeypatch.setenv("GUICHET_WEB__SECRET", "s" * 32)
    assert load_settings().web_secret() == "s" * 32


def test_secrets_are_not_shown_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUICHET_TELEGRAM__TOKEN", "123:very-secret")
    monkeypatch.setenv("GUICHET_REDIS__URL", "redis://:very-secret@host/0")
    assert "very-secret" not in repr(load_settings())


def test_relative_paths_start_at_the_project_wherever_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GUICHET_DATA_DIR", "elsewhere")
    settings = load_settings()
    assert settings.data_dir == module.PROJECT / "elsewhere"
    assert settings.database_url == f"sqlite:///{module.PROJECT / 'elsewhere' / 'guichet.db'}"


def test_every_setting_of_the_file_in_the_repository_is_documented() -> None:
    text = (module.PROJECT / "config" / "guichet.toml").read_text()
    for name, field in Settings.model_fields.items():
        section = module.TeamSettings if name == "teams" else module._model_of(field.annotation)
        name = "teams.care" if name == "teams" else name
        assert f"[{name}]" in text or f"# {name} =" in text or name in ("rasa_project", "config_dir"), name
        for key, below in section.model_fields.items() if section else ():
            secret = "SecretStr" in str(below.annotation)
            assert secret or key == "teams" or f"{key} =" in text, f"{name}.{key}"


# --- Slack and its teams ------------------------------------------------------------------------

TEAM = "[teams.care]\nchannels = ['C0CARE']\n"


def in_slack(monkeypatch: pytest.MonkeyPatch, **secrets: str) -> None:
    for name, value in {"BOT_TOKEN": "xoxb-very-secret", **secrets}.items():
        monkeypatch.setenv(f"GUICHET_SLACK__{name}", value)


@pytest.mark.parametrize(
    "address",
    [
        "http://slack.com/api/",
        "http://127.0.0.1.evil.example/api/",
        "http://localhost@evil.example/api/",
        "http://10.0.0.1/api/",
        "ftp://127.0.0.1/",
        "https:///api/",
        "slack.com/api/",
        "http://[::1",
        "",
    ],
)
def test_slacks_tokens_are_not_sent_in_the_clear(config: Write, address: str) -> None:
    config(f"[slack]\napi_base = '{address}'\n")
    with pytest.raises(ConfigurationError, match=r"slack\.api_base: .*https"):
        load_settings()


@pytest.mark.parametrize(
    "address",
    ["https://slack.com/api/", "http://127.0.0.1:9000/api/", "http://localhost/api/", "http://[::1]:9000/"],
)
def test_slack_is_reached_securely_or_on_this_machine(config: Write, address: str) -> None:
    config(f"[slack]\napi_base = '{address}'\n")
    assert load_settings().slack.api_base == address


def test_over_the_socket_slack_needs_both_tokens(config: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    config(TEAM)
    in_slack(monkeypatch)
    with pytest.raises(ConfigurationError, match="GUICHET_SLACK__APP_TOKEN is not set"):
        load_settings()
    in_slack(monkeypatch, APP_TOKEN="xapp-very-secret")
    assert load_settings().slack.mode == "socket"
    assert "very-secret" not in repr(load_settings())


def test_over_http_slack_needs_its_signing_secret(config: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    config(TEAM + "[slack]\nmode = 'http'\n")
    in_slack(monkeypatch, APP_TOKEN="xapp-1")
    with pytest.raises(ConfigurationError, match="GUICHET_SLACK__SIGNING_SECRET is not set"):
        load_settings()
    in_slack(monkeypatch, SIGNING_SECRET="0123456789")
    assert load_settings().slack.path == "/slack/events"


def test_slack_secrets_without_the_bot_token_are_half_a_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GUICHET_SLACK__APP_TOKEN", "xapp-1")
    with pytest.raises(ConfigurationError, match="GUICHET_SLACK__BOT_TOKEN is not set"):
        load_settings()


def test_a_team_without_channels_is_named_when_slack_is_on(
    config: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_slack(monkeypatch, APP_TOKEN="xapp-1")
    config(TEAM + "[teams.beauty]\n")
    with pytest.raises(ConfigurationError, match=r"teams\.beauty\.channels is empty"):
        load_settings()
    config("")
    with pytest.raises(ConfigurationError, match=r"add \[teams\.care\]"):
        load_settings()


def test_without_slack_a_team_needs_no_channel(config: Write) -> None:
    config("[teams.beauty]\n")
    assert load_settings().teams["beauty"].channels == ()


def test_a_team_can_be_set_in_the_environment_beside_the_file(
    config: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    config(TEAM + "[teams.care.hours]\nmonday = '09:00-19:00'\n")
    monkeypatch.setenv("GUICHET_TEAMS__CARE__AGENTS", "U0LEA,W0OMAR")
    monkeypatch.setenv("GUICHET_TEAMS__CARE__HOURS__SUNDAY", "10:00-12:00")
    team = load_settings().teams["care"]
    assert (team.channels, team.members) == (("C0CARE",), ("U0LEA", "W0OMAR"))
    assert team.hours is not None
    assert (team.hours.monday, team.hours.sunday) == ("09:00-19:00", "10:00-12:00")


def test_hours_in_the_environment_moved_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUICHET_HOURS__TEAMS__CARE__MONDAY", "09:00-12:00")
    with pytest.raises(ConfigurationError, match="name it GUICHET_TEAMS__CARE__HOURS__MONDAY"):
        load_settings()
