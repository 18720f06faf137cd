"""Files and pages over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from bot.channels.web.limits import Rate, WebLimits
from bot.domain.events import CustomerMessage
from bot.domain.message import AttachmentKind
from bot.storage.transcripts import RedisTranscripts
from tests.integration.web.house import Setting, make_setting

pytestmark = pytest.mark.asyncio(loop_scope="module")
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 100


async def upload(web: Setting, session: str | None, data: bytes = PNG, **more: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {session}"} if session else {}
    file = (more.get("name", "photo.png"), data, more.get("mime", "image/png"))
    async with httpx.AsyncClient(base_url=web.url, headers=headers) as client:
        return await client.post("/chat/files", files={more.get("field", "file"): file})


async def test_a_file_goes_up_is_sent_and_comes_down_to_its_owner_only(web: Setting) -> None:
    async with web.visitor() as visitor:
        answer = await upload(web, visitor.session)
        assert answer.status_code == 201
        file = answer.json()
        assert file == {"id": file["id"], "name": "photo.png", "mime": "image/png", "size": len(PNG)}
        await visitor.say("c1", "voici", attachments=[file["id"]])
    [message] = web.bot.of(CustomerMessage)
    assert [(one.id, one.kind, one.stored) for one in message.attachments] == [
        (file["id"], AttachmentKind.IMAGE, True)
    ]
    async with web.visitor(visitor.session) as again:
        [shown] = (await again.next("message", author="customer"))["attachments"]
    async with httpx.AsyncClient(base_url=web.url) as client:
        got = await client.get(shown["url"])
        assert (got.status_code, got.content) == (200, PNG)
        assert got.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in got.headers["content-security-policy"]
        assert got.headers["content-disposition"].startswith("inline")
        for wrong in (f"/chat/files/{file['id']}", f"/chat/files/{file['id']}?pass=x", shown["url"][:-2]):
            assert (await client.get(wrong)).status_code == 403


async def test_the_file_of_another_visitor_cannot_be_sent(web: Setting) -> None:
    async with web.visitor() as one, web.visitor() as other:
        file = (await upload(web, one.session)).json()
        await other.send(type="message", id="c1", text="", attachments=[file["id"]])
        assert (await other.next("error"))["code"] == "unknown_file"


async def test_what_is_no_image_is_saved_and_not_shown(web: Setting) -> None:
    async with web.visitor() as visitor:
        file = (
            await upload(web, visitor.session, b"%PDF-1.7 ...", name='é "x".pdf', mime="image/png")
        ).json()
        assert file["mime"] == "application/pdf"
        await visitor.send(type="message", id="c1", text="", attachments=[file["id"]])
        await visitor.next("ack")
    async with web.visitor(visitor.session) as again, httpx.AsyncClient(base_url=web.url) as client:
        [shown] = (await again.next("message", author="customer"))["attachments"]
        assert (await client.get(shown["url"])).headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"session": None}, 401, "bad_session"),
        ({"session": "forged.0.x"}, 401, "bad_session"),
        ({"data": b""}, 400, "empty"),
        ({"data": b"MZ\x90\x00"}, 415, "type_refused"),
        ({"data": b"<html>", "mime": "text/html"}, 415, "type_refused"),
        ({"field": "other"}, 400, "bad_frame"),
        ({"data": PNG + b"x" * 2_000}, 413, "too_large"),
        ({"data": PNG + b"x" * 3_000_000}, 413, "too_large"),
    ],
)
async def test_what_cannot_be_taken_is_refused_clearly(
    transcripts: RedisTranscripts, change: dict[str, Any], status: int, code: str
) -> None:
    web = make_setting(transcripts, limits=WebLimits(file_bytes=1_024))
    async with web.server, web.visitor() as visitor:
        answer = await upload(web, **{"session": visitor.session, **change})
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.json()["message"]
    assert web.media.files == {}


@pytest.mark.parametrize(
    "kind", ["application/json", "multipart/form-data", "multipart/form-data; boundary=x"]
)
async def test_an_upload_that_is_no_form_is_refused(web: Setting, kind: str) -> None:
    async with web.visitor() as visitor, httpx.AsyncClient(base_url=web.url) as client:
        headers = {"Authorization": f"Bearer {visitor.session}", "Content-Type": kind}
        answer = await client.post("/chat/files", content=b"nonsense", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_frame")


async def test_uploads_are_limited(transcripts: RedisTranscripts) -> None:
    web = make_setting(transcripts, limits=WebLimits(files=Rate(1, 0.001)))
    async with web.server, web.visitor() as visitor:
        assert (await upload(web, visitor.session)).status_code == 201
        assert (await upload(web, visitor.session)).status_code == 429


async def test_pages_carry_a_strict_policy_and_are_revalidated(web: Setting) -> None:
    async with httpx.AsyncClient(base_url=web.url) as client:
        page = await client.get("/chat")
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert f"ws://{web.host}" in policy
        assert page.headers["referrer-policy"] == "no-referrer"
        for path in ("/chat", "/chat/chat.js", "/chat/chat.css", "/chat/guichet.js", "/chat/privacy"):
            first = await client.get(path)
            assert first.status_code == 200
            assert "{{" not in first.text
            again = await client.get(path, headers={"If-None-Match": first.headers["etag"]})
            assert again.status_code == 304


async def test_who_may_frame_the_page_is_configured(transcripts: RedisTranscripts) -> None:
    web = make_setting(transcripts, allowed_origins=["https://shop.example"])
    async with web.server, httpx.AsyncClient(base_url=web.url) as client:
        policy = (await client.get("/chat")).headers["content-security-policy"]
    assert policy.endswith("frame-ancestors 'self' https://shop.example")


async def test_the_privacy_notice_is_in_both_languages(web: Setting) -> None:
    async with httpx.AsyncClient(base_url=web.url) as client:
        assert "Vous répondre." in (await client.get("/chat/privacy?lang=fr")).text
        assert "To answer you." in (await client.get("/chat/privacy?lang=en")).text
        english = await client.get("/chat/privacy", headers={"Accept-Language": "en-GB"})
        assert '<html lang="en">' in english.text


async def test_the_name_of_a_file_is_cleaned_before_it_is_kept(
    web: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web.bot, "clean", lambda text: text.replace("secret", "•••"))
    async with web.visitor() as visitor:
        file = (await upload(web, visitor.session, name="my secret.png")).json()
    assert file["name"] == "my •••.png"


async def test_an_upload_that_never_ends_is_given_up(transcripts: RedisTranscripts) -> None:
    web = make_setting(transcripts, limits=WebLimits(upload_seconds=0.2))
    async with web.server, web.visitor() as visitor:
        head = (
            f"POST /chat/files HTTP/1.1\r\nHost: {web.host}\r\nAuthorization: Bearer {visitor.session}\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000\r\n\r\n--x\r\n"
        )
        host, _, port = web.host.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(head.encode())
        status = await asyncio.wait_for(reader.readline(), 5)
        writer.close()
    assert b" 400 " in status
