"""chat.*"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tests.fakes.slack.block_rules import MAX_BLOCKS_TEXT
from tests.fakes.slack.blocks import check_attachments, check_blocks
from tests.fakes.slack.errors import Refused
from tests.fakes.slack.kept_blocks import text_length
from tests.fakes.slack.records import Channel
from tests.fakes.slack.texts import sent
from tests.fakes.slack.web_api.registry import method

if TYPE_CHECKING:
    from tests.fakes.slack.stand_in import SlackStandIn

Json = dict[str, Any]
MAX_TEXT = 40_000
MAX_UPDATE_TEXT = 4_000
TRUNCATED = (
    "[WARN] Your message was truncated but still posted. The `text` field accepts up to 40,000 characters."
)


def content(slack: SlackStandIn, args: Json, *, most: int = MAX_TEXT, cut: bool = True) -> Json:
    """Text, blocks and attachments of a call, checked and as Slack keeps them; only what was given."""
    made: Json = {}
    if "text" in args:
        text = _linked(slack, args)
        if len(text) > most and not cut:
            raise Refused("msg_too_long")
        made["text"] = sent(text[:most])
    if "blocks" in args:
        wrong = check_blocks(args["blocks"])
        if wrong:
            raise Refused("invalid_blocks", *wrong)
        if text_length(args["blocks"]) > MAX_BLOCKS_TEXT:
            raise Refused("msg_blocks_too_long")
        made["blocks"] = slack.messages.blocks(args["blocks"])
    if "attachments" in args:
        if len(args["attachments"]) > 100:
            raise Refused("too_many_attachments")
        wrong = check_attachments(args["attachments"])
        if wrong:
            blocks = any("/blocks" in each for each in wrong)
            raise Refused("invalid_blocks" if blocks else "invalid_attachments", *wrong)
        made["attachments"] = slack.messages.attachments(args["attachments"])
    if "metadata" in args:
        made["metadata"] = _metadata(args["metadata"])
    return made


def _metadata(metadata: Any) -> Json:
    if metadata == {}:
        return {}
    if not isinstance(metadata, dict) or not isinstance(metadata.get("event_type"), str):
        raise Refused("invalid_metadata_format")
    if not isinstance(metadata.get("event_payload"), dict):
        raise Refused("invalid_metadata_format")
    if len(json.dumps(metadata)) > 16_384:
        raise Refused("metadata_too_large")
    return metadata


def _linked(slack: SlackStandIn, args: Json) -> str:
    """``link_names`` and ``parse=full`` turn @name and @here into real mentions."""
    text = args["text"]
    if not (args.get("link_names") or args.get("parse") == "full"):
        return str(text)
    names = {each.name: f"<@{each.id}>" for each in slack.workspace.people.values()}
    names |= {each: f"<!{each}>" for each in ("here", "channel", "everyone")}
    return re.sub(r"(?<!\S)@([\w.-]+)", lambda match: names.get(match[1], match[0]), text)


def something(made: Json, previous: Json | None = None) -> None:
    """A message shows something."""
    whole = {**(previous or {}), **made}
    if not (whole.get("text") or whole.get("blocks") or whole.get("attachments") or whole.get("files")):
        raise Refused("no_text")


def target(slack: SlackStandIn, name: str) -> Channel:
    """A channel by id or name, or the direct conversation with a person."""
    if name.startswith(("U", "W")):
        person = slack.workspace.people.get(name)
        if person is None:
            raise Refused("channel_not_found")
        if person.is_bot:
            raise Refused("cannot_dm_bot")
        return slack.workspace.im(name)
    if not name.startswith(("C", "G", "D")) or name not in slack.workspace.channels:
        plain = name.removeprefix("#")
        named = [each for each in slack.workspace.channels.values() if each.name == plain and plain]
        name = named[0].id if named else name
    return slack.writable(name, public="chat:write.public")


@method(
    "chat.postMessage",
    scopes="chat:write",
    channel="!str",
    text="str",
    blocks="json",
    attachments="json",
    metadata="json",
    thread_ts="str",
    reply_broadcast="bool",
    username="str",
    icon_emoji="str",
    icon_url="str",
    unfurl_links="bool",
    unfurl_media="bool",
    mrkdwn="bool",
    link_names="bool",
    parse="str",
    markdown_text="str",
)
def post_message(slack: SlackStandIn, args: Json) -> Json:
    if args.get("markdown_text"):
        if args.get("text") or args.get("blocks"):
            raise Refused("markdown_text_conflict")
        if len(args["markdown_text"]) > 12_000:
            raise Refused("msg_too_long")
        args["blocks"] = [{"type": "markdown", "text": args["markdown_text"]}]
    channel = target(slack, args["channel"])
    made = content(slack, args)
    something(made)
    record = slack.messages.by_bot(**{"text": "", **made, **_author(slack, args)})
    if record.get("subtype") == "bot_message":
        del record["user"]
    posted = slack.messages.post(
        channel, record, args.get("thread_ts"), broadcast=bool(args.get("reply_broadcast"))
    )
    answer: Json = {"channel": channel.id, "ts": posted["ts"], "message": dict(posted)}
    if len(args.get("text", "")) > MAX_TEXT:
        answer["response_metadata"] = {"messages": [TRUNCATED], "warnings": ["message_truncated"]}
    return answer


def _author(slack: SlackStandIn, args: Json) -> Json:
    """Another name or picture than the app's own: needs a scope, and makes it a bot_message."""
    if not any(args.get(each) for each in ("username", "icon_emoji", "icon_url")):
        return {}
    slack.require("chat:write.customize")
    author: Json = {"subtype": "bot_message", "username": args.get("username") or slack.workspace.bot_name}
    if args.get("icon_emoji"):
        author["icons"] = {"emoji": args["icon_emoji"]}
    elif args.get("icon_url"):
        author["icons"] = {"image_48": args["icon_url"]}
    return author


def _own(slack: SlackStandIn, args: Json, refusal: str) -> tuple[Channel, Json]:
    channel = slack.writable(args["channel"])
    record = channel.by_ts.get(args["ts"])
    if record is None or record.get("subtype") == "tombstone":
        raise Refused("message_not_found")
    if record.get("bot_id") != slack.workspace.bot_id:
        raise Refused(refusal)
    return channel, record


@method(
    "chat.update",
    scopes="chat:write",
    channel="!str",
    ts="!str",
    text="str",
    blocks="json",
    attachments="json",
    metadata="json",
    file_ids="json",
    reply_broadcast="bool",
    link_names="bool",
    parse="str",
)
def update(slack: SlackStandIn, args: Json) -> Json:
    channel, record = _own(slack, args, "cant_update_message")
    made = content(slack, args, most=MAX_UPDATE_TEXT, cut=False)
    if not made:
        raise Refused("no_text")
    something(made, record)
    emptied = {key: None for key in ("blocks", "attachments", "metadata") if made.get(key) in ([], {})}
    changed = slack.messages.edit(channel, record["ts"], slack.workspace.bot_user, **{**made, **emptied})
    return {"channel": channel.id, "ts": record["ts"], "text": changed["text"], "message": dict(changed)}


@method("chat.delete", scopes="chat:write", channel="!str", ts="!str")
def delete(slack: SlackStandIn, args: Json) -> Json:
    channel, record = _own(slack, args, "cant_delete_message")
    slack.messages.delete(channel, record["ts"])
    return {"channel": channel.id, "ts": record["ts"]}


@method(
    "chat.postEphemeral",
    scopes="chat:write",
    channel="!str",
    user="!str",
    text="str",
    blocks="json",
    attachments="json",
    thread_ts="str",
    username="str",
    icon_emoji="str",
    icon_url="str",
    link_names="bool",
    parse="str",
)
def post_ephemeral(slack: SlackStandIn, args: Json) -> Json:
    channel = slack.writable(args["channel"])
    if args["user"] not in channel.members:
        raise Refused("user_not_in_channel")
    made = content(slack, args)
    something(made)
    record = slack.messages.by_bot(**{"text": "", **made, **_author(slack, args)})
    shown = slack.messages.ephemeral(args["user"], channel, record, args.get("thread_ts"))
    return {"message_ts": shown["ts"]}


@method("chat.getPermalink", json_body=False, channel="!str", message_ts="!str")
def get_permalink(slack: SlackStandIn, args: Json) -> Json:
    channel = slack.visible(args["channel"])
    record = channel.by_ts.get(args["message_ts"])
    if record is None:
        raise Refused("message_not_found")
    home = f"https://{slack.workspace.team['domain']}.slack.com"
    link = f"{home}/archives/{channel.id}/p{record['ts'].replace('.', '')}"
    if record.get("thread_ts", record["ts"]) != record["ts"]:
        link += f"?thread_ts={record['thread_ts']}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}
