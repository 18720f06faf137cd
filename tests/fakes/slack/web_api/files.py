"""files.*, and the addresses where bytes go in and out."""

from __future__ import annotations

import mimetypes
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import BodyPartReader, web

from tests.fakes.slack.errors import Refused
from tests.fakes.slack.misfortune import strike
from tests.fakes.slack.records import Call, Generated, StoredFile
from tests.fakes.slack.web_api.registry import method

if TYPE_CHECKING:
    from tests.fakes.slack.stand_in import SlackStandIn

Json = dict[str, Any]
_LOGIN = """<!DOCTYPE html><html lang="en-US" class=""><head><title>Sign in | Slack</title></head>
<body><form id="signin_form" method="post"></form></body></html>"""
_PRETTY = {
    "jpg": "JPEG",
    "png": "PNG",
    "pdf": "PDF",
    "txt": "Plain Text",
    "m4a": "MPEG 4 Audio",
    "ogg": "OGG",
}


class FileStore:
    """Files of the workspace: records, uploads and downloads."""

    def __init__(self, slack: SlackStandIn, folder: Path) -> None:
        self._slack = slack
        self._folder = folder
        self._uploads: dict[str, str] = {}

    def add_to(self, app: web.Application) -> None:
        """The routes."""
        app.router.add_post("/upload/v1/{ticket}", self.upload)
        app.router.add_get("/files-pri/{rest}/{name}", self.download)
        app.router.add_get("/files-pri/{rest}/download/{name}", self.download)

    def add(
        self,
        user: str,
        name: str,
        mimetype: str,
        content: bytes | Generated | Path | None,
        size: int | None = None,
    ) -> StoredFile:
        """A file of somebody's, not yet shared."""
        known = self._slack.workspace
        file_id, now = known.ids.new("F"), int(time.time())
        kind = Path(name).suffix.lstrip(".").lower() or "binary"
        kind = {"jpeg": "jpg", "txt": "text"}.get(kind, kind)
        base = f"{self._slack.url}/files-pri/{known.team['id']}-{file_id}"
        if size is None:
            size = (
                content.size
                if isinstance(content, Generated)
                else len(content)
                if isinstance(content, bytes)
                else 0
            )
        record = {
            "id": file_id,
            "created": now,
            "timestamp": now,
            "name": name,
            "title": name,
            "mimetype": mimetype,
            "filetype": kind,
            "pretty_type": _PRETTY.get(kind, kind.upper()),
            "user": user,
            "user_team": known.team["id"],
            "editable": False,
            "size": size,
            "mode": "hosted",
            "is_external": False,
            "external_type": "",
            "is_public": False,
            "public_url_shared": False,
            "display_as_bot": False,
            "username": "",
            "url_private": f"{base}/{name}",
            "url_private_download": f"{base}/download/{name}",
            "permalink": f"https://{known.team['domain']}.slack.com/files/{user}/{file_id}/{name}",
            "permalink_public": f"https://slack-files.com/{known.team['id']}-{file_id}-0",
            "has_rich_preview": False,
            "file_access": "visible",
            "shares": {},
            "channels": [],
            "groups": [],
            "ims": [],
        }
        stored = StoredFile(record, content, complete=content is not None, declared=size)
        known.files[file_id] = stored
        return stored

    def new_upload(self, stored: StoredFile) -> str:
        """Where to send the bytes, once."""
        ticket = self._slack.workspace.ids.token()
        self._uploads[ticket] = stored.record["id"]
        return f"{self._slack.url}/upload/v1/{ticket}"

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Bytes come in, straight to disk."""
        return await self._faulty(request, "upload", self._upload)

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        file_id = self._uploads.get(request.match_info["ticket"])
        stored = self._slack.workspace.files.get(file_id or "")
        if stored is None or stored.content is not None:
            return web.Response(status=404, text="file not found")
        path = self._folder / stored.record["id"]
        size = 0
        with path.open("wb") as out:
            async for piece in _body(request):
                out.write(piece)
                size += len(piece)
        if size != stored.declared:
            return web.Response(status=400, text="length does not match")
        stored.content = path
        return web.Response(text=f"OK - {size}")

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Bytes go out, to who carries the token; anybody else is shown the login page, with a 200."""
        return await self._faulty(request, "download", self._download)

    async def _download(self, request: web.Request) -> web.StreamResponse:
        known = self._slack.workspace
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        allowed = token == known.bot_token and token not in known.revoked and "files:read" in known.scopes
        stored = known.files.get(request.match_info["rest"].rpartition("-")[2])
        if not allowed:
            return web.Response(text=_LOGIN, content_type="text/html")
        if stored is None or not stored.complete:
            page = "<html><body>File not found</body></html>"
            return web.Response(status=404, text=page, content_type="text/html")
        record = stored.record
        headers = {"Content-Type": record["mimetype"], "Content-Length": str(record["size"])}
        answer = web.StreamResponse(headers=headers)
        await answer.prepare(request)
        for piece in stored.chunks():
            await answer.write(piece)
        await answer.write_eof()
        return answer

    async def _faulty(
        self,
        request: web.Request,
        name: str,
        do: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        """Noted among the calls and open to misfortunes, as methods are."""
        call = Call(name, {"path": request.path}, time.time())
        self._slack.workspace.calls.append(call)
        fault = self._slack.faults.next(name)
        early = await strike(request, fault, call)
        if early is not None:
            return early
        answer = await do(request)
        call.status, call.took_effect = answer.status, answer.status == 200
        if answer.prepared:
            return answer
        return await strike(request, fault, call, after=True) or answer

    def share(self, stored: StoredFile, channel_id: str, ts: str) -> None:
        """Note where a file was shared."""
        channel = self._slack.workspace.channels[channel_id]
        where = {"channel": ("public", "channels"), "group": ("private", "groups"), "im": ("private", "ims")}
        visibility, field = where[channel.kind]
        shares = stored.record["shares"].setdefault(visibility, {}).setdefault(channel_id, [])
        shares.append({"ts": ts, "channel_name": channel.name, "team_id": self._slack.workspace.team["id"]})
        if channel_id not in stored.record[field]:
            stored.record[field].append(channel_id)
        at = self._slack.workspace.ids.ts()
        event = {
            "type": "file_shared",
            "file_id": stored.record["id"],
            "user_id": stored.record["user"],
            "file": {"id": stored.record["id"]},
            "channel_id": channel_id,
            "event_ts": at,
        }
        self._slack.events.event(event, channel=channel, scope="files:read")

    def in_message(self, stored: StoredFile) -> Json:
        """A file as messages carry it."""
        left_out = {"shares", "channels", "groups", "ims"}
        return {key: value for key, value in stored.record.items() if key not in left_out}


async def _body(request: web.Request) -> Any:
    if request.content_type == "multipart/form-data":
        async for part in await request.multipart():
            if isinstance(part, BodyPartReader) and part.filename:
                while piece := await part.read_chunk(65_536):
                    yield piece
        return
    async for piece in request.content.iter_chunked(65_536):
        yield piece


@method(
    "files.getUploadURLExternal",
    scopes="files:write",
    json_body=False,
    filename="!str",
    length="!int",
    alt_txt="str",
    snippet_type="str",
)
def get_upload_url(slack: SlackStandIn, args: Json) -> Json:
    if args["length"] <= 0:
        raise Refused("invalid_arguments", "length must be more than 0 [json-pointer:/length]")
    if args["length"] > 1_000_000_000:
        raise Refused("file_upload_size_restricted")
    mimetype = mimetypes.guess_type(args["filename"])[0] or "application/octet-stream"
    stored = slack.files.add(slack.workspace.bot_user, args["filename"], mimetype, None, args["length"])
    stored.alt_txt = args.get("alt_txt")
    return {"upload_url": slack.files.new_upload(stored), "file_id": stored.record["id"]}


@method(
    "files.completeUploadExternal",
    scopes="files:write",
    files="!json",
    channel_id="str",
    channels="str",
    thread_ts="str",
    initial_comment="str",
    blocks="json",
)
def complete_upload(slack: SlackStandIn, args: Json) -> Json:
    stored = [_uploaded(slack, each) for each in args["files"]]
    channel_id = args.get("channel_id") or args.get("channels")
    if channel_id:
        if "," in channel_id:
            raise Refused("invalid_arguments", "this stand-in shares in one channel")
        channel = slack.writable(channel_id)
        if args.get("thread_ts") and args["thread_ts"] not in channel.by_ts:
            raise Refused("thread_not_found")
    for each, asked in zip(stored, args["files"], strict=True):
        each.complete = True
        each.record["title"] = asked.get("title") or each.record["name"]
    if channel_id:
        # Slack shares a moment after it answered: the message's ts is not in the answer.
        slack.later(slack.share_delay, lambda: _share(slack, stored, args, channel_id))
    return {"files": [dict(each.record, shares={}) for each in stored]}


def _uploaded(slack: SlackStandIn, asked: Any) -> StoredFile:
    stored = slack.workspace.files.get(asked.get("id", "")) if isinstance(asked, dict) else None
    if stored is None or stored.content is None or stored.complete:
        raise Refused("file_not_found")
    return stored


def _share(slack: SlackStandIn, stored: list[StoredFile], args: Json, channel_id: str) -> None:
    record = slack.messages.by_bot(
        text=args.get("initial_comment", ""),
        subtype="file_share",
        files=[slack.files.in_message(each) for each in stored],
        upload=False,
        display_as_bot=False,
    )
    posted = slack.messages.post(slack.workspace.channels[channel_id], record, args.get("thread_ts"))
    for each in stored:
        slack.files.share(each, channel_id, posted["ts"])


@method("files.info", scopes="files:read", json_body=False, file="!str")
def info(slack: SlackStandIn, args: Json) -> Json:
    stored = slack.workspace.files.get(args["file"])
    if stored is None or not stored.complete:
        raise Refused("file_not_found")
    if stored.record["mode"] == "tombstone":
        raise Refused("file_deleted")
    return {
        "file": {**stored.record, "file_access": "visible"},
        "comments": [],
        "response_metadata": {"next_cursor": ""},
    }


@method("files.delete", scopes="files:write", file="!str")
def delete(slack: SlackStandIn, args: Json) -> Json:
    stored = slack.workspace.files.get(args["file"])
    if stored is None or stored.record["mode"] == "tombstone":
        raise Refused("file_not_found" if stored is None else "file_deleted")
    if stored.record["user"] != slack.workspace.bot_user:
        raise Refused("cant_delete_file")
    slack.delete_file(args["file"])
    return {}
