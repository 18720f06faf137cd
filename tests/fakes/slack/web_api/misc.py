"""api, auth, apps, team, bots and usergroups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.slack.errors import Refused
from tests.fakes.slack.web_api.registry import method

if TYPE_CHECKING:
    from tests.fakes.slack.stand_in import SlackStandIn

Json = dict[str, Any]


@method("api.test", token="none", error="str", foo="str")
def api_test(slack: SlackStandIn, args: Json) -> Json:
    if args.get("error"):
        raise Refused(args["error"], args=args)
    return {"args": args}


@method("auth.test")
def auth_test(slack: SlackStandIn, args: Json) -> Json:
    known = slack.workspace
    return {
        "url": f"https://{known.team['domain']}.slack.com/",
        "team": known.team["name"],
        "user": known.bot_name,
        "team_id": known.team["id"],
        "user_id": known.bot_user,
        "bot_id": known.bot_id,
        "is_enterprise_install": False,
    }


@method("apps.connections.open", token="app")
def apps_connections_open(slack: SlackStandIn, args: Json) -> Json:
    return {"url": slack.sockets.new_url()}


@method("team.info", scopes="team:read", json_body=False, team="str")
def team_info(slack: SlackStandIn, args: Json) -> Json:
    if args.get("team", slack.workspace.team["id"]) != slack.workspace.team["id"]:
        raise Refused("team_not_found")
    return {"team": slack.workspace.team}


@method("bots.info", scopes="users:read", json_body=False, bot="str")
def bots_info(slack: SlackStandIn, args: Json) -> Json:
    known = slack.workspace
    if args.get("bot") != known.bot_id:
        raise Refused("bot_not_found")
    profile = {key: value for key, value in known.bot_profile().items() if key != "team_id"}
    return {"bot": {**profile, "user_id": known.bot_user}}


@method(
    "usergroups.list",
    scopes="usergroups:read",
    json_body=False,
    include_users="bool",
    include_count="bool",
    include_disabled="bool",
)
def usergroups_list(slack: SlackStandIn, args: Json) -> Json:
    hidden = set() if args.get("include_users") else {"users"}
    groups = [{k: v for k, v in each.items() if k not in hidden} for each in slack.workspace.usergroups]
    return {"usergroups": groups}
