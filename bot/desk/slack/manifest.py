"""The app's manifest: the scopes it asks for, and how it looks for HTTP."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from bot.domain.errors import ConfigurationError

WIDTH = 200


def scopes(path: Path) -> frozenset[str]:
    """What the bot token must be granted.

    Raises:
        ConfigurationError: the file is not there, or not a manifest.
    """
    try:
        return frozenset(str(scope) for scope in _read(path)["oauth_config"]["scopes"]["bot"])
    except (KeyError, TypeError) as error:
        raise ConfigurationError(f"{path} is no manifest: it names no bot scopes.") from error


def for_socket(path: Path) -> str:
    """The manifest as it is: Socket Mode.

    Raises:
        ConfigurationError: the file is not there, or not a manifest.
    """
    scopes(path)
    return path.read_text(encoding="utf-8")


def for_http(path: Path, url: str) -> str:
    """The manifest with ``url`` as what Slack calls, its comments kept.

    Raises:
        ConfigurationError: the file is no manifest, or Slack would not take the address.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise ConfigurationError(f"{url} cannot be used: Slack calls https:// addresses only.")
    found = _read(path)
    try:
        settings = found["settings"]
        settings["socket_mode_enabled"] = False
        settings["event_subscriptions"].insert(0, "request_url", url)
        settings["interactivity"].update({"request_url": url, "message_menu_options_url": url})
        for command in found["features"]["slash_commands"]:
            command["url"] = url
    except (KeyError, TypeError) as error:
        raise ConfigurationError(f"{path} is no manifest of this app: {error} is missing.") from error
    written = io.StringIO()
    _yaml().dump(found, written)
    return written.getvalue()


def _read(path: Path) -> Any:
    try:
        return _yaml().load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise ConfigurationError(f"{path} cannot be read: {type(error).__name__}.") from error


def _yaml() -> YAML:
    yaml = YAML()
    yaml.width = WIDTH
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml
