"""Leaving, and coming back by a link in an email."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from bot.channels.web.resume import ResumeMailer, smtp_client
from bot.channels.web.sessions import Sessions
from bot.domain.errors import ConfigurationError, DeliveryFailed, DeliveryRefused
from bot.domain.identity import ChatId
from bot.domain.outgoing import MessageOut, Outgoing, ResumeEmail
from bot.ports.clock import SystemClock
from tests.fakes.smtp_sink import SmtpSink
from tests.integration.web.house import SECRET, Setting

pytestmark = pytest.mark.asyncio(loop_scope="module")
SESSIONS = Sessions(SECRET, "main")
CHAT = ChatId("web", "main", "visitor")


def mailer(url: str, *, sender: str = "chat@maison-alba.example") -> ResumeMailer:
    return ResumeMailer(
        smtp_url=url,
        sender=sender,
        public_url="https://chat.maison-alba.example/",
        brand="Maison Alba",
        sessions=SESSIONS,
        clock=SystemClock(),
    )


def entry(payload: Any = None, chat: ChatId = CHAT) -> Outgoing:
    return Outgoing(
        id="o_1",
        destination="email:resume",
        chat=chat,
        conversation=None,
        epoch=0,
        at=datetime.now(UTC),
        payload=payload or ResumeEmail(to="client@example.org", language="fr"),
    )


async def test_the_mail_carries_a_link_that_resumes_the_conversation(web: Setting) -> None:
    async with web.visitor() as visitor:
        await visitor.say("c1", "bonjour")
    chat = web.chat(visitor.session)
    async with SmtpSink().running() as sink:
        await mailer(f"smtp://u%40x:p%3Aw@127.0.0.1:{sink.port}").deliver(entry(chat=chat), doubtful=False)
    [mail] = sink.mails
    assert (mail["To"], mail["Subject"]) == (
        "client@example.org",
        "Maison Alba : votre conversation vous attend",
    )
    assert mail["From"] == "Maison Alba <chat@maison-alba.example>"
    assert len(sink.logins) == 1
    body = mail.get_content()
    assert "bonjour" not in body, "what was said stays out of the mail"
    link = re.search(r"https://chat\.maison-alba\.example/chat#resume=(\S+)", body)
    assert link is not None
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{web.url}/chat/resume", json={"token": link[1]})
    async with web.visitor(answer.json()["session"]) as again:
        assert (await again.next("message"))["text"] == "bonjour"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"token":1}', b'{"token":"x.y.z"}', b"\xff", b"[" * 1_000, b"x" * 10_000]
)
async def test_a_forged_link_opens_nothing(web: Setting, body: bytes) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{web.url}/chat/resume", content=body)
    assert (answer.status_code, answer.json()["code"]) == (403, "bad_session")


async def test_an_old_link_opens_nothing(web: Setting) -> None:
    token = SESSIONS.link(CHAT, datetime.now(UTC) - timedelta(hours=73))
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{web.url}/chat/resume", json={"token": token})
    assert answer.status_code == 403


async def test_english_speakers_are_written_to_in_english() -> None:
    async with SmtpSink().running() as sink:
        email = ResumeEmail(to="c@example.org", language="en")
        sent = await mailer(f"smtp://127.0.0.1:{sink.port}").deliver(entry(email), doubtful=True)
    assert "Resume the conversation" in sink.mails[0].get_content()
    assert sink.mails[0]["Message-ID"] == sent.platform_id == "<o_1@maison-alba.example>"
    assert sent.maybe_duplicate


@pytest.mark.parametrize(
    ("answers", "error", "reason"),
    [
        ({"RCPT": "550 no such user"}, DeliveryRefused, "smtp_550"),
        ({"RCPT": "451 later"}, DeliveryFailed, "smtp_451"),
        ({"MAIL": "552 full"}, DeliveryRefused, "smtp_552"),
        ({"AUTH": "535 wrong password"}, DeliveryFailed, "smtp_login_refused"),
        ({"EHLO": "421 busy", "HELO": "421 busy"}, DeliveryFailed, "smtp_421"),
        ({"DATA": ""}, DeliveryFailed, "smtp_interrupted"),
    ],
)
async def test_what_the_server_says_decides_whether_to_try_again(
    answers: dict[str, str], error: type[Exception], reason: str
) -> None:
    async with SmtpSink(answers=answers).running() as sink:
        with pytest.raises(error, match=reason):
            await mailer(f"smtp://u:p@127.0.0.1:{sink.port}").deliver(entry(), doubtful=False)
    assert sink.mails == []


async def test_a_server_that_is_not_there_is_tried_again() -> None:
    with pytest.raises(DeliveryFailed, match="smtp_") as failed:
        await mailer("smtp://127.0.0.1:1").deliver(entry(), doubtful=False)
    assert not failed.value.doubtful


@pytest.mark.parametrize("address", ["a@b\r\nBcc: c@d", "not an address", "", "é" * 300])
async def test_an_address_that_is_none_is_never_sent_to(address: str) -> None:
    async with SmtpSink(answers={"RCPT": "553 no"}).running() as sink:
        email = ResumeEmail(to=address, language="fr")
        with pytest.raises(DeliveryRefused):
            await mailer(f"smtp://127.0.0.1:{sink.port}").deliver(entry(email), doubtful=False)


async def test_only_resume_emails_are_mailed() -> None:
    with pytest.raises(DeliveryRefused, match="not_an_email"):
        await mailer("smtp://127.0.0.1:1").deliver(entry(MessageOut(text="x")), doubtful=False)


@pytest.mark.parametrize("url", ["http://x", "smtp://", "mail.example.org:25"])
async def test_an_address_of_no_mail_server_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match="GUICHET_SMTP__URL"):
        mailer(url)


@pytest.mark.parametrize("sender", ["not an address", "", "x <y>", "a@b\r\nBcc: victim@example.org"])
async def test_a_sender_that_is_no_address_is_a_configuration_error(sender: str) -> None:
    with pytest.raises(ConfigurationError, match=r"smtp\.sender"):
        mailer("smtp://127.0.0.1:25", sender=sender)


async def test_a_sender_may_have_a_name() -> None:
    async with SmtpSink().running() as sink:
        named = mailer(f"smtp://127.0.0.1:{sink.port}", sender="Le guichet <chat@maison-alba.example>")
        await named.deliver(entry(), doubtful=False)
    [mail] = sink.mails
    assert mail["From"] == "Le guichet <chat@maison-alba.example>"
    assert mail["Message-ID"].endswith("@maison-alba.example>")


async def test_a_password_leaves_this_machine_under_tls_only() -> None:
    assert smtp_client("smtp://u:p@mail.example.org:587")()._start_tls_on_connect is True
    assert smtp_client("smtp://mail.example.org:587")()._start_tls_on_connect is None
    assert smtp_client("smtp://u:p@127.0.0.1:587")()._start_tls_on_connect is None
