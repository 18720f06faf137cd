"""Slack's errors in our words: what is tried again, what waits, what is final; what is never told."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.desk.slack.client import TOKEN_PAUSE, TOKEN_REFUSED, translated
from bot.domain.errors import DeliveryDelayed, DeliveryFailed, DeliveryRefused


def refusal(code: str = "", status: int = 200, headers: dict[str, str] | None = None) -> SlackApiError:
    data: Any = {"ok": False, "error": code} if code else {}
    response = AsyncSlackResponse(
        client=None,
        http_verb="POST",
        api_url="https://slack.com/api/x",
        req_args={},
        data=data,
        headers=headers or {},
        status_code=status,
    )
    return SlackApiError("xoxb-secret and words", response)


@pytest.mark.parametrize(
    ("told", "wait"), [("30", 30.0), ("", 1.0), ("soon", 1.0), ("0", 1.0), ("99999", 3600.0)]
)
def test_a_limit_is_a_wait_of_its_own(told: str, wait: float) -> None:
    error = translated(refusal("ratelimited", 429, {"Retry-After": told}))
    assert isinstance(error, DeliveryDelayed)
    assert (error.retry_after, error.everyone) == (wait, False)


@pytest.mark.parametrize("code", sorted(TOKEN_REFUSED))
def test_a_refused_token_makes_all_wait_for_the_operator(code: str) -> None:
    error = translated(refusal(code))
    assert isinstance(error, DeliveryDelayed)
    assert (error.retry_after, error.everyone) == (TOKEN_PAUSE, True)


@pytest.mark.parametrize(
    "error",
    [
        refusal("", 500),
        refusal("", 503),
        refusal("internal_error"),
        refusal("fatal_error"),
        refusal("service_unavailable", 503),
        aiohttp.ServerDisconnectedError(),
        aiohttp.ClientPayloadError(),
        TimeoutError(),
    ],
)
def test_no_clear_answer_is_in_doubt(error: Exception) -> None:
    ours = translated(error)
    assert isinstance(ours, DeliveryFailed)
    assert ours.doubtful


def test_what_never_left_is_in_no_doubt() -> None:
    key: Any = type("Key", (), {"host": "x", "port": 1, "ssl": None, "is_ssl": False})()
    ours = translated(aiohttp.ClientConnectorError(key, OSError("refused")))
    assert isinstance(ours, DeliveryFailed)
    assert not ours.doubtful


@pytest.mark.parametrize("code", ["channel_not_found", "invalid_blocks", "msg_too_long", "anything_else"])
def test_the_rest_is_final_and_named(code: str) -> None:
    ours = translated(refusal(code))
    assert isinstance(ours, DeliveryRefused)
    assert ours.reason == code


@pytest.mark.parametrize("code", ["ratelimited", "invalid_auth", "internal_error", "no_text", ""])
def test_no_token_and_no_text_is_told(code: str) -> None:
    assert "secret" not in str(translated(refusal(code)))
