"""Files up and down. A file goes up for a chat, and comes down with a pass signed for that chat."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from urllib.parse import quote

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from bot.channels.web.house import House
from bot.channels.web.limits import NAME_CHARACTERS
from bot.channels.web.sessions import BadSession
from bot.channels.web.texts import error_text, language_of
from bot.domain.errors import MediaTooLarge, MediaTypeRefused, MediaUnavailable
from bot.domain.identity import ChatId
from bot.domain.ids import new_id
from bot.ports.media import StoredFile

CHUNK = 64 * 1024
FORM_OVERHEAD = 16 * 1024
HEAD = 16
STATUS = {
    "bad_session": 401,
    "bad_frame": 400,
    "empty": 400,
    "too_large": 413,
    "type_refused": 415,
    "rate_limited": 429,
    "unavailable": 503,
}

MAGIC = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "application/pdf": (b"%PDF-",),
}
ZIP = b"PK\x03\x04"
OLE = b"\xd0\xcf\x11\xe0"
OFFICE = {
    "application/msword": OLE,
    "application/vnd.ms-excel": OLE,
    "application/vnd.ms-powerpoint": OLE,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ZIP,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ZIP,
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ZIP,
    "application/vnd.oasis.opendocument.text": ZIP,
    "application/vnd.oasis.opendocument.spreadsheet": ZIP,
}
UNFIT = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
SAFE_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
EXTENSIONS = {
    "doc": "application/msword",
    "xls": "application/vnd.ms-excel",
    "ppt": "application/vnd.ms-powerpoint",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "odt": "application/vnd.oasis.opendocument.text",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
}


class UploadRefused(Exception):
    """``code`` is the protocol's."""

    def __init__(self, code: str, limit: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.limit = limit


def kind_of(head: bytes, claimed: str, name: str) -> str | None:
    """The MIME type we keep a file under, from its first bytes; None for a kind we do not take.

    What the browser claims counts only where the bytes cannot tell: among office formats, sounds
    and plain text.
    """
    claimed = claimed.partition(";")[0].strip().lower()
    for mime, starts in MAGIC.items():
        if head.startswith(starts):
            return mime
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return "image/heic" if head[8:11] in (b"hei", b"mif") else _sound(claimed, "audio/mp4")
    if head.startswith((b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf1")):
        return _sound(claimed, "audio/mpeg")
    if head.startswith((b"OggS", b"fLaC", b"\x1a\x45\xdf\xa3")):
        return _sound(claimed, "audio/ogg" if head.startswith(b"OggS") else "audio/webm")
    if head.startswith((ZIP, OLE)):
        office = EXTENSIONS.get(name.rpartition(".")[2].lower(), claimed)
        return office if OFFICE.get(office) == head[:4] else None
    return "text/plain" if claimed == "text/plain" and b"\x00" not in head else None


def safe_name(name: str) -> str:
    """A file's name without folders and control characters, shortened when long; its ending stays."""
    base = UNFIT.sub("", re.split(r"[/\\]", name)[-1]).strip(" .")
    stem, dot, extension = base.rpartition(".")
    if len(base) > NAME_CHARACTERS and dot and len(extension) <= 8:
        return f"{stem[: NAME_CHARACTERS - len(extension) - 1]}.{extension}"
    return base[:NAME_CHARACTERS] or "file"


def masked_name(name: str, clean: Callable[[str], str]) -> str:
    """A file's name as it is kept: masked whole, then shortened."""
    last = re.split(r"[/\\]", name)[-1]
    return safe_name(clean(last).replace("/", "-"))  # a mask may hold a slash


class Files:
    """The two file routes."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def upload(self, request: Request) -> Response:
        """``POST /chat/files``: one file, field ``file``, for the chat of the bearer's session."""
        try:
            return JSONResponse(_described(await self._upload(request)), 201)
        except UploadRefused as refused:
            language = language_of(None, request.headers.get("accept-language", ""))
            text = error_text(refused.code, language, limit=refused.limit)
            return JSONResponse(
                {"type": "error", "code": refused.code, "message": text}, STATUS[refused.code]
            )

    async def download(self, request: Request) -> Response:
        """``GET /chat/files/{id}?pass=…``."""
        file_id = request.path_params["file_id"]
        try:
            chat = self._house.sessions.check_file_pass(
                request.query_params.get("pass", ""), file_id, self._house.clock.now()
            )
        except BadSession:
            return Response(status_code=403)
        try:
            file = await self._house.media.stat(file_id)
        except MediaUnavailable:
            return Response(status_code=503)
        if file is None or file.chat != chat:
            return Response(status_code=404)
        return StreamingResponse(self._house.media.read(file_id), headers=_headers(file))

    async def _upload(self, request: Request) -> StoredFile:
        chat = self._chat(request)
        if not self._house.gate.files.allows(chat.user):
            raise UploadRefused("rate_limited")
        form = await self._form(request)
        try:
            upload = form.get("file")
            if not isinstance(upload, UploadFile):
                raise UploadRefused("bad_frame")
            return await self._save(chat, upload)
        finally:
            await form.close()

    def _chat(self, request: Request) -> ChatId:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise UploadRefused("bad_session")
        try:
            return self._house.sessions.open(token.strip(), self._house.clock.now()).chat
        except BadSession as error:
            raise UploadRefused("bad_session") from error

    async def _form(self, request: Request) -> FormData:
        """The form, spooled to disk, never more of it than the limit."""
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise UploadRefused("bad_frame")
        try:
            async with asyncio.timeout(self._house.limits.upload_seconds):
                stream = self._limited(request.stream())
                return await MultiPartParser(request.headers, stream, max_files=1, max_fields=4).parse()
        except (MultiPartException, KeyError, ClientDisconnect, TimeoutError) as error:
            raise UploadRefused("bad_frame") from error

    async def _limited(self, stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        left = self._house.limits.file_bytes + FORM_OVERHEAD
        async for chunk in stream:
            left -= len(chunk)
            if left < 0:
                raise self._too_large()
            yield chunk

    async def _save(self, chat: ChatId, upload: UploadFile) -> StoredFile:
        name = masked_name(upload.filename or "", self._house.inbox.clean)
        head = await upload.read(HEAD)
        if not head:
            raise UploadRefused("empty")
        mime = kind_of(head, upload.content_type or "", name)
        if mime is None:
            raise UploadRefused("type_refused")
        if (upload.size or 0) > self._house.limits.file_bytes:
            raise self._too_large()
        await upload.seek(0)
        try:
            return await self._house.media.save(new_id("f"), chat, name, mime, _chunks(upload))
        except MediaTooLarge as error:
            raise self._too_large() from error
        except MediaTypeRefused as error:
            raise UploadRefused("type_refused") from error
        except MediaUnavailable as error:
            raise UploadRefused("unavailable") from error

    def _too_large(self) -> UploadRefused:
        return UploadRefused("too_large", limit=self._house.limits.file_bytes // (1024 * 1024))


def _sound(claimed: str, otherwise: str) -> str:
    """Sounds share containers with films; we take the sound the browser says it is."""
    return claimed if re.fullmatch(r"audio/[a-z0-9.+-]{1,40}", claimed) else otherwise


async def _chunks(upload: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await upload.read(CHUNK):
        yield chunk


def _described(file: StoredFile) -> dict[str, str | int]:
    return {"id": file.id, "name": file.name, "mime": file.mime, "size": file.size}


def _headers(file: StoredFile) -> dict[str, str]:
    """A browser shows images and saves the rest; it runs nothing."""
    shown = "inline" if file.mime in SAFE_IMAGES else "attachment"
    return {
        "Content-Type": file.mime,
        "Content-Length": str(file.size),
        "Content-Disposition": f"{shown}; filename*=UTF-8''{quote(file.name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "private, max-age=3600",
        "Referrer-Policy": "no-referrer",
    }
