"""``guichet slack check`` names what is missing and what to do; the manifest asks for what the code uses."""

from __future__ import annotations

import ast
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bot.desk.slack import wording
from bot.desk.slack.authority import Reason
from bot.desk.slack.care_command import WORDS
from bot.desk.slack.check import Finding, Level, Wanted, check
from bot.desk.slack.context import DeskTeam
from bot.desk.slack.manifest import for_http, for_socket, scopes
from bot.desk.slack.names import COMMAND, Shortcut
from bot.desk.slack.news import OURS
from bot.domain.conversation import Outcome, ServiceLevel
from bot.domain.errors import ConfigurationError
from bot.ports.shop import OrderStatus
from tests.fakes.slack import SlackStandIn

ROOT = Path(__file__).resolve().parents[5]
MANIFEST = ROOT / "config" / "slack-manifest.yml"


@pytest.fixture
async def slack() -> AsyncIterator[SlackStandIn]:
    async with SlackStandIn(scopes=",".join(scopes(MANIFEST))) as running:
        for user in ("U1", "U2", "U9"):
            running.add_user(user, real_name=f"Person {user}")
        running.add_channel("C1", name="care", members=["U1", "U2", "U9"])
        yield running


def wanted(slack: SlackStandIn, **changes: Any) -> Wanted:
    values: dict[str, Any] = {
        "teams": {"care": DeskTeam(name="care", titles={}, channels=("C1",), agents=("U1",), leads=("U2",))},
        "admins": ("U9",),
        "scopes": scopes(MANIFEST),
        "app_token": slack.app_token,
        **changes,
    }
    return Wanted(**values)


async def found(slack: SlackStandIn, token: str = "", **changes: Any) -> list[Finding]:
    return await check(token or slack.bot_token, slack.api_url, wanted(slack, **changes))


def wrong(findings: list[Finding]) -> list[str]:
    return [one.key for one in findings if one.level is not Level.OK]


async def test_all_is_well(slack: SlackStandIn) -> None:
    findings = await found(slack)
    assert wrong(findings) == []
    assert [one.key for one in findings] == [
        "workspace",
        "scopes_ok",
        "app_token_ok",
        "channel_ok",
        "members_ok",
        "admins_ok",
    ]


async def test_it_only_asks(slack: SlackStandIn) -> None:
    await found(slack)
    asked = {call.method for call in slack.calls}
    assert asked == {
        "auth.test",
        "apps.connections.open",
        "conversations.info",
        "conversations.members",
        "users.info",
    }


async def test_a_bad_bot_token_ends_it(slack: SlackStandIn) -> None:
    assert wrong(await found(slack, "xoxb-another")) == ["bot_token"]
    slack.revoke_token()
    assert wrong(await found(slack)) == ["bot_token"]


async def test_a_persons_token_is_not_taken_for_the_bots(slack: SlackStandIn) -> None:
    slack.workspace.bot_id = ""  # auth.test names none for a person's token
    assert wrong(await found(slack)) == ["user_token"]


async def test_a_bad_app_token_or_a_missing_secret_is_said(slack: SlackStandIn) -> None:
    assert wrong(await found(slack, app_token="xapp-another")) == ["app_token"]
    assert wrong(await found(slack, app_token=None)) == ["secret"]
    assert wrong(await found(slack, app_token=None, has_secret=True)) == []


async def test_scopes_are_compared_with_the_manifests(slack: SlackStandIn) -> None:
    granted = (scopes(MANIFEST) - {"reactions:write", "im:write"}) | {"admin"}
    slack.set_scopes(",".join(granted))
    findings = await found(slack)
    assert wrong(findings) == ["scopes_missing", "scopes_more"]
    missing, more = (one for one in findings if one.level is not Level.OK)
    assert "im:write, reactions:write" in missing.said("en")
    assert (more.level, more.values["scopes"]) == (Level.NOTE, "admin")


Change = Callable[[SlackStandIn], object]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda slack: slack.delete_channel("C1"), "channel_unknown"),
        (lambda slack: slack.archive("C1"), "channel_archived"),
        (lambda slack: slack.remove_bot("C1"), "channel_not_member"),
        (lambda slack: setattr(slack.channel("C1"), "is_ext_shared", True), "channel_shared"),
        (lambda slack: slack.leave("C1", "U2"), "person_outside"),
        (lambda slack: setattr(slack.workspace.people["U1"], "deleted", True), "person_gone"),
        (lambda slack: setattr(slack.workspace.people["U1"], "is_restricted", True), "person_guest"),
        (lambda slack: setattr(slack.workspace.people["U1"], "is_stranger", True), "person_stranger"),
        (lambda slack: setattr(slack.workspace.people["U1"], "team_id", "T0OTHER"), "person_stranger"),
        (lambda slack: setattr(slack.workspace.people["U9"], "is_bot", True), "person_bot"),
        (lambda slack: slack.workspace.people.pop("U9"), "person_unknown"),
    ],
)
async def test_each_thing_that_is_missing_is_named_with_its_remedy(
    slack: SlackStandIn, change: Change, key: str
) -> None:
    change(slack)
    findings = await found(slack)
    assert wrong(findings) == [key]
    (finding,) = (one for one in findings if one.level is not Level.OK)
    for language in wording.LANGUAGES:
        assert finding.said(language)
        assert finding.remedy(language)


async def test_a_team_of_nobody_is_said(slack: SlackStandIn) -> None:
    team = DeskTeam(name="care", titles={}, channels=("C1",))
    assert wrong(await found(slack, teams={"care": team})) == ["nobody"]


async def test_a_big_channel_is_read_to_its_last_member(slack: SlackStandIn) -> None:
    crowd = [f"UX{number}" for number in range(450)]
    for user in crowd:
        slack.add_user(user)
        slack.join("C1", user)
    team = DeskTeam(name="care", titles={}, channels=("C1",), agents=(crowd[-1],))
    assert wrong(await found(slack, teams={"care": team})) == []


async def test_slacks_limit_is_waited_for(slack: SlackStandIn) -> None:
    slack.faults.order("429", "users.info", times=1, retry_after=1)
    assert wrong(await found(slack)) == []


async def test_no_slack_at_all_is_said(slack: SlackStandIn) -> None:
    findings = await check("xoxb-1", "http://127.0.0.1:9/api/", wanted(slack))
    assert wrong(findings) == ["not_reached"]
    slack.faults.order("500", "auth.test", times=1)
    assert wrong(await found(slack)) == ["not_reached"]


async def test_no_finding_holds_a_token(slack: SlackStandIn) -> None:
    for findings in (
        await found(slack, "xoxb-secret-token"),
        await found(slack, app_token="xapp-secret-token"),
    ):
        assert "secret-token" not in "".join(
            one.said("en") + one.remedy("en") + repr(one) for one in findings
        )


# --- the manifest ---------------------------------------------------------------------------------

EITHER = "channels:{0} groups:{0}"
SCOPES = {
    "apps_connections_open": "",  # of the app-level token: connections:write
    "auth_test": "",
    "chat_delete": "chat:write",
    "chat_getPermalink": "",
    "chat_postEphemeral": "chat:write",
    "chat_postMessage": "chat:write",
    "chat_update": "chat:write",
    "conversations_history": EITHER.format("history"),
    "conversations_info": EITHER.format("read"),
    "conversations_members": EITHER.format("read"),
    "conversations_open": "im:write",
    "conversations_replies": EITHER.format("history"),
    "files_completeUploadExternal": "files:write",
    "files_delete": "files:write",
    "files_getUploadURLExternal": "files:write",
    "files_info": "files:read",
    "reactions_add": "reactions:write",
    "reactions_remove": "reactions:write",
    "users_getPresence": "users:read",
    "users_info": "users:read",
    "views_open": "",
    "views_publish": "",
    "views_push": "",
    "views_update": "",
}
"""Methods we call, and the bot scopes Slack's reference gives for them (docs.slack.dev/reference/methods)."""
EVENT_SCOPES = {
    "app_home_opened": "",
    "app_uninstalled": "",
    "channel_archive": "channels:read",
    "channel_deleted": "channels:read",
    "channel_left": "channels:read",
    "group_archive": "groups:read",
    "group_deleted": "groups:read",
    "group_left": "groups:read",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "tokens_revoked": "",
}
"""The same for events (docs.slack.dev/reference/events)."""


def manifest() -> Any:
    return YAML(typ="safe").load(MANIFEST.read_text(encoding="utf-8"))


def calls() -> set[str]:
    """Methods of the Web API that our code calls, by what they are called at the client."""
    families = {name.partition("_")[0] for name in SCOPES} | {"team", "bots", "usergroups", "search", "pins"}
    found: set[str] = set()
    for file in (*(ROOT / "bot").rglob("*.py"),):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and re.fullmatch(
                rf"({'|'.join(families)})_[a-zA-Z]+", node.attr
            ):
                of_slack = "slack" in file.parts or file.name == "slack.py"
                found |= {node.attr} if of_slack and _is_client(node.value) else set()
    return found


def _is_client(value: ast.expr) -> bool:
    name = value.attr if isinstance(value, ast.Attribute) else value.id if isinstance(value, ast.Name) else ""
    return name.strip("_") == "client"


def writes_under_other_names() -> bool:
    return any(
        "icon_emoji" in file.read_text(encoding="utf-8")
        for file in (ROOT / "bot" / "desk" / "slack").glob("*.py")
    )


def test_the_manifest_asks_for_the_scopes_our_calls_and_events_need_and_no_others() -> None:
    used = calls()
    assert used, "no call was found: has the client another name?"
    assert used <= set(SCOPES), "a new method: look its scope up and add it to the table"
    events = manifest()["settings"]["event_subscriptions"]["bot_events"]
    needed = {scope for name in used for scope in SCOPES[name].split()}
    needed |= {scope for name in events for scope in EVENT_SCOPES[name].split()}
    needed |= {"commands"} | ({"chat:write.customize"} if writes_under_other_names() else set())
    assert scopes(MANIFEST) == needed


def test_each_scope_has_its_reason_beside_it() -> None:
    lines = MANIFEST.read_text(encoding="utf-8").splitlines()
    for scope in scopes(MANIFEST):
        (line,) = (one for one in lines if re.match(rf"\s+- {re.escape(scope)}( |$)", one))
        assert " # " in line, scope


def test_the_manifest_declares_what_the_code_listens_to() -> None:
    found = manifest()
    shortcuts = found["features"]["shortcuts"]
    assert {one["callback_id"] for one in shortcuts} == {str(one) for one in Shortcut}
    assert [one["command"] for one in found["features"]["slash_commands"]] == [COMMAND]
    events = set(found["settings"]["event_subscriptions"]["bot_events"])
    assert events - {"app_home_opened", "message.channels", "message.groups"} <= OURS
    assert found["settings"]["socket_mode_enabled"] is True
    assert found["features"]["app_home"]["home_tab_enabled"] is True


def test_the_manifest_keeps_to_slacks_lengths() -> None:
    found = manifest()
    assert len(found["display_information"]["name"]) <= 35
    assert len(found["display_information"]["description"]) <= 140
    assert len(found["features"]["shortcuts"]) <= 10
    for shortcut in found["features"]["shortcuts"]:
        assert len(shortcut["name"]) <= 24
        assert len(shortcut["description"]) <= 150


def test_for_http_the_same_manifest_names_the_address_and_keeps_its_reasons() -> None:
    written = for_http(MANIFEST, "https://chat.example/slack/events")
    found = YAML(typ="safe").load(written)
    settings = found["settings"]
    assert settings["socket_mode_enabled"] is False
    assert settings["event_subscriptions"]["request_url"] == "https://chat.example/slack/events"
    assert settings["interactivity"]["request_url"] == "https://chat.example/slack/events"
    assert settings["interactivity"]["message_menu_options_url"] == "https://chat.example/slack/events"
    assert found["features"]["slash_commands"][0]["url"] == "https://chat.example/slack/events"
    assert found["oauth_config"] == manifest()["oauth_config"]
    assert "# post cards" in written
    assert for_socket(MANIFEST) == MANIFEST.read_text(encoding="utf-8")


@pytest.mark.parametrize("url", ["http://chat.example", "chat.example", "https://"])
def test_slack_calls_https_addresses_only(url: str) -> None:
    with pytest.raises(ConfigurationError, match="https"):
        for_http(MANIFEST, url)


@pytest.mark.parametrize("written", ["", "a: [", "features: {}\n"])
def test_a_file_that_is_no_manifest_is_said(tmp_path: Path, written: str) -> None:
    file = tmp_path / "manifest.yml"
    file.write_text(written)
    with pytest.raises(ConfigurationError, match=r"manifest\.yml"):
        scopes(file)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        scopes(tmp_path / "none.yml")


def test_every_text_is_there_in_both_languages() -> None:
    assert wording.problems() == []


@pytest.mark.parametrize("language", wording.LANGUAGES)
def test_whatever_is_named_by_a_value_has_a_text(language: str) -> None:
    named = (
        [f"order_{status.value}" for status in OrderStatus]
        + [f"outcome_{outcome.value}" for outcome in Outcome]
        + [f"level_{level.value}" for level in ServiceLevel if level is not ServiceLevel.ON_TIME]
        + [f"word_{meant}" for meant in set(WORDS.values())]
        + [f"check_person_{reason.value}" for reason in Reason]
    )
    for key in named:
        assert wording.known(f"care.{key}"), key
