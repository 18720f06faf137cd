"""What every media store must do, told once."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.errors import MediaTooLarge, MediaTypeRefused, MediaUnavailable
from bot.domain.identity import ChatId
from bot.media.store import FolderStore
from bot.ports.media import StoredFile
from tests.builders import LEA
from tests.fakes.desk import FixedClock

TOM = ChatId("telegram", "main", "42")
JPEG = b"\xff\xd8\xff\xe0" + b"pixels" * 100
PDF = b"%PDF-1.7\n" + b"words" * 100
LIMIT = 10_000


async def stream(content: bytes, size: int = 64) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def broken(content: bytes) -> AsyncIterator[bytes]:
    yield content
    raise ConnectionResetError


async def read(store: FolderStore, file_id: str) -> bytes:
    return b"".join([chunk async for chunk in store.read(file_id)])


@dataclass
class Kept:
    """A store under test, its clock, and how many files it holds anything of."""

    store: FolderStore
    clock: FixedClock
    left_behind: Callable[[], int]


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    clock = FixedClock()
    folder = tmp_path / "media"
    store = FolderStore(folder, max_bytes=LIMIT, keep_days=90, clock=clock)
    return Kept(store, clock, lambda: sum(path.is_file() for path in folder.rglob("*")))


@pytest.fixture
def store(kept: Kept) -> FolderStore:
    return kept.store


async def test_a_file_comes_back_as_it_went_in(store: FolderStore) -> None:
    saved = await store.save("f_1", LEA, "photo.jpg", "image/jpeg", stream(JPEG))
    assert saved == StoredFile("f_1", LEA, "photo.jpg", "image/jpeg", len(JPEG))
    assert await store.stat("f_1") == saved
    assert await read(store, "f_1") == JPEG


async def test_saving_again_replaces(kept: Kept) -> None:
    await kept.store.save("f_1", LEA, "photo.jpg", "image/jpeg", stream(JPEG))
    files = kept.left_behind()
    await kept.store.save("f_1", TOM, "facture.pdf", "application/pdf", stream(PDF))
    assert await read(kept.store, "f_1") == PDF
    assert kept.left_behind() == files
    assert await kept.store.export(LEA) == []
    assert len(await kept.store.export(TOM)) == 1


async def test_too_large_a_file_leaves_nothing(kept: Kept) -> None:
    with pytest.raises(MediaTooLarge):
        await kept.store.save("f_1", LEA, "a.jpg", "image/jpeg", stream(JPEG + b"x" * LIMIT))
    assert await kept.store.stat("f_1") is None
    assert kept.left_behind() == 0


async def test_exactly_the_limit_is_not_too_large(store: FolderStore) -> None:
    content = JPEG + b"x" * (LIMIT - len(JPEG))
    assert (await store.save("f_1", LEA, "a.jpg", "image/jpeg", stream(content))).size == LIMIT


async def test_a_stream_that_breaks_leaves_nothing_and_what_was_there_stays(kept: Kept) -> None:
    await kept.store.save("f_1", LEA, "a.jpg", "image/jpeg", stream(JPEG))
    files = kept.left_behind()
    with pytest.raises(ConnectionResetError):
        await kept.store.save("f_1", LEA, "b.jpg", "image/jpeg", broken(JPEG[:10]))
    assert await read(kept.store, "f_1") == JPEG
    assert kept.left_behind() == files


@pytest.mark.parametrize(
    ("declared", "content", "mime"),
    [
        ("image/jpeg", JPEG, "image/jpeg"),
        ("image/jpg", JPEG, "image/jpeg"),
        ("image/png", JPEG, "image/jpeg"),  # of the same family: what it really is
        ("", PDF, "application/pdf"),
        ("application/octet-stream", PDF, "application/pdf"),
        ("application/pdf; charset=binary", PDF, "application/pdf"),
        ("audio/ogg", b"OggS" + b"x" * 20, "audio/ogg"),
        ("audio/mp3", b"ID3" + b"x" * 20, "audio/mpeg"),
        ("audio/mp4", b"\0\0\0\x20ftypM4A \0", "audio/mp4"),
        ("video/mp4", b"\0\0\0\x20ftypisom\0", "video/mp4"),
        ("image/heic", b"\0\0\0\x20ftypheic\0", "image/heic"),
        ("image/webp", b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        ("audio/webm", b"\x1a\x45\xdf\xa3xxxx", "audio/webm"),
        ("text/plain", "Bonjour é".encode(), "text/plain"),
        ("application/msword", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1xx", "application/msword"),
        (
            "application/vnd.oasis.opendocument.text",
            b"PK\x03\x04xx",
            "application/vnd.oasis.opendocument.text",
        ),
    ],
)
async def test_what_people_send_is_taken(
    store: FolderStore, declared: str, content: bytes, mime: str
) -> None:
    assert (await store.save("f_1", LEA, "x", declared, stream(content, 3))).mime == mime


@pytest.mark.parametrize(
    ("declared", "content"),
    [
        ("image/jpeg", b""),
        ("image/jpeg", b"<script>alert(1)</script>"),
        ("image/svg+xml", b"<svg onload=alert(1)>"),
        ("text/html", b"<html>"),
        ("text/html", JPEG),  # a picture that claims to be a page
        ("image/jpeg", PDF),
        ("application/pdf", JPEG),
        ("application/zip", b"PK\x03\x04xx"),
        ("application/octet-stream", b"PK\x03\x04xx"),
        ("image/png", b"PK\x03\x04xx"),
        ("application/x-msdownload", b"MZ\x90\0"),
        ("application/octet-stream", b"\x7fELF"),
        ("text/plain", b"MZ\x90\0"),
        ("text/x-shellscript", b"#!/bin/sh"),
    ],
)
async def test_what_could_be_run_or_lies_about_itself_is_refused(
    kept: Kept, declared: str, content: bytes
) -> None:
    with pytest.raises(MediaTypeRefused):
        await kept.store.save("f_1", LEA, "x", declared, stream(content))
    assert kept.left_behind() == 0


@pytest.mark.parametrize("file_id", ["", "../../etc/passwd", "a/b", "a\\b", "nul\0", "x" * 201, "é", "f 1"])
async def test_an_id_leads_nowhere_else(kept: Kept, file_id: str) -> None:
    with pytest.raises(MediaUnavailable):
        await kept.store.save(file_id, LEA, "a.jpg", "image/jpeg", stream(JPEG))
    assert await kept.store.stat(file_id) is None
    assert not await kept.store.delete(file_id)
    with pytest.raises(MediaUnavailable):
        await read(kept.store, file_id)
    assert kept.left_behind() == 0


async def test_dots_alone_are_an_id_like_any_other(store: FolderStore) -> None:
    await store.save("..", LEA, "a.jpg", "image/jpeg", stream(JPEG))
    assert await read(store, "..") == JPEG


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../a.jpg", "a.jpg"),
        ("C:\\Users\\lea\\photo.jpg", "photo.jpg"),
        ("a\x00b\n.jpg", "a b .jpg"),
        ("\u202egpj.exe", "gpj.exe"),
        ("", "file"),
        ("...", "file"),
        ("é" * 300 + ".jpeg", "é" * 115 + ".jpeg"),
    ],
)
async def test_a_name_is_only_a_name(store: FolderStore, given: str, shown: str) -> None:
    assert (await store.save("f_1", LEA, given, "image/jpeg", stream(JPEG))).name == shown


async def test_a_deleted_file_is_gone(kept: Kept) -> None:
    await kept.store.save("f_1", LEA, "a.jpg", "image/jpeg", stream(JPEG))
    assert await kept.store.delete("f_1")
    assert not await kept.store.delete("f_1")
    assert await kept.store.stat("f_1") is None
    with pytest.raises(MediaUnavailable):
        await read(kept.store, "f_1")
    assert kept.left_behind() == 0


async def test_a_persons_files_can_be_listed_and_erased_and_others_stay(kept: Kept) -> None:
    for number in range(3):
        await kept.store.save(f"f_{number}", LEA, f"{number}.jpg", "image/jpeg", stream(JPEG))
    await kept.store.save("f_tom", TOM, "tom.jpg", "image/jpeg", stream(JPEG))
    assert [record["name"] for record in await kept.store.export(LEA)] == ["0.jpg", "1.jpg", "2.jpg"]
    assert await kept.store.erase(LEA) == 3
    assert await kept.store.erase(LEA) == 0
    assert await kept.store.export(LEA) == []
    assert await read(kept.store, "f_tom") == JPEG


async def test_old_files_are_purged_and_young_ones_stay(kept: Kept) -> None:
    await kept.store.save("old", LEA, "a.jpg", "image/jpeg", stream(JPEG))
    kept.clock.time += timedelta(days=80)
    await kept.store.save("young", LEA, "b.jpg", "image/jpeg", stream(JPEG))
    kept.clock.time += timedelta(days=11)
    assert await kept.store.purge() == 1
    assert await kept.store.stat("old") is None
    assert await read(kept.store, "young") == JPEG


async def test_what_a_crash_left_is_purged(tmp_path: Path) -> None:
    store = FolderStore(tmp_path, max_bytes=LIMIT)
    await store.save("f_1", LEA, "a.jpg", "image/jpeg", stream(JPEG))
    (record,) = tmp_path.glob("objects/*/*/*.json")  # noqa: ASYNC240 - a test may wait for a disk
    orphan = record.with_suffix(".0badc0de")
    half = tmp_path / "tmp" / "half"
    fresh = tmp_path / "tmp" / "fresh"
    for path in (orphan, half, fresh):
        path.write_bytes(b"x")
    for path in (orphan, half):
        os.utime(path, (0, 0))
    assert await store.purge() == 0
    assert not orphan.exists()
    assert not half.exists()
    assert fresh.exists()
    assert await read(store, "f_1") == JPEG


async def test_a_damaged_record_keeps_no_other_file_from_being_purged(tmp_path: Path) -> None:
    clock = FixedClock()
    store = FolderStore(tmp_path, max_bytes=LIMIT, keep_days=90, clock=clock)
    await store.save("damaged", LEA, "a.jpg", "image/jpeg", stream(JPEG))
    (damaged,) = tmp_path.glob("objects/*/*/*.json")  # noqa: ASYNC240 - a test may wait for a disk
    damaged.write_text("{")
    os.utime(damaged, (0, 0))
    (data,) = (path for path in damaged.parent.iterdir() if path != damaged)
    os.utime(data, (0, 0))
    await store.save("old", LEA, "b.jpg", "image/jpeg", stream(JPEG))
    clock.time += timedelta(days=91)
    assert await store.purge() == 2
    assert await store.stat("old") is None
    assert not damaged.exists()
    assert not data.exists()


async def test_only_its_owner_can_read_the_folder(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "media", max_bytes=LIMIT)
    await store.save("f_1", LEA, "a.jpg", "image/jpeg", stream(JPEG))
    for path in (tmp_path / "media").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


async def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "media").write_text("not a folder")
    store = FolderStore(tmp_path / "media", max_bytes=LIMIT)
    with pytest.raises(MediaUnavailable):
        await store.save("f_1", LEA, "a.jpg", "image/jpeg", stream(JPEG))
