"""No log line holds a secret."""

from __future__ import annotations

import pytest

from bot.observability.redaction import redact, redact_value

TOKEN = "123456789:AAF-abcdefghijklmnopqrstuvwxyz_012345"


@pytest.mark.parametrize(
    "text",
    [
        f"POST https://api.telegram.org/bot{TOKEN}/sendMessage",
        f"the token {TOKEN} was refused",
        "GET http://127.0.0.1:5005/status?token=s3cret-value",
        "GET /x?a=1&auth_token=s3cret-value&b=2",
        "Authorization: Bearer s3cret-value",
        "redis://:s3cret-value@10.0.0.1:6379/0 does not answer",
        "postgresql+psycopg://bob:s3cret-value@db/guichet",
        "xoxb-s3cret-value",
        "xapp-1-s3cret-value",
        "xoxe.xoxb-1-s3cret-value",
        "POST https://hooks.slack.com/actions/T1/2/s3cret-value failed",
        "wss://wss-primary.slack.com/link/?ticket=s3cret-value&app_id=1",
        "no mailbox s3cret-value@example.org here",
        "https://chat.example/chat?resume=s3cret-value",
    ],
)
def test_secrets_are_taken_out_of_texts(text: str) -> None:
    shown = redact(text)
    assert "s3cret" not in shown
    assert "AAF-" not in shown


@pytest.mark.parametrize(
    "text", ["turn.failed", "web:main:Zm9v", "10:30:21", "process 1234 on port 8080", "a@b"]
)
def test_what_operators_need_stays(text: str) -> None:
    assert redact(text) == text


def test_fields_named_like_secrets_are_hidden_whole_however_deep() -> None:
    given = {"a": [{"password": "x", "n": 1}], "text": "Bonjour", "ok": True, "token": 7}
    assert redact_value(given) == {"a": [{"password": "***", "n": 1}], "text": "***", "ok": True, "token": 7}


def test_long_values_are_cut_before_they_are_searched() -> None:
    assert len(redact("a" * 1_000_000)) < 5_000
