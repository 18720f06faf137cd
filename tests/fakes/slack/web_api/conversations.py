"""conversations.*"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.slack.errors import Refused
from tests.fakes.slack.records import Channel
from tests.fakes.slack.web_api.registry import method, page

if TYPE_CHECKING:
    from tests.fakes.slack.stand_in import SlackStandIn

Json = dict[str, Any]
_FAMILY = {"channel": "channels", "group": "groups", "im": "im"}
_TYPES = {"channel": "public_channel", "group": "private_channel", "im": "im"}


def _readable(slack: SlackStandIn, channel_id: str, right: str) -> Channel:
    channel = slack.visible(channel_id)
    slack.require(f"{_FAMILY[channel.kind]}:{right}")
    return channel


def _between(messages: list[Json], args: Json) -> list[Json]:
    oldest, latest = args.get("oldest"), args.get("latest")
    inclusive = args.get("inclusive", False)
    kept = []
    for each in messages:
        ts = float(each["ts"])
        if oldest and (ts < float(oldest) or (not inclusive and ts == float(oldest))):
            continue
        if latest and (ts > float(latest) or (not inclusive and ts == float(latest))):
            continue
        kept.append(each)
    return kept


def _shown(messages: list[Json], args: Json) -> list[Json]:
    """Metadata in full only when asked for; its event type always."""
    if args.get("include_all_metadata"):
        return messages
    return [
        {**each, "metadata": {"event_type": each["metadata"]["event_type"]}} if "metadata" in each else each
        for each in messages
    ]


def _times(args: Json) -> None:
    for name in ("oldest", "latest"):
        try:
            float(args.get(name) or 0)
        except ValueError:
            raise Refused(f"invalid_ts_{name}") from None


@method(
    "conversations.history",
    json_body=False,
    channel="!str",
    cursor="str",
    limit="int",
    oldest="str",
    latest="str",
    inclusive="bool",
    include_all_metadata="bool",
)
def history(slack: SlackStandIn, args: Json) -> Json:
    channel = _readable(slack, args["channel"], "history")
    slack.inside(channel)
    _times(args)
    newest_first = list(reversed(_between(channel.top(), args)))
    some, following = page(newest_first, args, most=999)
    answer: Json = {"messages": _shown(some, args), "has_more": bool(following), "pin_count": 0}
    if following:
        answer["response_metadata"] = {"next_cursor": following}
    return answer


@method(
    "conversations.replies",
    json_body=False,
    channel="!str",
    ts="!str",
    cursor="str",
    limit="int",
    oldest="str",
    latest="str",
    inclusive="bool",
    include_all_metadata="bool",
)
def replies(slack: SlackStandIn, args: Json) -> Json:
    channel = _readable(slack, args["channel"], "history")
    slack.inside(channel)
    _times(args)
    if args["ts"] not in channel.by_ts:
        raise Refused("thread_not_found")
    root, *others = channel.thread(args["ts"])
    some, following = page(_between(others, args), args, default=1000)
    # The root comes first on every page, as Slack has it.
    answer: Json = {"messages": _shown([root, *some], args), "has_more": bool(following)}
    if following:
        answer["response_metadata"] = {"next_cursor": following}
    return answer


@method(
    "conversations.info", json_body=False, channel="!str", include_locale="bool", include_num_members="bool"
)
def info(slack: SlackStandIn, args: Json) -> Json:
    channel = _readable(slack, args["channel"], "read")
    shown = channel.public(slack.workspace.bot_user)
    if not args.get("include_num_members"):
        shown.pop("num_members", None)
    return {"channel": shown}


@method("conversations.members", json_body=False, channel="!str", cursor="str", limit="int")
def members(slack: SlackStandIn, args: Json) -> Json:
    channel = _readable(slack, args["channel"], "read")
    some, following = page(channel.members, args)
    return {"members": some, "response_metadata": {"next_cursor": following}}


@method("conversations.join", scopes="channels:join", channel="!str")
def join(slack: SlackStandIn, args: Json) -> Json:
    channel = slack.visible(args["channel"])
    if channel.kind != "channel":
        raise Refused("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise Refused("is_archived")
    me = slack.workspace.bot_user
    if me in channel.members:
        return {
            "channel": channel.public(me),
            "warning": "already_in_channel",
            "response_metadata": {"warnings": ["already_in_channel"]},
        }
    slack.join(channel.id, me)
    return {"channel": channel.public(me)}


@method(
    "conversations.open",
    scopes="im:write",
    users="str",
    channel="str",
    return_im="bool",
    prevent_creation="bool",
)
def open_(slack: SlackStandIn, args: Json) -> Json:
    users = [each for each in args.get("users", "").split(",") if each]
    if args.get("channel"):
        channel = slack.visible(args["channel"])
    elif not users:
        raise Refused("users_list_not_supplied")
    elif len(users) > 1:
        raise Refused("method_not_supported_for_channel_type")
    else:
        person = slack.workspace.person(users[0])
        if person.is_bot:
            raise Refused("cannot_dm_bot")
        if person.deleted:
            raise Refused("user_disabled")
        channel = slack.workspace.im(users[0])
    shown = channel.public(slack.workspace.bot_user) if args.get("return_im") else {"id": channel.id}
    return {"channel": shown}


@method(
    "conversations.list",
    json_body=False,
    cursor="str",
    limit="int",
    types="str",
    exclude_archived="bool",
    team_id="str",
)
def list_(slack: SlackStandIn, args: Json) -> Json:
    return _listed(slack, args, mine=False)


@method(
    "users.conversations",
    json_body=False,
    cursor="str",
    limit="int",
    types="str",
    exclude_archived="bool",
    team_id="str",
)
def mine(slack: SlackStandIn, args: Json) -> Json:
    return _listed(slack, args, mine=True)


def _listed(slack: SlackStandIn, args: Json, *, mine: bool) -> Json:
    types = (args.get("types") or "public_channel").split(",")
    me = slack.workspace.bot_user
    for kind, name in _TYPES.items():
        if name in types:
            slack.require(f"{_FAMILY[kind]}:read")
    found = [
        each.public(me)
        for each in slack.workspace.channels.values()
        if _TYPES[each.kind] in types
        and not each.is_deleted
        and ((each.kind == "channel" and not mine) or me in each.members)
        and not (args.get("exclude_archived") and each.is_archived)
    ]
    some, following = page(found, args)
    return {"channels": some, "response_metadata": {"next_cursor": following}}
