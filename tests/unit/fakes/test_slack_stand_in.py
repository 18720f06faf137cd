"""The Slack stand-in, through Slack's own libraries: it accepts what Slack accepts and refuses the rest."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.async_app import AsyncBoltRequest
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from tests.fakes.slack import Generated, NotShown, SlackStandIn, User, at_once, remote

Json = dict[str, Any]
CARD = [
    {"type": "section", "block_id": "who", "text": {"type": "mrkdwn", "text": "*Ada* waits"}},
    {
        "type": "actions",
        "block_id": "do",
        "elements": [
            {
                "type": "button",
                "action_id": "claim",
                "value": "c-1",
                "text": {"type": "plain_text", "text": "Claim"},
            },
            {
                "type": "overflow",
                "action_id": "more",
                "options": [
                    {"text": {"type": "plain_text", "text": "Snooze"}, "value": "snooze"},
                    {"text": {"type": "plain_text", "text": "Spam"}, "value": "spam"},
                ],
            },
        ],
    },
]
MODAL = {
    "type": "modal",
    "callback_id": "teach",
    "title": {"type": "plain_text", "text": "Teach the bot"},
    "submit": {"type": "plain_text", "text": "Send"},
    "notify_on_close": True,
    "blocks": [
        {
            "type": "input",
            "block_id": "question",
            "label": {"type": "plain_text", "text": "Question"},
            "element": {"type": "plain_text_input", "action_id": "text", "max_length": 20},
        },
        {
            "type": "input",
            "block_id": "language",
            "optional": True,
            "label": {"type": "plain_text", "text": "Language"},
            "element": {
                "type": "static_select",
                "action_id": "code",
                "options": [
                    {"text": {"type": "plain_text", "text": each}, "value": each} for each in ("fr", "en")
                ],
            },
        },
    ],
}


@pytest.fixture
async def slack() -> AsyncIterator[SlackStandIn]:
    async with SlackStandIn(retry_delays=(0.05, 0.1, 0.2), ack_timeout=1.0) as running:
        running.add_user("U1", real_name="Léa Dumas", locale="fr-FR", email="lea@example.org")
        running.add_user("U2", real_name="Tom Roux")
        running.add_channel("C1", name="care", members=["U1", "U2"])
        yield running


@pytest.fixture
def lea(slack: SlackStandIn) -> User:
    return slack.user("U1")


@pytest.fixture
def api(slack: SlackStandIn) -> AsyncWebClient:
    return client_of(slack)


def client_of(slack: Any, token: str | None = None) -> AsyncWebClient:
    return AsyncWebClient(
        token=token or slack.bot_token, base_url=slack.api_url, retry_handlers=[], timeout=3
    )


@asynccontextmanager
async def bolt(
    slack: SlackStandIn, app: AsyncApp | None = None
) -> AsyncIterator[tuple[AsyncApp, list[Json]]]:
    """A bolt app on a socket; it notes every body that it was sent."""
    bodies: list[Json] = []
    if app is None:
        app = AsyncApp(client=client_of(slack), ignoring_self_events_enabled=False)

        @app.event(re.compile("message|reaction_.*|file_.*"))
        async def confirmed() -> None:
            """Events nobody listens to are not confirmed, and come again."""

    @app.middleware
    async def note(body: Json, next: Any) -> None:  # noqa: A002 - bolt's own name
        bodies.append(body)
        await next()

    handler = AsyncSocketModeHandler(app, slack.app_token, web_client=client_of(slack), ping_interval=0.2)
    before = len(slack.sockets.sockets)
    await handler.connect_async()
    await slack.until(lambda: len(slack.sockets.sockets) > before)
    try:
        yield app, bodies
    finally:
        await handler.close_async()


async def refusal(call: Any) -> Any:
    with pytest.raises(SlackApiError) as caught:
        await call
    return caught.value.response


def section(text: str, **more: Any) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def button(action_id: str = "a", text: str = "Go", **more: Any) -> Json:
    return {"type": "button", "action_id": action_id, "text": {"type": "plain_text", "text": text}, **more}


# Tokens and scopes


async def test_the_official_client_learns_who_it_is(slack: SlackStandIn, api: AsyncWebClient) -> None:
    answer = await api.auth_test()
    assert (answer["user_id"], answer["bot_id"]) == (slack.workspace.bot_user, slack.workspace.bot_id)
    assert "chat:write" in answer.headers["x-oauth-scopes"].split(",")


@pytest.mark.parametrize(
    ("token", "error"),
    [("xoxb-another", "invalid_auth"), ("", "not_authed"), ("xapp", "not_allowed_token_type")],
)
async def test_a_token_that_is_not_the_bots_is_refused(slack: SlackStandIn, token: str, error: str) -> None:
    headers = {"Authorization": f"Bearer {slack.app_token if token == 'xapp' else token}"} if token else {}
    async with (
        aiohttp.ClientSession() as web_session,
        web_session.post(f"{slack.api_url}auth.test", headers=headers) as answer,
    ):
        assert (await answer.json())["error"] == error


async def test_a_revoked_token_is_named_so(slack: SlackStandIn, api: AsyncWebClient) -> None:
    slack.revoke_token()
    assert (await refusal(api.auth_test()))["error"] == "token_revoked"
    slack.revoke_token("account_inactive")
    assert (await refusal(api.auth_test()))["error"] == "account_inactive"


async def test_a_missing_scope_is_named_with_what_was_granted(
    slack: SlackStandIn, api: AsyncWebClient
) -> None:
    slack.set_scopes("chat:write,users:read")
    answer = await refusal(api.reactions_add(channel="C1", name="eyes", timestamp="1.0"))
    assert (answer["error"], answer["needed"], answer["provided"]) == (
        "missing_scope",
        "reactions:write",
        "chat:write,users:read",
    )
    answer = await refusal(api.chat_postMessage(channel="C1", text="x", username="Ada"))
    assert answer["needed"] == "chat:write.customize"
    assert (await refusal(api.conversations_history(channel="C1")))["needed"] == "channels:history"


async def test_an_unknown_method_says_so(api: AsyncWebClient) -> None:
    assert (await refusal(api.api_call("chat.whisper")))["error"] == "unknown_method"


async def test_a_reading_method_does_not_read_json(slack: SlackStandIn, api: AsyncWebClient) -> None:
    answer = await refusal(api.api_call("users.info", json={"user": "U1"}))
    assert answer["error"] == "invalid_arguments"


async def test_an_argument_of_the_wrong_kind_is_refused(api: AsyncWebClient) -> None:
    answer = await refusal(api.api_call("conversations.history", params={"channel": "C1", "limit": "many"}))
    assert answer["response_metadata"]["messages"] == ["[ERROR] must be an integer [json-pointer:/limit]"]


async def test_a_token_inside_a_json_body_does_not_count(slack: SlackStandIn) -> None:
    url = f"{slack.api_url}chat.postMessage"
    body = {"token": slack.bot_token, "channel": "C1", "text": "x"}
    async with aiohttp.ClientSession() as session:
        async with session.post(url, json=body) as answer:
            assert (await answer.json())["error"] == "not_authed"
        async with session.post(url, data=body) as answer:
            assert (await answer.json())["ok"]


# Messages


async def test_a_bots_message_is_kept_and_sent_back_to_it_as_an_event(
    slack: SlackStandIn, api: AsyncWebClient
) -> None:
    async with bolt(slack) as (_, bodies):
        posted = await api.chat_postMessage(channel="C1", text="hello & <b> https://x.org", blocks=CARD)
        await slack.until(lambda: bodies)
    stored = slack.channel("C1").messages[0]
    assert stored["text"] == "hello &amp; &lt;b&gt; <https://x.org>"
    assert (stored["ts"], stored["bot_id"]) == (posted["ts"], slack.workspace.bot_id)
    assert stored["blocks"][0]["text"]["verbatim"] is False
    event = bodies[0]["event"]
    assert (event["type"], event["channel"], event["channel_type"]) == ("message", "C1", "channel")
    assert event["bot_profile"]["app_id"] == bodies[0]["api_app_id"] == slack.workspace.app_id
    assert event["user"] == bodies[0]["authorizations"][0]["user_id"]


async def test_bolt_knows_the_apps_own_messages_under_another_name_too(
    slack: SlackStandIn, api: AsyncWebClient, lea: User
) -> None:
    heard: list[str] = []
    app = AsyncApp(client=client_of(slack))

    @app.event("message")
    async def on_message(event: Json) -> None:
        heard.append(event["text"])

    async with bolt(slack, app):
        posted = await api.chat_postMessage(
            channel="C1", text="mine", username="Ada", icon_emoji=":globe_showing:"
        )
        lea.post("C1", "theirs")
        await slack.until(lambda: heard)
        await slack.until(lambda: not slack.unacked)
    assert heard == ["theirs"]
    assert posted["message"]["subtype"] == "bot_message"
    assert posted["message"]["icons"] == {"emoji": ":globe_showing:"}


async def test_threads_have_their_root_counted_and_paged(
    slack: SlackStandIn, api: AsyncWebClient, lea: User
) -> None:
    root = (await api.chat_postMessage(channel="C1", text="card"))["ts"]
    ts = [lea.post("C1", f"reply {n}", thread_ts=root) for n in range(5)]
    first = await api.conversations_replies(channel="C1", ts=root, limit=3)
    assert [each["text"] for each in first["messages"]] == ["card", "reply 0", "reply 1", "reply 2"]
    assert (first["messages"][0]["reply_count"], first["has_more"]) == (5, True)
    second = await api.conversations_replies(
        channel="C1", ts=root, limit=3, cursor=first["response_metadata"]["next_cursor"]
    )
    assert [each["text"] for each in second["messages"][1:]] == ["reply 3", "reply 4"]
    later = await api.conversations_replies(channel="C1", ts=root, oldest=ts[2])
    assert [each["text"] for each in later["messages"][1:]] == ["reply 3", "reply 4"]
    assert [each["text"] for each in (await api.conversations_history(channel="C1"))["messages"]] == ["card"]


async def test_a_reply_is_broadcast_when_asked(slack: SlackStandIn, api: AsyncWebClient) -> None:
    root = (await api.chat_postMessage(channel="C1", text="card"))["ts"]
    await api.chat_postMessage(channel="C1", text="all of you", thread_ts=root, reply_broadcast=True)
    history = await api.conversations_history(channel="C1")
    assert history["messages"][0]["subtype"] == "thread_broadcast"
    assert history["messages"][0]["root"]["ts"] == root


async def test_metadata_comes_back_whole_only_when_asked_for(
    slack: SlackStandIn, api: AsyncWebClient
) -> None:
    root = (await api.chat_postMessage(channel="C1", text="card"))["ts"]
    metadata = {"event_type": "guichet_entry", "event_payload": {"id": "e-1"}}
    await api.chat_postMessage(channel="C1", text="x", thread_ts=root, metadata=metadata)
    plain = await api.conversations_replies(channel="C1", ts=root)
    whole = await api.conversations_replies(channel="C1", ts=root, include_all_metadata=True)
    assert plain["messages"][1]["metadata"] == {"event_type": "guichet_entry"}
    assert whole["messages"][1]["metadata"] == metadata


async def test_odd_arguments_have_their_own_refusals(
    slack: SlackStandIn, api: AsyncWebClient, lea: User
) -> None:
    slack.add_user("U7", is_bot=True)
    ts = lea.post("C1", "hello")
    big = {"event_type": "x", "event_payload": {"id": "x" * 17_000}}
    refused = {
        "invalid_name": api.reactions_add(channel="C1", timestamp=ts, name="no such thing"),
        "invalid_cursor": api.conversations_history(channel="C1", cursor="made-up"),
        "cannot_dm_bot": api.chat_postMessage(channel="U7", text="x"),
        "metadata_too_large": api.chat_postMessage(channel="C1", text="x", metadata=big),
        "invalid_metadata_format": api.chat_postMessage(channel="C1", text="x", metadata={"event_type": "x"}),
        "invalid_blocks_format": api.chat_postMessage(channel="C1", text="x", blocks="[not json"),
        "invalid_limit": api.conversations_replies(channel="C1", ts=ts, limit=2000),
        "no_item_specified": api.reactions_get(channel="C1"),
        "users_list_not_supplied": api.conversations_open(users=""),
    }
    for error, call in refused.items():
        assert (await refusal(call))["error"] == error
    slack.set_scopes("channels:read")
    answer = await refusal(api.conversations_list(types="public_channel,private_channel"))
    assert answer["needed"] == "groups:read"


async def test_what_is_not_there_or_not_ones_own_cannot_be_changed(api: AsyncWebClient, lea: User) -> None:
    ts = lea.post("C1", "mine")
    assert (await refusal(api.chat_update(channel="C1", ts=ts, text="x")))["error"] == "cant_update_message"
    assert (await refusal(api.chat_delete(channel="C1", ts=ts)))["error"] == "cant_delete_message"
    assert (await refusal(api.chat_update(channel="C1", ts="1.000001", text="x")))[
        "error"
    ] == "message_not_found"
    assert (await refusal(api.chat_delete(channel="C1", ts="1.000001")))["error"] == "message_not_found"
    answer = await refusal(api.chat_postMessage(channel="C1", text="x", thread_ts="1.000001"))
    assert answer["error"] == "thread_not_found"


async def test_an_update_keeps_the_blocks_it_does_not_mention(
    slack: SlackStandIn, api: AsyncWebClient
) -> None:
    ts = (await api.chat_postMessage(channel="C1", text="card", blocks=CARD))["ts"]
    await api.chat_update(channel="C1", ts=ts, text="other")
    assert len(slack.channel("C1").messages[0]["blocks"]) == 2
    await api.chat_update(channel="C1", ts=ts, text="other", blocks=[])
    assert "blocks" not in slack.channel("C1").messages[0]


@pytest.mark.parametrize(
    ("happens", "error"),
    [("remove_bot", "not_in_channel"), ("archive", "is_archived"), ("delete_channel", "channel_not_found")],
)
async def test_a_channel_that_is_lost_says_how(
    slack: SlackStandIn, api: AsyncWebClient, happens: str, error: str
) -> None:
    ts = (await api.chat_postMessage(channel="C1", text="before"))["ts"]
    getattr(slack, happens)("C1")
    assert (await refusal(api.chat_postMessage(channel="C1", text="after")))["error"] == error
    assert (await refusal(api.chat_update(channel="C1", ts=ts, text="after")))["error"] == error


async def test_a_private_channel_without_the_bot_does_not_exist(
    slack: SlackStandIn, api: AsyncWebClient
) -> None:
    slack.add_channel("C9", members=["U1"], is_private=True, bot=False)
    assert (await refusal(api.conversations_info(channel="C9")))["error"] == "channel_not_found"


async def test_a_long_text_is_cut_when_posted_and_refused_when_updated(
    slack: SlackStandIn, api: AsyncWebClient
) -> None:
    posted = await api.chat_postMessage(channel="C1", text="x" * 40_001)
    assert posted["response_metadata"]["warnings"] == ["message_truncated"]
    assert len(slack.channel("C1").messages[0]["text"]) == 40_000
    answer = await refusal(api.chat_update(channel="C1", ts=posted["ts"], text="x" * 4001))
    assert answer["error"] == "msg_too_long"
    empty = api.api_call("chat.postMessage", json={"channel": "C1", "text": ""})
    assert (await refusal(empty))["error"] == "no_text"


async def test_ephemeral_messages_are_for_one_member(slack: SlackStandIn, api: AsyncWebClient) -> None:
    await api.chat_postEphemeral(channel="C1", user="U1", text="psst")
    slack.add_user("U3")
    assert [each["text"] for each in slack.ephemerals("U1")] == ["psst"]
    assert slack.ephemerals("U2") == []
    assert slack.channel("C1").messages == []
    answer = await refusal(api.chat_postEphemeral(channel="C1", user="U3", text="psst"))
    assert answer["error"] == "user_not_in_channel"


async def test_who_a_message_calls_is_counted_in_text_and_blocks(
    slack: SlackStandIn, api: AsyncWebClient
) -> None:
    loud = await api.chat_postMessage(channel="C1", text="<!here>", blocks=[section("<@U1> and <!channel>")])
    quiet = await api.chat_postMessage(
        channel="C1", text="&lt;!here&gt; <b>@U1</b>", blocks=[section("&lt;@U1&gt;")]
    )
    assert slack.pings(loud["message"]) == ["!here", "@U1", "!channel"]
    assert slack.pings(quiet["message"]) == []


# Blocks


BAD_BLOCKS: list[tuple[list[Json], str]] = [
    ([section("x" * 3001)], "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
    ([section("")], "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    ([{"type": "divider"}] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
    (
        [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}],
        "must be less than 151 characters [json-pointer:/blocks/0/text/text]",
    ),
    (
        [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}],
        "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]",
    ),
    (
        [{"type": "actions", "elements": [button(text="x" * 76)]}],
        "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]",
    ),
    (
        [{"type": "actions", "elements": [button(value="x" * 2001)]}],
        "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]",
    ),
    (
        [{"type": "actions", "elements": [button("x" * 256)]}],
        "must be less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]",
    ),
    (
        [{"type": "actions", "elements": [button(), button()]}],
        "`action_id` already exists: a [json-pointer:/blocks/0/elements/1/action_id]",
    ),
    (
        [{"type": "actions", "elements": [button(f"a{n}") for n in range(26)]}],
        "no more than 25 items allowed [json-pointer:/blocks/0/elements]",
    ),
    (
        [{"type": "actions", "elements": [button(style="blue")]}],
        "must be one of: primary, danger [json-pointer:/blocks/0/elements/0/style]",
    ),
    (
        [section("a", block_id="b"), section("c", block_id="b")],
        "`block_id` already exists: b [json-pointer:/blocks/1/block_id]",
    ),
    (
        [section("a", block_id="x" * 256)],
        "must be less than 256 characters [json-pointer:/blocks/0/block_id]",
    ),
    (
        [{"type": "section", "fields": [{"type": "mrkdwn", "text": "x"}] * 11}],
        "no more than 10 items allowed [json-pointer:/blocks/0/fields]",
    ),
    (
        [section("x", accessory={"type": "overflow", "action_id": "o", "options": [MODAL]})],
        "missing required field: text [json-pointer:/blocks/0/accessory/options/0]",
    ),
    (
        [section("x", accessory={"type": "static_select", "action_id": "o", "options": []})],
        "no fewer than 1 items allowed [json-pointer:/blocks/0/accessory/options]",
    ),
    ([section("x", colour="red")], "invalid additional property: colour [json-pointer:/blocks/0]"),
    (
        [{"type": "section", "text": {"type": "mrkdwn", "text": "x", "emoji": True}}],
        "invalid additional property: emoji [json-pointer:/blocks/0/text]",
    ),
    (
        [{"type": "actions", "elements": [button(disabled=True)]}],
        "invalid additional property: disabled [json-pointer:/blocks/0/elements/0]",
    ),
    (
        [{"type": "actions", "elements": [button(confirm={"text": {"type": "plain_text", "text": "?"}})]}],
        "missing required field: title [json-pointer:/blocks/0/elements/0/confirm]",
    ),
    (
        [{"type": "context", "elements": [{"type": "plain_text", "text": "x"}] * 11}],
        "no more than 10 items allowed [json-pointer:/blocks/0/elements]",
    ),
    ([{"type": "marquee"}], "unsupported type: marquee [json-pointer:/blocks/0/type]"),
]


@pytest.mark.parametrize(("blocks", "complaint"), BAD_BLOCKS, ids=[each[1][:40] for each in BAD_BLOCKS])
async def test_bad_blocks_are_refused_with_the_place(
    slack: SlackStandIn, api: AsyncWebClient, blocks: list[Json], complaint: str
) -> None:
    answer = await refusal(api.chat_postMessage(channel="C1", text="x", blocks=blocks))
    assert answer["error"] == "invalid_blocks"
    assert f"[ERROR] {complaint}" in answer["response_metadata"]["messages"]
    assert slack.channel("C1").messages == []


async def test_options_have_their_numbers_and_lengths(api: AsyncWebClient) -> None:
    def menu(kind: str, number: int, text: str = "x", value: str = "v") -> list[Json]:
        options = [{"text": {"type": "plain_text", "text": text}, "value": value}] * number
        return [section("x", accessory={"type": kind, "action_id": "o", "options": options})]

    for good in (menu("overflow", 5), menu("overflow", 1), menu("static_select", 100)):
        await api.chat_postMessage(channel="C1", text="x", blocks=good)
    bad = (
        menu("overflow", 6),
        menu("static_select", 101),
        menu("static_select", 1, text="x" * 76),
        menu("static_select", 1, value="x" * 151),
    )
    for each in bad:
        assert (await refusal(api.chat_postMessage(channel="C1", text="x", blocks=each)))[
            "error"
        ] == "invalid_blocks"


async def test_all_text_of_the_blocks_together_has_a_limit_too(api: AsyncWebClient) -> None:
    answer = await refusal(api.chat_postMessage(channel="C1", text="x", blocks=[section("x" * 2500)] * 5))
    assert answer["error"] == "msg_blocks_too_long"


async def test_blocks_inside_attachments_are_checked(slack: SlackStandIn, api: AsyncWebClient) -> None:
    answer = await refusal(
        api.chat_postMessage(channel="C1", text="x", attachments=[{"blocks": [section("x" * 3001)]}])
    )
    assert answer["error"] == "invalid_blocks"
    assert answer["response_metadata"]["messages"][1].endswith(
        "[json-pointer:/attachments/0/blocks/0/text/text]"
    )
    answer = await refusal(api.chat_postMessage(channel="C1", text="x", attachments=[{"text": "a"}] * 101))
    assert answer["error"] == "too_many_attachments"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"title": {"type": "plain_text", "text": "x" * 25}}, "/view/title/text"),
        ({"private_metadata": "x" * 3001}, "/view/private_metadata"),
        ({"blocks": [{"type": "divider"}] * 101}, "/view/blocks"),
        ({"submit": None}, "/view"),
    ],
)
async def test_bad_views_are_refused_with_the_place(
    slack: SlackStandIn, api: AsyncWebClient, change: Json, where: str
) -> None:
    view = {key: value for key, value in {**MODAL, **change}.items() if value is not None}
    answer = await refusal(api.views_open(trigger_id=slack.workspace.trigger("U1"), view=view))
    assert answer["error"] == "invalid_arguments"
    assert answer["response_metadata"]["messages"][-1].endswith(f"[json-pointer:{where}]")


# People, seen through bolt on a socket


async def test_a_thread_of_people_arrives_as_slack_would_tell_it(slack: SlackStandIn, lea: User) -> None:
    async with bolt(slack) as (_, bodies):
        ts = lea.post("C1", "a < b & <@U2> see http://x.org")
        reply = lea.post("C1", "reply", thread_ts=ts)
        lea.edit("C1", reply, "better")
        lea.react("C1", ts, "eyes")
        lea.delete("C1", ts)
        lea.delete("C1", reply)
        await slack.until(lambda: len(bodies) == 6)
    events = [each["event"] for each in bodies]
    assert events[0]["text"] == "a &lt; b &amp; <@U2> see <http://x.org>"
    assert [each["type"] for each in events[0]["blocks"][0]["elements"][0]["elements"]] == [
        "text",
        "user",
        "text",
        "link",
    ]
    assert events[0]["client_msg_id"]
    assert (events[1]["thread_ts"], events[1]["parent_user_id"]) == (ts, "U1")
    assert events[2]["subtype"] == "message_changed"
    assert (events[2]["message"]["text"], events[2]["previous_message"]["text"]) == ("better", "reply")
    assert events[2]["message"]["edited"]["user"] == "U1"
    assert events[3]["item"] == {"type": "message", "channel": "C1", "ts": ts}
    assert events[4]["message"]["subtype"] == "tombstone"
    assert (events[5]["subtype"], events[5]["deleted_ts"]) == ("message_deleted", reply)
    assert slack.channel("C1").messages == []


async def test_a_link_preview_changes_a_message_that_nobody_edited(slack: SlackStandIn, lea: User) -> None:
    async with bolt(slack) as (_, bodies):
        ts = lea.post("C1", "see https://example.org")
        slack.unfurl("C1", ts, title="Example")
        await slack.until(lambda: len(bodies) == 2)
    change = next(each["event"] for each in bodies if each["event"].get("subtype") == "message_changed")
    assert change["message"]["attachments"][0]["from_url"] == "https://example.org"
    assert change["message"]["text"] == change["previous_message"]["text"]
    assert "edited" not in change["message"]


async def test_a_press_carries_the_message_and_is_answered(
    slack: SlackStandIn, api: AsyncWebClient, lea: User
) -> None:
    app = AsyncApp(client=client_of(slack))
    seen: list[Json] = []

    @app.action("claim")
    async def on_claim(ack: Any, body: Json, respond: Any) -> None:
        await ack()
        seen.append(body)
        await respond(text="claimed", replace_original=True)

    async with bolt(slack, app):
        root = (await api.chat_postMessage(channel="C1", text="card", blocks=CARD))["ts"]
        answer = await lea.press("C1", root, "claim")
        assert answer.acked
        await slack.until(lambda: slack.channel("C1").messages[0]["text"] == "claimed")
    body = seen[0]
    assert body["actions"][0] == {
        "action_id": "claim",
        "block_id": "do",
        "text": {"type": "plain_text", "text": "Claim", "emoji": True},
        "value": "c-1",
        "type": "button",
        "action_ts": body["actions"][0]["action_ts"],
    }
    assert body["user"] == {
        "id": "U1",
        "username": "lea",
        "name": "lea",
        "team_id": slack.workspace.team["id"],
    }
    assert body["container"] == {
        "type": "message",
        "message_ts": root,
        "channel_id": "C1",
        "is_ephemeral": False,
    }
    assert body["message"]["blocks"][1]["block_id"] == "do"
    assert body["channel"] == {"id": "C1", "name": "care"}


async def test_nobody_can_press_what_is_not_shown(
    slack: SlackStandIn, api: AsyncWebClient, lea: User
) -> None:
    root = (await api.chat_postMessage(channel="C1", text="card", blocks=CARD))["ts"]
    stranger = slack.add_user("U3")
    with pytest.raises(NotShown):
        await lea.press("C1", root, "resolve")
    with pytest.raises(NotShown):
        await lea.press("C1", root, "claim", "c-2")
    with pytest.raises(NotShown):
        await lea.choose("C1", root, "more", "close")
    with pytest.raises(NotShown):
        await lea.choose("C1", root, "claim", "snooze")
    with pytest.raises(NotShown):
        await stranger.press("C1", root, "claim")
    await api.chat_update(channel="C1", ts=root, text="done", blocks=[])
    with pytest.raises(NotShown):
        await lea.press("C1", root, "claim")


async def test_menus_and_attached_buttons_say_what_was_chosen(
    slack: SlackStandIn, api: AsyncWebClient, lea: User
) -> None:
    async with bolt(slack, AsyncApp(client=client_of(slack))) as (app, bodies):

        @app.action({"type": "block_actions"})  # type: ignore[arg-type]
        async def never(ack: Any) -> None:
            await ack()

        for name in ("claim", "more"):
            app.action(name)(never)
        root = await api.chat_postMessage(
            channel="C1", text="card", attachments=[{"color": "#f00", "blocks": CARD}]
        )
        await lea.choose("C1", root["ts"], "more", "Snooze")
        await lea.press("C1", root["ts"], "claim")
    presses = [each for each in bodies if each["type"] == "block_actions"]
    assert presses[0]["actions"][0]["selected_option"]["value"] == "snooze"
    assert presses[0]["container"]["type"] == "message_attachment"
    assert presses[1]["container"]["attachment_id"] == 1


async def test_an_ephemeral_is_pressed_and_replaced_by_its_response_url(
    slack: SlackStandIn, api: AsyncWebClient, lea: User
) -> None:
    app = AsyncApp(client=client_of(slack))
    urls: list[str] = []

    @app.action("claim")
    async def on_claim(ack: Any, body: Json) -> None:
        await ack()
        assert body["container"]["is_ephemeral"]
        assert "message" not in body
        urls.append(body["response_url"])

    async with bolt(slack, app):
        shown = await api.chat_postEphemeral(channel="C1", user="U1", text="take over?", blocks=CARD)
        await lea.press_ephemeral(shown["message_ts"], "claim")
        await slack.until(lambda: urls)
    hook = AsyncWebhookClient(urls[0])
    assert (await hook.send(text="taken", replace_original=True)).status_code == 200
    assert slack.ephemerals("U1")[0]["text"] == "taken"
    assert (await hook.send(text="note", response_type="in_channel")).status_code == 200
    assert slack.channel("C1").messages[0]["text"] == "note"
    assert (await hook.send(delete_original=True)).status_code == 200
    assert slack.ephemerals("U1") == []
    for _ in range(2):
        await hook.send(text="more")
    assert (await hook.send(text="too many")).status_code == 404


async def test_a_response_url_ends_after_half_an_hour(
    slack: SlackStandIn, api: AsyncWebClient, lea: User
) -> None:
    channel = slack.channel("C1")
    hook = AsyncWebhookClient(slack.responses.new_url("U1", channel, None))
    assert (await hook.send(text="in time")).status_code == 200
    for each in slack.workspace.response_urls.values():
        each["made"] -= 1801
    late = await hook.send(text="late")
    assert (late.status_code, json.loads(late.body)["error"]) == (404, "expired_url")


async def test_a_modal_is_opened_refused_changed_and_closed(
    slack: SlackStandIn, api: AsyncWebClient, lea: User
) -> None:
    app = AsyncApp(client=client_of(slack))
    values: list[Json] = []
    closed: list[str] = []

    @app.shortcut("teach_shortcut")
    async def on_shortcut(ack: Any, body: Json, client: AsyncWebClient) -> None:
        await ack()
        assert body["message"]["text"] == "what a question"
        await client.views_open(trigger_id=body["trigger_id"], view=MODAL)

    @app.view("teach")
    async def on_teach(ack: Any, view: Json) -> None:
        values.append(view["state"]["values"])
        if view["state"]["values"]["question"]["text"]["value"] == "bad":
            await ack(response_action="errors", errors={"question": "not so"})
        else:
            await ack()

    @app.view_closed("teach")
    async def on_closed(ack: Any, view: Json) -> None:
        await ack()
        closed.append(view["id"])

    async with bolt(slack, app):
        ts = lea.post("C1", "what a question")
        await lea.shortcut("teach_shortcut", "C1", ts)
        await slack.until(lea.opened_views)
        view = lea.view()["id"]
        with pytest.raises(NotShown):
            await lea.submit(view, {"text": "x" * 21})
        with pytest.raises(NotShown):
            await lea.submit(view, {})
        with pytest.raises(NotShown):
            await lea.submit(view, {"text": "x", "code": "de"})
        refused = await lea.submit(view, {"text": "bad"})
        assert refused.errors == {"question": "not so"}
        assert lea.opened_views()
        await lea.submit(view, {"text": "good", "code": "fr"})
        assert lea.opened_views() == []
        await lea.shortcut("teach_shortcut", "C1", ts)
        await slack.until(lea.opened_views)
        await lea.close(lea.view()["id"])
        assert len(closed) == 1
    assert values[-1]["language"]["code"]["selected_option"]["value"] == "fr"


async def test_a_trigger_serves_once_and_for_three_seconds(slack: SlackStandIn, api: AsyncWebClient) -> None:
    trigger = slack.workspace.trigger("U1")
    await api.views_open(trigger_id=trigger, view=MODAL)
    assert (await refusal(api.views_open(trigger_id=trigger, view=MODAL)))["error"] == "exchanged_trigger_id"
    old = slack.workspace.trigger("U1")
    slack.workspace.triggers[old]["made"] -= 3.1
    assert (await refusal(api.views_open(trigger_id=old, view=MODAL)))["error"] == "expired_trigger_id"


async def test_views_are_pushed_updated_and_guarded_by_their_hash(
    slack: SlackStandIn, api: AsyncWebClient
) -> None:
    opened = (await api.views_open(trigger_id=slack.workspace.trigger("U1"), view=MODAL))["view"]
    for _ in range(2):
        pushed = (await api.views_push(trigger_id=slack.workspace.trigger("U1"), view=MODAL))["view"]
    assert pushed["root_view_id"] == opened["id"]
    answer = await refusal(api.views_push(trigger_id=slack.workspace.trigger("U1"), view=MODAL))
    assert answer["error"] == "push_limit_reached"
    changed = (await api.views_update(view_id=opened["id"], hash=opened["hash"], view=MODAL))["view"]
    assert changed["id"] == opened["id"]
    answer = await refusal(api.views_update(view_id=opened["id"], hash=opened["hash"], view=MODAL))
    assert answer["error"] == "hash_conflict"


async def test_a_submission_can_push_and_clear(slack: SlackStandIn, api: AsyncWebClient, lea: User) -> None:
    app = AsyncApp(client=client_of(slack))

    @app.view("teach")
    async def on_teach(ack: Any) -> None:
        await ack(response_action="push", view={**MODAL, "callback_id": "second"})

    @app.view("second")
    async def on_second(ack: Any) -> None:
        await ack(response_action="clear")

    async with bolt(slack, app):
        await api.views_open(trigger_id=slack.workspace.trigger("U1"), view=MODAL)
        await lea.submit(lea.view()["id"], {"text": "x"})
        assert [each["callback_id"] for each in lea.opened_views()] == ["teach", "second"]
        await lea.submit(lea.view()["id"], {"text": "x"})
        assert lea.opened_views() == []


async def test_a_view_has_one_external_id_and_home_its_hash(slack: SlackStandIn, api: AsyncWebClient) -> None:
    named = {**MODAL, "external_id": "teach-1"}
    await api.views_open(trigger_id=slack.workspace.trigger("U1"), view=named)
    answer = await refusal(api.views_push(trigger_id=slack.workspace.trigger("U1"), view=named))
    assert answer["error"] == "duplicate_external_id"
    assert (await api.views_update(external_id="teach-1", view=named))["ok"]
    page = {"type": "home", "blocks": CARD}
    first = (await api.views_publish(user_id="U1", view=page))["view"]
    await api.views_publish(user_id="U1", view=page, hash=first["hash"])
    answer = await refusal(api.views_publish(user_id="U1", view=page, hash=first["hash"]))
    assert answer["error"] == "hash_conflict"


async def test_only_the_front_view_can_be_sent_and_errors_must_name_its_questions(
    slack: SlackStandIn, api: AsyncWebClient, lea: User
) -> None:
    app = AsyncApp(client=client_of(slack))

    @app.view("teach")
    async def on_teach(ack: Any) -> None:
        await ack(response_action="errors", errors={"elsewhere": "no such question"})

    async with bolt(slack, app):
        back = (await api.views_open(trigger_id=slack.workspace.trigger("U1"), view=MODAL))["view"]["id"]
        front = (await api.views_push(trigger_id=slack.workspace.trigger("U1"), view=MODAL))["view"]["id"]
        with pytest.raises(NotShown):
            await lea.submit(back, {"text": "x"})
        answer = await lea.submit(front, {"text": "x"})
    assert answer.error == "invalid_response_errors"
    assert answer.errors == {}


async def test_home_is_published_shown_and_pressed(
    slack: SlackStandIn, api: AsyncWebClient, lea: User
) -> None:
    async with bolt(slack) as (app, bodies):

        @app.event("app_home_opened")
        async def on_home(event: Json, client: AsyncWebClient) -> None:
            view = {"type": "home", "blocks": CARD}
            await client.views_publish(user_id=event["user"], view=view)

        @app.action("claim")
        async def on_claim(ack: Any) -> None:
            await ack()

        lea.open_home()
        await slack.until(lea.home)
        assert (await lea.press_home("claim")).acked
        lea.open_home()
        await slack.until(lambda: sum("event" in each for each in bodies) == 2)
    assert bodies[1]["container"] == {"type": "view", "view_id": lea.home()["id"]}  # type: ignore[index]
    assert bodies[2]["event"]["view"]["type"] == "home"


async def test_a_command_is_answered_to_the_person_only(slack: SlackStandIn, lea: User) -> None:
    async with bolt(slack) as (app, bodies):

        @app.command("/care")
        async def on_care(ack: Any, command: Json) -> None:
            await ack(f"you said {command['text']}")

        answer = await lea.command("/care", "queue", channel="C1")
    assert answer.acked
    assert slack.ephemerals("U1")[0]["text"] == "you said queue"
    assert bodies[0]["channel_name"] == "care"


async def test_what_the_app_does_not_declare_cannot_be_used() -> None:
    async with SlackStandIn(commands=["/care"], shortcuts=["teach"]) as slack:
        lea = slack.add_user("U1")
        with pytest.raises(NotShown):
            await lea.command("/else")
        with pytest.raises(NotShown):
            await lea.shortcut("learn")


async def test_people_are_described_with_language_and_kind(slack: SlackStandIn, api: AsyncWebClient) -> None:
    slack.add_user("U8", is_restricted=True)
    slack.add_user("U9", team_id="T0OTHER", is_stranger=True)
    lea = (await api.users_info(user="U1", include_locale=True))["user"]
    assert (lea["locale"], lea["real_name"], lea["profile"]["email"]) == (
        "fr-FR",
        "Léa Dumas",
        "lea@example.org",
    )
    assert "locale" not in (await api.users_info(user="U1"))["user"]
    assert (await api.users_info(user="U8"))["user"]["is_restricted"]
    stranger = (await api.users_info(user="U9"))["user"]
    assert (stranger["is_stranger"], stranger["team_id"]) == (True, "T0OTHER")
    assert (await refusal(api.users_info(user="U7")))["error"] == "user_not_found"
    slack.user("U1").person.presence = "away"
    assert (await api.users_getPresence(user="U1"))["presence"] == "away"


async def test_direct_messages_open_on_first_use(slack: SlackStandIn, api: AsyncWebClient, lea: User) -> None:
    opened = (await api.conversations_open(users="U1"))["channel"]["id"]
    await api.chat_postMessage(channel=opened, text="one")
    await api.chat_postMessage(channel="U1", text="two")
    lea.dm("three")
    assert [each["text"] for each in slack.dms("U1")] == ["one", "two", "three"]


async def test_a_mention_is_an_event_of_its_own(slack: SlackStandIn, lea: User) -> None:
    app = AsyncApp(client=client_of(slack))
    heard: list[str] = []

    @app.event("app_mention")
    async def on_mention(event: Json) -> None:
        heard.append(event["text"])

    @app.event("message")
    async def on_message() -> None: ...

    async with bolt(slack, app):
        lea.post("C1", f"<@{slack.workspace.bot_user}> help")
        await slack.until(lambda: heard)
    assert heard == [f"<@{slack.workspace.bot_user}> help"]


async def test_the_bot_hears_nothing_of_channels_it_is_not_in(slack: SlackStandIn, lea: User) -> None:
    slack.add_channel("C2", members=["U1"], bot=False)
    lea.post("C2", "secret")
    slack.remove_bot("C1")
    lea.post("C1", "secret too")
    assert [each.about for each in slack.events.deliveries] == ["channel_left"]


async def test_an_event_needs_its_scope(slack: SlackStandIn, lea: User) -> None:
    slack.set_scopes("chat:write")
    lea.post("C1", "unheard")
    assert slack.events.deliveries == []


async def test_a_guest_and_a_stranger_are_told_apart_by_their_payloads(
    slack: SlackStandIn, api: AsyncWebClient
) -> None:
    stranger = slack.add_user("U9", team_id="T0OTHER", is_stranger=True)
    slack.add_channel("C2", members=["U9"], is_ext_shared=True)
    async with bolt(slack) as (app, bodies):

        @app.action("claim")
        async def on_claim(ack: Any) -> None:
            await ack()

        stranger.post("C2", "hi")
        root = (await api.chat_postMessage(channel="C2", text="card", blocks=CARD))["ts"]
        await stranger.press("C2", root, "claim")
        await slack.until(lambda: len(bodies) == 3)
    event = next(each for each in bodies if each.get("event", {}).get("user") == "U9")
    assert (event["event"]["user_team"], event["team_id"]) == ("T0OTHER", slack.workspace.team["id"])
    assert event["is_ext_shared_channel"]
    press = next(each for each in bodies if each["type"] == "block_actions")
    assert press["user"]["team_id"] == "T0OTHER"


async def test_people_change_only_what_is_theirs(slack: SlackStandIn, api: AsyncWebClient, lea: User) -> None:
    ts = (await api.chat_postMessage(channel="C1", text="card"))["ts"]
    mine = lea.post("C1", "mine")
    for act in (
        lambda: lea.edit("C1", ts, "x"),
        lambda: slack.user("U2").delete("C1", mine),
        lambda: lea.post("C1", ""),
        lambda: lea.post("C1", "x", thread_ts="1.000001"),
    ):
        with pytest.raises(NotShown):
            act()
    slack.archive("C1")
    with pytest.raises(NotShown):
        lea.post("C1", "too late")


async def test_the_rest_of_the_web_api_answers(slack: SlackStandIn, api: AsyncWebClient, lea: User) -> None:
    slack.add_channel("C2", members=["U1"], bot=False)
    slack.add_usergroup("S1", handle="care-team", users=["U1"])
    assert (await api.team_info())["team"]["id"] == slack.workspace.team["id"]
    assert (await api.bots_info(bot=slack.workspace.bot_id))["bot"]["user_id"] == slack.workspace.bot_user
    groups = await api.usergroups_list(include_users=True)
    assert groups["usergroups"][0]["users"] == ["U1"]
    assert [each["id"] for each in (await api.users_list(limit=2))["members"]] == [
        slack.workspace.bot_user,
        "U1",
    ]
    assert (await api.conversations_members(channel="C1"))["members"] == [
        "U1",
        "U2",
        slack.workspace.bot_user,
    ]
    assert [each["id"] for each in (await api.conversations_list())["channels"]] == ["C1", "C2"]
    assert [each["id"] for each in (await api.users_conversations())["channels"]] == ["C1"]
    assert (await refusal(api.conversations_history(channel="C2")))["error"] == "not_in_channel"
    await api.conversations_join(channel="C2")
    assert (await api.conversations_info(channel="C2"))["channel"]["is_member"]
    ts = lea.post("C1", "hello")
    link = (await api.chat_getPermalink(channel="C1", message_ts=ts))["permalink"]
    assert link.endswith(f"/archives/C1/p{ts.replace('.', '')}")
    await api.reactions_add(channel="C1", timestamp=ts, name="eyes")
    assert (await refusal(api.reactions_add(channel="C1", timestamp=ts, name="eyes")))[
        "error"
    ] == "already_reacted"
    got = await api.reactions_get(channel="C1", timestamp=ts)
    assert got["message"]["reactions"] == [{"name": "eyes", "users": [slack.workspace.bot_user], "count": 1}]
    await api.reactions_remove(channel="C1", timestamp=ts, name="eyes")
    assert (await refusal(api.reactions_remove(channel="C1", timestamp=ts, name="eyes")))[
        "error"
    ] == "no_reaction"
    assert (await api.api_test())["ok"]


# Socket Mode


async def test_an_event_that_is_not_confirmed_comes_again_with_its_reason(
    slack: SlackStandIn, lea: User
) -> None:
    async with aiohttp.ClientSession() as session:
        opened = await client_of(slack).apps_connections_open(app_token=slack.app_token)
        async with session.ws_connect(opened["url"]) as socket:
            assert (await socket.receive_json())["type"] == "hello"
            slack.ack_timeout = 0.05
            lea.post("C1", "again")
            seen = [await socket.receive_json() for _ in range(3)]
            await socket.send_json({"envelope_id": seen[-1]["envelope_id"]})
            await slack.until(lambda: not slack.unacked)
    assert [(each["retry_attempt"], each["retry_reason"]) for each in seen] == [
        (0, ""),
        (1, "timeout"),
        (2, "timeout"),
    ]
    assert len({each["payload"]["event_id"] for each in seen}) == 1
    assert slack.acks[0].attempt == 2
    assert seen[0]["accepts_response_payload"] is False


async def test_after_three_more_attempts_an_event_is_lost(lea: User, slack: SlackStandIn) -> None:
    lea.post("C1", "nobody listens")
    await slack.until(lambda: slack.lost)
    assert len(slack.lost[0].attempts) == 4


async def test_what_a_person_does_is_told_once_and_fails_visibly(
    slack: SlackStandIn, api: AsyncWebClient, lea: User
) -> None:
    root = (await api.chat_postMessage(channel="C1", text="card", blocks=CARD))["ts"]
    answer = await lea.press("C1", root, "claim")
    assert (answer.acked, answer.error) == (False, "operation_timeout")


async def test_an_envelope_goes_to_one_of_several_sockets(slack: SlackStandIn, lea: User) -> None:
    async with bolt(slack) as (_, first), bolt(slack) as (_, second):
        for n in range(10):
            lea.post("C1", f"{n}")
        await slack.until(lambda: len(first) + len(second) == 10)
    assert first
    assert second
    assert len({each["event_id"] for each in first + second}) == 10


async def test_a_ticket_opens_one_socket_and_not_for_long(slack: SlackStandIn) -> None:
    client = client_of(slack)
    url = (await client.apps_connections_open(app_token=slack.app_token))["url"]
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url):
            pass
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)
        slack.ticket_seconds = -1
        late = (await client.apps_connections_open(app_token=slack.app_token))["url"]
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(late)
    assert (await refusal(api_open_with_bot_token(slack)))["error"] == "not_allowed_token_type"


async def api_open_with_bot_token(slack: SlackStandIn) -> Any:
    return await client_of(slack).api_call("apps.connections.open")


async def test_a_socket_asked_to_leave_is_replaced_without_loss(slack: SlackStandIn, lea: User) -> None:
    async with bolt(slack) as (_, bodies):
        await slack.sockets.disconnect("refresh_requested", after=0.05)
        lea.post("C1", "during")
        await slack.until(lambda: slack.sockets.opened == 2)
        lea.post("C1", "after")
        await slack.until(lambda: {each["event"]["text"] for each in bodies} == {"during", "after"})


async def test_sockets_that_are_cut_come_back_and_get_what_they_missed(
    slack: SlackStandIn, lea: User
) -> None:
    slack.retry_delays = (0.5, 1.0, 2.0)
    async with bolt(slack) as (_, bodies):
        await slack.sockets.drop(0.4)
        lea.post("C1", "while away")
        await slack.until(lambda: bodies, seconds=8)
        await slack.until(lambda: slack.acks)
    assert bodies[0]["event"]["text"] == "while away"
    assert slack.acks[-1].attempt >= 1


async def test_a_late_confirmation_still_counts(slack: SlackStandIn, lea: User) -> None:
    slack.ack_timeout, slack.retry_delays = 0.02, (0.5,)
    async with aiohttp.ClientSession() as session:
        url = (await client_of(slack).apps_connections_open(app_token=slack.app_token))["url"]
        async with session.ws_connect(url) as socket:
            await socket.receive_json()
            lea.post("C1", "slowly")
            envelope = await socket.receive_json()
            await asyncio.sleep(0.1)
            await socket.send_json({"envelope_id": envelope["envelope_id"]})
            await slack.until(lambda: slack.acks)
    assert slack.unacked == []
    assert len(slack.events.deliveries[0].attempts) == 1


async def test_a_socket_can_go_silent_and_the_client_notices(slack: SlackStandIn) -> None:
    async with bolt(slack):
        slack.sockets.silence()
        await slack.until(lambda: slack.sockets.opened >= 2, seconds=8)


async def test_there_are_at_most_ten_sockets(slack: SlackStandIn) -> None:
    client = client_of(slack)
    async with aiohttp.ClientSession() as session:
        sockets, first = [], []
        for _ in range(11):
            url = (await client.apps_connections_open(app_token=slack.app_token))["url"]
            sockets.append(await session.ws_connect(url))
            first.append(await sockets[-1].receive_json())
    assert [each["type"] for each in first] == ["hello"] * 10 + ["disconnect"]
    assert first[9]["num_connections"] == 10


async def test_a_socket_that_was_asked_to_leave_gets_nothing_while_there_is_another(
    slack: SlackStandIn, lea: User
) -> None:
    sockets = []
    async with aiohttp.ClientSession() as session:
        for _ in range(2):
            url = (await client_of(slack).apps_connections_open(app_token=slack.app_token))["url"]
            sockets.append(await session.ws_connect(url))
            await sockets[-1].receive_json()
        await slack.sockets.disconnect("warning", which=0, after=60)
        for _ in range(4):
            lea.post("C1", "x")
        told = [await asyncio.wait_for(sockets[1].receive_json(), 2) for _ in range(4)]
        assert (await sockets[0].receive_json())["reason"] == "warning"
    assert [(each["type"], each["retry_attempt"]) for each in told] == [("events_api", 0)] * 4


async def test_while_sockets_are_refused_a_fresh_ticket_does_not_help(slack: SlackStandIn) -> None:
    await slack.sockets.drop(60)
    url = (await client_of(slack).apps_connections_open(app_token=slack.app_token))["url"]
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.ws_connect(url)


# HTTP


@asynccontextmanager
async def served(slack: SlackStandIn, app: AsyncApp) -> AsyncIterator[list[int]]:
    """A bolt app behind HTTP, and the statuses it answered."""
    statuses: list[int] = []

    async def handle(request: web.Request) -> web.Response:
        bolt_request = AsyncBoltRequest(
            body=await request.text(), query=request.query_string, headers=dict(request.headers)
        )
        answer = await app.async_dispatch(bolt_request)
        statuses.append(answer.status)
        headers = {key: value[0] for key, value in answer.headers.items()}
        content_type = headers.pop("content-type", "text/plain").partition(";")[0]
        return web.Response(
            status=answer.status, text=answer.body, headers=headers, content_type=content_type
        )

    server = web.Application()
    server.router.add_post("/slack/events", handle)
    runner = web.AppRunner(server, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    slack.http.use(f"http://{host}:{port}/slack/events")
    try:
        yield statuses
    finally:
        await runner.cleanup()


def http_app(slack: SlackStandIn) -> AsyncApp:
    return AsyncApp(client=client_of(slack), signing_secret=slack.signing_secret)


async def test_signed_requests_pass_bolts_verification_in_every_form(
    slack: SlackStandIn, api: AsyncWebClient, lea: User
) -> None:
    app = http_app(slack)
    heard: list[str] = []

    @app.event("message")
    async def on_message(event: Json) -> None:
        heard.append(event["text"])

    @app.action("claim")
    async def on_claim(ack: Any) -> None:
        await ack()

    @app.command("/care")
    async def on_care(ack: Any) -> None:
        await ack({"text": "queue is empty", "response_type": "ephemeral"})

    @app.view("teach")
    async def on_teach(ack: Any) -> None:
        await ack(response_action="update", view={**MODAL, "callback_id": "second"})

    async with served(slack, app) as statuses:
        assert await slack.http.verify_url()
        lea.post("C1", "hello")
        await slack.until(lambda: heard)
        root = (await api.chat_postMessage(channel="C1", text="card", blocks=CARD))["ts"]
        assert (await lea.press("C1", root, "claim")).acked
        await lea.command("/care", "queue")
        await api.views_open(trigger_id=slack.workspace.trigger("U1"), view=MODAL)
        await lea.submit(lea.view()["id"], {"text": "x"})
        assert lea.view()["callback_id"] == "second"
        await slack.until(lambda: not slack.unacked)
    assert slack.ephemerals("U1")[0]["text"] == "queue is empty"
    assert set(statuses) == {200}


async def test_forged_and_stale_requests_are_refused_by_the_official_verifier(slack: SlackStandIn) -> None:
    async with served(slack, http_app(slack)):
        body = json.dumps({"type": "url_verification", "challenge": "c"})
        assert (await slack.http.post(body)).status == 200
        assert (await slack.http.post(body, secret="another")).status == 401
        assert (await slack.http.post(body, signature="v0=00")).status == 401
        assert (await slack.http.post(body, age=301)).status == 401
        form = urlencode({"payload": "{}"})
        assert (await slack.http.post(form, "application/x-www-form-urlencoded", age=301)).status == 401


async def test_the_signature_is_the_documented_one() -> None:
    from tests.fakes.slack.http_mode import sign

    verifier = SignatureVerifier("8f742231b10e8888abcd99yyyzzz85a5")
    stamp = str(int(time.time()))
    assert verifier.is_valid("token=x", stamp, sign("8f742231b10e8888abcd99yyyzzz85a5", stamp, "token=x"))


async def test_an_http_event_is_retried_with_its_number_and_reason(slack: SlackStandIn, lea: User) -> None:
    seen: list[tuple[str | None, str | None]] = []

    async def handle(request: web.Request) -> web.Response:
        headers = request.headers
        seen.append((headers.get("X-Slack-Retry-Num"), headers.get("X-Slack-Retry-Reason")))
        if len(seen) == 2:
            await asyncio.sleep(0.5)
        return web.Response(status=200 if len(seen) == 3 else 500)

    server = web.Application()
    server.router.add_post("/", handle)
    runner = web.AppRunner(server, access_log=None, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    slack.ack_timeout = 0.1
    slack.http.use("http://{}:{}/".format(*runner.addresses[0][:2]))
    lea.post("C1", "x")
    await slack.until(lambda: slack.acks)
    await runner.cleanup()
    assert seen == [(None, None), ("1", "http_error"), ("2", "http_timeout")]


async def test_an_app_can_decline_http_retries(slack: SlackStandIn, lea: User) -> None:
    seen: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(await request.text())
        return web.Response(status=500, headers={"X-Slack-No-Retry": "1"})

    server = web.Application()
    server.router.add_post("/", handle)
    runner = web.AppRunner(server, access_log=None, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    slack.http.use("http://{}:{}/".format(*runner.addresses[0][:2]))
    lea.post("C1", "x")
    await slack.until(lambda: slack.lost)
    await runner.cleanup()
    assert len(seen) == 1


# Files


async def test_the_bot_uploads_in_two_steps_into_a_thread(slack: SlackStandIn, api: AsyncWebClient) -> None:
    root = (await api.chat_postMessage(channel="C1", text="card"))["ts"]
    done = await api.files_upload_v2(
        content=b"\x89PNG data",
        filename="a.png",
        title="A",
        channel="C1",
        thread_ts=root,
        initial_comment="see",
    )
    message = await slack.until(lambda: slack.channel("C1").thread(root)[1])
    file_id = done["files"][0]["id"]
    assert (message["subtype"], message["text"], message["files"][0]["id"]) == ("file_share", "see", file_id)
    info = (await api.files_info(file=file_id))["file"]
    assert info["shares"]["public"]["C1"][0]["ts"] == message["ts"]
    assert slack.workspace.files[file_id].read() == b"\x89PNG data"
    await api.files_delete(file=file_id)
    assert slack.channel("C1").thread(root)[1]["files"] == [{"id": file_id, "mode": "tombstone"}]
    assert (await refusal(api.files_info(file="F0")))["error"] == "file_not_found"


async def test_an_upload_of_another_length_than_announced_does_not_count(
    slack: SlackStandIn, api: AsyncWebClient
) -> None:
    url = await api.files_getUploadURLExternal(filename="a.txt", length=5)
    async with aiohttp.ClientSession() as session, session.post(url["upload_url"], data=b"four") as answer:
        assert answer.status == 400
    answer = await refusal(api.files_completeUploadExternal(files=[{"id": url["file_id"], "title": "a"}]))
    assert answer["error"] == "file_not_found"


async def test_a_persons_file_is_read_with_the_token_and_hidden_behind_a_login_page_without(
    slack: SlackStandIn, lea: User
) -> None:
    ts = lea.post("C1", "look", files=[("big.mp4", "video/mp4", Generated(30_000_000, b"ftyp"))])
    shared = slack.channel("C1").by_ts[ts]["files"][0]
    assert (shared["size"], shared["mimetype"]) == (30_000_000, "video/mp4")
    async with aiohttp.ClientSession() as session:
        async with session.get(shared["url_private_download"]) as answer:
            assert (answer.status, answer.content_type) == (200, "text/html")
        headers = {"Authorization": f"Bearer {slack.bot_token}"}
        async with session.get(shared["url_private_download"], headers=headers) as answer:
            sizes = [len(piece) async for piece in answer.content.iter_chunked(1 << 20)]
    assert sum(sizes) == 30_000_000


async def test_files_are_completed_once_into_a_thread_that_exists_and_deleted_by_their_owner(
    slack: SlackStandIn, api: AsyncWebClient, lea: User
) -> None:
    url = await api.files_getUploadURLExternal(filename="a.txt", length=4)
    async with aiohttp.ClientSession() as session, session.post(url["upload_url"], data=b"four"):
        pass
    files = [{"id": url["file_id"], "title": "a"}]
    lost = api.files_completeUploadExternal(files=files, channel_id="C1", thread_ts="1.000001")
    assert (await refusal(lost))["error"] == "thread_not_found"
    await api.files_completeUploadExternal(files=files, channel_id="C1")
    again = api.files_completeUploadExternal(files=files, channel_id="C1")
    assert (await refusal(again))["error"] == "file_not_found"
    ts = lea.post("C1", files=[("b.txt", "text/plain", b"hers")])
    hers = slack.channel("C1").by_ts[ts]["files"][0]["id"]
    assert (await refusal(api.files_delete(file=hers)))["error"] == "cant_delete_file"


# Misfortunes and limits


async def test_ordered_faults_strike_so_many_calls_and_pass(slack: SlackStandIn, api: AsyncWebClient) -> None:
    slack.faults.order("429", "chat.postMessage", times=1, retry_after=7)
    answer = await refusal(api.chat_postMessage(channel="C1", text="1"))
    assert (answer.status_code, answer["error"], answer.headers["Retry-After"]) == (429, "ratelimited", "7")
    slack.faults.order("500", times=1)
    with pytest.raises(SlackApiError):
        await api.chat_postMessage(channel="C1", text="2")
    slack.faults.order("500_after", "chat.postMessage", times=1)
    with pytest.raises(SlackApiError):
        await api.chat_postMessage(channel="C1", text="3")
    slack.faults.order("cut", times=1)
    with pytest.raises(aiohttp.ClientError):
        await api.chat_postMessage(channel="C1", text="4")
    slack.faults.order("cut_after", times=1)
    with pytest.raises(aiohttp.ClientError):
        await api.chat_postMessage(channel="C1", text="5")
    slack.faults.order("hang", times=1, delay=30)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(api.chat_postMessage(channel="C1", text="6"), 0.1)
    await api.chat_postMessage(channel="C1", text="7")
    assert [each["text"] for each in slack.channel("C1").messages] == ["3", "5", "7"]
    assert [each.took_effect for each in slack.calls] == [False, False, True, False, True, False, True]


async def test_published_limits_hold_one_channel_to_a_message_a_second(
    api: AsyncWebClient, slack: SlackStandIn
) -> None:
    slack.add_channel("C2")
    slack.limits.on()
    calls = [api.chat_postMessage(channel="C1", text=str(n)) for n in range(6)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    refused = [each for each in outcomes if isinstance(each, SlackApiError)]
    assert refused
    assert {each.response.headers["Retry-After"] for each in refused} == {"1"}
    await api.chat_postMessage(channel="C2", text="another channel")
    ts = slack.channel("C1").messages[0]["ts"]
    for n in range(6):
        await api.chat_update(channel="C1", ts=ts, text=f"updates have no such limit {n}")


async def test_each_method_has_its_own_budget_a_minute(api: AsyncWebClient, slack: SlackStandIn) -> None:
    slack.limits.on({"users.info": 3})
    for _ in range(3):
        await api.users_info(user="U1")
    answer = await refusal(api.users_info(user="U1"))
    assert 50 <= int(answer.headers["Retry-After"]) <= 60
    await api.conversations_info(channel="C1")


async def test_a_fault_for_some_seconds_ends_by_itself(slack: SlackStandIn, api: AsyncWebClient) -> None:
    order = slack.faults.order("429", "auth.test", seconds=60)
    for _ in range(3):
        assert (await refusal(api.auth_test())).status_code == 429
    assert order.until
    order.until -= 60
    assert (await api.auth_test())["ok"]
    assert order.hits == 3


async def test_files_and_response_urls_have_misfortunes_too(
    slack: SlackStandIn, api: AsyncWebClient, lea: User
) -> None:
    ts = lea.post("C1", "look", files=[("a.txt", "text/plain", b"abc")])
    address = slack.channel("C1").by_ts[ts]["files"][0]["url_private_download"]
    slack.faults.order("503", "download", times=1)
    slack.faults.order("500", "upload", times=1)
    headers = {"Authorization": f"Bearer {slack.bot_token}"}
    async with aiohttp.ClientSession() as session:
        statuses = []
        for _ in range(2):
            async with session.get(address, headers=headers) as answer:
                statuses.append(answer.status)
        url = await api.files_getUploadURLExternal(filename="a.txt", length=4)
        for _ in range(2):
            async with session.post(url["upload_url"], data=b"four") as answer:
                statuses.append(answer.status)
    assert statuses == [503, 200, 500, 200]
    assert [each.method for each in slack.calls][:2] == ["download", "download"]


# From another process


async def test_a_stand_in_in_its_own_process_is_driven_by_json() -> None:
    async with remote.running("--ack-timeout", "1", "--retry-delays", "0.1,0.2") as slack:
        await slack.do("slack.add_user", "U1", real_name="Léa Dumas", locale="fr-FR")
        await slack.do("slack.add_channel", "C1", name="care", members=["U1"])
        api = client_of(slack)
        posted = await api.chat_postMessage(channel="C1", text="card", blocks=CARD)
        with pytest.raises(NotShown):
            await slack.do("user.press", "U1", "C1", posted["ts"], "resolve")
        answer = await slack.do("user.press", "U1", "C1", posted["ts"], "claim")
        assert answer == {"acked": False, "response": None, "error": "operation_timeout", "errors": {}}
        ts = await slack.do("user.post", "U1", "C1", "see", files=[["a.txt", "text/plain", b"abc"]])
        messages = await slack.until("state.messages", "C1", holds=lambda found: len(found) == 2)
        assert (messages[1]["ts"], messages[1]["files"][0]["size"]) == (ts, 3)
        assert [each["method"] for each in await slack.do("state.calls")] == ["chat.postMessage"]
        with pytest.raises(remote.ControlFailed):
            await slack.do("slack.__aexit__")


async def test_a_story_is_told_across_processes() -> None:
    async with remote.running("--retry-delays", "0.1,0.2") as slack:
        await slack.do("slack.add_user", "U1", real_name="Léa Dumas")
        await slack.do("slack.add_channel", "C1", members=["U1"])
        await slack.do("slack.configure", subscribed=["app_home_opened"], trigger_seconds=10)
        app = AsyncApp(client=client_of(slack))

        @app.action("claim")
        async def on_claim(ack: Any, body: Json, client: AsyncWebClient) -> None:
            await ack()
            await client.views_open(trigger_id=body["trigger_id"], view=MODAL)

        @app.view("teach")
        async def on_teach(ack: Any) -> None:
            await ack(response_action="errors", errors={"question": "too short"})

        handler = AsyncSocketModeHandler(app, slack.app_token, web_client=client_of(slack))
        await handler.connect_async()
        try:
            await slack.until("state.sockets")
            posted = await client_of(slack).chat_postMessage(channel="C1", text="card", blocks=CARD)
            assert (await slack.do("user.press", "U1", "C1", posted["ts"], "claim"))["acked"]
            views = await slack.until("user.opened_views", "U1")
            answer = await slack.do("user.submit", "U1", views[0]["id"], {"text": "x"})
            assert answer["errors"] == {"question": "too short"}
            assert await slack.do("state.unacked") == []
        finally:
            await handler.close_async()


async def test_a_stand_in_ends_when_whoever_started_it_is_gone() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.fakes.slack",
        "--while-stdin",
        cwd=remote.ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    try:
        assert json.loads(await process.stdout.readline())["bot_token"]
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        if process.returncode is None:
            process.kill()


async def test_two_people_can_press_in_the_same_instant(
    slack: SlackStandIn, api: AsyncWebClient, lea: User
) -> None:
    async with bolt(slack) as (app, bodies):

        @app.action("claim")
        async def on_claim(ack: Any) -> None:
            await ack()

        root = (await api.chat_postMessage(channel="C1", text="card", blocks=CARD))["ts"]
        answers = await at_once(lea.press("C1", root, "claim"), slack.user("U2").press("C1", root, "claim"))
    assert all(each.acked for each in answers)
    assert {each["user"]["id"] for each in bodies if each["type"] == "block_actions"} == {"U1", "U2"}
