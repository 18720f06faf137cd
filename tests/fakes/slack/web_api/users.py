"""users.*"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.slack.web_api.registry import method, page

if TYPE_CHECKING:
    from tests.fakes.slack.stand_in import SlackStandIn

Json = dict[str, Any]


def _shown(slack: SlackStandIn, user: str, args: Json) -> Json:
    email = "users:read.email" in slack.workspace.scopes
    return slack.workspace.person(user).public(email=email, locale=bool(args.get("include_locale")))


@method("users.info", scopes="users:read", json_body=False, user="!str", include_locale="bool")
def users_info(slack: SlackStandIn, args: Json) -> Json:
    return {"user": _shown(slack, args["user"], args)}


@method(
    "users.list",
    scopes="users:read",
    json_body=False,
    cursor="str",
    limit="int",
    include_locale="bool",
    team_id="str",
)
def users_list(slack: SlackStandIn, args: Json) -> Json:
    everyone = [each for each in slack.workspace.people.values() if not each.is_stranger]
    some, following = page(everyone, args, default=1000)
    return {
        "members": [_shown(slack, each.id, args) for each in some],
        "cache_ts": 1_700_000_000,
        "response_metadata": {"next_cursor": following},
    }


@method("users.getPresence", scopes="users:read", json_body=False, user="!str")
def users_get_presence(slack: SlackStandIn, args: Json) -> Json:
    return {"presence": slack.workspace.person(args["user"]).presence}
