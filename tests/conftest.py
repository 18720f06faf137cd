"""Fixtures every test may use: real stores, and what is skipped where a server is missing."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import trustme

from bot.storage.state import RedisStore
from tests.rasa_fixtures import rasa_model, rasa_token, rasa_url  # noqa: F401 - fixtures for all
from tests.servers import Server, redis_binary, running, running_cluster, valkey_binary

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


ORDER = (
    "tests/crash/",
    "tests/integration/nlu/test_small_models.py",
    "tests/integration/nlu/test_accuracy.py",
    "tests/integration/nlu/test_sentence_embedder.py",
    "tests/unit/rasa_project/test_components.py",
    "tests/integration/test_supervisor.py",
    "tests/integration/telegram/",
    "tests/integration/web/",
    "tests/contract/",
    "tests/contract/test_nlu.py",
    "tests/integration/",
)
"""Where processes share the tests, the files that come first, by how their names begin. What takes long is
early, but for what needs the model, which may be in training still. The short ones fill up what is left."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what is not to be had here; put what processes share in an order."""
    _skip_what_is_missing(items)
    if hasattr(config, "workerinput"):
        items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    turns = [(len(begin), turn) for turn, begin in enumerate(ORDER) if item.nodeid.startswith(begin)]
    return max(turns)[1] if turns else len(ORDER)


def _skip_what_is_missing(items: list[pytest.Item]) -> None:
    missing = {
        "redis": None if redis_binary() else "redis-server is not installed",
        "chromium": None if CHROMIUM else "Chromium is not installed",
        "rasa": None if _rasa().exists() else "the Rasa environment is not installed",
    }
    for item in items:
        for marker, reason in missing.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


def _rasa() -> Path:
    return Path(__file__).resolve().parents[1] / "rasa_project" / ".venv" / "bin" / "rasa"


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The Valkey we ship."""
    with running(valkey_binary(), tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
def valkey_url(valkey_server: Server) -> str:
    """An empty Valkey."""
    valkey_server.client().flushall()
    return valkey_server.url


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The distribution's Redis."""
    binary = redis_binary()
    if binary is None:
        pytest.skip("redis-server is not installed")
    with running(binary, tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Redis that speaks TLS only, with a certificate of our own authority."""
    binary = redis_binary()
    if binary is None:
        pytest.skip("redis-server is not installed")
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    files = {name: str(folder / f"{name}.pem") for name in ("ca", "cert", "key")}
    authority.cert_pem.write_to_path(files["ca"])
    certificate.private_key_pem.write_to_path(files["key"])
    certificate.cert_chain_pems[0].write_to_path(files["cert"])
    with running(binary, folder / "data", tls=files) as server:
        yield server


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A cluster of three Valkeys."""
    with running_cluster(valkey_binary(), tmp_path_factory.mktemp("cluster")) as server:
        yield server


@pytest.fixture
async def store(valkey_url: str) -> AsyncIterator[RedisStore]:
    """An empty store on Valkey."""
    opened = await RedisStore.open(valkey_url, shards=8)
    yield opened
    await opened.close()
