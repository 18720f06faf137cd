"""Which ports can be had, and who has them."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path

from bot.domain.errors import ConfigurationError


def free_port(host: str = "127.0.0.1") -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def check_free(host: str, port: int) -> None:
    """Look before a start.

    Raises:
        ConfigurationError: somebody listens there; the text says who, where that can be known, and
            which port is free.
    """
    try:
        family, *_rest, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except PermissionError as error:
        raise ConfigurationError(
            f"This user may not listen on port {port}: set GUICHET_WEB__PORT to one above 1023."
        ) from error
    except OSError as error:
        pid = holder(port)
        by = f" by process {pid}" if pid else ""
        raise ConfigurationError(
            f"Port {port} on {host} is taken{by} ({error.strerror or error}): stop what uses it, or choose "
            f"another port, for example GUICHET_WEB__PORT={next_free(host, port)}."
        ) from error


def next_free(host: str, port: int) -> int:
    """A free port near that one."""
    for candidate in range(port + 1, min(port + 50, 65_536)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind((host, candidate))
            return candidate
    return free_port()


def holder(port: int, proc: Path = Path("/proc")) -> int | None:
    """The process that listens on a TCP port, as far as this user may know (Linux)."""
    wanted = _listening_inodes(port, proc)
    if not wanted:
        return None
    for links in proc.glob("[0-9]*/fd"):
        with suppress(OSError):
            if any(f"{link.readlink()}" in wanted for link in links.iterdir()):
                return int(links.parent.name)
    return None


def _listening_inodes(port: int, proc: Path) -> set[str]:
    found: set[str] = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (proc / "net" / table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(f"socket:[{fields[9]}]")
    return found
