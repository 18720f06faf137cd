"""What is known of a file before its bytes are."""

from __future__ import annotations

import pytest

from bot.media.kinds import may_be, verified

HEADS = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "application/pdf": b"%PDF-1.7",
    "audio/ogg": b"OggS",
    "video/mp4": b"\x00\x00\x00\x18ftypmp42",
    "video/quicktime": b"\x00\x00\x00\x18ftypqt  ",
    "audio/mp4": b"\x00\x00\x00\x18ftypM4A ",
    "text/plain": b"bonjour",
    "application/msword": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": b"PK\x03\x04",
    "image/heic": b"\x00\x00\x00\x18ftypheic",
    "": b"\x89PNG\r\n\x1a\n",
    "application/octet-stream": b"%PDF-1.7",
}


@pytest.mark.parametrize(("mime", "head"), HEADS.items())
def test_whatever_is_taken_is_not_refused_before_it_is_looked_at(mime: str, head: bytes) -> None:
    assert verified(mime, head) is not None
    assert may_be(mime)
    assert may_be(f"{mime.upper()}; charset=utf-8")


@pytest.mark.parametrize(
    "mime",
    [
        "text/html", "text/csv", "image/svg+xml", "application/zip", "application/x-msdownload",
        "application/javascript", "application/x-sh", "application/x-ole", "inode/directory",
    ],
)  # fmt: skip
def test_what_can_never_be_taken_is_refused_at_once(mime: str) -> None:
    assert not may_be(mime)
