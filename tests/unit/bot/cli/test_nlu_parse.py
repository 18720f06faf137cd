"""``guichet nlu parse`` when there is nobody to ask."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bot.cli import nlu
from bot.domain.errors import NluUnavailable
from tests.servers import free_port


async def test_an_nlu_that_is_not_there_is_told_with_where_and_what_to_do(monkeypatch):
    url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setattr(nlu, "nlu_place", lambda _: SimpleNamespace(urls=(url,), token=""))
    with pytest.raises(NluUnavailable, match=f"{url} did not answer.*`guichet status`"):
        await nlu._parse(None, "où est mon colis ?")
