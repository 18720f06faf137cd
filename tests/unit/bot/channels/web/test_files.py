from __future__ import annotations

import pytest

from bot.channels.web.files import kind_of, masked_name, safe_name
from bot.engine.masking import clean_text

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("head", "claimed", "name", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n....", "text/html", "a.html", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg", "a.jpg", "image/jpeg"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp", "a.webp", "image/webp"),
        (b"\x00\x00\x00\x18ftypheic", "image/heic", "a.heic", "image/heic"),
        (b"%PDF-1.7", "application/pdf", "a.pdf", "application/pdf"),
        (b"OggS\x00\x02", "audio/ogg", "a.ogg", "audio/ogg"),
        (b"\x1a\x45\xdf\xa3", "audio/webm;codecs=opus", "a.webm", "audio/webm"),
        (b"PK\x03\x04", DOCX, "a.docx", DOCX),
        (b"PK\x03\x04", "application/octet-stream", "a.docx", DOCX),
        (b"bonjour", "text/plain; charset=utf-8", "a.txt", "text/plain"),
        (b"PK\x03\x04", "application/zip", "a.zip", None),
        (b"PK\x03\x04", "application/java-archive", "a.jar", None),
        (b"\xd0\xcf\x11\xe0", DOCX, "a.docx", None),
        (b"MZ\x90\x00", "image/png", "a.png", None),
        (b"<html><script>", "text/html", "a.html", None),
        (b"<svg onload=x>", "image/svg+xml", "a.svg", None),
        (b"#!/bin/sh\n", "application/x-sh", "a.sh", None),
        (b"abc\x00", "text/plain", "a.txt", None),
    ],
)
def test_a_file_is_what_its_bytes_say(head: bytes, claimed: str, name: str, kind: str | None) -> None:
    assert kind_of(head, claimed, name) == kind


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("photo.png", "photo.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\photo.png", "photo.png"),
        ("a\x00b\n.png", "ab.png"),
        ("facture\u202egnp.exe", "facturegnp.exe"),
        ("", "file"),
        ("...", "file"),
        ("été.pdf", "été.pdf"),
    ],
)
def test_a_name_is_only_a_name(given: str, kept: str) -> None:
    assert safe_name(given) == kept


def test_a_long_name_keeps_its_ending() -> None:
    assert safe_name("x" * 500 + ".jpeg") == "x" * 115 + ".jpeg"


def test_a_number_in_a_name_is_masked_before_the_name_is_cut() -> None:
    kept = masked_name("C:\\scan\\carte 4111 1111 1111 1111.pdf", clean_text)
    assert "4111" not in kept
    assert kept.endswith(".pdf")
    cut_within = masked_name("x" * 110 + " 4111 1111 1111 1111 suite", clean_text)
    assert "4111" not in cut_within
