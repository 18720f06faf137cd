"""The methods of the Web API: what each takes, what it needs, and the reading of its arguments."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.fakes.slack.errors import Refused

if TYPE_CHECKING:
    from tests.fakes.slack.stand_in import SlackStandIn

Json = dict[str, Any]
Answerer = Callable[["SlackStandIn", Json], Json]


@dataclass(frozen=True)
class Method:
    """One method. ``args``: name to kind (str, int, bool, json), with ``!`` when required."""

    name: str
    answer: Answerer
    args: Mapping[str, str]
    scopes: tuple[str, ...]
    takes_json: bool
    token: str  # bot, app or none


METHODS: dict[str, Method] = {}


def method(
    name: str,
    /,
    *,
    scopes: str = "",
    json_body: bool = True,
    token: str = "bot",
    **args: str,
) -> Callable[[Answerer], Answerer]:
    """Register the function that answers a method. Reading methods take no JSON body, as at Slack."""

    def register(answer: Answerer) -> Answerer:
        METHODS[name] = Method(name, answer, args, tuple(scopes.split()), json_body, token)
        return answer

    return register


def read(wanted: Mapping[str, str], given: Json) -> Json:
    """The arguments, each of its kind; anything unknown is ignored, as at Slack."""
    wrong, arguments = [], {}
    for name, kind in wanted.items():
        value = given.get(name)
        if value is None or value == "":
            if kind.startswith("!"):
                wrong.append(f"missing required field: {name}")
            elif value == "":
                arguments[name] = value
            continue
        try:
            arguments[name] = _READERS[kind.lstrip("!")](value)
        except ValueError as problem:
            if kind.endswith("json") and name in ("blocks", "attachments"):
                raise Refused(
                    "invalid_blocks_format" if name == "blocks" else "invalid_attachments"
                ) from None
            wrong.append(f"{problem} [json-pointer:/{name}]")
    if wrong:
        raise Refused("invalid_arguments", *wrong)
    return arguments


def _string(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("must be a string")  # noqa: TRY004 - one kind of complaint
    return str(value)


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("must be an integer")  # noqa: TRY004
    try:
        return int(value)
    except ValueError:
        raise ValueError("must be an integer") from None


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("1", "true"):
        return True
    if str(value).lower() in ("0", "false"):
        return False
    raise ValueError("must be a boolean")


def _structure(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError("must be valid JSON") from None
    if not isinstance(value, dict | list):
        raise ValueError("must provide an object")  # noqa: TRY004
    return value


_READERS: dict[str, Callable[[Any], Any]] = {
    "str": _string,
    "int": _integer,
    "bool": _boolean,
    "json": _structure,
}


def page(items: list[Any], arguments: Json, default: int = 100, most: int = 1000) -> tuple[list[Any], str]:
    """One page by cursor, and the cursor of the next (empty at the end)."""
    limit = arguments.get("limit") or default
    if not 0 < limit <= most:
        raise Refused("invalid_limit")
    start = 0
    if arguments.get("cursor"):
        head, _, number = arguments["cursor"].partition("-")
        if head != "next" or not number.isdigit():
            raise Refused("invalid_cursor")
        start = int(number)
    following = f"next-{start + limit}" if start + limit < len(items) else ""
    return items[start : start + limit], following
