"""Fetching agents' files: streamed, limited, and the token shown to Slack only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from slack_sdk.errors import SlackApiError

from bot.desk.slack.files import SlackFiles
from bot.domain.errors import DeliveryDelayed, DeliveryFailed, MediaTooLarge, MediaUnavailable
from bot.domain.message import Attachment

TOKEN = "xoxb-1-secret"
FILE = Attachment("f_1", "a.png", "image/png", 3, source="slack:F1")
HERE = "https://files.slack.com/files-pri/T1-F1/download/a.png"


@dataclass
class Client:
    """Says where a file is."""

    file: dict[str, Any] | None = field(default_factory=lambda: {"size": 3, "url_private_download": HERE})
    error: Exception | None = None
    token: str = TOKEN
    base_url: str = "https://slack.com/api/"

    async def files_info(self, *, file: str) -> dict[str, Any]:
        assert file == "F1"
        if self.error:
            raise self.error
        return {"file": self.file}


async def fetched(
    answer: Callable[[httpx.Request], httpx.Response], client: Client | None = None, file: Attachment = FILE
) -> bytes:
    source = SlackFiles(client or Client(), max_bytes=100, transport=httpx.MockTransport(answer))  # type: ignore[arg-type]
    try:
        return b"".join([chunk async for chunk in source.open(file)])
    finally:
        await source.close()


def png(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=b"png", headers={"content-type": "image/png"})


async def test_the_file_comes_with_the_token_shown() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return png(request)

    assert await fetched(answer) == b"png"
    assert seen[0].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/a.png",
        "https://files.slack.com.evil.example/a.png",
        "https://evilslack.com/a.png",
        "http://files.slack.com/a.png",
        "https://files.slack.com:8443/a.png",
        "https://user:pass@files.slack.com/a.png",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "https://[::1/a",
        "",
    ],
)
async def test_no_stranger_is_asked_and_none_sees_the_token(address: str) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return png(request)

    with pytest.raises(MediaUnavailable):
        await fetched(answer, Client(file={"size": 3, "url_private_download": address}))
    assert asked == []


async def test_a_redirect_is_followed_within_slack_and_not_out_of_it() -> None:
    def within(request: httpx.Request) -> httpx.Response:
        if request.url.host == "files.slack.com":
            return httpx.Response(302, headers={"location": "https://files-edge.slack.com/x"})
        return png(request)

    asked: list[str] = []

    def out(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(302, headers={"location": "https://evil.example/x"})

    assert await fetched(within) == b"png"
    with pytest.raises(MediaUnavailable):
        await fetched(out)
    assert asked == ["files.slack.com"]


async def test_a_redirect_in_a_circle_ends() -> None:
    with pytest.raises(MediaUnavailable):
        await fetched(lambda _: httpx.Response(302, headers={"location": HERE}))


async def test_the_server_that_plays_slacks_part_may_be_asked() -> None:
    client = Client(
        file={"size": 3, "url_private_download": "http://127.0.0.1:9/files/a"},
        base_url="http://127.0.0.1:9/api/",
    )
    assert await fetched(png, client) == b"png"
    client.file = {"size": 3, "url_private_download": "http://127.0.0.1:10/files/a"}
    with pytest.raises(MediaUnavailable):
        await fetched(png, client)


async def test_slacks_login_page_is_not_taken_for_the_file() -> None:
    page = httpx.Response(200, text="<html>Sign in", headers={"content-type": "text/html; charset=utf-8"})
    with pytest.raises(MediaUnavailable):
        await fetched(lambda _: page)


async def test_a_file_over_the_limit_is_refused_by_word_by_info_and_by_bytes() -> None:
    with pytest.raises(MediaTooLarge):
        await fetched(png, file=Attachment("f_1", "a", "image/png", 101, source="slack:F1"))
    with pytest.raises(MediaTooLarge):
        await fetched(png, Client(file={"size": 101, "url_private_download": HERE}))

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 60

    with pytest.raises(MediaTooLarge):
        await fetched(lambda _: httpx.Response(200, content=endless()))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
async def test_what_slack_does_not_have_is_gone(status: int) -> None:
    with pytest.raises(MediaUnavailable):
        await fetched(lambda _: httpx.Response(status))


async def test_troubles_are_tried_again_and_never_tell_the_address() -> None:
    with pytest.raises(DeliveryFailed):
        await fetched(lambda _: httpx.Response(502))
    with pytest.raises(DeliveryDelayed) as delayed:
        await fetched(lambda _: httpx.Response(429, headers={"retry-after": "7"}))
    assert delayed.value.retry_after == 7

    def cut(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError(f"no {request.url}")

    with pytest.raises(DeliveryFailed) as failed:
        await fetched(cut)
    assert "slack.com" not in str(failed.value)


def refusal(code: str) -> SlackApiError:
    class Answer(dict[str, Any]):
        status_code = 429 if code == "ratelimited" else 200
        headers: dict[str, str] = {"Retry-After": "9"}  # noqa: RUF012
        data = {"ok": False, "error": code}  # noqa: RUF012

    return SlackApiError("no", Answer(ok=False, error=code))


@pytest.mark.parametrize("code", ["file_not_found", "file_deleted", "access_denied"])
async def test_a_file_slack_does_not_know_is_gone(code: str) -> None:
    with pytest.raises(MediaUnavailable):
        await fetched(png, Client(error=refusal(code)))


async def test_a_limit_and_a_refused_token_wait() -> None:
    for code in ("ratelimited", "token_revoked", "missing_scope"):
        with pytest.raises(DeliveryDelayed):
            await fetched(png, Client(error=refusal(code)))


@pytest.mark.parametrize(
    ("file", "client"),
    [
        (Attachment("f", "a", "image/png"), Client()),
        (FILE, Client(file=None)),
        (FILE, Client(file={"is_external": True, "url_private_download": HERE})),
    ],
)
async def test_nothing_to_fetch_it_by_is_final(file: Attachment, client: Client) -> None:
    with pytest.raises(MediaUnavailable):
        await fetched(png, client, file)
