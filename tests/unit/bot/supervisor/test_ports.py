"""Who has a port."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator

import pytest

from bot.domain.errors import ConfigurationError
from bot.supervisor.ports import check_free, free_port, holder, next_free


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def test_a_free_port_is_free() -> None:
    check_free("127.0.0.1", free_port())


def test_a_taken_port_is_said_with_another(taken: int) -> None:
    with pytest.raises(
        ConfigurationError, match=rf"Port {taken} on 127\.0\.0\.1 is taken.*GUICHET_WEB__PORT="
    ):
        check_free("127.0.0.1", taken)
    assert next_free("127.0.0.1", taken) != taken


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has a port")
def test_who_has_it_is_named(taken: int) -> None:
    assert holder(taken) == os.getpid()
    assert holder(free_port()) is None


def test_a_host_that_does_not_exist_is_said() -> None:
    with pytest.raises(ConfigurationError):
        check_free("192.0.2.1", 8080)
