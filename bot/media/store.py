"""Files in a folder.

```
<folder>/objects/ab/cd/<hash>.<nonce>    the bytes
<folder>/objects/ab/cd/<hash>.json       what is known of them; names the bytes: writing it commits
<folder>/chats/<hash>/<hash>             an empty file: this chat has that file
<folder>/tmp/                            files under way
```

Names are hashes of ids, so no id can lead anywhere else. All of it is readable by its owner only.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import msgspec
import structlog

from bot.domain.errors import MediaTooLarge, MediaTypeRefused, MediaUnavailable
from bot.domain.identity import ChatId
from bot.media.kinds import HEAD, verified
from bot.ports.clock import Clock, SystemClock
from bot.ports.media import StoredFile
from bot.ports.personal_data import RetentionClass

log = structlog.get_logger(__name__)

CHUNK = 256 * 1024
KEEP_DAYS = 90
ABANDONED = timedelta(hours=6)
"""A file under way that has not grown for so long was left by a crash."""
NAME_LENGTH = 120

_ID = re.compile(r"[A-Za-z0-9_.:=-]{1,200}")
_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff/\\]+")

P = ParamSpec("P")
T = TypeVar("T")


class _Record(msgspec.Struct):
    id: str
    chat: str
    name: str
    mime: str
    size: int
    data: str
    saved_at: datetime


_decode = msgspec.json.Decoder(_Record).decode


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a file's parts are."""

    record: Path
    marker: Path


class FolderStore:
    """Implements MediaStore and PersonalData in a folder.

    Args:
        folder: made when missing.
        max_bytes: the largest file taken.
        keep_days: how long :meth:`purge` keeps files.
        clock: stamps files.
    """

    def __init__(
        self,
        folder: Path,
        *,
        max_bytes: int = 10 * 1024 * 1024,
        keep_days: int = KEEP_DAYS,
        clock: Clock | None = None,
    ) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._keep_days = keep_days
        self._clock = clock or SystemClock()

    # --- MediaStore ------------------------------------------------------------------------

    async def save(
        self, file_id: str, chat: ChatId, name: str, mime: str, content: AsyncIterator[bytes]
    ) -> StoredFile:
        """Stream a file in; nothing is kept unless all of it is."""
        place = self._place(file_id, chat)
        temporary = await _threaded(self._new_temporary)
        try:
            size, head = await self._write(temporary, content)
            kind = verified(mime, head)
            if kind is None:
                raise MediaTypeRefused(mime)
            stored = StoredFile(file_id, chat, safe_name(name), kind, size)
            await _threaded(self._commit, temporary, place, stored)
        finally:
            await _threaded(temporary.unlink, missing_ok=True)
        return stored

    async def stat(self, file_id: str) -> StoredFile | None:
        """What is known of a file."""
        if not _ID.fullmatch(file_id):
            return None
        record = await _threaded(_read_record, self._record_path(file_id))
        return None if record is None else _stored(record)

    async def read(self, file_id: str) -> AsyncIterator[bytes]:
        """The file's bytes."""
        path = self._record_path(file_id) if _ID.fullmatch(file_id) else None
        record = await _threaded(_read_record, path) if path else None
        if record is None or path is None:
            raise MediaUnavailable("no such file")
        file = await _threaded((path.parent / record.data).open, "rb")
        try:
            while chunk := await _threaded(file.read, CHUNK):
                yield chunk
        finally:
            await _threaded(file.close)

    async def delete(self, file_id: str) -> bool:
        """Remove a file."""
        return bool(_ID.fullmatch(file_id)) and await _threaded(self._remove, self._record_path(file_id))

    # --- PersonalData ----------------------------------------------------------------------

    @property
    def retention(self) -> RetentionClass:
        """Files customers and agents sent."""
        return RetentionClass("media", "lets people see what was sent to them", self._keep_days)

    async def export(self, chat: ChatId) -> list[dict[str, Any]]:
        """What is known of each file; the bytes are read by id."""
        records = await _threaded(self._records_of, chat)
        return [msgspec.to_builtins(record) for record in records]

    async def erase(self, chat: ChatId) -> int:
        """Remove all files of a chat."""
        return await _threaded(self._erase, chat)

    async def purge(self) -> int:
        """Remove files older than the retention, and what crashes left; returns how many files."""
        return await _threaded(self._purge, self._clock.now())

    # --- inside: runs in threads -----------------------------------------------------------

    def _new_temporary(self) -> Path:
        folder = self._folder / "tmp"
        self._make(folder)
        path = folder / secrets.token_hex(16)
        path.touch(mode=0o600, exist_ok=False)
        return path

    def _make(self, folder: Path) -> None:
        """A folder, each level of it ours alone (``parents=True`` leaves those to the umask)."""
        if not folder.is_dir():
            if folder != self._folder:
                self._make(folder.parent)
            folder.mkdir(mode=0o700, parents=folder == self._folder, exist_ok=True)

    async def _write(self, path: Path, content: AsyncIterator[bytes]) -> tuple[int, bytes]:
        """Stream to disk; returns the size and the first bytes."""
        size, head = 0, b""
        file = await _threaded(path.open, "wb")
        try:
            async for chunk in content:
                size += len(chunk)
                if size > self._max_bytes:
                    raise MediaTooLarge(f"over {self._max_bytes} bytes")
                head = head if len(head) >= HEAD else (head + chunk)[:HEAD]
                await _threaded(file.write, chunk)
            await _threaded(_flush, file)
        finally:
            await _threaded(file.close)
        return size, head

    def _commit(self, temporary: Path, place: _Place, stored: StoredFile) -> None:
        before = _read_record(place.record)
        data = place.record.with_suffix(f".{secrets.token_hex(4)}")
        record = _Record(
            stored.id, str(stored.chat), stored.name, stored.mime, stored.size, data.name, self._clock.now()
        )
        self._make(place.record.parent)
        self._make(place.marker.parent)
        place.marker.touch(mode=0o600)
        temporary.replace(data)
        _write_durably(place.record, msgspec.json.encode(record), self._new_temporary())
        if before is not None:
            (place.record.parent / before.data).unlink(missing_ok=True)
            if before.chat != record.chat:
                self._marker(ChatId.parse(before.chat), stored.id).unlink(missing_ok=True)

    def _remove(self, path: Path) -> bool:
        record = _read_record(path)
        if record is None:
            return False
        path.unlink(missing_ok=True)
        (path.parent / record.data).unlink(missing_ok=True)
        self._marker(ChatId.parse(record.chat), record.id).unlink(missing_ok=True)
        return True

    def _records_of(self, chat: ChatId) -> list[_Record]:
        found = (_read_record(self._path(marker.name)) for marker in _inside(self._chat_folder(chat)))
        return sorted(
            (r for r in found if r and r.chat == str(chat)), key=lambda record: (record.saved_at, record.name)
        )

    def _erase(self, chat: ChatId) -> int:
        gone = sum(self._remove(self._record_path(record.id)) for record in self._records_of(chat))
        folder = self._chat_folder(chat)
        for marker in _inside(folder):
            marker.unlink(missing_ok=True)
        with suppress(OSError):  # another file is just coming in
            folder.rmdir()
        return gone

    def _purge(self, now: datetime) -> int:
        oldest = now - timedelta(days=self._keep_days)
        gone = 0
        for path in self._folder.glob("objects/*/*/*.json"):
            gone += self._let_go(path, oldest)
        left_before = now - ABANDONED
        for pattern in ("tmp/*", "objects/*/*/*.*"):
            for path in self._folder.glob(pattern):
                if path.suffix != ".json" and _touched(path) < left_before and not _is_named(path):
                    path.unlink(missing_ok=True)
        return gone

    def _let_go(self, path: Path, oldest: datetime) -> bool:
        """Remove a file that is too old. One damaged record does not keep all the others for ever: it goes
        by the age of its own file, and its bytes with it."""
        try:
            record = _read_record(path)
        except MediaUnavailable:
            log.warning("media_record_damaged", record=path.name)
            if _touched(path) < oldest:
                path.unlink(missing_ok=True)
                return True
            return False
        return record is not None and record.saved_at < oldest and self._remove(path)

    def _place(self, file_id: str, chat: ChatId) -> _Place:
        if not _ID.fullmatch(file_id):
            raise MediaUnavailable("not an id")
        return _Place(self._record_path(file_id), self._marker(chat, file_id))

    def _record_path(self, file_id: str) -> Path:
        return self._path(_hash(file_id))

    def _path(self, name: str) -> Path:
        return self._folder / "objects" / name[:2] / name[2:4] / f"{name}.json"

    def _chat_folder(self, chat: ChatId) -> Path:
        return self._folder / "chats" / _hash(str(chat))

    def _marker(self, chat: ChatId, file_id: str) -> Path:
        return self._chat_folder(chat) / _hash(file_id)


def safe_name(name: str) -> str:
    """A file's name without folders and control characters, shortened; its ending stays."""
    base = _UNFIT.sub(" ", re.split(r"[/\\]", name)[-1]).strip(" .")
    stem, dot, ending = base.rpartition(".")
    if len(base) > NAME_LENGTH and dot and len(ending) <= 8:
        return f"{stem[: NAME_LENGTH - len(ending) - 1]}.{ending}"
    return base[:NAME_LENGTH] or "file"


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()


def _stored(record: _Record) -> StoredFile:
    return StoredFile(record.id, ChatId.parse(record.chat), record.name, record.mime, record.size)


def _read_record(path: Path) -> _Record | None:
    try:
        return _decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise MediaUnavailable(f"the record {path.name} cannot be read") from error


def _flush(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _write_durably(path: Path, content: bytes, temporary: Path) -> None:
    with temporary.open("wb") as file:
        file.write(content)
        _flush(file)
    temporary.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _inside(folder: Path) -> Iterator[Path]:
    return iter(list(folder.iterdir())) if folder.is_dir() else iter(())


def _touched(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return datetime.max.replace(tzinfo=UTC)


def _is_named(path: Path) -> bool:
    """Whether a record names these bytes; one that cannot be read may."""
    try:
        record = _read_record(path.with_suffix(".json"))
    except MediaUnavailable:
        return True
    return record is not None and record.data == path.name


async def _threaded(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """File work, off the event loop.

    Raises:
        MediaUnavailable: the disk does not do it.
    """
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    except OSError as error:
        log.warning("media_folder_failed", error=error.strerror)
        raise MediaUnavailable(f"the media folder: {error.strerror}") from error
