"""What kinds of file are kept. The first bytes decide; what was declared must agree with them."""

from __future__ import annotations

HEAD = 4096
"""How many first bytes are looked at."""

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf2", "audio/mpeg"),
    (b"\xff\xf1", "audio/aac"),
    (b"\xff\xf9", "audio/aac"),
    (b"#!AMR", "audio/amr"),
    (b"\x1a\x45\xdf\xa3", "video/webm"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole"),
    (b"PK\x03\x04", "application/zip"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"})

_OFFICE_OLE = frozenset({"application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint"})
_OFFICE_ZIP = frozenset(
    {
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "application/vnd.oasis.opendocument.text",
        "application/vnd.oasis.opendocument.spreadsheet",
    }
)
_UNSAID = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_CONTAINERS: dict[str, frozenset[str]] = {
    "audio/ogg": frozenset({"audio/ogg", "audio/opus", "application/ogg", "video/ogg"}),
    "video/webm": frozenset({"video/webm", "audio/webm"}),
    "video/mp4": frozenset(
        {"video/mp4", "video/quicktime", "video/3gpp", "audio/mp4", "audio/m4a", "audio/x-m4a", "audio/3gpp"}
    ),
    "audio/aac": frozenset({"audio/aac", "audio/x-aac", "audio/aacp"}),
    "application/x-ole": _OFFICE_OLE,
    "application/zip": _OFFICE_ZIP,
}
"""Containers say little: one of these declarations tells what is inside."""
_ONLY_DECLARED = frozenset({"application/x-ole", "application/zip"})
"""Containers that are nothing we take unless declared to be an office document."""


_TAKEN = (
    frozenset(mime for _, mime in _STARTS)
    | frozenset(_RIFF.values())
    | frozenset().union(*_CONTAINERS.values())
    | {"image/heic", "image/heif", "text/plain"}
) - _ONLY_DECLARED


def may_be(declared: str) -> bool:
    """Whether a file declared so can turn out to be one that we take; ``verified`` decides by its bytes."""
    mime = declared.partition(";")[0].strip().lower()
    return mime in _UNSAID or any(_is_like(mime, taken) for taken in _TAKEN)


def _is_like(declared: str, taken: str) -> bool:
    """As in ``verified``: what is kept is what the bytes say, in the family that was declared."""
    family = declared.partition("/")[0]
    return declared == taken or (
        family in _FAMILIES and family == taken.partition("/")[0] and declared not in _PROGRAMS
    )


_FAMILIES = frozenset({"image", "audio", "video"})
_PROGRAMS = frozenset({"image/svg+xml"})
"""Images by name, pages by nature."""


def verified(declared: str, head: bytes) -> str | None:
    """The MIME type to keep a file under, or None for a file we do not take: of another kind than we
    take, or of another family than it claims to be (an image that is a PDF, a PDF that is a page)."""
    declared = declared.partition(";")[0].strip().lower()
    found = sniffed(head)
    if found is None:
        return "text/plain" if declared == "text/plain" and _is_text(head) else None
    allowed = _CONTAINERS.get(found, frozenset({found}))
    if declared in allowed:
        return declared
    if found in _ONLY_DECLARED:
        return None
    same_family = declared.partition("/")[0] == found.partition("/")[0]
    return found if same_family or declared in _UNSAID else None


def sniffed(head: bytes) -> str | None:
    """The kind that the first bytes tell of; None when they tell of none we know."""
    for start, mime in _STARTS:
        if head.startswith(start):
            return mime
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return "image/heic" if head[8:12] in _HEIF_BRANDS else "video/mp4"
    return None


def _is_text(head: bytes) -> bool:
    """UTF-8 or a Latin encoding, without control characters: and nothing a browser would run, since
    it is only ever served as text/plain."""
    return bool(head) and not any(byte < 9 or 13 < byte < 27 for byte in head)
